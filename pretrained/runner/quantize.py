"""How is a linear layer computed in 8 bits? Weights scaled by output channel, inputs by token, sums in whole numbers.

Each token is scaled by its own numbers, so that one with outliers takes nothing from the others, and what a token
gives does not depend on what stands beside it. oneDNN multiplies 8-bit numbers some four times as fast as
float32; torch wraps it under names that it may change. With `fuse` and `pretrained.nn.linear` this is the only module
that knows them.
"""

from functools import cache

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
_LEVELS = 255.0  # between the least and the largest input of a token
_SIGN = 128
_TINY = 1e-30
_SMALLEST_WIDTH = 64  # heads of a few classes stay as they are: nothing is gained there


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
    return weight.is_cpu and weight.is_floating_point() and min(weight.shape) >= _SMALLEST_WIDTH


class Int8Linear(nn.Module):
    """A linear layer for inference, its weight in 8 bits.

    A token's numbers x become whole ones q from 0 to 255, x = step · q + least, so that W·x = step · W·q + least · W·1.

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
        self._bias = None if layer.bias is None else layer.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out), float32."""
        rows = x.reshape(-1, self.in_features).float()
        least, largest = rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)  # (rows, 1); aminmax is slower
        step = ((largest - least) / _LEVELS).clamp_(min=_TINY)
        per_step = step.reciprocal()
        # to -128 … 127, as only that cast is fast; flipping the sign bit then adds 128
        whole = (rows * per_step).add_(least * -per_step - _SIGN).round_().to(torch.int8)
        inputs = whole.view(torch.uint8).bitwise_xor_(_SIGN)
        y: Tensor = torch.ops.onednn.qlinear_pointwise(
            inputs, 1.0, 0, self._weight, self._steps, self._no_shift, None, 1.0, 0, torch.float32, "none", [], ""
        )
        y = y.mul_(step).addr_(least[:, 0], self._sums)
        y = y if self._bias is None else y.add_(self._bias)
        return y.view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, int8"
