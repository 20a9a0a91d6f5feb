"""Are the losses the published ones, where parity tests do not look?"""

import pytest
import torch

from pretrained.errors import ConfigurationError, InputError
from pretrained.nn.activations import ACTIVATIONS, activation
from pretrained.nn.layout import Packed
from pretrained.nn.losses import answer_loss, sequence_loss, span_loss, token_loss


def test_places_that_the_mask_leaves_out_do_not_count():
    logits, labels = torch.randn(2, 4, 3), torch.randint(0, 3, (2, 4))
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]])
    expected = torch.nn.functional.cross_entropy(logits[mask.bool()], labels[mask.bool()])
    torch.testing.assert_close(token_loss(logits, labels, mask), expected)


def test_answers_outside_the_text_do_not_count():
    starts, ends = torch.randn(2, 2, 5).unbind(0)
    inside = span_loss(starts[:1], ends[:1], torch.tensor([1]), torch.tensor([2]))
    both = span_loss(starts, ends, torch.tensor([[1], [9]]), torch.tensor([[2], [5]]))
    torch.testing.assert_close(both, inside)


def test_unknown_names_list_the_known():
    with pytest.raises(InputError, match="single_label_classification"):
        sequence_loss(torch.randn(2, 3), torch.tensor([0, 1]), "ranking")
    with pytest.raises(ConfigurationError, match="gelu_new"):
        activation("gelu_old")


def test_each_gelu_is_its_own():
    """A checkpoint trained with one form must not run with another: they differ by more than rounding."""
    x = torch.linspace(-4, 4, 200, dtype=torch.float64)
    forms = {name: activation(name)(x) for name in ("gelu", "gelu_new", "quick_gelu")}
    assert (forms["gelu"] - forms["gelu_new"]).abs().max() > 1e-4
    assert (forms["gelu"] - forms["quick_gelu"]).abs().max() > 1e-2
    assert ACTIVATIONS["gelu_python"] is ACTIVATIONS["gelu"]


def test_answers_in_a_packed_batch_lie_within_their_text():
    layout = Packed([3, 2])
    starts, ends = torch.randn(5), torch.randn(5)
    found = answer_loss(starts, ends, torch.tensor([2, 2]), torch.tensor([0, 1]), layout)
    lowest = torch.finfo(torch.float32).min
    padded = [torch.stack([x[:3], torch.tensor([*x[3:], lowest])]) for x in (starts, ends)]
    # the second text has no third place, so its start does not count
    expected = span_loss(*padded, torch.tensor([2, 3]), torch.tensor([0, 1]))
    torch.testing.assert_close(found, expected)
    assert answer_loss(starts, ends, None, torch.tensor([0, 1]), layout) is None
