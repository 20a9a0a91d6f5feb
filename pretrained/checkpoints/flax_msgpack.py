"""Which arrays lie in a flax_model.msgpack, and where?

Flax writes nested maps in msgpack; an array is an extension value that holds its shape, the name of its type and its
bytes. One bounded walk over the file notes where the bytes of each array lie and steps over them; the tensors are then
taken from the mapped file. Maps become names with slashes: "encoder/layer/0/output/dense/kernel".
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import HISTORICAL, MAX_NAME, Rename, Vocabulary
from pretrained.errors import CheckpointError, CorruptFileError, UnsafeFileError, UnsupportedFormatError

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex128, torch.complex64,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8,
        torch.bool, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
    )
}  # fmt: skip
"""numpy's name of a type → the type."""
CHUNKED = "__msgpack_chunked_array__"
"""The key that marks a map as one array in several pieces, as Flax writes those above 2**30 bytes."""

_NDARRAY, _COMPLEX, _SCALAR = 1, 2, 3  # Flax's types of extension values
_MAX_VALUES = 200_000  # an optimizer's state of a large model has about 10,000
_MAX_DEPTH = 64
_MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 1 << 48
_SHOWN = 8
# Names may take this much more memory than the file: a long name of a map stands in those of all its arrays.
_MAX_GROWTH, _FREE_GROWTH = 4, 64 << 10

# What training programs put around the parameters: Flax's own "params", T5X's "optimizer/target".
_WRAPPER = re.compile(r"(?:(?:optimizer/)?(?:params|target)/)*")
_STATE = r"(?:optimizer\.state|opt_state|state)\."


def _separate(name: str) -> str:
    return _WRAPPER.sub("", name, count=1).replace("/", ".")


FLAX = Vocabulary(
    (
        *HISTORICAL,
        Rename(rf"(?!{_STATE})(.*)\.kernel", r"\1.weight", transpose=True),
        Rename(rf"(?!{_STATE})(.*)\.(?:scale|embedding)", r"\1.weight"),
        Rename(rf"{_STATE}.*", None),
    ),
    _separate,
)


@dataclass(frozen=True, slots=True)
class _Array:
    """An array as the file describes it; `pieces` are (offset, bytes) in the file."""

    kind: str
    shape: tuple[int, ...]
    pieces: tuple[tuple[int, int], ...]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.pieces)


# What stands for a value: a map (or list, by number), an array, a whole number, or words that say what else it is.
_Value = dict[str, "_Value"] | _Array | int | str


