"""Which function does `hidden_act` name? One exact table, so that no GELU is mistaken for another."""

import math

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


class NewGELU(nn.Module):
    """The tanh form of GELU as OpenAI GPT and GPT-2 wrote it (exact constant √(2/π))."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x.pow(3))))


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "gelu": nn.GELU,  # the erf form
    "gelu_python": nn.GELU,
    "gelu_new": NewGELU,
    "gelu_fast": FastGELU,
    "gelu_pytorch_tanh": NewGELU,
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
