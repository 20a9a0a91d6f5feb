"""How are tensors read from and written to safetensors files?

The `safetensors` package checks a file as a whole, and writes. The tensors are views of the mapped file. Writing
makes one file, or shards with an index, each under a temporary name first.
"""

import json
import math
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pretrained.atomic import atomic_path, write_text
from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import MAX_NAME, TORCH
from pretrained.errors import (
    CheckpointError,
    CorruptFileError,
    PretrainedError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from pretrained.hub.sniff import sniff

_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool, "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}  # fmt: skip
_MAX_ELEMENTS = 1 << 48

_FILE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_OURS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json")
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class SafetensorsFile:
    """A Checkpoint over one .safetensors file."""

    notes: Sequence[str] = ()
    vocabulary = TORCH

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self.skipped: Mapping[str, str] = {}
        try:
            with safe_open(path, framework="pt"):  # checks sizes, offsets and types of all tensors
                pass
            self._file = MappedFile(path)
            self._header = _read_header(self._file)
        except PretrainedError:
            raise
        except (SafetensorError, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _damaged(path, error) from error

    def keys(self) -> Collection[str]:
        return self._header.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._entry(key).shape

    def dtype(self, key: str) -> torch.dtype:
        entry = self._entry(key)
        if entry.kind not in _DTYPES:
            raise UnsupportedFormatError(
                f"{self.source}: the tensor {key!r} is of type {entry.kind}, which is not read."
            )
        return _DTYPES[entry.kind]

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        dtype, entry = self.dtype(key), self._entry(key)
        if math.prod(entry.shape) * dtype.itemsize != entry.record.size:
            raise CorruptFileError(f"{self.source}: shape and size of the tensor {key!r} do not fit. Fetch it again.")
        return self._file.flat(entry.record, dtype, copy=copy).view(entry.shape)

    def _entry(self, key: str) -> "_Entry":
        if key not in self._header:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._header[key]


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: str
    shape: tuple[int, ...]
    record: Record


def _read_header(file: MappedFile) -> dict[str, _Entry]:
    """Name → where and what. The package has checked the sizes; here also each place against this very file."""
    start = 8 + int.from_bytes(file.data[:8], "little")
    header = json.loads(file.data[8:start], object_pairs_hook=_unique)
    header.pop("__metadata__", None)
    entries = {}
    for key, entry in header.items():
        begin, end = (start + int(offset) for offset in entry["data_offsets"])
        shape = tuple(int(length) for length in entry["shape"])
        if len(key) > MAX_NAME:
            raise UnsafeFileError(f"{file.path} has a tensor name of {len(key):,} characters; not read.")
        if not start <= begin <= end <= file.size or math.prod(max(length, 1) for length in shape) > _MAX_ELEMENTS:
            raise ValueError(f"the tensor {key!r} does not lie in the file")
        entries[key] = _Entry(entry["dtype"], shape, Record(key, begin, end - begin, end - begin))
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The package takes the last of two tensors with one name; a reader that takes the first would differ."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands twice in its header")
    return table


def _damaged(path: Path, error: Exception) -> CorruptFileError:
    size = path.stat().st_size if path.exists() else 0
    content = sniff(path)
    said = str(error) if content.kind == "safetensors" else f"it is {content}"
    return CorruptFileError(f"{path} ({size:,} bytes) is no readable safetensors file: {said}. Fetch it again.")


def save_checkpoint(
    tensors: Mapping[str, torch.Tensor],
    folder: str | os.PathLike[str],
    *,
    max_shard_size: int | str | None = None,
    metadata: Mapping[str, str] = MappingProxyType({"format": "pt"}),
) -> list[Path]:
    """Writes model.safetensors, or shards and their index when the tensors take more than `max_shard_size`.

    Args:
        tensors: name → tensor. Of tensors that are the same memory (tied weights) only the first is written.
        folder: an existing folder. Files of an earlier save that are no longer part of the model are removed.
        max_shard_size: bytes, or text such as "2GB"; None for one file. A larger tensor gets a shard of its own.
        metadata: goes into the header; "format" tells readers which library wrote the file.

    Returns:
        The files that were written.
    """
    folder = Path(folder)
    shards = _shards(_without_aliases(tensors), _bytes(max_shard_size))
    names = [_FILE]
    if len(shards) > 1:
        names = [f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    for name, shard in zip(names, shards, strict=True):
        with atomic_path(folder / name) as temporary:
            # save_file copies a tensor of another device; on the CPU it writes from where the tensor lies.
            save_file(shard, temporary, dict(metadata))
    if len(shards) > 1:
        index = {
            "metadata": {"total_size": sum(value.nbytes for shard in shards for value in shard.values())},
            "weight_map": {key: name for name, shard in zip(names, shards, strict=True) for key in shard},
        }
        write_text(folder / _INDEX, json.dumps(index, indent=2) + "\n")
        names.append(_INDEX)
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in names:
            path.unlink()
    return [folder / name for name in names]


def _without_aliases(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors, each memory once. Views of different parts of one memory are different tensors."""
    seen: set[tuple[object, ...]] = set()
    kept: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.is_meta:
            raise CheckpointError(f"the tensor {name!r} is on the meta device: it has a shape, but no values to save.")
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() == 0 or place not in seen:
            kept[name] = tensor.detach().contiguous()
        seen.add(place)
    end = 0
    for name, tensor in sorted(kept.items(), key=lambda item: item[1].data_ptr()):
        if tensor.data_ptr() < end:  # different views of one memory: the package wants them apart
            kept[name] = tensor.clone()
        end = max(end, tensor.data_ptr() + tensor.nbytes)
    return kept


def _shards(tensors: Mapping[str, torch.Tensor], limit: int | None) -> list[dict[str, torch.Tensor]]:
    """Fills one shard after another, in the order of the tensors."""
    shards: list[dict[str, torch.Tensor]] = [{}]
    filled = 0
    for name, tensor in tensors.items():
        if limit is not None and shards[-1] and filled + tensor.nbytes > limit:
            shards.append({})
            filled = 0
        shards[-1][name] = tensor
        filled += tensor.nbytes
    return shards


def _bytes(size: int | str | None) -> int | None:
    """2_000_000_000 from "2GB"."""
    if size is None or (isinstance(size, int) and size > 0):
        return size
    match = re.fullmatch(r"(\d+)\s*([A-Z]+)", str(size).strip().upper())
    if match is None or match[2] not in _UNITS or match[1].strip("0") == "":
        raise ValueError(f"max_shard_size={size!r} is no size; give bytes, or a text such as '2GB' or '500MB'.")
    return int(match[1]) * _UNITS[match[2]]
