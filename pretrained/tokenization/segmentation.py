"""Which pieces cover a normalized text? The most probable ones (unigram), or what merging pairs comes to (BPE).

Both give what the sentencepiece package gives, to the last bit. It adds scores in 32 bits from the beginning of a text,
so which of two covers that are (nearly) equally probable wins depends on everything that stands before. A stretch of
text is therefore covered in one of two ways: by itself, which says how far the cover is from the next best one, or
exactly, after a sum of scores.
"""

import heapq
import math
from array import array
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pretrained.tokenization.sentencepiece import Algorithm, PieceType, SentencePieceModel

_UNKNOWN_PENALTY = 10.0
"""How much less an unknown character scores than the least probable piece."""


class Cover(NamedTuple):
    """The pieces of a stretch of text."""

    ids: list[int]
    lengths: list[int]
    """Characters of each."""
    scores: Sequence[float] = ()
    """Of each, in the order in which they are added up; () where no cover depends on what stands before."""
    margin: float = math.inf
    """The cover is the exact one as long as the numbers of 32 bits near its sum are not further apart than this."""


class Segmenter(Protocol):
    """Covers normalized texts with pieces."""

    def cover(self, text: str, before: float | None = None) -> Cover:
        """The pieces of a stretch of text.

        Args:
            before: the sum of the scores of what stands before it; None for a cover that may be remembered, which
                holds within its margin.
        """


def segmenter(model: SentencePieceModel) -> Segmenter:
    """What cuts texts as this model does."""
    return BytePairs(model) if model.algorithm == Algorithm.BPE else Unigram(model)


_IN_TEXT = (PieceType.NORMAL, PieceType.USER_DEFINED, PieceType.UNUSED)


class Unigram:
    """The cover with the greatest sum of log probabilities (Kudo, arXiv 1804.10959), found by Viterbi's algorithm."""

    def __init__(self, model: SentencePieceModel) -> None:
        ordinary = int(PieceType.NORMAL)  # members of an enumeration are slow to look up
        scores = list(model.scores)
        normal = [score for score, kind in zip(scores, model.types, strict=True) if kind == ordinary]
        self._unknown = model.unknown_id
        self._ids = {piece: index for index, piece in enumerate(model.pieces)}
        for index, kind in enumerate(model.types):
            if kind == ordinary:
                continue
            if kind == PieceType.USER_DEFINED:  # more than what could be made of its parts
                scores[index] = len(model.pieces[index].encode()) * 0.1 - 0.1
            else:
                del self._ids[model.pieces[index]]
        scores[self._unknown] = min(normal, default=0.0) - _UNKNOWN_PENALTY
        self._scores = array("f", scores).tolist()
        self._longest: dict[str, int] = {}
        """First two characters → the greatest length of a piece that begins with them."""
        longest = self._longest.get
        for piece in self._ids:
            if len(piece) > longest(piece[:2], 1):
                self._longest[piece[:2]] = len(piece)

    def cover(self, text: str, before: float | None = None) -> Cover:
        return self._by_itself(text) if before is None else self._after(text, before)

    def _by_itself(self, text: str) -> Cover:
        count = len(text)
        find, scores, longest, unknown = self._ids.get, self._scores, self._longest.get, self._unknown
        best = [-math.inf] * (count + 1)
        best[0] = 0.0
        second = [-math.inf] * (count + 1)
        starts = [0] * (count + 1)
        ids = [unknown] * (count + 1)
        for start in range(count):
            here = best[start]
            for end in range(start + 1, min(count, start + longest(text[start : start + 2], 1)) + 1):
                index = find(text[start:end])
                if index is None:
                    if end > start + 1:
                        continue
                    index = unknown
                score = here + scores[index]
                if score > best[end]:
                    second[end] = best[end]
                    best[end] = score
                    starts[end] = start
                    ids[end] = index
                elif score > second[end]:
                    second[end] = score
        chosen, lengths, own_scores = self._trace(starts, ids)
        margin = math.inf
        end = count
        for length in reversed(lengths):
            if best[end] - second[end] < margin:
                margin = best[end] - second[end]
            end -= length
        # in 32 bits each of up to `count` steps of either cover is off by half the distance between two numbers
        return Cover(chosen, lengths, own_scores, margin / (2 * count) if count else margin)

    def _after(self, text: str, before: float) -> Cover:
        """The same with every sum rounded to 32 bits; of equal ones, the first to come counts."""
        count = len(text)
        find, scores, longest, unknown = self._ids.get, self._scores, self._longest.get, self._unknown
        sums = array("f", [-math.inf]) * (count + 1)
        sums[0] = before
        rounded = array("f", (0.0,))
        starts = [0] * (count + 1)
        ids = [unknown] * (count + 1)
        for start in range(count):
            here = sums[start]
            for end in range(start + 1, min(count, start + longest(text[start : start + 2], 1)) + 1):
                index = find(text[start:end])
                if index is None:
                    if end > start + 1:
                        continue
                    index = unknown
                rounded[0] = here + scores[index]
                if rounded[0] > sums[end]:
                    sums[end] = rounded[0]
                    starts[end] = start
                    ids[end] = index
        return Cover(*self._trace(starts, ids))

    def _trace(self, starts: list[int], ids: list[int]) -> tuple[list[int], list[int], list[float]]:
        """(ids, lengths, scores) of the best pieces, back from the end."""
        chosen: list[int] = []
        lengths: list[int] = []
        end = len(starts) - 1
        while end > 0:
            chosen.append(ids[end])
            lengths.append(end - starts[end])
            end = starts[end]
        chosen.reverse()
        lengths.reverse()
        return chosen, lengths, [self._scores[index] for index in chosen]


