"""How is a linear layer computed in 8 bits? Weights scaled by output channel, inputs by token, sums in whole numbers.

Each token is scaled by its own numbers, so that one with outliers takes nothing from the others, and what a token
gives does not depend on what stands beside it. oneDNN multiplies 8-bit numbers some four times as fast as
float32; torch wraps it under names that it may change. With `fuse` and `pretrained.nn.linear` this is the only module
that knows them.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pretrained.nn.conv1d import Conv1D
from pretrained.runner.fuse import LINEAR, has_instructions

PREPACK = "onednn::qlinear_prepack(Tensor weight, int[]? x_shape) -> Tensor"
PRODUCT = (
    "onednn::qlinear_pointwise(Tensor qx, float x_scale, int x_zero_point, Tensor qw, Tensor w_scale, "
    "Tensor w_zero_point, Tensor? bias, float output_scale, int output_zero_point, ScalarType? output_dtype, "
    "str post_op_name, Scalar?[] post_op_args, str post_op_algorithm) -> Tensor"
)
_LARGEST = 127.0  # of a weight
# Between the least and the largest input of a token; rounding them may add one. As tensors, numbers are not converted
# in every call.
_LEVELS = torch.tensor(254.0, device="cpu")
_TINY = 1e-30
# Where nothing is gained layers stay as they are: heads of a few classes, and small weights, as scaling inputs takes
# longer than the product. Of 512 rows, 128 × 128 took 1.3 times as long as in float32, 128 × 512 took 0.6 times.
_SMALLEST_WIDTH = 64
SMALLEST_WEIGHT = 2**15
# A float32 near this one has no digits behind the point, so adding it rounds; the lowest byte is then the whole number.
_ROUNDS = torch.tensor(1.5 * 2**23, device="cpu")


@cache
def available() -> bool:
    """Whether this torch has both operators as known, and the processor the instructions for them."""
    found = [
        str(getattr(getattr(getattr(torch.ops.onednn, name, None), "default", None), "_schema", ""))
        for name in ("qlinear_prepack", "qlinear_pointwise")
    ]
    return found == [PREPACK, PRODUCT] and has_instructions("vnni", "amx")


def can_quantize(layer: nn.Module) -> bool:
    """Whether `Int8Linear` can stand for this layer."""
    if type(layer) not in LINEAR or not available():
        return False
    weight: Tensor = layer.weight  # type: ignore[assignment]
    pays = min(weight.shape) >= _SMALLEST_WIDTH and weight.numel() >= SMALLEST_WEIGHT
    return weight.is_cpu and weight.is_floating_point() and pays


class Quantized(NamedTuple):
    """Rows of numbers x as whole ones q from 0 to 255: x = step · (q + shift), for each row its own."""

    numbers: Tensor  # (rows, in), uint8
    step: Tensor  # (rows, 1), float32
    shift: Tensor  # (rows, 1), float32, a whole number


def quantized(rows: Tensor) -> Quantized:
    """Of (rows, in), float32. For many rows passes over them are what this costs, for a few the number of operators."""
    # aminmax is slower; with 0 between them the shift is small, and exact
    least = rows.amin(1, keepdim=True).clamp_max_(0.0)
    span = rows.amax(1, keepdim=True).clamp_min_(_TINY).sub_(least)
    per_step = _LEVELS / span
    rounding = torch.addcmul(_ROUNDS, least, per_step, value=-1)  # its last digit stands for 1: it is a whole number
    numbers = (rows * per_step).add_(rounding).view(torch.int32).to(torch.uint8)
    return Quantized(numbers, span.div_(_LEVELS), _ROUNDS - rounding)


class Int8Linear(nn.Module):
    """A linear layer for inference, its weight in 8 bits: W·x = step · (W·q + shift · W·1).

    Args:
        layer: what it stands for; the weight is copied, the bias shared.
    """

    def __init__(self, layer: nn.Linear | Conv1D) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight = (layer.weight.t() if isinstance(layer, Conv1D) else layer.weight).detach().float()
        # plain attributes: a blocked tensor has no place in a state dict
        self._steps: Tensor = weight.abs().amax(1).clamp_(min=_TINY) / _LARGEST  # (out,)
        whole = (weight / self._steps[:, None]).round_()
        self._sums: Tensor = whole.sum(1) * self._steps  # W·1
        self._weight: Tensor = torch.ops.onednn.qlinear_prepack(whole.to(torch.int8).contiguous(), None)
        self._no_shift = torch.zeros(self.out_features, dtype=torch.int64)
        bias = torch.zeros(self.out_features) if layer.bias is None else layer.bias
        self._bias = bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out), float32."""
        inputs = quantized(x.reshape(-1, self.in_features).float())
        y: Tensor = torch.ops.onednn.qlinear_pointwise(
            inputs.numbers,
            *(1.0, 0, self._weight, self._steps, self._no_shift, None, 1.0, 0, torch.float32, "none", [], ""),
        )
        torch.addcmul(y, inputs.shift, self._sums, out=y)
        torch.addcmul(self._bias, y, inputs.step, out=y)
        return y.view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, int8"
