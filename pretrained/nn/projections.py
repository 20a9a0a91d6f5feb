"""How do queries, keys and values come of one tensor? By a linear layer each, or by one layer in place of them all."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pretrained.nn.pruning import keep_rows, prune_linear


class Projections(nn.Module):
    """Attention whose first linear layers read the same tensor.

    Args:
        names: of the layers for queries, keys and values, which are set by who derives from this.
        head_width: D, features of one head.
        same_input: they always read the same tensor, so that one layer may stand for them.

    Attributes:
        joined: the layer that stands for them all, in a copy for inference.
    """

    def __init__(self, names: tuple[str, str, str], head_width: int, *, same_input: bool = True) -> None:
        super().__init__()
        self.names = names
        self.head_width = head_width
        self.same_input = same_input
        self.joined: nn.Module | None = None
        self.pruned_heads: set[int] = set()

    def project(self, hidden: Tensor, source: Tensor | None = None) -> tuple[Tensor, ...]:
        """(…, H) → query, key and value, (…, N, D) each; the latter two of `source` if it is given."""
        if self.joined is not None:
            return self.joined(hidden).unflatten(-1, (3, -1, self.head_width)).unbind(-3)  # type: ignore[no-any-return]
        source = hidden if source is None else source
        query, key, value = (getattr(self, name) for name in self.names)
        products = query(hidden), key(source), value(source)
        return tuple(each.unflatten(-1, (-1, self.head_width)) for each in products)

    def join(self, layer: nn.Module) -> None:
        """From now on this layer computes what the named ones did, which are gone."""
        for name in self.names:
            delattr(self, name)
        self.joined = layer

    def prune_projections(self, heads: set[int]) -> Tensor:
        """Removes heads, numbered as before any pruning; gives the features that are left, for the layer after."""
        first = self.get_submodule(self.names[0])
        keep = keep_rows(heads, self.pruned_heads, first.out_features // self.head_width, self.head_width)  # type: ignore[operator, arg-type]
        for name in self.names:
            setattr(self, name, prune_linear(self.get_submodule(name), keep, dim=0))  # type: ignore[arg-type]
        self.pruned_heads |= heads
        return keep


def joined(layers: Sequence[nn.Linear]) -> nn.Linear:
    """One layer that gives, one after the other, what these give."""
    first, outputs = layers[0], sum(layer.out_features for layer in layers)
    one = nn.Linear(first.in_features, outputs, bias=first.bias is not None, device="meta")
    one.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]), requires_grad=False)
    if first.bias is not None:
        one.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]), requires_grad=False)
    return one