class FlaxFile:
    """A Checkpoint over one flax_model.msgpack."""

    vocabulary = FLAX

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self._file = MappedFile(path)
        self._arrays: dict[str, _Array] = {}
        self.skipped: dict[str, str] = {}
        self._grown = 0
        self._add("", _Walk(self._file).tree())
        if not self._arrays:
            raise CheckpointError(f"{self.source} holds no arrays. It holds: {_listed(self.skipped) or 'nothing'}.")
        self.notes = (f"values that are no arrays were skipped: {_listed(self.skipped)}",) if self.skipped else ()

    def keys(self) -> Collection[str]:
        return self._arrays.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._array(key).shape

    def dtype(self, key: str) -> torch.dtype:
        kind = self._array(key).kind
        if kind not in DTYPES:
            raise UnsupportedFormatError(f"{self.source}: the array {key!r} is of type {kind!r}, which is not read.")
        return DTYPES[kind]

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        array, dtype = self._array(key), self.dtype(key)
        records = [Record(repr(key), offset, size, size) for offset, size in array.pieces]
        if len(records) == 1:
            return self._file.flat(records[0], dtype, copy=copy).view(array.shape)
        joined, filled = torch.empty(array.bytes // dtype.itemsize, dtype=dtype), 0
        for record in records:
            piece = self._file.flat(record, dtype)
            joined[filled : filled + len(piece)] = piece
            filled += len(piece)
        return joined.view(array.shape)

    def _array(self, key: str) -> _Array:
        if key in self.skipped:
            raise CheckpointError(f"{self.source}: {key!r} is {self.skipped[key]}, where an array was expected.")
        if key not in self._arrays:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._arrays[key]

    def _add(self, name: str, value: _Value) -> None:
        """Enters a value, and all that a map holds, under names with slashes."""
        if isinstance(value, dict) and CHUNKED in value:
            value = self._joined(name, value)
        if isinstance(value, dict):
            for key, inner in value.items():
                self._add(f"{name}/{key}" if name else key, inner)
            return
        self._grown += len(name)
        if len(name) > MAX_NAME or self._grown > _FREE_GROWTH + _MAX_GROWTH * self._file.size:
            raise UnsafeFileError(
                f"{self.source} ({self._file.size:,} bytes) nests names of {len(name):,} characters, {self._grown:,} "
                "in all so far; no model does. Not read."
            )
        if name in self._arrays or name in self.skipped:
            raise UnsafeFileError(f"{self.source} holds two values called {name!r}; not read.")
        if isinstance(value, _Array):
            self._check(name, value)
            self._arrays[name] = value
        else:
            self.skipped[name] = value if isinstance(value, str) else f"the number {value}"

    def _joined(self, name: str, parts: dict[str, _Value]) -> _Array:
        """The one array that a map of chunks stands for."""
        lengths, pieces = _by_number(parts.get("shape")), _by_number(parts.get("chunks"))
        shape = tuple(length for length in lengths or () if isinstance(length, int) and length >= 0)
        arrays = [piece for piece in pieces or () if isinstance(piece, _Array)]
        kinds = {array.kind for array in arrays}
        whole = lengths is not None and len(shape) == len(lengths) and len(shape) <= _MAX_DIMENSIONS
        if not whole or pieces is None or len(arrays) != len(pieces) or len(kinds) != 1:
            raise CorruptFileError(
                f"{self.source} is damaged: the array {name!r} is said to be in pieces, and its shape or its pieces "
                "are not as Flax writes them. Fetch the file again."
            )
        for array in arrays:
            self._check(name, array)
        return _Array(kinds.pop(), shape, tuple(piece for array in arrays for piece in array.pieces))

    def _check(self, name: str, array: _Array) -> None:
        """The bytes of an array must be as many as its shape needs."""
        dtype = DTYPES.get(array.kind)
        if math.prod(max(length, 1) for length in array.shape) > _MAX_ELEMENTS:
            raise UnsafeFileError(f"{self.source}: the array {name!r} claims more elements than any memory holds.")
        if dtype is not None and math.prod(array.shape) * dtype.itemsize != array.bytes:
            raise CorruptFileError(
                f"{self.source} is damaged: the array {name!r} at byte {array.pieces[0][0]:,} has {array.bytes:,} "
                f"bytes, and its shape {array.shape} of {array.kind} does not fit. Fetch the file again."
            )


class _Walk:
    """One walk over the values of a msgpack file, from front to back."""

    def __init__(self, file: MappedFile) -> None:
        self._file, self._data = file, file.data
        self._at, self._values = 0, 0

    def tree(self) -> dict[str, _Value]:
        """The map that the whole file is."""
        kind, count = self._head()
        if kind != "map":
            raise UnsupportedFormatError(
                f"{self._file.path} is no file of Flax: it should open with a msgpack map, and opens with "
                f"{bytes(self._data[:8])!r}."
            )
        tree = self._map(count, 1)
        if self._at != self._file.size:
            raise self._damaged(f"{self._file.size - self._at:,} bytes follow its end", self._at)
        return tree

    def _value(self, depth: int) -> _Value:
        if depth > _MAX_DEPTH:
            raise UnsafeFileError(f"{self._file.path} nests more than {_MAX_DEPTH} maps, at byte {self._at:,}.")
        kind, size = self._head()
        if kind == "map":
            return self._map(size, depth + 1)
        if kind == "list":
            return {str(number): self._value(depth + 1) for number in range(size)}
        if kind == "extension":
            return self._extension(size)
        if kind == "integer":
            return size
        self._skip(size)
        return _WORDS.get(kind, kind)

    def _map(self, count: int, depth: int) -> dict[str, _Value]:
        values: dict[str, _Value] = {}
        for _ in range(count):
            start = self._at
            kind, size = self._head()
            if kind != "text":
                raise self._damaged(f"a key should be text, and is {_WORDS.get(kind, f'a {kind}')}", start)
            if size > MAX_NAME:
                raise UnsafeFileError(f"{self._file.path} has a name of {size:,} characters, at byte {start:,}.")
            try:
                key = self._skip(size).decode()
            except UnicodeDecodeError:
                raise self._damaged("a key is not UTF-8", start) from None
            if key in values:
                raise UnsafeFileError(f"{self._file.path} has the key {key!r} twice in one map, at byte {start:,}.")
            values[key] = self._value(depth)
        return values

    def _extension(self, size: int) -> _Value:
        """Of `size` bytes, after the byte with its type."""
        code = int.from_bytes(self._skip(1), signed=True)
        start, end = self._at, self._at + size
        if end > self._file.size:
            raise self._truncated(end)
        if code not in (_NDARRAY, _SCALAR):
            self._at = end
            return "a complex number" if code == _COMPLEX else f"an extension value of type {code}"
        if self._head() != ("list", 3):
            raise self._damaged("an array is not made of shape, type and bytes", start)
        kind, dimensions = self._head()
        if kind != "list" or dimensions > _MAX_DIMENSIONS:
            raise self._damaged("an array has no list of lengths, or too long a one", start)
        lengths = [self._head() for _ in range(dimensions)]
        if any(kind != "integer" or length < 0 for kind, length in lengths):
            raise self._damaged("the lengths of an array are no counts", start)
        kind, length = self._head()
        if kind not in ("text", "bytes") or length > 32:
            raise self._damaged("the type of an array is no short text", start)
        name = self._skip(length).decode("ascii", "replace")
        kind, length = self._head()
        if kind not in ("text", "bytes") or self._at + length != end:
            raise self._damaged("the bytes of an array do not end where the array ends", start)
        array = _Array(name, tuple(length for _, length in lengths), ((self._at, length),))
        self._at = end
        return array

    def _head(self) -> tuple[str, int]:
        """(kind, number): of an integer its value, else how many bytes or entries follow."""
        self._values += 1
        if self._values > _MAX_VALUES:
            raise UnsafeFileError(
                f"{self._file.path} holds more than {_MAX_VALUES:,} values before byte {self._at:,}, more than any "
                "checkpoint; not read."
            )
        first = self._skip(1)[0]
        if first < 0x80:
            return "integer", first
        if first >= 0xE0:
            return "integer", first - 0x100
        if 0xA0 <= first < 0xC0:
            return "text", first & 0x1F
        if first < 0xA0:
            return "map" if first < 0x90 else "list", first & 0xF
        if first not in _HEADS:
            raise self._damaged(f"no msgpack value begins with {first:#x}", self._at - 1)
        kind, width = _HEADS[first]
        if kind == "integer":
            return kind, int.from_bytes(self._skip(width), signed=first >= 0xD0)
        if kind == "extension" and 0xD4 <= first <= 0xD8:
            return kind, width
        return (kind, width) if kind in _FIXED else (kind, int.from_bytes(self._skip(width)))

    def _skip(self, size: int) -> bytes:
        """The next bytes; long ones are only stepped over."""
        start, self._at = self._at, self._at + size
        if self._at > self._file.size:
            raise self._truncated(self._at)
        return self._data[start : self._at] if size <= MAX_NAME else b""

    def _truncated(self, end: int) -> CorruptFileError:
        return CorruptFileError(
            f"{self._file.path} ({self._file.size:,} bytes) is truncated: a value should end at byte {end:,}. Fetch "
            "the file again."
        )

    def _damaged(self, what: str, offset: int) -> CorruptFileError:
        return CorruptFileError(
            f"{self._file.path} ({self._file.size:,} bytes) is damaged at byte {offset:,}: {what}. Fetch the file "
            "again."
        )


# First byte → (kind, bytes of the number that follows; of fixed ones how long they are).
_HEADS = {
    0xC0: ("nothing", 0), 0xC2: ("truth", 0), 0xC3: ("truth", 0), 0xCA: ("float", 4), 0xCB: ("float", 8),
    0xC4: ("bytes", 1), 0xC5: ("bytes", 2), 0xC6: ("bytes", 4), 0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4),
    0xC7: ("extension", 1), 0xC8: ("extension", 2), 0xC9: ("extension", 4),
    0xD4: ("extension", 1), 0xD5: ("extension", 2), 0xD6: ("extension", 4), 0xD7: ("extension", 8),
    0xD8: ("extension", 16), 0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
    0xCC: ("integer", 1), 0xCD: ("integer", 2), 0xCE: ("integer", 4), 0xCF: ("integer", 8),
    0xD0: ("integer", 1), 0xD1: ("integer", 2), 0xD2: ("integer", 4), 0xD3: ("integer", 8),
}  # fmt: skip
_FIXED = ("nothing", "truth", "float")
_WORDS = {"truth": "a truth value", "float": "a number"}


def _by_number(value: _Value | None) -> list[_Value] | None:
    """The values of {"0": …, "1": …}, as Flax writes a tuple."""
    if not isinstance(value, dict) or value.keys() != {str(number) for number in range(len(value))}:
        return None
    return [value[str(number)] for number in range(len(value))]


def _listed(skipped: Mapping[str, str]) -> str:
    more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
    return ", ".join(f"{key} ({what})" for key, what in list(skipped.items())[:_SHOWN]) + more
