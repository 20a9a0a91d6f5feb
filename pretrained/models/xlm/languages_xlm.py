"""How does XLM find the words of a language? By Moses' rules; Chinese, Japanese and Thai have packages of their own."""

import logging
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pretrained.errors import MissingDependencyError
from pretrained.tokenization import moses
from pretrained.tokenization.extras import optional

KYTEA_MODEL = Path("~/local/share/kytea/model.bin")

# The Romanian of the English-Romanian model: cedillas and commas below are dropped, and so are the other marks.
_ROMANIAN = str.maketrans("ŞşȘșŢţȚțĂăÂâÎî", "SsSsTtTtAaAaIi")


def find_words(text: str, lang: str) -> list[str]:
    """The words of a text in a language, by its ISO code. An unknown code gets the rules of English, but for quotes."""
    if lang == "zh":
        return normalize(" ".join(_jieba().cut(text)), lang).split()
    text = normalize(text, lang)
    if lang == "th":
        return list(_thai().word_tokenize(text))
    if lang == "ja":
        return list(_kytea().getWS(text))
    if lang == "ro":
        text = text.translate(_ROMANIAN)
    return moses.words(text, lang)


def normalize(text: str, lang: str) -> str:
    """What is done to every text first."""
    return moses.remove_non_printing(moses.normalize_punctuation(moses.replace_unicode_punctuation(text), lang))


def lower_without_accents(words: Sequence[str]) -> list[str]:
    """Lower case without combining marks; all words at once, as one of them may hold a blank."""
    decomposed = unicodedata.normalize("NFD", " ".join(words).lower())
    return "".join(char for char in decomposed if unicodedata.category(char) != "Mn").lower().split(" ")


def _jieba() -> Any:
    package = optional("jieba", package="jieba", extra="chinese", purpose="cutting Chinese text into words (lang='zh')")
    package.setLogLevel(logging.WARNING)  # else it writes of its progress
    return package


def _thai() -> Any:
    return optional(
        "pythainlp.tokenize",
        package="pythainlp",
        extra="thai",
        purpose="cutting Thai text into words (lang='th')",
    )


@lru_cache(maxsize=1)
def _kytea() -> Any:
    package = optional(
        "Mykytea",
        package="kytea",
        install="build KyTea (https://www.phontron.com/kytea) with --prefix=$HOME/local, then pip install kytea; or "
        "cut the text elsewhere and pass bypass_tokenizer=True",
        purpose="cutting Japanese text into words (lang='ja')",
    )
    model = KYTEA_MODEL.expanduser()
    if not model.is_file():  # KyTea itself would end the process
        raise MissingDependencyError(
            f"cutting Japanese text into words (lang='ja') needs KyTea's model, and there is no file {model}. "
            "To do: build KyTea (https://www.phontron.com/kytea) with --prefix=$HOME/local"
        )
    return package.Mykytea(f"-model {model}")
