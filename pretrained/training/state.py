"""What must be kept of a model and its optimizer, as plain tensors by name?"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Parameter name and moment → tensor: "exp_avg:bert.pooler.dense.weight"."""
    moments = {}
    for name, parameter in model.named_parameters():
        for kind, value in optimizer.state.get(parameter, {}).items():
            moments[f"{kind}:{name}"] = value if torch.is_tensor(value) else torch.tensor(value)
    return moments


def put_optimizer_state(model: nn.Module, optimizer: Optimizer, moments: Mapping[str, Tensor]) -> None:
    """The opposite of `optimizer_state`."""
    parameters = dict(model.named_parameters())
    for key, value in moments.items():
        kind, _, name = key.partition(":")
        parameter = parameters[name]
        moved = value if value.dim() == 0 else value.to(parameter.device)
        optimizer.state[parameter][kind] = moved.clone()


def learned_weights(model: nn.Module) -> dict[str, Tensor]:
    """The parameters by name, tied ones once, and the buffers that are saved."""
    kept = model.state_dict()
    names = {name for name, _ in model.named_parameters()} | {name for name, _ in model.named_buffers()}
    return {name: value for name, value in kept.items() if name in names}


def put_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """The opposite of `learned_weights`: into the parameters as they are, so that the optimizer keeps them."""
    with torch.no_grad():
        for name, value in {**dict(model.named_parameters()), **dict(model.named_buffers())}.items():
            if name in weights:
                value.copy_(weights[name])


def fill(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Gives parameters without memory their weights; one that stands under several names stays one."""
    filled = {
        id(parameter): nn.Parameter(weights[name], parameter.requires_grad)
        for name, parameter in model.named_parameters()
    }
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, filled[id(parameter)])
