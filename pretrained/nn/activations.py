"""Which function does `hidden_act` name? One exact table, so that no GELU is mistaken for another."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pretrained.errors import ConfigurationError


class QuickGELU(nn.Module):
    """`x · sigmoid(1.702 x)`, the sigmoid approximation of GELU (Hendrycks & Gimpel, arXiv 1606.08415)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class FastGELU(nn.Module):
    """The tanh form of GELU with its constants rounded as the early checkpoints were trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1.0 + torch.tanh(x * 0.7978845608 * (1.0 + 0.044715 * x * x)))


_TANH_GELU = partial(nn.GELU, "tanh")  # with the exact constant √(2/π), as GPT and GPT-2 wrote it

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,  # the erf form
    "gelu_python": nn.GELU,
    "gelu_new": _TANH_GELU,
    "gelu_fast": FastGELU,
    "gelu_pytorch_tanh": _TANH_GELU,
    "quick_gelu": QuickGELU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


def activation(name: str) -> nn.Module:
    """The activation a configuration names.

    Raises:
        ConfigurationError: the name is not in the table; the message lists it.
    """
    try:
        return ACTIVATIONS[name]()
    except (KeyError, TypeError):
        known = ", ".join(sorted(ACTIVATIONS))
        raise ConfigurationError(f"hidden_act={name!r} is not a known activation; known are: {known}") from None
