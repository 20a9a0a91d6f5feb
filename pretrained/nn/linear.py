"""How is a linear layer computed where no gradient is needed? By oneDNN, which reads the weight as it is stored.

A step of generation multiplies a whole weight by one row or a few, so it takes as long as reading the weight does.
There MKL, behind `torch.nn.functional.linear`, uses one core or narrow vectors: with 8 rows oneDNN is 1.5 to 3 times
as fast. torch wraps oneDNN's product for its compiler only, under a name that it may change at any time.
"""

import platform
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIGNATURE = (
    "mkldnn::_linear_pointwise("
    "Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor Y"
)


@cache
def available() -> bool:
    """Whether this machine has vectors that oneDNN gains by, and this torch the operator as known."""
    if not torch.backends.mkldnn.is_available() or platform.machine() not in ("x86_64", "AMD64"):
        return False
    if not torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AVX10")):
        return False
    operator = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    return operator is not None and str(operator.default._schema) == _SIGNATURE


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`: x (…, in), weight (out, in), or a transposed view of (in, out), bias (out)."""
    if (
        torch.is_grad_enabled()
        or x.device.type != "cpu"
        or not x.dtype == weight.dtype == torch.float32
        or not available()
        or torch.is_autocast_enabled("cpu")
        or torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        # for a single row a core alone reads a weight of (in, out) fastest in MKL's way
        or (weight.stride(0) == 1 and x.numel() == x.shape[-1] and torch.get_num_threads() == 1)
    ):
        return F.linear(x, weight, bias)
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


class Linear(nn.Linear):
    """`torch.nn.Linear`, computed by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)
