"""The engine gives ids, pieces and places of the sentencepiece package, around added tokens and in a family's ids."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tokenizers import AddedToken

from pretrained.tokenization.cleaning import Cleaner
from pretrained.tokenization.sentencepiece import BYTE_PIECES, PieceType, SentencePieceModel, dump_model
from pretrained.tokenization.sentencepiece_engine import SentencePieceEngine
from tests.tokenization.sentencepiece_material import (
    assert_same,
    engine,
    golden,
    long_text,
    package,
    processor,
    published,
    shared_texts,
    texts,
    train,
)
from tests.tokenization.test_processor import OPTIONS


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_any_text(options: dict[str, Any], text: str) -> None:
    data = train(**options)
    assert_same(engine(data), data, [text])


def test_long_texts() -> None:
    data = train()
    assert_same(engine(data), data, [long_text(2000, seed) for seed in range(3)])


def made(**options: Any) -> SentencePieceEngine:
    """An engine with ids of a family: 100 more than the model's."""
    model = processor(train())
    tokens = [f"<{index}>" for index in range(100)] + list(model.model.pieces)
    return SentencePieceEngine(model, tokens, range(100, len(tokens)), **options)


def test_vocabulary_and_added_tokens() -> None:
    own = made()
    size = own.vocab_size
    assert own.vocab()["▁the"] == 100 + package(train()).piece_to_id("▁the") == own.encode_ids(["the"])[0][0]
    assert own.id_to_token(size) is None
    assert own.id_to_token(-1) is None
    assert own.token_to_id("<new>") is None
    own.add([AddedToken("<new>", normalized=False), AddedToken("<5>", special=True), AddedToken("<new>", lstrip=True)])
    assert own.added_vocab == {"<new>": size}
    assert list(own.added) == [5, size]
    assert own.token_to_id("<new>") == size
    assert own.id_to_token(size) == "<new>"
    assert own.vocab_size == size
    assert "<new>" not in own.vocab()


def test_pieces_around_added_tokens() -> None:
    own = made()
    own.add([AddedToken("<new>", normalized=False), AddedToken("<m>", lstrip=True, normalized=False)])
    text = "the <new>the  <m> 1984 ran"
    (pieces,) = own.encode([text])
    assert pieces.tokens == ["▁the", "<new>", "▁the", "<m>", "▁1984", "▁ran"]
    assert pieces.offsets == [(0, 3), (4, 9), (9, 12), (12, 17), (18, 22), (22, 26)]
    assert pieces.word_ids == [0, 1, 2, 3, 4, 5]
    assert pieces.ids == own.encode_ids([text])[0]
    assert len(pieces) == 6
    assert own.encode(["the unheard of"])[0].word_ids[:3] == [0, 1, 1]


def test_words_given_one_by_one() -> None:
    own = made()
    (pieces,) = own.encode([["the 1984", "", "café"]], split_into_words=True)
    last = own.encode(["café"])[0]
    assert pieces.tokens == ["▁the", "▁1984", *last.tokens]
    assert pieces.word_ids == [0, 0] + [2] * len(last)
    assert pieces.offsets == [(0, 3), (3, 8), *last.offsets]


def test_words_of_a_model_whose_pieces_join_them() -> None:
    data = train(split_by_whitespace=False, vocab_size=500)
    text = "the and of the one house"
    (pieces,) = engine(data).encode([text])
    joined = [token for token in pieces.tokens if "▁" in token[1:]]
    assert joined
    numbers = [number for number in pieces.word_ids if number is not None]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == sum(token.startswith("▁") for token in pieces.tokens)


