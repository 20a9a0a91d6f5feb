"""How does a vocabulary grow or shrink? New rows are filled, old ones kept."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def extended(old: nn.Embedding, count: int, fill: Callable[[nn.Module], None]) -> nn.Embedding:
    """An embedding of `count` tokens with the rows of another one; `fill` initialises what is new."""
    padding = old.padding_idx if old.padding_idx is not None and old.padding_idx < count else None
    new = nn.Embedding(count, old.embedding_dim, padding_idx=padding, device=old.weight.device, dtype=old.weight.dtype)
    fill(new)
    _copy_rows(new.weight, old.weight)
    new.weight.requires_grad_(old.weight.requires_grad)
    return new.train(old.training)


def resize_scores(model: nn.Module, output: nn.Linear, count: int, *, std: float) -> None:
    """Gives the layer that scores the vocabulary a score for each of `count` tokens."""
    for name, old in list(output.named_parameters(recurse=False)):
        new = nn.Parameter(old.new_zeros(count, *old.shape[1:]), requires_grad=old.requires_grad)
        if name == "weight":
            nn.init.normal_(new, std=std)
        _copy_rows(new, old)
        same = [key for key, value in model.named_parameters(remove_duplicate=False) if value is old]
        for key in same:  # the bias is often known by a second name
            put(model, key, new)
    output.out_features = count


def put(model: nn.Module, name: str, value: nn.Module | nn.Parameter) -> None:
    """Gives a model another module or parameter of this name."""
    path, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(path), leaf, value)


def _copy_rows(new: Tensor, old: Tensor) -> None:
    count = min(len(new), len(old))
    with torch.no_grad():
        new[:count] = old[:count]
