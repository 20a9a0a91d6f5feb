"""Lists and tensors become one another, at any depth."""

import numpy as np
import pytest
import torch

from pretrained.errors import TokenizationError
from pretrained.tokenization.tensors import kind_of, to_lists, to_tensor


def test_kinds_are_recognised_at_any_depth() -> None:
    assert kind_of([1, 2]) is None
    assert kind_of([]) is None
    assert kind_of([[torch.tensor([1])]]) == "pt"
    assert kind_of(np.array([1])) == "np"


def test_lists_of_tensors_become_lists() -> None:
    assert to_lists([torch.tensor([1, 2]), torch.tensor([3])]) == [[1, 2], [3]]
    assert to_lists([np.int64(3), np.int64(4)]) == [3, 4]
    assert to_lists((1, 2)) == [1, 2]
    assert to_lists([[], [1]]) == [[], [1]]
    assert to_lists("text") == "text"


def test_tensors_stay_and_lists_of_them_stack() -> None:
    tensor = torch.tensor([1])
    assert to_tensor("input_ids", tensor, "pt") is tensor
    array = np.array([1])
    assert to_tensor("input_ids", array, "np") is array
    assert to_tensor("input_ids", [torch.tensor([1]), torch.tensor([2])], "pt").tolist() == [[1], [2]]


def test_a_mask_of_truth_values_counts() -> None:
    assert to_tensor("mask", [True, False], "pt").tolist() == [1, 0]


def test_rows_of_different_depth_are_refused() -> None:
    with pytest.raises(TokenizationError, match="rows of different lengths"):
        to_tensor("input_ids", [1, [2]], "np")
