"""A model cuts texts word by word, remembers words, and gives what the sentencepiece package gives."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings

from pretrained.errors import TokenizationError
from pretrained.tokenization import processor as module
from pretrained.tokenization.processor import SentencePiece
from pretrained.tokenization.sentencepiece import SentencePieceModel, dump_model
from tests.tokenization.sentencepiece_material import long_text, package, processor, read, texts, train

OPTIONS: list[dict[str, Any]] = [
    {},
    {"model_type": "bpe"},
    {"byte_fallback": True, "vocab_size": 600},
    {"byte_fallback": True, "vocab_size": 600, "model_type": "bpe"},
    {"split_by_whitespace": False},
    {"symbols": ("the", "aa", "<x>", "=")},
    {"allow_whitespace_only_pieces": True, "remove_extra_whitespaces": False},
    {"add_dummy_prefix": False},
    {"normalization_rule_name": "identity"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_ids_and_pieces_are_those_of_the_package(options: dict[str, Any], text: str) -> None:
    data = train(**options)
    own, expected = processor(data), package(data)
    assert own.encode_as_ids(text) == expected.encode(text)
    assert own.EncodeAsPieces(text) == expected.encode(text, return_type=str)


def test_words_are_covered_alone_only_where_no_piece_joins_them() -> None:
    assert SentencePiece(read(train())).word_begins == "▁"
    assert SentencePiece(read(train(split_by_whitespace=False))).word_begins is None


def test_a_remembered_word_changes_nothing() -> None:
    data = train()
    own, expected = SentencePiece(read(data)), package(data)
    for text in (long_text(30), long_text(3000), long_text(30)):
        assert own.encode_as_ids(text) == own.encode_as_ids(text) == expected.encode(text)


def test_a_remembered_word_is_cut_anew_where_rounding_decides() -> None:
    pieces = ["<unk>", "▁", "a", "aa", "aaa", "b"]
    scores = [0.0, -2.7, -0.1, -0.2, -0.3, -4.1]
    made = SentencePieceModel(pieces=pieces, scores=scores, types=[2, 1, 1, 1, 1, 1])
    data = dump_model(made)
    own = SentencePiece(read(data))
    found = set()
    for count in range(300):
        text = "b " * count + "aaaaaa"
        cut = own.encode_as_pieces(text)
        assert cut == package(data).encode(text, return_type=str)
        found.add(tuple(cut[2 * count :]))
    assert len(found) > 1


def test_memory_has_a_limit_and_keeps_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 20)
    own = SentencePiece(read(train()))
    memory = own._words._memory
    covered: list[str] = []
    word = memory._word
    monkeypatch.setattr(memory, "_word", lambda text, before: covered.append(text) or word(text, before))  # type: ignore[func-returns-value]
    for number in range(1000):
        own.encode_as_ids(f"often word{number}")
        assert len(memory) + len(memory._older) <= 40
    assert covered.count("▁often") == 1
    own.encode_as_ids("世" * 1000)
    assert "世" * 1000 not in memory


def test_the_methods_that_tokenizers_were_asked_for() -> None:
    data = train()
    own, expected = SentencePiece(read(data)), package(data)
    assert len(own) == own.piece_size() == own.GetPieceSize() == expected.get_piece_size()
    assert own.PieceToId("▁the") == own.piece_to_id("▁the") == expected.piece_to_id("▁the")
    assert own.piece_to_id("nowhere") == 0
    assert own.IdToPiece(5) == expected.id_to_piece(5)
    assert (own.unk_id(), own.bos_id(), own.eos_id(), own.pad_id()) == (0, 1, 2, -1)
    with pytest.raises(TokenizationError, match=f"no piece 9999; this model has {len(own)}"):
        own.id_to_piece(9999)
    for name in ("SampleEncodeAsPieces", "NBestEncodeAsPieces", "nonsense"):
        with pytest.raises(AttributeError, match=f"sp_model has no {name}.*not sampled"):
            getattr(own, name)


def test_it_can_be_copied_and_sent_to_another_process() -> None:
    own = SentencePiece(read(train()))
    text = long_text(50)
    for other in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert other.encode_as_ids(text) == own.encode_as_ids(text)
