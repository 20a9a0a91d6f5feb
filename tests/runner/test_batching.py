"""Are texts read in bounded windows, and put together by length and number of tokens?"""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrained.errors import TokenizationError
from pretrained.runner import batching


@given(st.lists(st.integers(1, 512), max_size=300), st.integers(1, 4000), st.integers(1, 9))
def test_batches_hold_every_text_once_the_longest_first(lengths, budget, workers):
    batches = batching.batches(lengths, budget, workers=workers)
    places = [place for batch in batches for place in batch]
    assert sorted(places) == list(range(len(lengths)))
    assert all(batches)
    in_order = [[lengths[place] for place in batch] for batch in batches]
    assert in_order == [sorted(batch, reverse=True) for batch in in_order]
    longest = [batch[0] for batch in in_order]
    assert longest == sorted(longest, reverse=True)


@given(st.lists(st.integers(1, 512), max_size=300), st.integers(256, 4000), st.integers(1, 9))
def test_batches_keep_to_the_budget(lengths, budget, workers):
    longest = max(lengths, default=0)
    for batch in batching.batches(lengths, budget, workers=workers):
        assert len(batch) == 1 or sum(lengths[place] for place in batch) <= budget + longest


@pytest.mark.parametrize(
    ("texts", "workers", "expected"),
    [(4, 2, 1), (100, 1, 2), (100, 2, 2), (101, 2, 2), (110, 2, 4), (100, 4, 4), (100, 64, 7), (400, 3, 9)],
)
def test_the_number_of_batches_suits_the_workers(texts, workers, expected):
    batches = batching.batches([20] * texts, 1024, workers=workers)
    assert len(batches) == expected
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 4  # sizes of batches are 64 tokens apart


@given(st.integers(1, 100_000))
def test_a_batch_is_filled_up_by_little(tokens):
    assert tokens <= batching.size(tokens) < tokens + max(8, tokens / 8)
    assert batching.size(batching.size(tokens)) == batching.size(tokens)


def test_batches_have_few_sizes():
    drawn = random.Random(0)
    found = {
        batching.size(sum(lengths[place] for place in batch))
        for _ in range(50)
        for lengths in [[drawn.randint(3, 60) for _ in range(drawn.randint(400, 600))]]
        for batch in batching.batches(lengths, 1024)
    }
    assert len(found) <= 3


def test_room_that_is_left_goes_to_shorter_texts():
    batches = batching.batches([200] * 10 + [56] * 10, 256)
    assert [len(batch) for batch in batches] == [2] * 10


def test_empty_texts_are_in_no_batch():
    assert batching.batches([0, 3, 0], 100) == [[1]]
    assert batching.batches([0, 0], 100) == []
    assert batching.batches([], 100) == []


def test_windows_are_bounded_and_complete():
    drawn = 0

    def texts():
        nonlocal drawn
        for number in range(10_000):
            drawn += 1
            yield str(number)

    windows = batching.windows(texts(), lambda chunk: [[int(text)] * 3 for text in chunk], tokens=6000)
    first = next(windows)
    assert len(first) == 2048
    assert drawn == 2048
    rows = [*first, *itertools.chain.from_iterable(windows)]
    assert [row[0] for row in rows] == list(range(10_000))


def test_no_texts_no_windows():
    assert list(batching.windows(iter([]), lambda chunk: [], tokens=100)) == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["good", 3], "text 1 must be a str; got int: 3"),
        ([None], "text 0 must be a str; got NoneType: None"),
        (["a", ("b", "c")], r"text 1 must be a str; got tuple: \('b', 'c'\)"),
        ([b"x" * 200], r"text 0 must be a str; got bytes: b'x{55}\.\.\."),
        (5, "must be a str or an iterable of them; got int"),
        (None, "got NoneType"),
        (b"bytes", "got bytes"),
        ({"a", "b"}, "must have an order"),
        ({"a": "b"}, "pass one of its columns"),
    ],
)
def test_what_is_no_text_is_named(texts, message):
    with pytest.raises(TokenizationError, match=message):
        list(batching.checked(texts))


def test_any_iterable_of_texts_will_do():
    assert list(batching.checked(word for word in ("a", "b"))) == ["a", "b"]
    assert list(batching.checked({"key": 1}.keys())) == ["key"]
