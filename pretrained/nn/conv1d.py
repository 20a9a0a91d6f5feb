"""How did OpenAI store a linear layer? As (in, out), the transpose of everybody else's."""

import torch
from torch import Tensor, nn

from pretrained.nn.linear import linear


class Conv1D(nn.Module):
    """A linear layer whose weight is stored (in, out), as in the published files of GPT and GPT-2."""

    def __init__(self, out_features: int, in_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))

    @property
    def in_features(self) -> int:
        return self.weight.shape[0]

    @property
    def out_features(self) -> int:
        return self.weight.shape[1]

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        return linear(hidden, self.weight.t(), self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def prune_conv1d(layer: Conv1D, keep: Tensor, *, dim: int) -> Conv1D:
    """The layer with only these inputs (`dim=0`) or outputs (`dim=1`)."""
    keep = keep.to(layer.weight.device)
    weight = layer.weight.detach().index_select(dim, keep)
    bias = layer.bias.detach().index_select(0, keep) if dim == 1 else layer.bias.detach()
    pruned = Conv1D(0, 0)
    pruned.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    pruned.bias = nn.Parameter(bias, requires_grad=layer.bias.requires_grad)
    return pruned
