"""Which parameters learn, how fast, and how does the rate change over the steps?"""

import math
import re
from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Adafactor, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from pretrained.errors import ConfigurationError
from pretrained.modeling import PreTrainedModel
from pretrained.training.options import TrainingOptions
from pretrained.training.schedules import SCHEDULES

EMBEDDINGS = -1
_NUMBERED = re.compile(r"(?:^|\.)(\d+)\.")


def layer_numbers(model: PreTrainedModel) -> dict[str, int]:
    """Parameter → its layer: EMBEDDINGS below the first, the layer's number, one more than the last for what is above.

    Layers that share their weights (ALBERT) are one layer here.
    """
    layers = _layers(model)
    top = max(layers.values(), default=-1) + 1
    prefix = _prefix(model)
    numbers: dict[str, int] = {}
    above = False
    for name, _ in model.named_parameters():
        if name in layers:
            numbers[name], above = layers[name], True
        else:
            numbers[name] = top if above or not name.startswith(prefix) else EMBEDDINGS
    return numbers


def _layers(model: PreTrainedModel) -> dict[str, int]:
    """Parameter of a layer → the layer's number."""
    prefix = _prefix(model)
    names = [name for name, _ in model.named_parameters() if name.startswith(prefix) and not _in_embedding(name)]
    found = ((name, _NUMBERED.search(name.removeprefix(prefix))) for name in names)
    return {name: int(match[1]) for name, match in found if match is not None}


def _prefix(model: PreTrainedModel) -> str:
    return "" if model.base_model is model else f"{model.base_model_prefix}."


def _in_embedding(name: str) -> bool:
    """Transformer-XL's embedding has numbered parts, which are no layers."""
    return "word_emb." in name


def freeze(model: PreTrainedModel, wanted: str) -> None:
    """Stops parts of a model from learning: "embeddings", "0-3", "embeddings,0,2-5"."""
    if not wanted.strip():
        return
    numbers = layer_numbers(model)
    highest = max(_layers(model).values(), default=0)
    chosen = set()
    for part in (part.strip() for part in wanted.split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if part == "embeddings":
            chosen.add(EMBEDDINGS)
        elif match is None:
            raise ConfigurationError(
                f'freeze={wanted!r}: {part!r} is neither "embeddings" nor a layer nor a range: 0-3'
            )
        else:
            first, last = int(match[1]), int(match[2] or match[1])
            if first > last or last > highest:
                raise ConfigurationError(f"freeze={wanted!r}: the model has the layers 0 to {highest}, not {part}")
            chosen.update(range(first, last + 1))
    for name, parameter in model.named_parameters():
        if numbers[name] in chosen:
            parameter.requires_grad_(False)


def parameter_groups(model: nn.Module, options: TrainingOptions, numbers: dict[str, int]) -> list[dict[str, Any]]:
    """What learns, in groups of one rate and one decay: biases and norms do not decay."""
    norms = {
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if "norm" in type(module).__name__.lower()
        for name, _ in module.named_parameters(recurse=False)
    }
    top = max(numbers.values(), default=0)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = name.rpartition(".")[2].endswith("bias") or name in norms
        rate = options.learning_rate * options.layer_decay ** (top - numbers.get(name, top))
        groups.setdefault((rate, 0.0 if plain else options.weight_decay), []).append(parameter)
    return [{"params": held, "lr": rate, "weight_decay": decay} for (rate, decay), held in groups.items()]


def make_optimizer(model: nn.Module, options: TrainingOptions, numbers: dict[str, int]) -> Optimizer:
    """AdamW with bias correction (arXiv 1711.05101), or Adafactor, which needs less memory (arXiv 1804.04235)."""
    groups = parameter_groups(model, options, numbers)
    if not groups:
        raise ConfigurationError(f"nothing is left to learn: freeze={options.freeze!r} holds every parameter")
    if options.optimizer == "adafactor":
        return Adafactor(groups, lr=options.learning_rate)
    return AdamW(groups, lr=options.learning_rate, betas=options.betas, eps=options.epsilon, fused=_can_fuse(groups))


def _can_fuse(groups: Iterable[dict[str, Any]]) -> bool:
    parameters = [parameter for group in groups for parameter in group["params"]]
    return all(type(p) is nn.Parameter and p.device.type in ("cpu", "cuda") for p in parameters)


def warmup_steps(warmup: float, steps: int) -> int:
    """A share of the steps, or their number."""
    return math.ceil(warmup * steps) if warmup < 1 else int(warmup)


def make_schedule(optimizer: Optimizer, options: TrainingOptions, steps: int) -> LambdaLR:
    """The rate of each step: rising in the warm-up, then falling as the schedule says."""
    return LambdaLR(optimizer, SCHEDULES[options.schedule](steps, warmup_steps(options.warmup, steps)))


def clip(parameters: Iterable[nn.Parameter], longest: float) -> float:
    """Scales the gradients down to this length where they are longer, and gives their length; 0 scales never."""
    norm: Any = nn.utils.clip_grad_norm_(parameters, longest if longest > 0 else math.inf)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)  # FSDP's are shared among processes
