"""Which of a folder's files are the weights to read?

Published names come first, then the same names in another case or with a prefix, then any file whose content is
weights. Within a step the formats have one order, and one file comes before shards.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsafeFileError
from pretrained.hub import messages, parts
from pretrained.hub.folder import SNIFFED_AT_MOST, Place
from pretrained.hub.names import (
    NUMPY_SHAPES,
    TF_CHECKPOINT,
    WEIGHTS_EXPECTED,
    claim,
    plain,
    shard_index,
    shard_names,
    whole,
)
from pretrained.hub.no_weights import adapter, may_be_weights, no_weights, unsupported
from pretrained.hub.sniff import DESCRIPTIONS, WEIGHTS, Content

# Published name → format. The order is the one in which they are preferred.
_PUBLISHED = {
    "model.safetensors": "safetensors",
    "model.safetensors.index.json": "safetensors",
    "pytorch_model.bin": "pytorch",
    "pytorch_model.bin.index.json": "pytorch",
    "tf_model.h5": "h5",
    "tf_model.h5.index.json": "h5",
    "flax_model.msgpack": "flax",
    "flax_model.msgpack.index.json": "flax",
    TF_CHECKPOINT: "tf_checkpoint",
    NUMPY_SHAPES: "numpy",
}
_FORMATS = {
    "safetensors": "safetensors",
    "torch": "pytorch",
    "torch_legacy": "pytorch",
    "hdf5": "h5",
    "msgpack": "flax",
    "tf_index": "tf_checkpoint",
}
_NEWER_BY_SECONDS = 60.0  # copying a folder may give its files any order within a minute


@dataclass(frozen=True)
class WeightFiles:
    """The weights of one model: one file, or all of its shards."""

    format: str
    """"safetensors", "pytorch", "h5", "flax", "tf_checkpoint" or "numpy"."""
    paths: tuple[Path, ...]
    """The file, or its shards; of a TensorFlow checkpoint the index, of OpenAI's arrays the list of their shapes."""
    index: dict[str, str] | None = None
    """Tensor name → file name, for shards that have an index."""
    parts: tuple[Path, ...] = ()
    """What is read through the one file of `paths`: the data files of a TensorFlow checkpoint, OpenAI's arrays."""


