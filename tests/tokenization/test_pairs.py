"""Are pairs joined as published: the lowest rank first, all its places before anything else?"""

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pretrained.tokenization.pairs import PairMerger

letters = st.text("abc", min_size=1, max_size=12)
pairs = st.lists(st.tuples(st.text("abc", min_size=1, max_size=3), st.text("abc", min_size=1, max_size=3)), max_size=12)


def merge_step_by_step(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """The algorithm in its plainest form, quadratic in the length."""
    symbols = list(word)
    while True:
        known = [ranks[pair] for pair in pairwise(symbols) if pair in ranks]
        if not known:
            return symbols
        joined: list[str] = []
        place = 0
        while place < len(symbols):
            pair = tuple(symbols[place : place + 2])
            if len(pair) == 2 and ranks.get(pair) == min(known):
                joined.append("".join(pair))
                place += 2
            else:
                joined.append(symbols[place])
                place += 1
        symbols = joined


@given(letters, pairs)
def test_as_the_plain_algorithm(word: str, merges: list[tuple[str, str]]) -> None:
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    assert PairMerger(ranks).merge(word) == merge_step_by_step(word, ranks)


def test_all_places_of_a_pair_come_before_a_lower_rank_that_it_makes_possible() -> None:
    ranks = {("ab", "a"): 0, ("a", "b"): 1}
    assert PairMerger(ranks).merge("abab") == ["ab", "ab"]  # one after the other would give aba b


def test_the_last_character_carries_the_suffix() -> None:
    ranks = {("l", "o"): 0, ("lo", "w"): 1, ("e", "r</w>"): 2}
    merger = PairMerger(ranks, suffix="</w>")
    assert merger.merge("lower") == ["low", "er</w>"]
    assert merger.merge("r") == ["r</w>"]


def test_time_grows_with_the_length_and_not_with_its_square() -> None:
    ranks = {("a" * 2**power, "a" * 2**power): power for power in range(16)}
    start = time.perf_counter()
    assert PairMerger(ranks).merge("a" * 2**16) == ["a" * 2**16]
    assert time.perf_counter() - start < 5  # the plain algorithm needs minutes
