"""Which form of a linear layer does this machine compute fastest? One whose weight is laid out for it beforehand.

oneDNN multiplies by a weight that was brought into its own blocked order once, and applies an activation while
the product is still in cache. torch wraps both for its compiler only, under names that it may change at any time.
This module and `pretrained.nn.linear` are the only ones that know them; where torch has them otherwise, or where
nothing is gained, no layer is packed.
"""

from functools import cache

import torch
from torch import Tensor, nn

from pretrained.nn.activations import FastGELU
from pretrained.nn.conv1d import Conv1D
from pretrained.nn.linear import Linear, product

SIGNATURE = "mkldnn::_reorder_linear_weight(Tensor self, int? batch_size=None) -> Tensor Y"
NONE = ("none", "")
LINEAR = (nn.Linear, Linear, Conv1D)
"""What other layers may stand for; a subclass may compute anything."""


@cache
def available() -> bool:
    """Whether this torch has both operators as known, and this machine gains by them.

    With 512-bit vectors the packed product was 10 to 60 % faster than MKL's on Zen 4, and more than twice as fast on
    Zen 5; with 256-bit ones it was not faster.
    """
    operator = getattr(getattr(torch.ops.mkldnn, "_reorder_linear_weight", None), "default", None)
    return product() is not None and str(getattr(operator, "_schema", "")) == SIGNATURE


@cache
def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself, twice as fast as float32 or more."""
    return available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and has_instructions("avx512_bf16", "amx")


def has_instructions(*names: str) -> bool:
    """Whether torch says that the processor has one of these."""
    checks = {"avx512_bf16": "_is_avx512_bf16_supported", "amx": "_is_amx_tile_supported", "vnni": "_is_vnni_supported"}
    found = (getattr(torch.cpu, checks[name], None) for name in names)
    return any(check is not None and check() for check in found)


def can_pack(layer: nn.Module) -> bool:
    """Whether `PackedLinear` can stand for this layer."""
    if type(layer) not in LINEAR or not available():
        return False
    weight: Tensor = layer.weight  # type: ignore[assignment]
    fits = weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and has_bfloat16())
    return weight.is_cpu and fits and weight.numel() > 0


def fused_form(activation: nn.Module) -> tuple[str, str] | None:
    """What oneDNN calls this activation and its algorithm; None if it cannot apply it to a product."""
    if type(activation) is nn.GELU:
        return "gelu", activation.approximate  # "none", the erf form, or "tanh"
    return {
        FastGELU: ("gelu", "tanh"),  # its rounded constant is the exact one in float32
        nn.ReLU: ("relu", ""),
        nn.SiLU: ("swish", ""),
        nn.Tanh: ("tanh", ""),
        nn.Sigmoid: ("sigmoid", ""),
        nn.Identity: NONE,
    }.get(type(activation))


class PackedLinear(nn.Module):
    """A linear layer for inference, its weight in the order that the processor multiplies fastest.

    Args:
        layer: what it stands for; the weight is copied, the bias shared.
        form: of an activation to apply to the product, from `fused_form`.
    """

    def __init__(self, layer: nn.Linear | Conv1D, form: tuple[str, str] = NONE) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.form = form
        weight = layer.weight.t() if isinstance(layer, Conv1D) else layer.weight
        # plain attributes: a blocked tensor has no place in a state dict
        self._weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        attribute, algorithm = self.form
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, attribute, [], algorithm)
        return y

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, activation={self.form[0]}"
