"""Which words does Moses see in a text, and how does it join them again?

The rules are those of the Moses translation system, in the package `sacremoses`; what stands here is what the published
tokenizers did to a text before.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pretrained.tokenization.extras import optional

# Punctuation and digits of East Asian and typographic sets → ASCII
_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("，、", ","),
        **dict.fromkeys("”“《》」「", '"'),
        **dict.fromkeys("∶：", ":"),
        **dict(zip("？！；～’━〈〉（）【】％", "?!;~'-<>()[]%", strict=True)),
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        "…": "...",
    }
)
_FULL_STOP = re.compile(r"[。．]\s*")


def replace_unicode_punctuation(text: str) -> str:
    """Punctuation and digits of East Asian and typographic sets as ASCII, such as "１，２。" → "1,2. "."""
    return _FULL_STOP.sub(". ", text.translate(_PUNCTUATION))


def remove_non_printing(text: str) -> str:
    """Without control, format, private and unassigned characters (Unicode's C); tabs and line ends are such, too."""
    return "".join(char for char in text if not unicodedata.category(char).startswith("C"))


def normalize_punctuation(text: str, lang: str) -> str:
    """Quotes, dashes and blanks beside punctuation, by the rules of a language."""
    normalized: str = _normalizer(lang).normalize(text)
    return normalized


def words(text: str, lang: str, *, split_dashes: bool = False, protected: Sequence[str] = ()) -> list[str]:
    """The words of a text.

    Args:
        split_dashes: "side-scrolled" → side @-@ scrolled.
        protected: stretches that are kept in one piece.
    """
    patterns = [re.escape(stretch) for stretch in protected]
    found: list[str] = _tokenizer(lang).tokenize(
        text, aggressive_dash_splits=split_dashes, return_str=False, escape=False, protected_patterns=patterns
    )
    return found


def join(tokens: Sequence[str], lang: str) -> str:
    """The text of words."""
    text: str = _detokenizer(lang).detokenize(list(tokens))
    return text


def _package() -> Any:
    return optional("sacremoses", package="sacremoses", extra="moses", purpose="cutting text into words as Moses does")


@lru_cache(maxsize=256)
def _normalizer(lang: str) -> Any:
    return _package().MosesPunctNormalizer(lang=lang)


@lru_cache(maxsize=256)
def _tokenizer(lang: str) -> Any:
    return _package().MosesTokenizer(lang=lang)


@lru_cache(maxsize=256)
def _detokenizer(lang: str) -> Any:
    return _package().MosesDetokenizer(lang=lang)
