"""How does a model learn with few weights? By low-rank adapters beside its linear layers (LoRA, arXiv 2106.09685).

W stays as it is; B·A of rank r is learned and added, scaled by alpha / r. Merged, the model is a plain one again.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from pretrained.atomic import atomic_path, write_text
from pretrained.errors import CheckpointError, ConfigurationError
from pretrained.modeling import PreTrainedModel
from pretrained.nn.conv1d import Conv1D
from pretrained.nn.dropout import Dropout

# Queries and values, as the paper chose; by the names that the families have.
_TARGETS = ("query", "value", "q_lin", "v_lin", "Wq", "Wv", "c_attn", "qkv_net")
_WEIGHTS, _CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PREFIX = "base_model.model."


class LowRank(nn.Module):
    """A linear layer and its adapter.

    Args:
        layer: stays as it is.
        rank, alpha: of the adapter; its output counts alpha / rank.
        dropout: on its input, while training.
    """

    def __init__(self, layer: nn.Linear | Conv1D, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.base = layer
        width, height = layer.in_features, layer.out_features
        self.lora_A = nn.Parameter(layer.weight.new_empty(rank, width))
        self.lora_B = nn.Parameter(layer.weight.new_zeros(height, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scale = alpha / rank
        self.dropout = Dropout(dropout)

    @property
    def weight(self) -> Tensor:
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        base: Tensor = self.base(x)
        return base + F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B) * self.scale

    def change(self) -> Tensor:
        """What the adapter adds to the weight as it is stored."""
        change = self.lora_B @ self.lora_A * self.scale
        return change.t() if isinstance(self.base, Conv1D) else change


def add_adapters(
    model: PreTrainedModel, *, rank: int, alpha: float = 16.0, dropout: float = 0.0, targets: str = ""
) -> list[str]:
    """Puts adapters beside linear layers of the network below the head, and freezes the weights that it came with.

    The head learns, and so does what the checkpoint did not have, such as a pooler.

    Args:
        targets: ends of the layers' names, between commas; queries and values unless given.

    Returns:
        The names of the layers.
    """
    ends = tuple(part.strip() for part in targets.split(",") if part.strip()) or _TARGETS
    base = model.base_model
    chosen = [
        name
        for name, module in base.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and (name.rpartition(".")[2] in ends or name.endswith(ends))
    ]
    if not chosen:
        there = sorted(
            {name.rpartition(".")[2] for name, m in base.named_modules() if isinstance(m, nn.Linear | Conv1D)}
        )
        raise ConfigurationError(f"lora_targets={','.join(ends)} names no linear layer; there are: {', '.join(there)}")
    new = set() if model.load_report is None else {*model.load_report.missing}
    inside = {id(parameter) for parameter in base.parameters()}
    for name, parameter in model.named_parameters():
        if id(parameter) in inside and name not in new:
            parameter.requires_grad_(False)
    for name in chosen:
        path, _, leaf = name.rpartition(".")
        parent = base.get_submodule(path)
        setattr(parent, leaf, LowRank(getattr(parent, leaf), rank, alpha, dropout))
    return chosen


def merge_adapters(model: nn.Module) -> None:
    """Adds the adapters to the weights, and takes them away: the model is a plain one again."""
    for path, leaf, adapter in list(_adapters(model)):
        with torch.no_grad():
            adapter.base.weight += adapter.change()
        setattr(model.get_submodule(path), leaf, adapter.base)


def save_adapters(model: PreTrainedModel, folder: Path, *, name: str) -> None:
    """Writes adapters, head and whatever else learned, some megabytes, in the layout of the `peft` package.

    Args:
        name: the model that they belong to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors, found = {}, list(_adapters(model))
    for path, leaf, adapter in found:
        full = f"{path}.{leaf}" if path else leaf
        tensors[f"{_PREFIX}{full}.lora_A.weight"] = adapter.lora_A.detach().cpu().contiguous()
        tensors[f"{_PREFIX}{full}.lora_B.weight"] = adapter.lora_B.detach().cpu().contiguous()
    beside = {
        name: parameter.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not name.endswith((".lora_A", ".lora_B"))
    }
    tensors |= {_PREFIX + name: value for name, value in beside.items()}
    rank = len(found[0][2].lora_A)
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": name,
        "r": rank,
        "lora_alpha": found[0][2].scale * rank,
        "lora_dropout": found[0][2].dropout.p,
        "target_modules": sorted({leaf for _, leaf, _ in found}),
        "modules_to_save": sorted({name.rpartition(".")[0] for name in beside}) or None,
        "fan_in_fan_out": isinstance(found[0][2].base, Conv1D),
        "bias": "none",
        "inference_mode": True,
    }
    with atomic_path(folder / _WEIGHTS) as temporary:
        save_file(tensors, temporary, {"format": "pt"})
    write_text(folder / _CONFIG, json.dumps(config, indent=2) + "\n")


def load_adapters(model: PreTrainedModel, folder: str | Path) -> None:
    """Adds adapters that `save_adapters` or `peft` wrote to the weights of a model, and puts the head in its place.

    Raises:
        CheckpointError: they belong to layers that the model does not have, or have other shapes.
    """
    folder = Path(folder).expanduser()
    config: dict[str, Any] = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    tensors = load_file(folder / _WEIGHTS)
    scale = float(config["lora_alpha"]) / int(config["r"])
    pattern = re.compile(re.escape(_PREFIX) + r"(.+)\.lora_A(?:\.default)?\.weight")
    parameters = dict(model.named_parameters())
    for key, first in tensors.items():
        match = pattern.fullmatch(key)
        if match is None:
            if (own := parameters.get(key.removeprefix(_PREFIX))) is not None and own.shape == first.shape:
                own.data.copy_(first)
            elif ".lora_B" not in key:
                raise CheckpointError(
                    f"{folder}: {type(model).__name__} has no {key.removeprefix(_PREFIX)} {_size(first)}"
                )
            continue
        second = tensors[key.replace(".lora_A", ".lora_B")]
        try:
            layer = model.get_submodule(match[1])
        except AttributeError:
            raise CheckpointError(f"{folder}: {type(model).__name__} has no layer {match[1]}") from None
        change = second @ first * scale
        change = change.t() if isinstance(layer, Conv1D) else change
        weight: Tensor = layer.weight  # type: ignore[assignment]
        if weight.shape != change.shape:
            raise CheckpointError(f"{folder}: {match[1]} is {_size(change)}, here {_size(weight)}")
        with torch.no_grad():
            weight += change.to(weight.dtype)


def _adapters(model: nn.Module) -> Iterator[tuple[str, str, LowRank]]:
    for name, module in model.named_modules():
        if isinstance(module, LowRank):
            path, _, leaf = name.rpartition(".")
            yield path, leaf, module


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))
