"""How are tensors read from safetensors files?

The `safetensors` package checks a file as a whole. The tensors are views of the mapped file.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from pretrained.checkpoints.flax_msgpack import FLAX
from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import MAX_NAME, TORCH, Vocabulary
from pretrained.checkpoints.tensorflow_vocabulary import TENSORFLOW
from pretrained.errors import (
    CheckpointError,
    CorruptFileError,
    PretrainedError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from pretrained.hub.sniff import sniff
from pretrained.hub.window import Window

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool, "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}  # fmt: skip
_MAX_ELEMENTS = 1 << 48
_HEADER_LIMIT = 100_000_000  # the limit of the format itself


class SafetensorsFile:
    """A Checkpoint over one .safetensors file."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self.skipped: Mapping[str, str] = {}
        try:
            inside = isinstance(path, Window)  # the package opens whole files only
            if not inside:
                with safe_open(path, framework="pt"):  # checks sizes, offsets and types of all tensors
                    pass
            self._file = MappedFile(path)
            self._header, written_by = _read_header(self._file)
            if inside:
                _check_places(self._header, self._file)
        except PretrainedError:
            raise
        except (SafetensorError, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _damaged(path, error) from error
        self.vocabulary, note = _vocabulary(written_by, self._header)
        self.notes: Sequence[str] = (note,) if note else ()

    def keys(self) -> Collection[str]:
        return self._header.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._entry(key).shape

    def dtype(self, key: str) -> torch.dtype:
        entry = self._entry(key)
        if entry.kind not in DTYPES:
            raise UnsupportedFormatError(
                f"{self.source}: the tensor {key!r} is of type {entry.kind}, which is not read."
            )
        return DTYPES[entry.kind]

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


def _read_header(file: MappedFile) -> tuple[dict[str, _Entry], object]:
    """(name → where and what, the library that is said to have written the file).

    The package has checked the sizes; here also each place against this very file.
    """
    start = 8 + int.from_bytes(file.data[:8], "little")
    if start > min(file.size, 8 + _HEADER_LIMIT):
        raise ValueError("its header does not fit into it")
    header = json.loads(file.data[8:start], object_pairs_hook=_unique)
    metadata = header.pop("__metadata__", None)
    entries = {}
    for key, entry in header.items():
        begin, end = (start + int(offset) for offset in entry["data_offsets"])
        shape = tuple(int(length) for length in entry["shape"])
        if len(key) > MAX_NAME:
            raise UnsafeFileError(f"{file.path} has a tensor name of {len(key):,} characters; not read.")
        if not start <= begin <= end <= file.size or math.prod(max(length, 1) for length in shape) > _MAX_ELEMENTS:
            raise ValueError(f"the tensor {key!r} does not lie in the file")
        entries[key] = _Entry(entry["dtype"], shape, Record(key, begin, end - begin, end - begin))
    return entries, metadata.get("format") if isinstance(metadata, dict) else None


def _vocabulary(written_by: object, names: Iterable[str]) -> tuple[Vocabulary, str]:
    """(how the library that wrote the file names tensors, a note where only the names tell which it was)."""
    for library, vocabulary in (("pt", TORCH), ("tf", TENSORFLOW), ("flax", FLAX)):
        if written_by == library:
            return vocabulary, ""
    leaves = {re.split("[./]", name)[-1] for name in names}
    if any(leaf.endswith(":0") for leaf in leaves):
        vocabulary, library = TENSORFLOW, "TensorFlow"
    elif "kernel" in leaves and "weight" not in leaves:
        vocabulary, library = FLAX, "Flax"
    else:
        vocabulary, library = TORCH, "PyTorch"
    if written_by is None and vocabulary is TORCH:
        return vocabulary, ""
    said = "does not say which library wrote it" if written_by is None else f"says format {written_by!r}"
    return vocabulary, f"the header {said}; by the names of its tensors it was {library}"


def _check_places(entries: Mapping[str, _Entry], file: MappedFile) -> None:
    """What the package checks of a whole file: the tensors fill it one after another, and each has its size."""
    end = 8 + int.from_bytes(file.read(0, 8), "little")
    for key, entry in sorted(entries.items(), key=lambda item: (item[1].record.offset, item[1].record.size)):
        if entry.record.offset != end:
            raise ValueError(f"the tensor {key!r} does not begin where the one before it ends")
        if entry.kind in DTYPES and math.prod(entry.shape) * DTYPES[entry.kind].itemsize != entry.record.size:
            raise ValueError(f"shape and size of the tensor {key!r} do not fit")
        end += entry.record.size
    if end != file.size:
        raise ValueError(f"its tensors end at byte {end:,}, and it has {file.size:,}")


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
