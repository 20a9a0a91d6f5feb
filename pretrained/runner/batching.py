"""Which texts run together? Those of like length, as many as fit a number of tokens.

Texts come as any iterable, long ones too. They are tokenized and gathered into windows of bounded size; inside
a window they are sorted by length, so a batch holds few different lengths and its sequences form long runs.
Batches have few different sizes, too: oneDNN compiles code for each number of tokens, in a millisecond, and keeps it,
in half a MB for each kind of product. What it keeps also lies between other memory, which then cannot be given back.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pretrained.errors import TokenizationError

Rows = list[list[int]]
"""The ids of each text, with special tokens."""

WINDOW_TOKENS = 1_000_000  # some 40 MB of ids
_CHUNK = 1024  # texts that are tokenized at once
_WORTHWHILE = 256  # tokens: below that, more than one batch gains nothing
_SIZES = 8  # of batches between one power of two and the next
_LEAST = 8  # tokens between two sizes


def checked(texts: Any) -> Iterator[str]:
    """The texts, one by one.

    Raises:
        TokenizationError: `texts` cannot be iterated over, or one of them is not a str; says which.
    """
    if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable):
        raise TokenizationError(f"texts must be a str or an iterable of them; got {type(texts).__name__}")
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):
        raise TokenizationError(
            f"texts must be a str or an iterable of them; a {type(texts).__name__} gives the names of its columns; "
            "pass one of its columns"
        )
    if isinstance(texts, set | frozenset):
        raise TokenizationError(f"texts must have an order, and a {type(texts).__name__} has none; pass sorted(texts)")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            shown = repr(text)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise TokenizationError(f"text {index} must be a str; got {type(text).__name__}: {shown}")
        yield text


def windows(texts: Iterator[str], tokenize: Callable[[list[str]], Rows], *, tokens: int) -> Iterator[Rows]:
    """Tokenizes the texts, and yields the ids of as many as hold about this number of tokens."""
    window: Rows = []
    held = 0
    while chunk := list(islice(texts, _CHUNK)):
        rows = tokenize(chunk)
        window += rows
        held += sum(map(len, rows))
        if held >= tokens:
            yield window
            window, held = [], 0
    if window:
        yield window


def size(tokens: int) -> int:
    """To how many tokens a batch of so many is filled up: by less than an eighth, or by seven in a small one."""
    step = max(_LEAST, (1 << tokens.bit_length()) // (2 * _SIZES))
    return -(-tokens // step) * step


def batches(lengths: Sequence[int], budget: int, *, workers: int = 1) -> list[list[int]]:
    """Places in `lengths`, in batches of about equally many tokens; empty texts are left out.

    The first batch takes the longest texts. What room is left when the next one does not fit goes to shorter ones.

    Args:
        lengths: tokens of each text.
        budget: tokens of a batch at most, give or take half a text.
        workers: how many batches run side by side; their number is a multiple of it if there is work for that.
    """
    left = sum(lengths)
    needed = max(1, -(-left // budget))
    spread = -(-needed // workers) * workers
    count = max(needed, min(spread, left // _WORTHWHILE))
    places: dict[int, list[int]] = {}  # of the texts of a length
    for place, length in enumerate(lengths):
        if length:
            places.setdefault(length, []).append(place)
    waiting = sorted(places)  # lengths of texts that are in no batch yet
    result: list[list[int]] = []
    while waiting:
        batch: list[int] = []
        room = max(size(-(-left // (count - len(result)))), waiting[-1])
        while fitting := bisect_right(waiting, room):
            length = waiting[fitting - 1]
            taken = places[length][-(room // length) :]
            del places[length][-len(taken) :]
            if not places[length]:
                del waiting[fitting - 1]
            batch += taken
            room -= length * len(taken)
            left -= length * len(taken)
        result.append(batch)
    return result
