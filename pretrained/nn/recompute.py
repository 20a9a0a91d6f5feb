"""How is memory saved in training? Activations are not kept, and computed again in the backward pass."""

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def run_layer(layer: nn.Module, /, *args: Any, recompute: bool, **kwargs: Any) -> Any:
    """Calls a layer; with `recompute`, training keeps no activations and computes them again when needed."""
    if recompute and layer.training and torch.is_grad_enabled():
        return checkpoint(layer, *args, use_reentrant=False, **kwargs)
    return layer(*args, **kwargs)
