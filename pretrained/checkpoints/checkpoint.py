"""Which tensors exist, by their published names?

Every format becomes a `Checkpoint`: names, shapes and types at once, tensors one by one when they are asked for.
What combines checkpoints is a Checkpoint too: `Sharded` (several files), `Renamed` (other names, same tensors).
"""

import importlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch

from pretrained.checkpoints.names import TORCH, Rename, Vocabulary, find_rule, wrapper_prefix
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

    @property
    def vocabulary(self) -> Vocabulary:
        """How the framework that wrote the file names things."""

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


# Format → "module:class" of its reader. They are imported when they are needed.
READERS = {
    "safetensors": "safetensors:SafetensorsFile",
    "pytorch": "torch_pickle:TorchPickleFile",
    "h5": "keras_h5:KerasFile",
    "tf_checkpoint": "tf_bundle:TensorFlowBundle",
    "numpy": "numpy_parts:NumpyParts",
    "flax": "flax_msgpack:FlaxFile",
}


def open_checkpoint(weights: Weights) -> Checkpoint:
    """Opens the weights file, or all shards; only names, shapes and types are read."""
    if weights.format not in READERS:
        raise UnsupportedFormatError(
            f"weights of the format {weights.format!r} are not read; those that are: {', '.join(READERS)}."
        )
    module, _, name = READERS[weights.format].partition(":")
    reader = getattr(importlib.import_module(f"pretrained.checkpoints.{module}"), name)
    if len(weights.paths) == 1 and weights.index is None:
        opened: Checkpoint = reader(weights.paths[0])
        return opened
    return Sharded({path.name: reader(path) for path in weights.paths}, weights.index, weights.paths[0].parent)


def published(checkpoint: Checkpoint, renames: Sequence[Rename] = ()) -> "Renamed":
    """The checkpoint under its published names: wrapper prefix, then the framework's vocabulary, then `renames`."""
    prefix = wrapper_prefix(checkpoint.keys())
    vocabulary = checkpoint.vocabulary
    names: dict[str, Origin] = {}
    skipped = checkpoint.skipped
    for key in (*checkpoint.keys(), *skipped):
        name: str | None = vocabulary.separate(key.removeprefix(prefix))
        origin = Origin(key)
        for stage in (vocabulary.rules, renames):
            rule = find_rule(name, stage) if name is not None else None
            if rule is not None and name is not None:
                name, origin = rule.apply(name), origin.after(rule)
        if name is None:
            continue
        layers = range(checkpoint.shape(key)[0]) if origin.layer is not None and key not in skipped else (None,)
        for layer in layers:
            full = name if layer is None else name.format(layer)
            if full in names and key not in skipped:
                raise CheckpointError(
                    f"{checkpoint.source} has two tensors that are both called {full!r} today: {names[full].key!r} "
                    f"and {key!r}. Remove one of them from the file."
                )
            names.setdefault(full, replace(origin, layer=layer))
    return Renamed(checkpoint, names)


def from_state_dict(tensors: Mapping[str, torch.Tensor], source: str = "the given state dict") -> Checkpoint:
    """A Checkpoint over tensors in memory."""
    return InMemory(tensors, source)


class InMemory:
    """Tensors that are there already; other values of the mapping, such as version numbers, are skipped.

    `shared` hands them out as they are, for those who only read them.
    """

    notes: Sequence[str] = ()
    vocabulary = TORCH

    def __init__(self, tensors: Mapping[str, torch.Tensor], source: str, *, shared: bool = False) -> None:
        self.source = source
        self._shared = shared
        self._tensors = {key: value.detach() for key, value in tensors.items() if isinstance(value, torch.Tensor)}
        self.skipped = {key: type(value).__name__ for key, value in tensors.items() if key not in self._tensors}

    def keys(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self._require(key).shape)

    def dtype(self, key: str) -> torch.dtype:
        return self._require(key).dtype

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        tensor = self._require(key)
        return tensor if self._shared else tensor.clone()  # a model must not share memory with its caller's tensors

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
        self.vocabulary = next(iter(shards.values())).vocabulary
        self._tensors: dict[str, Checkpoint] = {}
        if index is not None:
            held = {key for shard in shards.values() for key in (*shard.keys(), *shard.skipped)}
            index = {_as_held(key, held): name for key, name in index.items()}
        for name, shard in shards.items():
            for key in shard.keys():
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


def _as_held(key: str, held: Collection[str]) -> str:
    """The name in a shard for one in the index: where TensorFlow writes both, only the index has the model's name."""
    short = key.partition("/")[2]
    return short if key not in held and short in held else key


@dataclass(frozen=True)
class Origin:
    """Which tensor of the file is meant, and how it lies there."""

    key: str
    transpose: bool = False
    rank: int | None = None
    """How many axes: leading ones of length 1 are dropped down to that, or added up to it."""
    layer: int | None = None
    """Which slice of the first axis, where one tensor holds all layers."""

    def after(self, rule: Rename) -> "Origin":
        """Also what one more rule says."""
        return Origin(
            self.key,
            transpose=self.transpose != rule.transpose,
            rank=self.rank if rule.rank is None else rule.rank,
            layer=0 if rule.unstack else self.layer,
        )

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The published shape of a tensor that has this shape in the file."""
        shape = shape if self.layer is None else shape[1:]
        while self.rank is not None and len(shape) > self.rank and shape[0] == 1:
            shape = shape[1:]
        shape = (1,) * ((self.rank or 0) - len(shape)) + shape
        return shape[::-1] if self.transpose else shape

    def view(self, tensor: torch.Tensor) -> torch.Tensor:
        """The published tensor, sharing the memory of the one in the file."""
        tensor = tensor if self.layer is None else tensor[self.layer]
        while self.rank is not None and tensor.dim() > self.rank and len(tensor) == 1:
            tensor = tensor[0]
        tensor = tensor[(None,) * ((self.rank or 0) - tensor.dim())]
        return tensor.permute(*range(tensor.dim() - 1, -1, -1)) if self.transpose else tensor


class Renamed:
    """The tensors of another checkpoint under other names; what has no name here is known and not needed."""

    vocabulary = TORCH

    def __init__(self, checkpoint: Checkpoint, names: Mapping[str, Origin]) -> None:
        self.source = checkpoint.source
        self.notes = checkpoint.notes
        self._inner = checkpoint
        skipped = checkpoint.skipped
        self._names = {name: origin for name, origin in names.items() if origin.key not in skipped}
        self._skipped = {name: origin for name, origin in names.items() if origin.key in skipped}
        self.skipped = {name: skipped[origin.key] for name, origin in self._skipped.items()}

    def keys(self) -> Collection[str]:
        return self._names.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        origin = self.origin(key)
        return origin.shape(self._inner.shape(origin.key))

    def dtype(self, key: str) -> torch.dtype:
        return self._inner.dtype(self.origin(key).key)

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        origin = self.origin(key)
        # The reader of a transposed tensor copies it into its order anyhow; the pages of the file need not stay beside.
        copy = copy or (origin.transpose and origin.layer is None)
        return origin.view(self._inner.tensor(origin.key, copy=copy))

    def origin(self, key: str) -> Origin:
        """Where a tensor comes from."""
        origin = self._names.get(key) or self._skipped.get(key)
        if origin is None:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return origin