class WeightsChoice:
    """One search for the weights of one folder; `notes` keeps the decisions that were taken."""

    def __init__(self, place: Place, *, prefix: str | None = None, compare_dates: bool = True) -> None:
        self.place = place
        self.folder = place.folder
        self.prefix = prefix
        self.compare_dates = compare_dates
        self.notes: list[str] = []

    def search(self) -> WeightFiles:
        for step in (self._published, self._other_case, self._prefixed, self._by_content, self._of_any_ending):
            name = step()
            if name is not None:
                found = self.read(name)
                self._mention_others(name, found)
                return found
        if part := next((name for name, of in self.folder.claims() if of.role == "part"), None):
            raise parts.without_whole(self.place, part)
        raise no_weights(self.place)

    def read(self, name: str) -> WeightFiles:
        """One file of weights; for an index or for one shard, all that belongs to it."""
        claimed = claim(name)
        role = claimed.role
        if role == "adapter":
            raise adapter(self.place, name)
        if role == "other" and not self.folder.sniff(name).damaged:
            raise unsupported(self.place, {name: claimed.detail})
        if role == "part":
            if whole(name) not in self.folder:
                raise parts.without_whole(self.place, name)
            return self.read(whole(name))
        if role == "index":
            return self._sharded(name)
        if role == "shard":
            index = shard_index(name)
            return self._sharded(index) if index in self.folder else self._without_index(name)
        format = self._format(name)
        beside: Sequence[str] = ()
        if format == "tf_checkpoint":
            beside = parts.data_of(self.place, name)
        elif format == "numpy":
            beside = parts.arrays_of(self.place)
        return WeightFiles(format, (self.folder.path / name,), parts=tuple(self.folder.path / part for part in beside))

    # -- the five steps --------------------------------

    def _published(self) -> str | None:
        for name in _PUBLISHED:
            if name == TF_CHECKPOINT:
                checkpoints = [other for other, of in self.folder.claims() if of.published == TF_CHECKPOINT]
                if checkpoints:
                    return self._latest(checkpoints)
            elif name in self.folder:
                return name
        return None

    def _other_case(self) -> str | None:
        return self._best([name for name, prefix in self._named() if not prefix])

    def _prefixed(self) -> str | None:
        named = [(name, prefix) for name, prefix in self._named() if prefix]
        prefixes = {prefix for _, prefix in named}
        if len(prefixes) > 1 and self.prefix in prefixes:
            named = [(name, prefix) for name, prefix in named if prefix == self.prefix]
        elif len(prefixes) > 1:
            raise self._ambiguous([name for name, _ in named])
        return self._best([name for name, _ in named])

    def _by_content(self) -> str | None:
        found: dict[str, list[str]] = {format: [] for format in _PUBLISHED.values()}
        damaged: list[tuple[str, Content]] = []
        for name in may_be_weights(self.folder):
            content = self.folder.sniff(name)
            if content.kind in _FORMATS:
                found[_FORMATS[content.kind]].append(name)
            elif content.damaged:
                damaged.append((name, content))
        for names in found.values():
            if len({shard_index(name) or name for name in names}) > 1:
                return self._latest(names)
            if names:
                self.notes.append(f"the weights are {names[0]}, told by its content")
                return names[0]
        if damaged:
            raise self.place.damaged(*damaged[0], expected=WEIGHTS_EXPECTED)
        return None

    def _of_any_ending(self) -> str | None:
        """The one file of weights whose name says nothing at all: pytorch_model.zip, model.checkpoint_0."""
        unknown = [name for name, of in self.folder.claims() if not of.role][:SNIFFED_AT_MOST]
        names = [name for name in unknown if self.folder.sniff(name).kind in WEIGHTS]
        if len(names) > 1:
            raise self._ambiguous(names)
        if not names:
            return None
        self.notes.append(f"the weights are {names[0]}, told by its content")
        return names[0]

    def _latest(self, names: Sequence[str]) -> str:
        """The one of several files of a format; only TensorFlow writes down which it is."""
        if len(names) == 1:
            return names[0]
        found = parts.latest(self.place, names)
        if found is None:
            raise self._ambiguous(names)
        self.notes.append(found[1])
        return found[0]

    def _named(self) -> list[tuple[str, str]]:
        """(file name, prefix) of every file that is called like weights, or like their index."""
        return [(name, of.prefix) for name, of in self.folder.claims() if of.role in ("weights", "index")]

    def _best(self, names: Sequence[str]) -> str | None:
        """The preferred one of several files that stand for published names."""
        if not names:
            return None
        order = list(_PUBLISHED)
        best = min(names, key=lambda name: (order.index(claim(name).published), len(name), name))
        self.notes.append(f"the weights are {best}")
        return best

    def _ambiguous(self, names: Sequence[str]) -> ModelFileNotFoundError:
        return ModelFileNotFoundError(
            self.place.message(
                f"{self.place.asked} holds several files of weights, and nothing says which to read: "
                f"{messages.listing(names)}.",
                expected=WEIGHTS_EXPECTED,
                to_do=f"name one of the files, such as {self.folder.path / names[0]}",
            )
        )

    # -- one file --------------------------------

    def _format(self, name: str) -> str:
        """The format of one file, by its content. Raises for every content that is no weights to be read."""
        content = self.folder.sniff(name)
        if f"{name}.aria2" in self.folder:
            content = Content("truncated", f"{name}.aria2 says that its download is not finished")
        if content.damaged:
            instead = next((other for other, _ in self._named() if other != name and self._is_whole(other)), None)
            raise self.place.damaged(name, content, expected=WEIGHTS_EXPECTED, instead=instead)
        published = claim(name).published
        if published == NUMPY_SHAPES and content.kind == "json":
            return "numpy"
        if content.kind in _FORMATS:
            found = _FORMATS[content.kind]
            if published and _PUBLISHED.get(published) != found:
                self.notes.append(f"{name} holds {DESCRIPTIONS[content.kind]}, told by its content")
            return found
        if content.kind in ("json", "text", "model_config", "wordpiece", "tokenizer_json", "unknown"):
            raise CorruptFileError(
                self.place.message(
                    f"{name} should hold weights, and holds {content}.",
                    expected=WEIGHTS_EXPECTED,
                    to_do=self.place.bring_again(name),
                )
            )
        raise unsupported(self.place, {name: str(content)})

    def _is_whole(self, name: str) -> bool:
        return claim(name).role == "weights" and self.folder.sniff(name).kind in _FORMATS

    # -- shards --------------------------------

    def _sharded(self, index_name: str) -> WeightFiles:
        index = self.place.read_json(index_name)
        weight_map = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(weight_map, dict) or not all(isinstance(file, str) for file in weight_map.values()):
            weight_map = None
        if not weight_map:
            problem = f"{index_name} has no weight_map from tensor names to file names."
            raise CorruptFileError(self.place.message(problem, to_do=self.place.bring_again(index_name)))
        names = sorted(set(weight_map.values()))
        for name in names:
            self._refuse_outside(index_name, name)
        files = self._shards(names, f"{index_name} names {len(names)} shards")
        weight_map = {tensor: files[name] for tensor, name in weight_map.items()}
        return WeightFiles(self._one_format(files), tuple(map(self.folder.path.joinpath, files.values())), weight_map)

    def _without_index(self, shard: str) -> WeightFiles:
        """Shards without their index: all of them are read when no number is missing."""
        names = shard_names(shard)
        if (from_zero := shard_names(shard, first=0))[0] in map(plain, self.folder.files):
            names = from_zero
        files = self._shards(names, f"{shard} is one of {len(names)} shards")
        self.notes.append(f"the {len(names)} shards have no index; their own headers tell what they hold")
        return WeightFiles(self._one_format(files), tuple(map(self.folder.path.joinpath, files.values())))

    def _refuse_outside(self, index_name: str, name: str) -> None:
        if PureWindowsPath(name).name == name and name not in ("", ".", "..") and not set(name) & {"\0", ":"}:
            return
        raise UnsafeFileError(
            self.place.message(
                f"{index_name} points to {name!r}; an index may only name files of its own folder.",
                to_do="do not use this checkpoint; or correct the index, if it is your own",
            )
        )

    def _shards(self, names: Sequence[str], problem: str) -> dict[str, str]:
        """Every shard, and the file that it is: the one of that name, or a copy of it ("… (1).bin")."""
        others = sorted(set(self.folder.files).difference(names), key=lambda name: (len(name), name))
        copies = {plain(name): name for name in reversed(others)}
        files = {name: name if name in self.folder else copies.get(name, "") for name in names}
        missing = [name for name, file in files.items() if not file]
        if missing:
            near = [name for name in self.folder.files if claim(name).published in missing]
            near += [f"{name}, a broken link" for name in missing if name in self.folder.broken_links]
            raise ModelFileNotFoundError(
                self.place.message(
                    f"{problem}, and {len(missing)} of them {'are' if len(missing) > 1 else 'is'} missing: "
                    f"{messages.listing(missing)}.",
                    expected=messages.listing(names),
                    closest=messages.listing(near) if near else "",
                    to_do=self.place.bring(missing),
                )
            )
        for name, file in files.items():
            if file != name:
                self.notes.append(f"{name} is {file}")
        return files

    def _one_format(self, files: Mapping[str, str]) -> str:
        """The format of all shards. None of them may be a link that leaves the folder."""
        names = list(files.values())
        for name in names:
            self.place.refuse_link_outside(name)
        formats = {self._format(name) for name in names}
        if len(formats) > 1:
            problem = f"the shards are of two formats: {messages.listing(names)}."
            raise CorruptFileError(self.place.message(problem, to_do="fetch all shards again"))
        return formats.pop()

    # -- what was passed over --------------------------------

    def _mention_others(self, name: str, found: WeightFiles) -> None:
        """Says which weights were passed over, and warns when they are newer than the ones that are read."""
        others: dict[str, str] = {}  # format → one of its files
        for other, of in sorted(self.folder.claims(), key=lambda claimed: len(claimed[0])):
            if of.published in _PUBLISHED and of.prefix == claim(name).prefix:
                others.setdefault(_PUBLISHED[of.published], other)
        others.pop(found.format, None)
        if not others or not claim(name).published:
            return
        passed = [others[format] for format in dict.fromkeys(_PUBLISHED.values()) if format in others]
        note = f"{messages.listing(passed)} {'are' if len(passed) > 1 else 'is'} here as well; {name} is read"
        newest = max(passed, key=self.folder.modified)
        newer = self.folder.modified(newest) - self.folder.modified(name)
        if self.compare_dates and newer > _NEWER_BY_SECONDS:
            note += f", although {newest} is newer by {_duration(newer)}"
            away = messages.remove(self.folder.path / name)
            warnings.warn(
                f"{self.folder.path}: {note}. If the newer file is the right one: {away}", UserWarning, stacklevel=4
            )
        self.notes.append(note)


def _duration(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{int(seconds)} seconds"
