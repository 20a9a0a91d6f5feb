"""How are tensors written as a file that torch.load reads, one at a time?

The layout of torch 1.6 and later: a zip archive with `data.pkl`, which describes the tensors, and one stored entry for
each tensor's numbers, at a multiple of 64 bytes. The pickle holds names of torch's own functions and types and numbers,
nothing else, so `torch.load(…, weights_only=True)` takes it.
"""

import io
import pickle
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import torch

from pretrained.checkpoints.checkpoint import Checkpoint
from pretrained.checkpoints.tensor_bytes import pieces
from pretrained.checkpoints.tensor_views import STORAGE_TYPES, VIEWED_TYPES
from pretrained.errors import UnsupportedFormatError

_ROOT = "archive"
_ALIGNMENT = 64
_FULL = 0xFFFFFFFF  # what a 32-bit field says when the number stands in the 64-bit ones
_LARGE = 0xFFFFFFFF  # numbers from here on stand there
_MANY = 0xFFFF
_DATE = (1 << 5) | 1  # the first of January 1980: the same tensors make the same file
_NO_TYPE_OF_ITS_OWN = "UntypedStorage"
_STORAGES = {dtype: name for name, dtype in STORAGE_TYPES.items() if name != _NO_TYPE_OF_ITS_OWN}


def write_torch(
    checkpoint: Checkpoint,
    path: Path,
    *,
    same: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[str, int], None] | None = None,
) -> None:
    """Writes the file; `same` has further names for some of the tensors, which then share one memory."""
    keys = list(checkpoint.keys())
    tensors = {key: _describe(checkpoint, key, str(number)) for number, key in enumerate(keys)}
    tensors |= {name: tensors[key] for name, key in same.items()}
    with path.open("wb") as file:
        archive = Archive(file)
        archive.add("data.pkl", [_pickled(tensors)])
        archive.add("byteorder", [b"little"])
        for number, key in enumerate(keys):
            tensor = checkpoint.tensor(key, copy=True)
            archive.add(f"data/{number}", pieces(tensor), tensor.nbytes)
            if progress is not None:
                progress(key, tensor.nbytes)
        archive.add("version", [b"3\n"])
        archive.end()


# The pickle


@dataclass(frozen=True, eq=False)
class _Storage:
    id: tuple[object, ...]


@dataclass(frozen=True, eq=False)
class _Tensor:
    rebuild: Callable[..., object]
    args: tuple[object, ...]


def _describe(checkpoint: Checkpoint, key: str, number: str) -> _Tensor:
    dtype, shape = checkpoint.dtype(key), checkpoint.shape(key)
    stride = tuple(prod(shape[place + 1 :]) for place in range(len(shape)))
    place: tuple[object, ...] = (0, shape, stride, False, OrderedDict())
    name = _STORAGES.get(dtype)
    if name is not None:
        storage = _Storage(("storage", getattr(torch, name), number, "cpu", prod(shape)))
        return _Tensor(torch._utils._rebuild_tensor_v2, (storage, *place))
    if dtype not in VIEWED_TYPES.values():
        raise UnsupportedFormatError(
            f"the tensor {key!r} of {checkpoint.source} is of type {dtype}, which is not written; convert it first."
        )
    storage = _Storage(("storage", torch.UntypedStorage, number, "cpu", prod(shape) * dtype.itemsize))
    return _Tensor(torch._utils._rebuild_tensor_v3, (storage, *place, dtype))


class _Pickler(pickle.Pickler):
    def persistent_id(self, item: Any) -> Any:
        return item.id if isinstance(item, _Storage) else None

    def reducer_override(self, item: Any) -> Any:
        return (item.rebuild, item.args) if isinstance(item, _Tensor) else NotImplemented


def _pickled(tensors: Mapping[str, _Tensor]) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(OrderedDict(tensors))
    return buffer.getvalue()


# The archive


class Archive:
    """A zip file that grows; each entry is stored as it is. A header gets its checksum when its content is known."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._table: list[bytes] = []

    def add(self, name: str, content: Iterable[bytes | memoryview], size: int | None = None) -> None:
        """Writes one entry; its size must be given unless the content is one piece."""
        if size is None:
            size = sum(map(len, content))
        file, start, raw_name = self._file, self._file.tell(), f"{_ROOT}/{name}".encode()
        extra = _wide(size, size)
        # "FB" is torch's own field, of any content: it moves the entry to where it can be mapped
        extra += struct.pack("<2sH", b"FB", padding := -(start + 30 + len(raw_name) + len(extra) + 4) % _ALIGNMENT)
        extra += bytes(padding)
        header = struct.pack("<4s5H", b"PK\x03\x04", 45, 0, 0, 0, _DATE)
        sizes = struct.pack("<2I", _short(size), _short(size))
        lengths = struct.pack("<2H", len(raw_name), len(extra))
        file.write(header + bytes(4) + sizes + lengths + raw_name + extra)
        crc = 0
        for piece in content:
            crc = zlib.crc32(piece, crc)
            file.write(piece)
        end = file.tell()
        file.seek(start + len(header))
        file.write(struct.pack("<I", crc))
        file.seek(end)
        wide = _wide(size, size, start)
        entry = struct.pack("<4s6HI", b"PK\x01\x02", 45, 45, 0, 0, 0, _DATE, crc) + sizes
        entry += struct.pack("<5H2I", len(raw_name), len(wide), 0, 0, 0, 0, _short(start))
        self._table.append(entry + raw_name + wide)

    def end(self) -> None:
        """Writes the table of contents."""
        start, count = self._file.tell(), len(self._table)
        table = b"".join(self._table)
        end = start + len(table)
        if count >= _MANY or end >= _LARGE:
            table += struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(table), start)
            table += struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
        few = min(count, _MANY)
        tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, few, few, _short(end - start), _short(start), 0)
        self._file.write(table + tail)


def _short(number: int) -> int:
    return _FULL if number >= _LARGE else number


def _wide(*numbers: int) -> bytes:
    """The zip64 field: those of the numbers that 32 bits do not hold."""
    large = [number for number in numbers if number >= _LARGE]
    return struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
