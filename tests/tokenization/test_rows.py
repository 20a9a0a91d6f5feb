"""Cutting, windows and padding, against rules written out one token at a time."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.tokenization.rows import cut, padded_length, room_after, truncate_ids, windows

lengths = st.integers(0, 30)


@given(first=lengths, second=st.none() | lengths, excess=st.integers(0, 70))
@settings(max_examples=300, deadline=None)
def test_longest_first_takes_one_token_after_the_other(first: int, second: int | None, excess: int) -> None:
    left, right = first, second
    for _ in range(excess):
        if right is None or left > right:
            left = max(left - 1, 0)
        else:
            right = max(right - 1, 0)
    assert room_after(first, second, excess, "longest_first") == (left, right)


def test_one_text_only() -> None:
    assert room_after(5, 9, 3, "only_first") == (2, 9)
    assert room_after(5, 9, 5, "only_first") is None
    assert room_after(5, 9, 8, "only_second") == (5, 1)
    assert room_after(5, 9, 9, "only_second") is None
    assert room_after(5, None, 3, "only_second") == (5, None)


@given(length=lengths, size=st.integers(1, 12), stride=st.integers(0, 11), side=st.sampled_from(["left", "right"]))
@settings(max_examples=300, deadline=None)
def test_windows_cover_everything_and_share_the_stride(length: int, size: int, stride: int, side: str) -> None:
    if stride >= size:
        return
    found = windows(length, size, stride, side)
    ordered = found if side == "right" else found[::-1]
    assert ordered[0][0] == 0
    assert ordered[-1][1] == length
    assert all(end - start == min(size, length) for start, end in (found[0], *found[:-1]))
    assert all(before[1] - after[0] == stride for before, after in pairwise(ordered))


def test_every_window_of_the_one_text_meets_every_window_of_the_other() -> None:
    rows = cut(4, 4, room=4, truncation="longest_first", overflow=True).rows
    assert rows == [((0, 2), (0, 2)), ((2, 4), (0, 2)), ((2, 4), (2, 4)), ((0, 2), (2, 4))]


@given(
    ids=st.lists(st.integers(0, 99), max_size=15),
    pair=st.none() | st.lists(st.integers(100, 199), max_size=15),
    excess=st.integers(0, 12),
    stride=st.integers(0, 4),
    truncation=st.sampled_from(["longest_first", "only_first", "only_second"]),
)
@settings(max_examples=300, deadline=None)
def test_both_ways_of_cutting_keep_the_same(
    ids: list[int], pair: list[int] | None, excess: int, stride: int, truncation: str
) -> None:
    pair_length = None if pair is None else len(pair)
    room = len(ids) + (pair_length or 0) - excess
    spans = cut(len(ids), pair_length, room=room, truncation=truncation)
    (start, end), (pair_start, pair_end) = spans.rows[0]
    kept, pair_kept, overflow, possible = truncate_ids(
        ids, pair, excess, truncation=truncation, stride=stride, side="right"
    )
    assert possible is not spans.impossible
    assert kept == ids[start:end]
    assert pair_kept == (None if pair is None else pair[pair_start:pair_end])
    gone = ids[len(kept) :] + (pair or [])[len(pair_kept or []) :]
    assert set(gone) <= set(overflow)


def test_what_was_cut_is_listed_from_the_side_that_was_cut() -> None:
    ids = [1, 2, 3, 4, 5]
    assert truncate_ids(ids, None, 2, truncation="only_first", stride=1, side="right")[:3] == (
        [1, 2, 3],
        None,
        [3, 4, 5],
    )
    assert truncate_ids(ids, None, 2, truncation="only_first", stride=1, side="left")[:3] == (
        [3, 4, 5],
        None,
        [1, 2, 3],
    )
    assert truncate_ids(ids, None, 2, truncation="longest_first", stride=1, side="left")[2] == [2, 1, 2]


@pytest.mark.parametrize(
    ("padding", "max_length", "multiple", "expected"),
    [
        ("do_not_pad", 9, 8, 0),
        ("longest", 9, None, 5),
        ("longest", None, 4, 8),
        ("max_length", 9, None, 9),
        ("max_length", 9, 4, 12),
    ],
)
def test_padded_length(padding: str, max_length: int | None, multiple: int | None, expected: int) -> None:
    assert padded_length([3, 5], padding=padding, max_length=max_length, multiple=multiple) == expected
    assert padded_length([], padding="longest", max_length=None, multiple=None) == 0