def test_words_of_a_model_that_writes_blanks_in_bytes() -> None:
    pieces = ["<unk>", "a", "b", *BYTE_PIECES]
    types = [2, 1, 1, *[PieceType.BYTE] * 256]
    model = SentencePieceModel(pieces=pieces, scores=[0.0] * 259, types=types, byte_fallback=True)
    data = dump_model(model)
    assert_same(engine(data), data, ["a ab"])
    (pieces_found,) = engine(data).encode(["a ab"])
    assert pieces_found.word_ids == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_a_number_and_its_comma_are_cut() -> None:
    own = made(split_commas=True)
    whole = made()
    text = "in 2018, and 12, of1984,of 3, , x,"
    tokens = own.encode([text])[0].tokens
    assert "▁2018," in whole.encode([text])[0].tokens
    assert not any(len(token) > 1 and token.endswith(",") and token[-2].isdigit() for token in tokens)
    assert (tokens, [index - 100 for index in own.encode_ids([text])[0]]) == published(train(), text, keep_accents=True)
    offsets = own.encode([text])[0].offsets
    assert "".join(text[start:end] for start, end in offsets) == text
    for token, (start, end) in zip(tokens, offsets, strict=True):
        assert token.replace("▁", " ") in (text[start:end], " " + text[start:end])


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_cleaned_texts(text: str) -> None:
    data = train(symbols=(".", '"'))
    pieces = processor(data).model.pieces
    for lower in (True, False):
        cleaner = Cleaner(do_lower_case=lower)
        own = SentencePieceEngine(processor(data), pieces, range(len(pieces)), cleaner=cleaner, split_commas=True)
        (found,) = own.encode([text])
        assert (found.tokens, found.ids) == published(data, text, lower=lower)
        starts = [start for start, _ in found.offsets]
        assert starts == sorted(starts)
        assert all(0 <= start <= end <= len(text) for start, end in found.offsets)


def test_tokens_that_are_added_later_change_nothing_before() -> None:
    own = made()
    (pieces,) = own.encode(["the 1984"])
    own.add([AddedToken("1984", normalized=False)])
    assert pieces.tokens == ["▁the", "▁1984"]
    assert own.encode(["the 1984"])[0].tokens == ["▁the", "1984"]


def test_halves_of_surrogate_pairs() -> None:
    own = made()
    (pieces,) = own.encode(["the\ud800of"])
    assert pieces.ids == own.encode_ids(["the\ufffdof"])[0]
    assert pieces.offsets[-1][1] == 6


def test_it_can_be_sent_to_another_process() -> None:
    own = made(cleaner=Cleaner(do_lower_case=True), split_commas=True)
    own.add([AddedToken("<new>", normalized=False)])
    other = pickle.loads(pickle.dumps(own))
    text = "The <new> house in 2018, " + long_text(20)
    assert other.encode_ids([text]) == own.encode_ids([text])
    copied = pickle.loads(pickle.dumps(own.encode([text])[0]))
    assert copied.tokens == own.encode([text])[0].tokens
    assert copied.offsets == own.encode([text])[0].offsets


@pytest.mark.parametrize(
    "name",
    [
        "albert/spiece.model",
        "xlnet-base-cased/spiece.model",
        "t5-base/spiece.model",
        "sentencepiece-fixtures/test_sentencepiece.model",
        "sentencepiece-fixtures/test_sentencepiece_no_bos.model",
    ],
)
def test_published_models(shared_data: Path, name: str) -> None:
    data = (shared_data / "vocab" / name).read_bytes()
    assert_same(engine(data), data, shared_texts(shared_data, longest=800))
    # in these, sums of 64 bits would choose other pieces
    whole = shared_texts(shared_data, longest=100_000)
    assert engine(data).encode_ids(whole[:266:12]) == [package(data).encode(text) for text in whole[:266:12]]


def test_golden_cases_of_t5(shared_data: Path) -> None:
    """The pieces are those of the model, with </s> behind them."""
    own = engine((shared_data / "vocab" / "t5-base" / "spiece.model").read_bytes())
    rows = golden(shared_data, "tokenizers/t5-base")
    assert len(rows) == 45
    for row in rows:
        if "</s>" in row["input"] or "<" in row["input"]:
            continue  # there the tokenizer cuts special tokens out first
        (ids,) = own.encode_ids([row["input"]])
        assert row["ids"] in (ids, [*ids, 1]), row["input"]
