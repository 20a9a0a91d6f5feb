"""How is a model made faster without touching it? By rewriting a copy, one pass after the other.

A pass takes a copy and returns it with modules replaced. It knows no family: classes say themselves which of
their modules belong together, by `fused_activation = (linear, activation)`, which linear layers read the same
tensor, by deriving from `Projections`, and by `reads_weights = True` that they do not call the layers below them, but
take their weights.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from pretrained.nn.projections import Projections, joined
from pretrained.runner import fuse, heap, quantize
from pretrained.runner.threads import apart

Pass = Callable[[nn.Module], nn.Module]


def fuse_activations(model: nn.Module) -> nn.Module:
    """An activation right after a linear layer is applied within the product."""
    for module in list(model.modules()):
        names = getattr(type(module), "fused_activation", None)
        if names is None:
            continue
        linear, activation = (module.get_submodule(name) for name in names)
        form = fuse.fused_form(activation)
        if form is not None and fuse.can_pack(linear):
            setattr(module, names[0], fuse.PackedLinear(linear, form))  # type: ignore[arg-type]
            setattr(module, names[1], nn.Identity())
    return model


def pack_linears(model: nn.Module) -> nn.Module:
    """Weights of linear layers stand in the order in which the processor multiplies fastest."""
    return _replaced(model, fuse.can_pack, fuse.PackedLinear)


def quantize_linears(model: nn.Module) -> nn.Module:
    """Linear layers multiply in 8 bits."""
    return _replaced(model, quantize.can_quantize, quantize.Int8Linear)


def join_projections(model: nn.Module) -> nn.Module:
    """One product gives queries, keys and values. The other passes do that too, for the layers that they replace."""
    _join(model, lambda layer: type(layer) in fuse.LINEAR, lambda layer: layer)
    return model


def _replaced(model: nn.Module, fits: Callable[[nn.Module], bool], make: Callable[[Any], nn.Module]) -> nn.Module:
    """The model with other modules for those that fit; one that stands in two places stays one."""
    _join(model, fits, make)
    made: dict[nn.Module, nn.Module] = {}
    kept = {
        child for module in model.modules() if getattr(module, "reads_weights", False) for child in module.modules()
    }
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if child not in kept and fits(child):
                made[child] = made.get(child) or make(child)
                setattr(module, name, made[child])
    return model


def _join(model: nn.Module, fits: Callable[[nn.Module], bool], make: Callable[[Any], nn.Module]) -> None:
    """Layers that read the same tensor become one, where all of them fit."""
    for module in list(model.modules()):
        if isinstance(module, Projections) and module.same_input and module.joined is None:
            layers: list[Any] = [module.get_submodule(name) for name in module.names]
            if all(map(fits, layers)) and len({layer.bias is None for layer in layers}) == 1:
                module.join(make(joined(layers)))


PASSES: tuple[Pass, ...] = (fuse_activations, pack_linears)


def rewritten(model: nn.Module, passes: Sequence[Pass] = PASSES, *, device: torch.device | None = None) -> nn.Module:
    """A copy for inference that gives the same results faster; the model itself stays as it is.

    The copy shares the tensors that no pass replaces, so it needs little memory of its own once the model is gone.
    """
    heap.keep_freed_memory()
    memo: dict[int, Any] = {id(buffer): buffer for buffer in model.buffers()}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    fast = copy.deepcopy(model, memo).eval().to(device)
    for each in passes:
        fast = apart(partial(each, fast))
    return fast
