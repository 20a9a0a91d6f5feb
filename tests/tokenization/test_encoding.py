"""Encodings are dicts with attributes, and lead from tokens to words and characters."""

import copy
import pickle

import numpy as np
import pytest
import torch

from pretrained.errors import TokenizationError
from pretrained.tokenization import BatchEncoding, CharSpan, TokenSpan
from tests.tokenization.material import small_bert

TEXT = "Unwanted héllo!"  # [CLS] un ##want ##ed hello ! [SEP]


def test_an_encoding_is_a_dict() -> None:
    encoding = small_bert()(TEXT)
    assert isinstance(encoding, dict)
    assert encoding.input_ids is encoding["input_ids"]
    assert {**encoding} == dict(encoding) == encoding.data
    assert "input_ids" in encoding
    assert encoding.copy().tokens() == encoding.tokens()
    with pytest.raises(AttributeError, match="'labels' is not in this encoding; it has input_ids"):
        _ = encoding.labels
    with pytest.raises(KeyError):
        _ = encoding["labels"]
    assert not hasattr(encoding, "shape")
    encoding["labels"] = [1]
    assert encoding.labels == [1]


def test_rows_by_number_and_by_slice() -> None:
    batch = small_bert()(["a", "b c", "d"], padding=True)
    assert batch[1].ids == batch["input_ids"][1]
    assert batch[-1].tokens == ["[CLS]", "d", "[SEP]", "[PAD]"]
    assert batch[1:]["input_ids"] == batch["input_ids"][1:]
    with pytest.raises(KeyError, match="by name, by the number of a row"):
        _ = batch[1.5]


def test_between_tokens_words_and_characters() -> None:
    encoding = small_bert()("a b", TEXT)
    # 0 [CLS]  1 a  2 b  3 [SEP]  4 un  5 ##want  6 ##ed  7 hello  8 !  9 [SEP]
    assert encoding.tokens()[4:9] == ["un", "##want", "##ed", "hello", "!"]
    assert encoding.word_ids() == encoding.words() == [None, 0, 1, None, 0, 0, 0, 1, 2, None]
    assert encoding.sequence_ids() == [None, 0, 0, None, 1, 1, 1, 1, 1, None]
    assert encoding.n_sequences == 2
    assert encoding.token_to_chars(5) == CharSpan(2, 6)
    assert encoding.token_to_chars(0) is None
    assert encoding.token_to_word(7) == 1
    assert encoding.token_to_word(-1) is None
    assert encoding.token_to_sequence(7) == 1
    assert encoding.char_to_token(10, sequence_index=1) == 7
    assert encoding.char_to_token(2) == 2
    assert encoding.char_to_token(8, sequence_index=1) is None  # the blank
    assert encoding.char_to_word(3, sequence_index=1) == 0
    assert encoding.char_to_word(8, sequence_index=1) is None
    assert encoding.word_to_tokens(0, sequence_index=1) == TokenSpan(4, 7)
    assert encoding.word_to_tokens(9) is None
    assert encoding.word_to_chars(1, sequence_index=1) == CharSpan(9, 14)
    assert encoding.word_to_chars(9) is None
    with pytest.raises(TokenizationError, match="there is no token 10; the row has 10"):
        encoding.token_to_word(10)


def test_two_numbers_are_a_row_and_a_place_in_it() -> None:
    batch = small_bert()(["a", TEXT])
    assert batch.tokens(1)[1] == "un"
    assert batch.token_to_chars(1, 2) == CharSpan(2, 6)
    assert batch.token_to_word(1, 2) == 0
    assert batch.token_to_sequence(1, 0) is None
    assert batch.char_to_token(1, 3) == 2
    assert batch.char_to_word(1, 10) == 1
    assert batch.word_to_tokens(1, 0) == TokenSpan(1, 4)
    assert batch.word_to_chars(1, 0) == CharSpan(0, 8)


