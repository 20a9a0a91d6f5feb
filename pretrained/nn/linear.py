"""How is a linear layer computed where no gradient is needed? By oneDNN, which reads the weight as it is stored.

A step of generation multiplies a whole weight by one row or a few, so it takes as long as reading the weight does.
There MKL, behind `torch.nn.functional.linear`, uses one core or narrow vectors. torch wraps oneDNN's product for its
compiler only, under a name that it may change at any time; without it, or without a gain by it, MKL's stays.

Measured on two cores of a Zen 4, milliseconds for the weights of a layer of GPT-2 small and for its scoring layer:

    rows    F.linear       here
    1       1.8 and 13     1.4 and 7
    8       3.5 and 28     1.7 and 11
"""

import math
import platform
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrained.nn.recording import is_recording

SIGNATURE = (
    "mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor Y"
)


@cache
def product() -> Callable[..., Any] | None:
    """oneDNN's product, if this torch has it as known and this machine the 512-bit vectors that it gains by."""
    with_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not with_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return None
    if not torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AVX10")):
        return None
    packet = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    operator: Callable[..., Any] | None = getattr(packet, "default", None)
    return operator if str(getattr(operator, "_schema", "")) == SIGNATURE else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`: x (…, in), weight (out, in), or a transposed view of (in, out), bias (out)."""
    if is_recording():
        return F.linear(x, weight, bias)
    multiply = product()
    if (
        multiply is None
        or torch.is_grad_enabled()
        or not x.is_cpu
        or not x.dtype == weight.dtype == torch.float32
        or torch.is_autocast_enabled("cpu")
    ):
        return F.linear(x, weight, bias)
    if weight.stride(0) == 1 and x.numel() == x.shape[-1]:
        return _one_row(x, weight.t(), bias)
    y: Tensor = multiply(x, weight, bias, "none", [], "")
    return y


def _one_row(x: Tensor, stored: Tensor, bias: Tensor | None) -> Tensor:
    """One row by a weight that lies (in, out): each core reads a part of its own, the sums are added up."""
    parts = math.gcd(len(stored), torch.get_num_threads())
    if parts == 1:
        return F.linear(x, stored.t(), bias)
    y = torch.bmm(x.reshape(parts, 1, -1), stored.view(parts, -1, stored.shape[1])).sum(0).view(*x.shape[:-1], -1)
    return y if bias is None else y.add_(bias)


class Linear(nn.Linear):
    """`torch.nn.Linear`, computed by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)
