"""Which texts run together? Those of like length, as many as fit a number of tokens.

Texts come as any iterable, long ones too. They are tokenized and gathered into windows of bounded size; inside
a window they are sorted by length, so a batch holds few different lengths and its sequences form long runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from pretrained.errors import TokenizationError

Rows = list[list[int]]
"""The ids of each text, with special tokens."""

WINDOW_TOKENS = 1_000_000  # some 40 MB of ids
_CHUNK = 1024  # texts that are tokenized at once
_WORTHWHILE = 256  # tokens: below that, more than one batch gains nothing


def checked(texts: Any) -> Iterator[str]:
    """The texts, one by one.

    Raises:
        TokenizationError: `texts` cannot be iterated over, or one of them is not a str; says which.
    """
    if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable):
        raise TokenizationError(f"texts must be a str or an iterable of them; got {type(texts).__name__}")
    if isinstance(texts, set | frozenset):
        raise TokenizationError(f"texts must have an order, and a {type(texts).__name__} has none; pass sorted(texts)")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            shown = repr(text)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise TokenizationError(f"text {index} must be a str; got {type(text).__name__}: {shown}")
        yield text


def windows(
    texts: Iterator[str], tokenize: Callable[[list[str]], Rows], *, tokens: int = WINDOW_TOKENS
) -> Iterator[Rows]:
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


def batches(lengths: Sequence[int], budget: int, *, workers: int = 1) -> list[list[int]]:
    """Places in `lengths`, the longest first, in batches of about equally many tokens; empty texts are left out.

    Args:
        lengths: tokens of each text.
        budget: tokens of a batch at most, give or take half a text.
        workers: how many batches run side by side; their number is a multiple of it if there is work for that.
    """
    total = sum(lengths)
    needed = max(1, -(-total // budget))
    spread = -(-needed // workers) * workers
    share = total / max(needed, min(spread, total // _WORTHWHILE))
    result: list[list[int]] = []
    done, end = 0, 0.0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if lengths[place] == 0:
            break  # nothing to run
        if done + lengths[place] / 2 >= end:
            result.append([])
            end += share
        result[-1].append(place)
        done += lengths[place]
    return result
