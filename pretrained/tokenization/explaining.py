"""Why did a stretch of text become the unknown token, or nothing at all?"""

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from pretrained.tokenization.engine import Pieces


class Explained(NamedTuple):
    """One token of a text, or one character that left no token."""

    token: str
    """Empty for a character that left none."""
    id: int | None
    span: tuple[int, int]
    """First character and the one after the last."""
    reason: str | None
    """Why it became unknown or vanished; None for an ordinary token."""


def explain(
    text: str,
    pieces: Pieces,
    *,
    unknown_id: int | None,
    unknown: str,
    why: Callable[[str], str],
    vanishes: Callable[[str], bool],
) -> list[Explained]:
    """Tokens and vanished characters in the order of the text.

    Args:
        why: says why a stretch of the text has no token of its own.
        vanishes: says whether a character is dropped inside a token, too.
    """
    found: list[Explained] = []
    covered = [False] * len(text)
    for token, index, (start, end) in zip(pieces.tokens, pieces.ids, pieces.offsets, strict=True):
        covered[start:end] = [True] * (end - start)
        lost = index == unknown_id and text[start:end] != unknown
        found.append(Explained(token, index, (start, end), why(text[start:end]) if lost else None))
    for position, char in enumerate(text):
        if not (covered[position] or char.isspace()) or vanishes(char):
            found.append(Explained("", None, (position, position + 1), why_dropped(char)))
    return sorted(found, key=lambda item: item.span)


def why_dropped(char: str) -> str:
    """Why a character leaves no token."""
    category = unicodedata.category(char)
    if category == "Mn":
        return f"{name_of(char)}: an accent, which is taken off"
    if category == "Cc":
        return f"{name_of(char)}: a control character, which is dropped"
    if category[0] == "C":
        return f"{name_of(char)}: an invisible, private or unassigned character, which is dropped"
    return f"{name_of(char)}: dropped"


def name_of(char: str) -> str:
    """'ẘ' (U+1E98 LATIN SMALL LETTER W WITH RING ABOVE)."""
    name = unicodedata.name(char, "")
    shown = repr(char) if char.isprintable() else ""
    return f"{shown} (U+{ord(char):04X}{' ' + name if name else ''})".strip()