def test_words_that_were_split_before_count_from_their_own_beginning() -> None:
    encoding = small_bert()(["low", "unwanted"], is_split_into_words=True, return_offsets_mapping=True)
    assert encoding.word_ids() == [None, 0, 1, 1, 1, None]
    assert encoding["offset_mapping"] == [(0, 0), (0, 3), (0, 2), (2, 6), (6, 8), (0, 0)]


def test_one_row_in_full() -> None:
    tokenizer = small_bert()
    row = tokenizer(TEXT, padding="max_length", max_length=8, truncation=True)[0]
    assert row.ids == [5, *tokenizer.convert_tokens_to_ids(["un", "##want", "##ed", "hello", "!"]), 6, 0]
    assert row.type_ids == [0] * 8
    assert row.attention_mask == [1] * 7 + [0]
    assert row.special_tokens_mask == [1, 0, 0, 0, 0, 0, 1, 1]
    assert row.offsets == [(0, 0), (0, 2), (2, 6), (6, 8), (9, 14), (14, 15), (0, 0), (0, 0)]
    assert row.n_sequences == 1
    assert len(row) == 8
    assert "un ##want" in repr(row)


def test_what_came_from_ids_knows_no_words() -> None:
    encoding = small_bert().prepare_for_model([8, 9])
    assert not encoding.is_fast
    assert encoding.encodings is None
    assert encoding.n_sequences is None
    with pytest.raises(TokenizationError, match="put together from ids"):
        encoding.tokens()
    assert small_bert().encode_plus([8, 9]).tokens() == ["[CLS]", "a", "b", "[SEP]"]
    assert small_bert().encode_plus([8, 9]).word_ids() == [None] * 4
    with pytest.raises(TokenizationError, match="they were given as ids or tokens"):
        small_bert().encode_plus([8, 9], return_offsets_mapping=True)


def test_encodings_survive_copying_and_other_processes() -> None:
    encoding = small_bert()(TEXT, return_tensors="np")
    for other in (copy.copy(encoding), copy.deepcopy(encoding), pickle.loads(pickle.dumps(encoding))):
        assert type(other) is BatchEncoding
        assert other["input_ids"].tolist() == encoding["input_ids"].tolist()
        assert other.tokens() == encoding.tokens()
        assert other.char_to_token(3) == 2
    assert len(pickle.dumps(encoding)) < 3000  # the rows, not the tokenizer


def test_to_moves_tensors_and_leaves_the_rest() -> None:
    batch = small_bert()(["a"], return_tensors="pt")
    batch["names"] = ["first"]
    moved = batch.to("meta")
    assert moved is batch
    assert batch["input_ids"].device.type == "meta"
    assert batch["names"] == ["first"]


def test_convert_to_tensors_in_place() -> None:
    batch = BatchEncoding({"input_ids": [[1, 2]], "scores": [0.5], "kept": None})
    assert batch.convert_to_tensors("pt") is batch
    assert batch["input_ids"].dtype == torch.long
    assert batch["scores"].dtype == torch.float32
    assert batch["kept"] is None
    assert batch.convert_to_tensors(None) is batch
    assert isinstance(BatchEncoding({"input_ids": [1]}, tensor_type="np")["input_ids"], np.ndarray)
    with pytest.raises(TokenizationError, match=r"'names' holds \['a'\], which is no tensor"):
        BatchEncoding({"names": ["a"]}, tensor_type="np")
    with pytest.raises(TokenizationError, match=r"overflowing_tokens.*leave return_tensors or return_overflowing"):
        BatchEncoding({"overflowing_tokens": [[1], [1, 2]]}, tensor_type="pt")


def test_collating_by_type_works_as_torch_does_it() -> None:
    rows = [small_bert()(text, return_tensors="pt") for text in ("a", "b")]
    collated = torch.utils.data.default_collate([dict(row) for row in rows])
    assert collated["input_ids"].shape == (2, 1, 3)
