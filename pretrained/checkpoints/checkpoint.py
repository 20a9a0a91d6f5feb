"""Which tensors exist, by their published names?

Every format becomes a `Checkpoint`: names, shapes and types at once, tensors one by one when they are asked for.
What combines checkpoints is a Checkpoint too: `Sharded` (several files), `Renamed` (other names, same tensors).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch

from pretrained.checkpoints.names import HISTORICAL, Rename, find_rule, wrapper_prefix
from pretrained.checkpoints.safetensors import SafetensorsFile
from pretrained.checkpoints.torch_pickle import TorchPickleFile
from pretrained.errors import CheckpointError, CorruptFileError, UnsupportedFormatError


class Checkpoint(Protocol):
    """Published name → lazy tensor."""

    @property
    def source(self) -> str:
        """Where the tensors come from, for messages."""

    @property
    def notes(self) -> Sequence[str]:
        """Decisions taken while reading, in plain words."""

    @property
    def skipped(self) -> Mapping[str, str]:
        """Names that stand for something other than a tensor → what. `tensor` of such a name says why."""

    def keys(self) -> Collection[str]: ...

    def shape(self, key: str) -> tuple[int, ...]: ...

    def dtype(self, key: str) -> torch.dtype: ...

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        """The tensor, on the CPU; memory-mapped where the file allows it.

        With `copy` it is read into memory of its own where that is possible: cheaper for a tensor that is
        converted at once, as the pages of the file need not stay.
        """


class Weights(Protocol):
    """Which files to read, as the hub finds them."""

    @property
    def format(self) -> str: ...

    @property
    def paths(self) -> Sequence[Path]: ...

    @property
    def index(self) -> Mapping[str, str] | None: ...


def open_checkpoint(weights: Weights) -> Checkpoint:
    """Opens the weights file, or all shards; only names, shapes and types are read."""
    readers: dict[str, Callable[[Path], Checkpoint]] = {"safetensors": SafetensorsFile, "pytorch": TorchPickleFile}
    if weights.format not in readers:
        raise UnsupportedFormatError(
            f"weights of the format {weights.format!r} are not read; those that are: {', '.join(readers)}."
        )
    reader = readers[weights.format]
    if len(weights.paths) == 1 and weights.index is None:
        return reader(weights.paths[0])
    return Sharded({path.name: reader(path) for path in weights.paths}, weights.index, weights.paths[0].parent)


def published(checkpoint: Checkpoint, renames: Sequence[Rename] = ()) -> Checkpoint:
    """The checkpoint under its published names: wrapper prefix, then historical names, then `renames`."""
    prefix = wrapper_prefix(checkpoint.keys())
    names: dict[str, Origin] = {}
    skipped = checkpoint.skipped
    for key in (*checkpoint.keys(), *skipped):
        name: str | None = key.removeprefix(prefix)
        transpose = False
        for stage in (HISTORICAL, renames):
            rule = find_rule(name, stage) if name is not None else None
            if rule is not None and name is not None:
                name, transpose = rule.apply(name), transpose != rule.transpose
        if name is None:
            continue
        if name in names and key not in skipped:
            raise CheckpointError(
                f"{checkpoint.source} has two tensors that are both called {name!r} today: {names[name][0]!r} and "
                f"{key!r}. Remove one of them from the file."
            )
        names.setdefault(name, (key, transpose))
    return Renamed(checkpoint, names)


def from_state_dict(tensors: Mapping[str, torch.Tensor], source: str = "the given state dict") -> Checkpoint:
    """A Checkpoint over tensors in memory."""
    return InMemory(tensors, source)


class InMemory:
    """Tensors that are there already; other values of the mapping, such as version numbers, are skipped."""

    notes: Sequence[str] = ()

    def __init__(self, tensors: Mapping[str, torch.Tensor], source: str) -> None:
        self.source = source
        self._tensors = {key: value.detach() for key, value in tensors.items() if isinstance(value, torch.Tensor)}
        self.skipped = {key: type(value).__name__ for key, value in tensors.items() if key not in self._tensors}

    def keys(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self._require(key).shape)

    def dtype(self, key: str) -> torch.dtype:
        return self._require(key).dtype

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        return self._require(key).clone()  # a model must not share memory with what the caller goes on using

    def _require(self, key: str) -> torch.Tensor:
        if key in self.skipped:
            raise CheckpointError(f"{self.source}: {key!r} is {self.skipped[key]}, where a tensor was expected.")
        if key not in self._tensors:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._tensors[key]


class Sharded:
    """Several files as one. The index, where there is one, says which tensor is in which file."""

    def __init__(self, shards: Mapping[str, Checkpoint], index: Mapping[str, str] | None, folder: Path) -> None:
        self.source = f"{folder} ({len(shards)} shards)"
        self.notes = tuple(f"{name}: {note}" for name, shard in shards.items() for note in shard.notes)
        self._tensors: dict[str, Checkpoint] = {}
        for name, shard in shards.items():
            held = shard.keys()
            for key in held:
                if index is not None and index.get(key, name) != name:
                    continue
                if key in self._tensors:
                    raise CheckpointError(f"{self.source}: the tensor {key!r} is in two shards, {name} is one.")
                self._tensors[key] = shard
        others = {key: shard for shard in shards.values() for key in shard.skipped if key not in self._tensors}
        self.skipped = {key: shard.skipped[key] for key, shard in others.items()}
        self._home = others | self._tensors
        lost = [f"{key} ({name})" for key, name in (index or {}).items() if key not in self._home]
        if lost:
            more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
            raise CorruptFileError(
                f"{self.source}: the index names tensors that their files do not hold: {', '.join(lost[:5])}{more}. "
                "Index and shards are of different downloads; fetch them again."
            )

    def keys(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._shard(key).shape(key)

    def dtype(self, key: str) -> torch.dtype:
        return self._shard(key).dtype(key)

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        return self._shard(key).tensor(key, copy=copy)

    def _shard(self, key: str) -> Checkpoint:
        if key not in self._home:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._home[key]


Origin = tuple[str, bool]  # the name in the file, and whether the matrix lies transposed in it


class Renamed:
    """The tensors of another checkpoint under other names; what has no name here is known and not needed."""

    def __init__(self, checkpoint: Checkpoint, names: Mapping[str, Origin]) -> None:
        self.source = checkpoint.source
        self.notes = checkpoint.notes
        self._inner = checkpoint
        skipped = checkpoint.skipped
        self._names = {name: origin for name, origin in names.items() if origin[0] not in skipped}
        self._skipped = {name: origin for name, origin in names.items() if origin[0] in skipped}
        self.skipped = {name: skipped[key] for name, (key, _) in self._skipped.items()}

    def keys(self) -> Collection[str]:
        return self._names.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        original, transpose = self._origin(key)
        shape = self._inner.shape(original)
        return shape[::-1] if transpose else shape

    def dtype(self, key: str) -> torch.dtype:
        return self._inner.dtype(self._origin(key)[0])

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        original, transpose = self._origin(key)
        tensor = self._inner.tensor(original, copy=copy)
        return tensor.permute(*range(tensor.dim() - 1, -1, -1)) if transpose else tensor

    def _origin(self, key: str) -> Origin:
        origin = self._names.get(key) or self._skipped.get(key)
        if origin is None:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return origin
