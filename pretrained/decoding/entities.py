"""Where are the entities that a row of tags marks?

Tags are those of the CoNLL tasks: O outside, or a prefix and a type: B-PER begins one, I-PER goes on, in the schemes
IOB1, IOB2 and with E (end) and S (single). Rows that break their scheme are read as the published scorer (conlleval)
reads them: a type that changes, or an I after an O, begins an entity too.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Entity(NamedTuple):
    """Tags start … end-1 of a row."""

    type: str
    start: int
    end: int


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one row, from left to right."""
    return list(_entities(tags))


def _entities(tags: Sequence[str]) -> Iterator[Entity]:
    start: int | None = None
    before = ("O", "")
    for place, tag in enumerate([*tags, "O"]):
        now = _parts(tag)
        if start is not None and _ends(before, now):
            yield Entity(before[1], start, place)
            start = None
        if start is None and now[0] != "O" and (before[0] == "O" or _ends(before, now) or place == 0):
            start = place
        before = now


def _parts(tag: str) -> tuple[str, str]:
    """(prefix, type); a tag without a prefix stands for itself: one entity as long as it goes on."""
    if tag in ("O", "", "0"):
        return "O", ""
    prefix, separator, kind = tag.partition("-")
    if not separator or prefix not in ("B", "I", "E", "S", "L", "U"):
        return "I", tag
    return {"L": "E", "U": "S"}.get(prefix, prefix), kind


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether an entity ends between two neighbouring tags."""
    return before[0] in ("E", "S", "O") or now[0] in ("O", "B", "S") or before[1] != now[1]
