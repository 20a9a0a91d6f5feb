"""How do tensors become the weights of a folder, in any format?

The one place that knows which formats are written, under which names, and how tensors are spread over shards. Each
file is written tensor by tensor, under a temporary name first.
"""

import importlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType

import torch

from pretrained.atomic import atomic_path, write_text
from pretrained.checkpoints.checkpoint import Checkpoint, InMemory, Origin, Renamed
from pretrained.errors import CheckpointError, UnsupportedFormatError

_SMALL = 128 << 20  # bytes
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True)
class WrittenFormat:
    """A format that is written."""

    writer: str
    """"module:function", imported when it is needed."""
    file: str
    """The published name."""
    reads: str
    """What the format is called where it is read, see `READERS`."""
    naming: str | None = None
    """Where the framework has names of its own: the "module:function" that gives those of a model."""
    lacks: Collection[torch.dtype] = ()
    """Floating types that it does not hold; their numbers are written as float32, which holds them all."""

    def shard(self, number: int, count: int) -> str:
        """ "model-00001-of-00002.safetensors"."""
        stem, _, ending = self.file.rpartition(".")
        return f"{stem}-{number:05}-of-{count:05}.{ending}"

    @property
    def index(self) -> str:
        return f"{self.file}.index.json"

    def owns(self, name: str) -> bool:
        """Whether a file of this name is of this format's weights."""
        stem, _, ending = self.file.rpartition(".")
        return name == self.index or re.fullmatch(rf"{stem}(-\d{{5}}-of-\d{{5}})?\.{ending}", name) is not None


_FLOAT8 = (
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
)  # fmt: skip
_TF_NAMES, _FLAX_NAMES = "pretrained.tensorflow_names:tensorflow_names", "pretrained.flax_names:flax_names"
FORMATS = {
    "safetensors": WrittenFormat("safetensors_writer:write_safetensors", "model.safetensors", "safetensors"),
    "pytorch": WrittenFormat("torch_zip_writer:write_torch", "pytorch_model.bin", "pytorch"),
    "tf": WrittenFormat("keras_h5_writer:write_h5", "tf_model.h5", "h5", _TF_NAMES, (torch.bfloat16, *_FLOAT8)),
    "flax": WrittenFormat("flax_msgpack_writer:write_flax", "flax_model.msgpack", "flax", _FLAX_NAMES, _FLOAT8),
}
"""What `format=` and `--to` take; of several in one folder, the first is the one that is read."""


def written_format(name: str) -> WrittenFormat:
    """The format of this name."""
    if name not in FORMATS:
        raise UnsupportedFormatError(f"format={name!r} is not written; those that are: {', '.join(FORMATS)}.")
    return FORMATS[name]


def save_checkpoint(
    tensors: Mapping[str, torch.Tensor] | Checkpoint,
    folder: str | os.PathLike[str],
    *,
    format: str = "safetensors",
    shard_size: int | str | None = None,
    same: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[str, int], None] | None = None,
) -> list[Path]:
    """Writes one file of weights, or shards and their index when the tensors take more than `shard_size`.

    Args:
        tensors: name → tensor, or a checkpoint. Of tensors that are the same memory (tied weights) only the first is
            written; the format pytorch keeps the other names too.
        folder: an existing folder. Files of an earlier save that are no longer part of the model are removed.
        format: "safetensors", "pytorch", "tf" or "flax"; for the last two the names are already those frameworks'.
        shard_size: bytes, or text such as "2GB"; None for one file. A larger tensor gets a shard of its own.
        same: further names of tensors of a checkpoint.
        progress: called with name and bytes after each tensor.

    Returns:
        The files that were written, the index last.
    """
    target, folder, limit = written_format(format), Path(folder), shard_limit(shard_size)
    if isinstance(tensors, Mapping):
        tensors, same = without_aliases(tensors)
    shards, names = _shards(tensors, limit), [target.file]
    spread = len(shards) > 1
    if spread and format == "tf":
        # One file goes by layers, and holds what two layers share twice; shards go by variables, and hold all once.
        tensors = Renamed(tensors, {key.partition("/")[2]: Origin(key) for key in tensors.keys()})
        shards = _shards(tensors, limit)
    if spread:
        names = [target.shard(number, len(shards)) for number in range(1, len(shards) + 1)]
    index: dict[str, str] = {}
    for name, keys in zip(names, shards, strict=True):
        shard = tensors if len(shards) == 1 else Renamed(tensors, {key: Origin(key) for key in keys})
        extra: dict[str, object] = {"shard": spread} if format == "tf" else {}
        index |= dict.fromkeys(keys, name)
        if format == "pytorch":
            extra["same"] = others = {alias: key for alias, key in same.items() if key in keys}
            index |= dict.fromkeys(others, name)
        with atomic_path(folder / name) as temporary:
            _writer(target)(shard, temporary, progress=progress, **extra)
    if spread:
        total = sum(_size(tensors, key) for key in tensors.keys())
        table = {"metadata": {"total_size": total}, "weight_map": index}
        write_text(folder / target.index, json.dumps(table, indent=2) + "\n")
        names.append(target.index)
    remove_stale(folder, format, names)
    return [folder / name for name in names]


