"""How do BERT's first steps look as parts of a compiled pipeline? They do what `BasicTokenizer` does."""

from typing import Any, TypedDict, Unpack

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import PreTokenizer

# What the compiled parts leave undone: code points that are never characters are dropped, and the first 256 ideographs
# of Chinese extension E are words of their own, as Chinese characters are. Published ids have both.
_NEVER_CHARACTERS = (
    "[\ufdd0-\ufdef" + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF)) + "]"
)
_EXTENSION_E = "[\U0002b820-\U0002b91f]"


class BasicOptions(TypedDict, total=False):
    """What may differ between vocabularies."""

    lower_case: bool
    strip_accents: bool | None
    """None: if it lower-cases."""
    chinese: bool
    """Whether each Chinese character is a word of its own; True unless said otherwise."""


def bert_normalizer(**options: Unpack[BasicOptions]) -> Normalizer:
    """The package's own part: cleans, lower-cases, takes accents off."""
    return normalizers.BertNormalizer(**_published_options(options))


def basic_parts(**options: Unpack[BasicOptions]) -> tuple[Normalizer, PreTokenizer]:
    """Text to words: cleaned, split at blanks, punctuation and Chinese characters."""
    dropped = normalizers.Replace(Regex(_NEVER_CHARACTERS), "")
    split: PreTokenizer = pre_tokenizers.BertPreTokenizer()
    if options.get("chinese", True):
        split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_EXTENSION_E), "isolated"), split])
    return normalizers.Sequence([dropped, bert_normalizer(**options)]), split


def basic_json(**options: Unpack[BasicOptions]) -> dict[str, Any]:
    """Both parts in the form that everybody writes in a tokenizer.json, so that every other reader knows it."""
    return {
        "normalizer": {"type": "BertNormalizer", **_published_options(options)},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }


def _published_options(options: BasicOptions) -> dict[str, Any]:
    return {
        "clean_text": True,
        "handle_chinese_chars": options.get("chinese", True),
        "strip_accents": options.get("strip_accents"),
        "lowercase": options.get("lower_case", True),
    }
