"""Do inputs that do not fit raise, with both numbers, and do all others pass?"""

import pytest
import torch

from pretrained.errors import InputError
from pretrained.nn.inputs import batch_axes, check_length, check_rows, flatten_choices, out_of_range
from pretrained.nn.layout import Packed, Padded


def test_one_of_the_two_is_given():
    ids, embeds = torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3, 8)
    assert batch_axes(ids, None) is ids
    assert batch_axes(None, embeds).shape == (2, 3)
    for both in ((None, None), (ids, embeds)):
        with pytest.raises(InputError, match="not both"):
            batch_axes(*both)


def test_rows():
    batch = torch.zeros(4, 3)
    check_rows(batch, attention_mask=None, position_ids=torch.zeros(1, 3), token_type_ids=torch.zeros(4, 3))
    with pytest.raises(InputError, match="token_type_ids has 2 rows, the batch has 4"):
        check_rows(batch, token_type_ids=torch.zeros(2, 3))


def test_a_batch_has_rows_of_tokens():
    with pytest.raises(InputError, match=r"this one is \(4,\); one text is a batch of one row: input_ids\[None\]"):
        check_rows(torch.zeros(4))
    for shape in ((2, 0), (2, 3, 4)):
        with pytest.raises(InputError, match=r"a batch is \(rows, tokens\), this one is \(2, "):
            check_rows(torch.zeros(shape))
    with pytest.raises(InputError, match=r"got torch\.float32, and torch\.long was expected"):
        batch_axes(torch.zeros(2, 3), None)


def test_length():
    check_length(torch.arange(8)[None], Padded(), 8)
    check_length(torch.tensor([2, 3, 4, 2, 3, 4]), Packed([3, 3]), 5, first=2)  # more tokens than rows, each text fits
    with pytest.raises(InputError, match="9 tokens, the model has positions for 8"):
        check_length(torch.arange(9)[None], Padded(), 8)
    with pytest.raises(InputError, match="10 tokens, the model has positions for 8; begin with a shorter text"):
        check_length(torch.arange(9, 10)[None], Padded(past_length=9), 8)
    with pytest.raises(InputError, match="4 tokens, the model has positions for 3"):
        check_length(torch.tensor([2, 3, 4, 5]), Packed([4]), 5, first=2)


def test_the_input_that_is_out_of_range_is_named():
    error = out_of_range(
        input_ids=(torch.tensor([0, 4]), 5), token_type_ids=(None, 2), position_ids=(torch.tensor(-1), 9)
    )
    assert str(error) == "position_ids holds numbers from -1 to -1; the model has 0 to 8"


def test_tokens_beyond_the_embedding_come_with_what_to_do():
    error = out_of_range(input_ids=(torch.tensor([3, 7]), 5))
    assert str(error).startswith("input_ids holds numbers from 3 to 7; the model has 0 to 4; use the tokenizer of")
    assert "model.resize_token_embeddings(len(tokenizer))" in str(error)


def test_choices_become_rows():
    ids = torch.arange(24).view(2, 3, 4)
    count, rows = flatten_choices(None, input_ids=ids, attention_mask=None, inputs_embeds=None)
    assert count == 3
    assert torch.equal(rows["input_ids"], ids.view(6, 4))
    assert rows["attention_mask"] is None


def test_choices_of_embeddings():
    count, rows = flatten_choices(None, input_ids=None, inputs_embeds=torch.zeros(2, 5, 4, 8))
    assert count == 5
    assert rows["inputs_embeds"].shape == (10, 4, 8)


def test_choices_that_cannot_be_seen():
    with pytest.raises(InputError, match=r"got \(4, 7\)"):
        flatten_choices(None, input_ids=torch.zeros(4, 7))
    with pytest.raises(InputError, match="input_ids or inputs_embeds"):
        flatten_choices(2, input_ids=None)
    packed = torch.arange(7)
    assert flatten_choices(2, input_ids=packed) == (2, {"input_ids": packed})
