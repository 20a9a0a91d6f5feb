"""Do inputs that do not fit raise, with both numbers, and do all others pass?"""

import pytest
import torch

from pretrained.errors import InputError
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Packed, Padded


def test_one_of_the_two_is_given():
    ids, embeds = torch.zeros(2, 3), torch.zeros(2, 3, 8)
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


def test_length():
    check_length(torch.arange(8)[None], Padded(), 8)
    check_length(torch.tensor([2, 3, 4, 2, 3, 4]), Packed([3, 3]), 5, first=2)  # more tokens than rows, each text fits
    with pytest.raises(InputError, match="9 tokens, the model has positions for 8"):
        check_length(torch.arange(9)[None], Padded(), 8)
    with pytest.raises(InputError, match="10 tokens, the model has positions for 8"):
        check_length(torch.arange(9, 10)[None], Padded(past_length=9), 8)
    with pytest.raises(InputError, match="4 tokens, the model has positions for 3"):
        check_length(torch.tensor([2, 3, 4, 5]), Packed([4]), 5, first=2)


def test_the_input_that_is_out_of_range_is_named():
    error = out_of_range(
        input_ids=(torch.tensor([0, 4]), 5), token_type_ids=(None, 2), position_ids=(torch.tensor(-1), 9)
    )
    assert str(error) == "position_ids holds numbers from -1 to -1; the model has 0 to 8"
