"""Where in a text do words stand that were changed on the way? They are found again by their letters.

Moses, a dictionary or Unicode's normal forms drop blanks, change quotes and take accents off, and tell no places. Here
both sides are reduced to what such changes leave alone, and read side by side.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

Span = tuple[int, int]

_AHEAD = 12  # how many letters may be missing or too many in one place
_QUOTES = dict.fromkeys("\"'`´‘’‚‛“”„‟«»‹›「」『』《》″′", "'")
_LIKE = _QUOTES | dict.fromkeys("-‐‑‒–—―━−", "-") | {"。": ".", "、": ",", "∶": ":", "〈": "<", "〉": ">"}
_LIKE |= {"【": "[", "】": "]", "ß": "ss"}


def align(text: str, words: Sequence[str]) -> list[list[Span]]:
    """For each word, the place in the text of each of its characters.

    A character that stands nowhere, such as the @ of Moses' "@-@", gets an empty place after the one before it.
    """
    ends = _ends(text)
    letters = [(letter, place) for place, char in enumerate(text) for letter in _letters(char)]
    wanted = [
        (letter, number, place)
        for number, word in enumerate(words)
        for place, char in enumerate(word)
        for letter in _letters(char)
    ]
    found: list[list[Span | None]] = [[None] * len(word) for word in words]
    at = 0
    step = 0
    while step < len(wanted) and at < len(letters):
        skipped = _skip(letters, at, wanted, step)
        if skipped is None:  # one letter became another
            at += 1
            step += 1
            continue
        at += skipped[0]
        step += skipped[1]
        _, number, place = wanted[step]
        start = letters[at][1]
        known = found[number][place]
        found[number][place] = (start if known is None else known[0], ends[start])
        at += 1
        step += 1
    return _filled(found, len(text))


def _skip(
    letters: Sequence[tuple[str, int]], at: int, wanted: Sequence[tuple[str, int, int]], step: int
) -> tuple[int, int] | None:
    """How many letters to pass over on each side until they agree; None if they do not within a few."""
    for distance in range(_AHEAD + 1):
        for left in range(distance, -1, -1):
            one, other = at + left, step + distance - left
            if one >= len(letters) or other >= len(wanted) or letters[one][0] != wanted[other][0]:
                continue
            if distance <= 1 or one + 1 == len(letters) or other + 1 == len(wanted):
                return left, distance - left
            if letters[one + 1][0] == wanted[other + 1][0]:  # two in a row are no accident
                return left, distance - left
    return None


def _filled(found: list[list[Span | None]], length: int) -> list[list[Span]]:
    """Empty places for what stands nowhere: behind what came before, and not behind what comes after."""
    flat = [span for spans in found for span in spans]
    following = []
    bound = length
    for span in reversed(flat):
        bound = bound if span is None else span[0]
        following.append(bound)
    following.reverse()
    filled: list[Span] = []
    end = 0
    for span, bound in zip(flat, following, strict=True):
        place = min(end, bound)
        filled.append((place, place) if span is None else span)
        end = end if span is None else span[1]
    rows = iter(filled)
    return [list(islice(rows, len(spans))) for spans in found]


def _ends(text: str) -> list[int]:
    """For each character, the place after it and the marks that are put upon it."""
    ends = list(range(1, len(text) + 1))
    for place in range(len(text) - 2, -1, -1):
        mark = text[place + 1]
        if not _letters(mark) and unicodedata.category(mark)[0] not in "CZ":
            ends[place] = ends[place + 1]
    return ends


@lru_cache(maxsize=65536)
def _letters(char: str) -> str:
    """What of a character survives: no case, no accents, no blanks, one kind of quote and of dash."""
    like = _LIKE.get(char)
    if like is not None:
        return like
    decomposed = unicodedata.normalize("NFKD", char.lower())
    kept = "".join(part for part in decomposed if unicodedata.category(part)[0] not in "CZ" and not _is_mark(part))
    if not kept and decomposed[0] == " " != decomposed:  # a mark that stands alone, such as ¨
        return char
    return "".join(_LIKE.get(part, part) for part in kept)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) == "Mn"