class BytePairs:
    """The cover that merging comes to: again and again the best neighbours become one piece, the left ones first."""

    def __init__(self, model: SentencePieceModel) -> None:
        entries = list(zip(model.pieces, model.scores, model.types, strict=True))
        self._unknown = model.unknown_id
        self._order = {piece: _order(score) for piece, score, kind in entries if kind in _IN_TEXT}
        self._unused = {piece for piece, _, kind in entries if kind == PieceType.UNUSED}
        self._ids = {piece: index for index, (piece, _, kind) in enumerate(entries) if kind != PieceType.UNUSED}
        kept = [piece for piece, _, kind in entries if kind == PieceType.USER_DEFINED]
        self._kept = sorted(kept, key=len, reverse=True)
        self._first_kept = {piece[0] for piece in kept}

    def cover(self, text: str, before: float | None = None) -> Cover:
        symbols, fixed = self._symbols(text)
        following = [*range(1, len(symbols)), -1]
        previous = [*range(-1, len(symbols) - 1)]
        agenda: list[tuple[float, int, int, int]] = []
        halves: dict[str, tuple[str, str]] = {}

        def propose(left: int, right: int) -> None:
            if left < 0 or right < 0 or fixed[left] or fixed[right]:
                return
            piece = symbols[left] + symbols[right]
            order = self._order.get(piece)
            if order is not None:
                heapq.heappush(agenda, (order, left, right, len(piece)))
                if piece in self._unused:
                    halves[piece] = (symbols[left], symbols[right])

        for left in range(len(symbols) - 1):
            propose(left, left + 1)
        while agenda:
            _, left, right, size = heapq.heappop(agenda)
            if not symbols[left] or not symbols[right] or len(symbols[left]) + len(symbols[right]) != size:
                continue  # one of them was merged meanwhile
            symbols[left] += symbols[right]
            symbols[right] = ""
            following[left] = following[right]
            if following[right] >= 0:
                previous[following[right]] = left
            propose(previous[left], left)
            propose(left, following[left])
        pieces = [piece for symbol in symbols if symbol for piece in self._used(symbol, halves)]
        return Cover([self._ids.get(piece, self._unknown) for piece in pieces], list(map(len, pieces)))

    def _symbols(self, text: str) -> tuple[list[str], list[bool]]:
        """(characters and kept pieces, whether each is a kept one)."""
        symbols: list[str] = []
        fixed: list[bool] = []
        at = 0
        while at < len(text):
            first = text[at]
            kept = next((k for k in self._kept if text.startswith(k, at)), "") if first in self._first_kept else ""
            symbols.append(kept or first)
            fixed.append(bool(kept))
            at += len(symbols[-1])
        return symbols, fixed

    def _used(self, symbol: str, halves: dict[str, tuple[str, str]]) -> list[str]:
        """A piece, or for one that is there for merging only, those it was merged from."""
        found: list[str] = []
        todo = [symbol]
        while todo:
            piece = todo.pop()
            if piece in self._unused and piece in halves:
                todo += reversed(halves[piece])
            else:
                found.append(piece)
        return found


def _order(score: float) -> float:
    """Smaller for what is merged earlier; 0.0 comes before -0.0, for the package orders numbers by their bits."""
    return -score if score or math.copysign(1.0, score) > 0 else 5e-324
