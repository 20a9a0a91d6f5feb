"""Does one layer give what the layers of queries, keys and values give, and do heads go from all of them?"""

import pytest
import torch
from torch import nn

from pretrained.nn.projections import Projections, joined
from pretrained.nn.pruning import prune_linear


class Attention(Projections):
    """Its three layers, and nothing after them."""

    def __init__(self, *, bias=True):
        super().__init__(("q", "k", "v"), 8)
        for name in self.names:
            setattr(self, name, nn.Linear(24, 24, bias=bias))


@pytest.mark.parametrize("bias", [True, False])
def test_one_layer_gives_what_three_gave(bias):
    torch.manual_seed(0)
    attention = Attention(bias=bias)
    hidden = torch.randn(2, 5, 24)
    expected = attention.project(hidden)
    assert [each.shape for each in expected] == [(2, 5, 3, 8)] * 3
    attention.join(joined([attention.q, attention.k, attention.v]))
    for found, each in zip(attention.project(hidden), expected, strict=True):
        torch.testing.assert_close(found, each, atol=1e-6, rtol=0)
    assert [name for name, _ in attention.named_parameters()] == ["joined.weight", "joined.bias"][: 1 + bias]


def test_keys_and_values_may_be_of_another_tensor():
    torch.manual_seed(0)
    attention = Attention()
    hidden, source = torch.randn(5, 24), torch.randn(7, 24)
    query, key, value = attention.project(hidden, source)
    for found, layer, read in ((query, "q", hidden), (key, "k", source), (value, "v", source)):
        assert torch.equal(found.flatten(1), getattr(attention, layer)(read))


def test_heads_go_from_every_layer_and_are_numbered_as_before():
    torch.manual_seed(0)
    attention = Attention()
    hidden = torch.randn(5, 24)
    expected = [each[:, 1:2] for each in attention.project(hidden)]
    after = nn.Linear(24, 24)
    for head, left in ((2, 16), (0, 8)):
        keep = attention.prune_projections({head})
        after = prune_linear(after, keep, dim=1)
        assert len(keep) == after.in_features == left
    for found, each in zip(attention.project(hidden), expected, strict=True):
        torch.testing.assert_close(found, each, atol=1e-6, rtol=0)
    assert attention.pruned_heads == {0, 2}