def without_aliases(tensors: Mapping[str, torch.Tensor]) -> tuple[Checkpoint, dict[str, str]]:
    """The tensors, each memory once, and its other names. Views of different parts of one memory are different."""
    seen: dict[tuple[object, ...], str] = {}
    kept: dict[str, torch.Tensor] = {}
    same: dict[str, str] = {}
    for name, tensor in tensors.items():
        if tensor.is_meta:
            raise CheckpointError(f"the tensor {name!r} is on the meta device: it has a shape, but no values to save.")
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and place in seen:
            same[name] = seen[place]
        else:
            kept[name] = tensor
            seen[place] = name
    return InMemory(kept, "the given tensors", shared=True), same


def remove_stale(folder: Path, format: str, kept: Collection[str]) -> None:
    """Removes what an earlier save left of this format."""
    for path in folder.iterdir():
        if FORMATS[format].owns(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)  # another process that saves may have been first


def read_before(folder: Path, format: str) -> str | None:
    """The name of a file in the folder that would be read in place of those of this format."""
    for other, target in FORMATS.items():
        if other == format:
            break
        for name in (target.file, target.index):
            if (folder / name).exists():
                return name
    return None


def shard_limit(size: int | str | None) -> int | None:
    """2_000_000_000 from "2GB"."""
    limit = size
    if not isinstance(size, int) and size is not None:
        match = re.fullmatch(r"(\d+)\s*([A-Z]*)", size.strip().upper())
        limit = int(match[1]) * _UNITS.get(match[2], 0) if match is not None else 0
    if limit is None:
        return None
    if not isinstance(limit, int) or limit <= 0:
        raise ValueError(f"shard_size={size!r} is no size; give bytes, or a text such as '2GB' or '500MB'.")
    return limit


class Cast:
    """The tensors of another checkpoint as other types: each floating one becomes what `kind` says of its type."""

    def __init__(self, checkpoint: Checkpoint, kind: Callable[[torch.dtype], torch.dtype]) -> None:
        self.source = checkpoint.source
        self.notes = checkpoint.notes
        self.skipped = checkpoint.skipped
        self.vocabulary = checkpoint.vocabulary
        self._inner = checkpoint
        self._kind = kind

    def keys(self) -> Collection[str]:
        return self._inner.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._inner.shape(key)

    def dtype(self, key: str) -> torch.dtype:
        dtype = self._inner.dtype(key)
        return self._kind(dtype) if dtype.is_floating_point else dtype

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        dtype = self.dtype(key)
        if dtype == self._inner.dtype(key):
            return self._inner.tensor(key, copy=copy)
        # A large one is mapped, so that only the copy takes memory; of small ones the pages of the file would pile up.
        small = _size(self._inner, key) <= _SMALL
        return self._inner.tensor(key, copy=small).to(dtype)


def cast(checkpoint: Checkpoint, format: str, dtype: torch.dtype | None = None) -> tuple[Checkpoint, list[str]]:
    """The checkpoint in the types in which a format can hold it, and notes on those that it cannot hold."""
    lacks = written_format(format).lacks

    def kind(found: torch.dtype) -> torch.dtype:
        wanted = dtype or found
        return torch.float32 if wanted in lacks else wanted

    floating = {found for key in checkpoint.keys() if (found := checkpoint.dtype(key)).is_floating_point}
    unheld = sorted(str(dtype or found).removeprefix("torch.") for found in floating if (dtype or found) in lacks)
    note = "the format {} holds no {}: those tensors are written as float32, which has the same values"
    notes = [note.format(format, " or ".join(dict.fromkeys(unheld)))] if unheld else []
    return Cast(checkpoint, kind), notes


def _writer(target: WrittenFormat) -> Callable[..., None]:
    module, _, name = target.writer.partition(":")
    writer: Callable[..., None] = getattr(importlib.import_module(f"pretrained.checkpoints.{module}"), name)
    return writer


def _shards(checkpoint: Checkpoint, limit: int | None) -> list[list[str]]:
    """Fills one shard after another, in the order of the tensors."""
    shards: list[list[str]] = [[]]
    filled = 0
    for key in checkpoint.keys():
        size = _size(checkpoint, key)
        if limit is not None and shards[-1] and filled + size > limit:
            shards.append([])
            filled = 0
        shards[-1].append(key)
        filled += size
    return shards


def _size(checkpoint: Checkpoint, key: str) -> int:
    return prod(checkpoint.shape(key)) * checkpoint.dtype(key).itemsize
