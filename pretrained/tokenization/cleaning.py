"""What did ALBERT and XLNet do to a text before SentencePiece saw it? Blanks, quotes, accents, letters."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from pretrained.tokenization.basic import lower

_QUOTES = re.compile("``|''")


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """The steps in their order; each can be left out but the quotes of TeX, which become plain ones."""

    remove_space: bool = True
    """Join blanks of any kind to one space, and drop those at the ends."""
    keep_accents: bool = False
    """False: also takes letters with compatible forms apart, as NFKD does."""
    do_lower_case: bool = False

    def __call__(self, text: str) -> str:
        """The cleaned text."""
        if self.do_lower_case:
            text = lower(text) if "Σ" in text else text.lower()  # letter by letter: a capital sigma becomes σ
        if self.remove_space:
            text = " ".join(text.split())
        text = _QUOTES.sub('"', text)
        if not self.keep_accents and not text.isascii():
            text = "".join([char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)])
        return text.lower() if self.do_lower_case else text  # capitals that NFKD brought, as a whole

    def align(self, text: str) -> tuple[str, list[int]]:
        """(cleaned text, place in `text` of each of its characters and of its end)."""
        places = [*range(len(text) + 1)]
        if self.do_lower_case:
            text, places = _spread(text, places, lower(text), str.lower)
        if self.remove_space and " ".join(text.split()) != text:
            text, places = _join_blanks(text, places)
        if _QUOTES.search(text):
            text, places = _join_quotes(text, places)
        if not self.keep_accents and not text.isascii():
            text, places = _spread(text, places, None, _without_accents)
        if self.do_lower_case:
            text, places = _spread(text, places, text.lower(), str.lower)
        return text, places


def _spread(text: str, places: list[int], changed: str | None, change: Callable[[str], str]) -> tuple[str, list[int]]:
    """(changed text, places) where each character becomes a text of its own, perhaps empty.

    Args:
        changed: the whole text changed, where that is not only its characters; none of them becomes nothing then.
    """
    if changed is not None and len(changed) == len(text):
        return changed, places
    parts = list(map(change, text))
    spread = [place for place, part in zip(places, parts, strict=False) for _ in part]
    return "".join(parts) if changed is None else changed, [*spread, places[-1]]


def _join_blanks(text: str, places: list[int]) -> tuple[str, list[int]]:
    out: list[str] = []
    kept: list[int] = []
    end = 0
    for match in re.finditer(r"\S+", text):
        if out:
            out.append(" ")
            kept.append(places[end])
        start, end = match.span()
        out.append(match.group())
        kept += places[start:end]
    return "".join(out), [*kept, places[end]]


def _join_quotes(text: str, places: list[int]) -> tuple[str, list[int]]:
    dropped = {match.end() - 1 for match in _QUOTES.finditer(text)}
    kept = [place for index, place in enumerate(places) if index not in dropped]
    return _QUOTES.sub('"', text), kept


def _without_accents(char: str) -> str:
    return "".join([part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part)])
