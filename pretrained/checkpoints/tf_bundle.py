"""How are tensors read from TensorFlow's checkpoints, `model.ckpt.index` and `model.ckpt.data-00000-of-00001`?

The index is a table from names to types, shapes and places; the data files hold the bytes of the tensors one after
another. Variables that were partitioned, or saved in slices, are put together. Checkpoints of objects (TensorFlow 2)
also describe the program's objects: from that come the names of the variables.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import torch

from pretrained.checkpoints.crc32c import crc32c, masked
from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import MAX_NAME
from pretrained.checkpoints.protobuf import varint
from pretrained.checkpoints.tf_entries import (
    DTYPES,
    Entry,
    Slice,
    parse_entry,
    parse_header,
    slice_key,
    variable_names,
)
from pretrained.checkpoints.tf_names import OBJECTS, TENSORFLOW_1, of_training
from pretrained.checkpoints.tf_table import read_table
from pretrained.errors import (
    CheckpointError,
    CorruptFileError,
    ModelFileNotFoundError,
    PretrainedError,
    UnsafeFileError,
)

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SHOWN = 5
_SMALL = 1 << 16  # bytes; a mapped page brings up to two megabytes of neighbours with it, more than a bias is worth


class TensorFlowBundle:
    """A Checkpoint over an index and its data files. They are opened when a tensor of them is read."""

    notes: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self._path = path
        self._shards: dict[int, MappedFile] = {}
        self._slices: dict[bytes, Entry] = {}
        self._whole: set[str] = set()  # tensors whose checksum was compared
        entries: dict[str, Entry] = {}
        try:
            table = read_table(bytes(MappedFile(path).data))
            first, message = next(table, (b"", b""))
            if first:
                raise ValueError("it has no header")
            self._header = parse_header(message)
            for raw, message in table:
                if raw.startswith(b"\0"):
                    self._slices[raw] = parse_entry(message)
                else:
                    name = _name(raw)
                    entries[name] = _parsed(name, message)
            sizes = self._sizes({entry.shard for entry in (*entries.values(), *self._slices.values())})
            self._check_places(entries, sizes)
            others = {key: other for key, entry in entries.items() if (other := self._check(key, entry))}
        except PretrainedError:
            raise
        except ValueError as error:
            raise self._damaged(str(error)) from error
        names = {key: key for key in entries}
        self.vocabulary = TENSORFLOW_1
        if _GRAPH in entries:
            self.vocabulary = OBJECTS
            names = self._variable_names(entries)
        self.skipped = {name: others[key] for key, name in names.items() if key in others}
        self._entries = {name: entries[key] for key, name in names.items() if key not in others}

    def keys(self) -> Collection[str]:
        return self._entries.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._entry(key).shape

    def dtype(self, key: str) -> torch.dtype:
        return DTYPES[self._entry(key).kind]

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        entry = self._entry(key)
        if not entry.slices:
            return self._read(key, entry, copy=copy)
        tensor = torch.empty(entry.shape, dtype=DTYPES[entry.kind])
        for number, part in enumerate(entry.slices):
            target = tensor
            for axis, (start, length) in enumerate(_ranges(key, entry.shape, part)):
                target = target.narrow(axis, start, length)
            target.copy_(self._read(f"{key}, slice {number}", self._slice(key, part)))
        return tensor

    def _entry(self, key: str) -> Entry:
        if key in self.skipped:
            raise CheckpointError(f"{self.source}: {key!r} is {self.skipped[key]}, where a tensor was expected.")
        if key not in self._entries:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._entries[key]

    # -- the data files

    def _shard_path(self, shard: int) -> Path:
        """The name of a data file. The index gives only numbers, so it cannot name a file elsewhere."""
        stem = self._path.name.removesuffix(".index")
        return self._path.parent / f"{stem}.data-{shard:05}-of-{self._header.shards:05}"

    def _shard(self, number: int) -> MappedFile:
        if number not in self._shards:
            self._shards[number] = MappedFile(self._shard_path(number))
        return self._shards[number]

    def _sizes(self, shards: Collection[int]) -> dict[int, int]:
        """Bytes in each of the data files that hold tensors."""
        sizes: dict[int, int] = {}
        missing = []
        for shard in sorted(shards):
            if shard >= self._header.shards:
                raise ValueError(f"a tensor should be in shard {shard:,}, and there are {self._header.shards:,}")
            path = self._shard_path(shard)
            try:
                sizes[shard] = path.stat().st_size
            except OSError:
                missing.append(path.name)
        if missing:
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise ModelFileNotFoundError(
                f"{self.source} says in which of {self._header.shards} data files the tensors are, and of those "
                f"{', '.join(missing[:_SHOWN])}{more} {'are' if len(missing) > 1 else 'is'} not beside it. "
                "Fetch the files of the checkpoint again, all of them."
            )
        return sizes

    def _read(self, key: str, entry: Entry, *, copy: bool = False) -> torch.Tensor:
        """One stored tensor. The first time, its bytes are compared with their checksum."""
        dtype = DTYPES[entry.kind]
        if not entry.size:
            return torch.empty(entry.shape, dtype=dtype)
        file = self._shard(entry.shard)
        record = Record(key, entry.offset, entry.size, entry.size)
        order = self._header.byteorder
        tensor = file.flat(record, dtype, byteorder=order, copy=copy or entry.size < _SMALL)
        if key not in self._whole:
            stored = tensor.view(torch.uint8) if order == "little" else file.flat(record, torch.uint8)
            if masked(crc32c(stored.numpy())) != entry.crc:
                raise CorruptFileError(
                    f"{file.path} is damaged: the checksum of the tensor {key!r} ({entry.size:,} bytes at byte "
                    f"{entry.offset:,}) is wrong. Fetch the file again."
                )
            self._whole.add(key)
        return tensor.view(entry.shape)

    # -- what the index says, against the files and itself

    def _check_places(self, entries: Mapping[str, Entry], sizes: Mapping[int, int]) -> None:
        """No tensor may lie outside its file or share bytes with another."""
        shard, end = -1, 0
        named: Iterable[tuple[str, Entry]] = (
            *entries.items(),
            *((f"slice {raw!r}", entry) for raw, entry in self._slices.items()),
        )
        for key, entry in sorted(named, key=lambda item: (item[1].shard, item[1].offset, item[1].size)):
            end = end if entry.shard == shard else 0
            shard = entry.shard
            if entry.offset + entry.size > sizes[shard]:
                raise CorruptFileError(
                    f"{self._shard_path(shard)} ({sizes[shard]:,} bytes) is truncated: the tensor {key!r} should end "
                    f"at byte {entry.offset + entry.size:,}. Fetch the file again."
                )
            if entry.size and entry.offset < end:
                raise UnsafeFileError(
                    f"{self.source}: the tensor {key!r} at byte {entry.offset:,} of shard {shard} shares bytes with "
                    "another; not read."
                )
            end = max(end, entry.offset + entry.size)

    def _check(self, key: str, entry: Entry) -> str:
        """Shape, type and size of one tensor must fit; of one in slices also the slices. What is not read is told."""
        if entry.other:
            return entry.other
        if not entry.slices:
            _check_size(key, entry)
            return ""
        # Partitioned variables are cut along one axis. Their slices must follow each other without a gap.
        parts = [(_ranges(key, entry.shape, part), self._slice(key, part)) for part in entry.slices]
        cut = {axis for part, _ in parts for axis, length in enumerate(entry.shape) if part[axis] != (0, length)}
        if len(cut) > 1:
            return f"in slices along {len(cut)} axes"
        axis, covered = next(iter(cut), 0), 0
        for part, found in sorted(parts, key=lambda item: item[0]):
            if found.shape != tuple(length for _, length in part) or found.kind != entry.kind or found.slices:
                raise ValueError(f"a slice of the tensor {key!r} is of another shape or type than announced")
            _check_size(f"{key}, a slice", found)
            if entry.shape and part[axis][0] != covered:
                raise ValueError(f"the slices of the tensor {key!r} leave a gap, or overlap, at {covered:,}")
            covered += part[axis][1] if entry.shape else 0
        if (covered != entry.shape[axis]) if entry.shape else len(parts) > 1:
            raise ValueError(f"the slices of the tensor {key!r} cover {covered:,} of {entry.shape}")
        return ""

    def _slice(self, key: str, part: Slice) -> Entry:
        found = self._slices.get(slice_key(key, part))
        if found is None:
            raise ValueError(f"a slice of the tensor {key!r} is missing")
        return found

    # -- checkpoints of objects

    def _variable_names(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        """Key → the name of its variable, where the description of the objects tells one; else the key itself."""
        try:
            named = {key: name for key, name in variable_names(self._text(_GRAPH, entries[_GRAPH])) if key in entries}
        except ValueError as error:
            raise self._damaged(f"the description of its objects cannot be read, {error}") from error
        uses = Counter(named.values())
        for key, name in named.items():
            if not name or uses[name] > 1 or name in entries or len(name) > MAX_NAME or of_training(key):
                named[key] = key
        return {key: named.get(key, key) for key in entries if key != _GRAPH}

    def _text(self, key: str, entry: Entry) -> bytes:
        """The one string of a scalar entry: its length, a checksum of that, its bytes."""
        if entry.kind != 7 or entry.shape or entry.slices:
            raise ValueError(f"{key} is not one string")
        raw = self._shard(entry.shard).read(entry.offset, entry.size)
        size, position = varint(raw, 0)
        if position + 4 + size != len(raw):
            raise ValueError(f"{key} has another length than announced")
        # What the checksum is of: the length as a plain number, the checksum of it, the bytes.
        if masked(crc32c(size.to_bytes(4 if size < 1 << 32 else 8, "little") + raw[position:])) != entry.crc:
            raise ValueError(f"the checksum of {key} is wrong")
        return raw[position + 4 :]

    def _damaged(self, what: str) -> CorruptFileError:
        return CorruptFileError(f"{self.source} is damaged: {what}. Fetch the file again.")


def _name(raw: bytes) -> str:
    name = raw.decode()
    if len(name) > MAX_NAME:
        raise ValueError(f"a tensor has a name of {len(name):,} characters")
    return name


def _parsed(name: str, message: bytes) -> Entry:
    try:
        return parse_entry(message)
    except ValueError as error:
        raise ValueError(f"what it says of the tensor {name!r} cannot be read, {error}") from error


def _ranges(key: str, shape: tuple[int, ...], part: Slice) -> Slice:
    """(start, length) along each axis, without the -1 that stands for the whole one."""
    if len(part) != len(shape):
        raise ValueError(f"a slice of the tensor {key!r} has {len(part)} axes, the tensor {len(shape)}")
    return tuple((start, length if found < 0 else found) for (start, found), length in zip(part, shape, strict=True))


def _check_size(key: str, entry: Entry) -> None:
    if entry.other:
        raise ValueError(f"{key!r} is {entry.other}")
    needed = math.prod(entry.shape) * DTYPES[entry.kind].itemsize
    if needed != entry.size:
        raise ValueError(f"the tensor {key!r} of shape {entry.shape} has {entry.size:,} bytes and needs {needed:,}")
