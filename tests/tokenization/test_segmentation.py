"""Normalized texts are covered with the pieces that the sentencepiece package chooses."""

import dataclasses
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.tokenization.segmentation import BytePairs, Unigram, segmenter
from pretrained.tokenization.sentencepiece import Algorithm, PieceType, SentencePieceModel, dump_model
from tests.tokenization.sentencepiece_material import assert_same, corpus, engine, long_text, processor, read, train


def model(pieces: dict[str, float], **options: Any) -> SentencePieceModel:
    return SentencePieceModel(
        pieces=["<unk>", *pieces],
        scores=[0.0, *pieces.values()],
        types=[PieceType.UNKNOWN, *[PieceType.NORMAL] * len(pieces)],
        **options,
    )


def test_the_most_probable_pieces() -> None:
    made = model({"a": -1.0, "b": -1.0, "ab": -1.5, "abc": -9.0, "c": -2.0})
    cover = Unigram(made).cover("abcx")
    assert [made.pieces[index] for index in cover.ids] == ["ab", "c", "<unk>"]
    assert cover.lengths == [2, 1, 1]
    assert cover.scores == [-1.5, -2.0, -19.0]  # ten less than the least probable piece
    assert isinstance(segmenter(made), Unigram)


def test_the_best_pairs_are_merged_first() -> None:
    made = model({"a": -9.0, "b": -9.0, "c": -9.0, "ab": -2.0, "bc": -1.0, "aa": -3.0}, algorithm=Algorithm.BPE)
    cover = BytePairs(made).cover("abcaaax")
    assert [made.pieces[index] for index in cover.ids] == ["a", "bc", "aa", "a", "<unk>"]
    assert cover.lengths == [1, 2, 2, 1, 1]
    assert isinstance(segmenter(made), BytePairs)


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.sampled_from("abcdehnr012▁é世"), max_size=30), before=st.floats(-5000, 0, width=32))
def test_a_cover_by_itself_is_exact_within_its_margin(text: str, before: float) -> None:
    unigram = processor(train())._segmenter
    alone, exact = unigram.cover(text), unigram.cover(text, before)
    if alone.margin > 2.0**-11:  # between numbers of 32 bits near 8192 it is less
        assert alone.ids == exact.ids
    assert (exact.lengths and sum(exact.lengths) == len(text)) or not text


def test_what_stands_before_decides_between_equal_covers() -> None:
    """0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 are equal, or differ in the last bit, by what they are added to."""
    made = model({"a": -0.1, "aa": -0.2, "aaa": -0.3})
    lengths = {tuple(Unigram(made).cover("aaaaaa", before).lengths) for before in range(-3000, 0, 7)}
    assert len(lengths) > 1
    assert Unigram(made).cover("aaaaaa").margin < 1e-6
    assert Unigram(made).cover("").margin == math.inf
    assert Unigram(model({"a": -1.0, "aa": -1.5})).cover("aaaa").margin == 0.5 / 8


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
@pytest.mark.parametrize("kind", [PieceType.USER_DEFINED, PieceType.UNUSED, PieceType.CONTROL, None], ids=str)
def test_pieces_of_all_types(algorithm: str, kind: PieceType | None) -> None:
    trained = read(train(model_type=algorithm))
    chance = random.Random(3)
    choices = [kind] if kind else [PieceType.USER_DEFINED, PieceType.UNUSED]
    letters = 1 if kind == PieceType.CONTROL else 0  # those must stay, so that merges have something to begin with
    for _ in range(2):
        types = [
            chance.choice(choices) if index > 2 and len(piece) > letters and chance.random() < 0.2 else old
            for index, (piece, old) in enumerate(zip(trained.pieces, trained.types, strict=True))
        ]
        data = dump_model(dataclasses.replace(trained, types=types))
        assert_same(engine(data), data, corpus()[::25])


@settings(max_examples=150, deadline=None)
@given(
    scores=st.lists(st.floats(-20, 0.5, width=32), min_size=14, max_size=14),
    text=st.text(st.sampled_from("abc▁"), max_size=40),
    algorithm=st.sampled_from([Algorithm.UNIGRAM, Algorithm.BPE]),
)
def test_random_scores(scores: list[float], text: str, algorithm: Algorithm) -> None:
    pieces = ["▁", "a", "b", "c", "ab", "ba", "aa", "bc", "abc", "aab", "▁a", "▁ab", "a▁b", "aaaa"]
    made = model(dict(zip(pieces, scores, strict=True)), algorithm=algorithm)
    data = dump_model(made)
    assert_same(engine(data), data, [text.replace("▁", " ")])


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_long_texts_in_which_rounding_decides(algorithm: str) -> None:
    data = train(model_type=algorithm)
    assert_same(engine(data), data, [long_text(4000, seed) for seed in range(3)])


def test_a_long_text_costs_in_proportion() -> None:
    import time

    unigram = Unigram(read(train()))
    times = []
    for length in (20_000, 80_000):
        begun = time.process_time()
        unigram.cover("abcab" * (length // 5))
        times.append(time.process_time() - begun)
    assert times[1] < 12 * times[0]
