"""Are changed words found again in the text they came from?"""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pretrained.tokenization.alignment import align


def shown(text: str, words: list[str]) -> list[list[str]]:
    """The stretch of the text under each character of each word."""
    return [[text[start:end] for start, end in spans] for spans in align(text, words)]


def stretches(text: str, words: list[str]) -> list[str]:
    return [text[spans[0][0] : spans[-1][1]] for spans in align(text, words)]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Hello, world", ["hello", ",", "world"], ["Hello", ",", "world"]),
        ("L'Été «va»", ["l'", "ete", '"', "va", '"'], ["L'", "Été", "«", "va", "»"]),
        ("side-scrolled", ["side", "@-@", "scrolled"], ["side", "-", "scrolled"]),
        ("$5,000.00", ["$", "5", "@,@", "000", "@.@", "00"], ["$", "5", ",", "000", ".", "00"]),
        ("wait… １２。ok", ["wait", "...", "12", ".", "ok"], ["wait", "…", "１２", "。", "ok"]),
        ("a\u200bb \x07c", ["ab", "c"], ["a\u200bb", "c"]),
        ("ｱｯﾌﾟﾙで", ["アップル", "で"], ["ｱｯﾌﾟﾙ", "で"]),
        ("e\u0301te\u0301", ["ete"], ["e\u0301te\u0301"]),
        ("Straße", ["strasse"], ["Straße"]),
        ("one ``two''", ["one", '"', "two", '"'], ["one", "`", "two", "'"]),  # the first of two marks
    ],
)
def test_words_are_found_again(text: str, words: list[str], expected: list[str]) -> None:
    assert stretches(text, words) == expected


def test_each_character_has_its_place() -> None:
    assert shown("Été x", ["ete", "x"]) == [["É", "t", "é"], ["x"]]
    assert shown("㌔で", ["キロ", "で"]) == [["㌔", "㌔"], ["で"]]


def test_what_stands_nowhere_is_empty_and_behind_what_came_before() -> None:
    assert align("ab", ["ab", "<S>"])[1] == [(2, 2), (2, 2), (2, 2)]
    assert align("", ["x"]) == [[(0, 0)]]


@given(st.text(max_size=30), st.lists(st.text(max_size=10), max_size=6))
@example("ß", ["S", "0S"])  # one character for letters of two words
def test_places_lie_in_the_text_and_never_go_back(text: str, words: list[str]) -> None:
    found = align(text, words)
    assert [len(spans) for spans in found] == [len(word) for word in words]
    starts = [start for spans in found for start, _ in spans]
    assert starts == sorted(starts)
    assert all(0 <= start <= end <= len(text) for spans in found for start, end in spans)


@given(
    st.lists(st.text(st.characters(categories=["Lu", "Ll", "Lo", "N", "P", "S"]), min_size=1, max_size=8), max_size=8)
)
def test_unchanged_words_stand_where_they_stand(words: list[str]) -> None:
    assert stretches(" ".join(words), words) == words


def test_hostile_pairs_of_texts_cost_time_in_proportion() -> None:
    start = time.perf_counter()
    align("a" * 20_000, ["b" * 20_000])
    align("ab" * 10_000, ["ba" * 10_000])
    assert time.perf_counter() - start < 10
