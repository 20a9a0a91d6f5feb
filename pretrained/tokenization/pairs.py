"""How do characters become pieces, pair by pair? Byte-pair encoding as published, in plain Python.

The compiled engine joins a pair wherever it meets it and goes on from there. The published algorithm joins all places
of a pair before it looks at the next; merges that were not learned in the order of their lines tell the difference. It
also takes merges whose symbols have no id, which the published French vocabulary has.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise


class PairMerger:
    """Joins neighbours, the pair of the lowest rank first.

    Args:
        ranks: (left symbol, right symbol) → rank.
        suffix: is put behind the last character of a word.
    """

    def __init__(self, ranks: Mapping[tuple[str, str], int], *, suffix: str = "") -> None:
        self.ranks = ranks
        self.suffix = suffix

    def merge(self, word: str) -> list[str]:
        """The symbols of a word, such as "lower" → low er</w>. Time grows with the length as n log n."""
        symbols: list[str | None] = [*word[:-1], word[-1:] + self.suffix]
        end = len(symbols)
        following = list(range(1, end + 1))
        previous = list(range(-1, end - 1))
        ranks = self.ranks
        heap = [
            (rank, place, place + 1)
            for place, pair in enumerate(pairwise(symbols))
            if (rank := ranks.get(pair)) is not None  # type: ignore[arg-type]  # every symbol is still there
        ]
        heapify(heap)
        while heap:
            rank = heap[0][0]
            due = []
            while heap and heap[0][0] == rank:
                due.append(heappop(heap))
            for _, place, right in due:  # all places of this pair, from left to right
                left_symbol, right_symbol = symbols[place], symbols[right]
                if left_symbol is None or right_symbol is None or ranks.get((left_symbol, right_symbol)) != rank:
                    continue  # one of both has been joined with another since
                symbols[place], symbols[right] = left_symbol + right_symbol, None
                following[place] = following[right]
                if following[place] < end:
                    previous[following[place]] = place
                for one, other in ((previous[place], place), (place, following[place])):
                    if one >= 0 and other < end:
                        new = ranks.get((symbols[one], symbols[other]))  # type: ignore[arg-type]
                        if new is not None:
                            heappush(heap, (new, one, other))
        return [symbol for symbol in symbols if symbol is not None]
