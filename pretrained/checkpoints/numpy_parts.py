"""How are tensors read from the files in which OpenAI published GPT: `params_0.npy`, … and `params_shapes.json`?

All weights lie one after another in one long row of numbers, cut into parts of equal size without regard to the
tensors. The shapes are a list of their own, and so are the names, where they are there.
"""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import torch

from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import MAX_NAME
from pretrained.checkpoints.tf_names import TENSORFLOW_1
from pretrained.errors import CheckpointError, CorruptFileError, ModelFileNotFoundError, UnsupportedFormatError

SHAPES, NAMES = "params_shapes.json", "parameters_names.json"
_POSITIONS, _TOKENS = "model/positions_embed:0", "model/tokens_embed:0"  # in the names one matrix, `model/we:0`
# The variables of a layer, in the order in which OpenAI's program makes them.
_LAYER = tuple(
    f"{scope}/{name}:0"
    for scope, names in (
        ("attn/c_attn", "wb"),
        ("attn/c_proj", "wb"),
        ("ln_1", "gb"),
        ("mlp/c_fc", "wb"),
        ("mlp/c_proj", "wb"),
        ("ln_2", "gb"),
    )
    for name in names
)
_TYPES = {"f2": torch.float16, "f4": torch.float32, "f8": torch.float64}
_MAX_PARTS, _MAX_ELEMENTS, _MAX_HEADER = 10_000, 1 << 48, 10_000
_HEADER = re.compile(
    r"\{'descr': '(?P<order>[<>])(?P<type>\w+)', 'fortran_order': (?:True|False), "
    r"'shape': \((?P<count>\d{1,18})L?,?\), ?\}\s*"
)


class NumpyParts:
    """A Checkpoint over a folder of numbered .npy files; the path is that of the list of shapes."""

    notes: Sequence[str] = ()
    vocabulary = TENSORFLOW_1

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self.skipped: Mapping[str, str] = {}
        shapes = _read_shapes(path)
        self._parts = _read_parts(path)
        self._starts = [0, *accumulate(part.count for part in self._parts)]  # of each part, in elements
        self._dtype = self._parts[0].dtype
        needed, there = sum(math.prod(shape) for shape in shapes), self._starts[-1]
        if needed != there:
            raise CorruptFileError(
                f"{path} lists shapes of {needed:,} numbers, and the {len(self._parts)} files params_0.npy, … beside "
                f"it hold {there:,}. Fetch all of them again."
            )
        ends = accumulate(math.prod(shape) for shape in shapes)
        names = _read_names(path, len(shapes))
        self._tensors = {
            name: (shape, end - math.prod(shape)) for name, shape, end in zip(names, shapes, ends, strict=True)
        }

    def keys(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._entry(key)[0]

    def dtype(self, key: str) -> torch.dtype:
        self._entry(key)
        return self._dtype

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        shape, start = self._entry(key)
        end = start + math.prod(shape)
        pieces = []
        for part, at in zip(self._parts, self._starts, strict=False):
            first, last = max(start, at), min(end, at + part.count)
            if first < last:
                pieces.append(part.read(first - at, last - first, key, copy=copy))
        if len(pieces) == 1:
            return pieces[0].view(shape)
        return torch.cat([*pieces, torch.empty(0, dtype=self._dtype)]).view(shape)

    def _entry(self, key: str) -> tuple[tuple[int, ...], int]:
        if key not in self._tensors:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._tensors[key]


class _Part:
    """One .npy file: a row of floating numbers. Any other header is refused."""

    def __init__(self, path: Path) -> None:
        self._file = MappedFile(path)
        start, found = self._file.data[:10], None
        if start[:6] == b"\x93NUMPY" and start[6:7] in (b"\1", b"\2"):
            width = 2 if start[6:7] == b"\1" else 4
            self._offset = 8 + width + int.from_bytes(self._file.data[8 : 8 + width], "little")
            found = _HEADER.fullmatch(self._file.data[8 + width : min(self._offset, _MAX_HEADER)].decode("latin-1"))
        if found is None:
            raise CorruptFileError(f"{path} is no .npy file of one row of numbers. Fetch it again.")
        if found["type"] not in _TYPES:
            raise UnsupportedFormatError(f"{path} holds numbers of type {found['type']}; floating ones were expected.")
        self.dtype = _TYPES[found["type"]]
        self._order = "big" if found["order"] == ">" else "little"
        self.count = int(found["count"])
        size = self._offset + self.count * self.dtype.itemsize
        if size != self._file.size:
            raise CorruptFileError(
                f"{path} ({self._file.size:,} bytes) is damaged: by its header it has {size:,} bytes. Fetch it again."
            )

    def read(self, first: int, count: int, name: str, *, copy: bool) -> torch.Tensor:
        size = count * self.dtype.itemsize
        record = Record(name, self._offset + first * self.dtype.itemsize, size, size)
        return self._file.flat(record, self.dtype, byteorder=self._order, copy=copy)


def _read_parts(path: Path) -> list[_Part]:
    """params_0.npy, params_1.npy, … as far as they go."""
    parts: list[_Part] = []
    while len(parts) < _MAX_PARTS and _is_there(part := path.parent / f"params_{len(parts)}.npy"):
        parts.append(_Part(part))
    if not parts:
        raise ModelFileNotFoundError(
            f"{path} lists shapes, and the numbers should be in params_0.npy, params_1.npy, … beside it; params_0.npy "
            "is not there. Fetch the files of the model again, all of them."
        )
    if len({part.dtype for part in parts}) > 1:
        raise CorruptFileError(f"{path.parent}: the files params_0.npy, … hold numbers of several types.")
    return parts


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _read_json(path: Path) -> object:
    try:
        with path.open("rb") as file:
            return json.loads(file.read())
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}. Fetch it again.") from error


def _read_shapes(path: Path) -> list[tuple[int, ...]]:
    shapes = _read_json(path)
    if (
        not isinstance(shapes, list)
        or not all(isinstance(shape, list) and all(type(length) is int for length in shape) for shape in shapes)
        or any(min(shape, default=1) < 1 or len(shape) > 8 or math.prod(shape) > _MAX_ELEMENTS for shape in shapes)
    ):
        raise CorruptFileError(f"{path} should be a list of shapes, such as [[512, 768], [40478, 768], …].")
    return [tuple(shape) for shape in shapes]


def _read_names(path: Path, count: int) -> list[str]:
    """The names of the tensors: positions, tokens, then what is listed, or the layers as OpenAI's program has them."""
    listed = path.parent / NAMES
    if _is_there(listed):
        found = _read_json(listed)
        if not isinstance(found, list) or not all(isinstance(name, str) and len(name) <= MAX_NAME for name in found):
            raise CorruptFileError(f"{listed} should be a list of names, such as 'model/h0/attn/c_attn/w:0'.")
        names = [_POSITIONS, _TOKENS, *found[1:]]
    else:
        layers = (count - 2) // len(_LAYER)
        names = [_POSITIONS, _TOKENS, *(f"model/h{layer}/{name}" for layer in range(layers) for name in _LAYER)]
    if len(names) != count or len(set(names)) != count:
        raise CheckpointError(
            f"{path} lists {count} shapes, and the names for them are {len(names)} ({len(set(names))} different ones): "
            "these are not the weights of a GPT."
        )
    return names
