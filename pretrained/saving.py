"""How does a model become files? Its configuration, and its weights in any format."""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Checkpoint, Origin, Renamed, save_checkpoint
from pretrained.checkpoints.writing import cast, read_before, shard_limit, without_aliases, written_format
from pretrained.config import PretrainedConfig
from pretrained.errors import CheckpointError
from pretrained.loading import listed

logger = logging.getLogger("pretrained")


def save(
    model: nn.Module,
    config: PretrainedConfig,
    folder: Path,
    *,
    ties: Mapping[str, str],
    format: str = "safetensors",
    shard_size: int | str | None = None,
    dtype: torch.dtype | None = None,
    state_dict: Mapping[str, Tensor] | None = None,
) -> None:
    """Writes the weights and config.json.

    Args:
        model: whose tensors are saved, unless `state_dict` has others.
        config: what is written beside them.
        folder: made if needed.
        ties: parameter → the parameter it is the same as.
        format: "safetensors", "pytorch", "tf" or "flax".
        shard_size: bytes or text such as "2GB".
        dtype: what floating tensors are written as; None for as they are.
        state_dict: written in place of the model's own.
    """
    shard_limit(shard_size)  # a mistake is said before anything is written
    tensors = {
        name: value
        for name, value in (model.state_dict() if state_dict is None else state_dict).items()
        if isinstance(value, Tensor)
    }
    same = {target: source for target, source in ties.items() if source in tensors and target in tensors}
    kept, aliases = without_aliases({name: value for name, value in tensors.items() if name not in same})
    prepared = for_format(kept, format, model=model, dtype=dtype)
    checkpoint, notes = prepared.checkpoint, prepared.notes
    folder.mkdir(parents=True, exist_ok=True)
    save_checkpoint(checkpoint, folder, format=format, shard_size=shard_size, same=same | aliases)
    values = config.to_dict()
    config.from_dict(values | described(values, checkpoint, type(model).__name__)).save_pretrained(folder)
    if (first := read_before(folder, format)) is not None:
        notes.append(f"{folder} also holds {first}, which is read before what was written now; remove it if it is old")
    for note in notes:
        logger.warning(note)


@dataclass(frozen=True)
class Prepared:
    """Tensors that only have to be written."""

    checkpoint: Checkpoint
    """Under the names, in the orders of axes and in the types of the format."""
    held: Checkpoint
    """The same tensors under the names of the model."""
    notes: list[str]
    """What is not as it was."""


def for_format(
    checkpoint: Checkpoint, format: str, *, model: nn.Module | None, dtype: torch.dtype | None = None
) -> Prepared:
    """The checkpoint as a format holds it, under the names and in the types of its framework.

    Args:
        checkpoint: tensors under the names of the model.
        format: "safetensors", "pytorch", "tf" or "flax".
        model: what the tensors belong to, also on the meta device; the last two formats need one.
        dtype: what floating tensors become; None for as they are.
    """
    naming = written_format(format).naming
    cast_one, notes = cast(checkpoint, format, dtype)
    if naming is None:
        return Prepared(cast_one, cast_one, notes)
    if model is None:
        raise CheckpointError(
            f"{checkpoint.source} cannot be written in the format {format!r}: names there depend on the model's class, "
            "and nothing tells which that is. Put its config.json beside the weights, or write safetensors or pytorch."
        )
    kind, held = type(model).__name__, checkpoint.keys()
    module, _, function = naming.partition(":")
    names: dict[str, Origin] = getattr(importlib.import_module(module), function)(model)
    there = {name: origin for name, origin in names.items() if origin.key in held}
    used = {origin.key for origin in there.values()}
    if not used:
        raise CheckpointError(
            f"{checkpoint.source} has no tensor of {kind}, so nothing can be written in the format {format!r}. "
            f"It has: {listed(held)}."
        )
    if left_out := [key for key in held if key not in used]:
        notes.append(f"left out, as the format {format} of a {kind} has no place for them: {listed(left_out)}")
    if absent := [origin.key for origin in names.values() if origin.key not in held]:
        notes.append(f"{checkpoint.source} lacks tensors of a {kind}, and so does what is written: {listed(absent)}")
    kept = Renamed(cast_one, {key: Origin(key) for key in held if key in used})
    return Prepared(Renamed(cast_one, there), kept, notes)


def described(config: Mapping[str, Any], checkpoint: Checkpoint, architecture: str | None) -> dict[str, Any]:
    """The keys of a configuration that tell what its weights are: their class and type."""
    changed: dict[str, Any] = {"architectures": [architecture]} if architecture is not None else {}
    main = _main_type(checkpoint)
    for key in ("torch_dtype", "dtype"):  # the second is the name of later years
        if main is not None and (config.get(key) or (key == "torch_dtype" and main != torch.float32)):
            changed[key] = str(main).removeprefix("torch.")
    return changed


def _main_type(checkpoint: Checkpoint) -> torch.dtype | None:
    """The floating type of most numbers."""
    sizes: dict[torch.dtype, int] = {}
    for key in checkpoint.keys():
        if (dtype := checkpoint.dtype(key)).is_floating_point:
            sizes[dtype] = sizes.get(dtype, 0) + torch.Size(checkpoint.shape(key)).numel()
    return max(sizes, key=sizes.__getitem__, default=None)
