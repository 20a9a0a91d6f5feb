"""How does a linear layer lose attention heads?"""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from pretrained.errors import InputError


def keep_rows(heads: Collection[int], pruned: Collection[int], left: int, width: int) -> Tensor:
    """The features that stay when `heads` go, as indices into what earlier pruning has left.

    Args:
        heads, pruned: heads to remove now and removed before, numbered as in the unpruned layer.
        left: heads the layer has now.
        width: features of one head.
    """
    total = left + len(pruned)
    if not all(0 <= head < total for head in heads):
        raise InputError(f"heads {sorted(heads)} cannot be pruned; the layer has heads 0 to {total - 1}")
    current = [head for head in range(total) if head not in pruned]
    stay = [place for place, head in enumerate(current) if head not in heads]
    if not stay:
        raise InputError(f"pruning heads {sorted(heads)} would leave the layer without any head")
    return (torch.tensor(stay, device="cpu")[:, None] * width + torch.arange(width, device="cpu")).flatten()


def prune_linear(linear: nn.Linear, keep: Tensor, *, dim: int) -> nn.Linear:
    """The layer with only these outputs (`dim=0`) or inputs (`dim=1`)."""
    keep = keep.to(linear.weight.device)
    weight = linear.weight.detach().index_select(dim, keep)
    outputs, inputs = weight.shape
    pruned = nn.Linear(inputs, outputs, bias=linear.bias is not None, device=weight.device, dtype=weight.dtype)
    pruned.weight = nn.Parameter(weight, requires_grad=linear.weight.requires_grad)
    if linear.bias is not None:
        bias = linear.bias.detach()
        pruned.bias = nn.Parameter(bias.index_select(0, keep) if dim == 0 else bias, linear.bias.requires_grad)
    return pruned
