"""Which of a folder's files are the weights to read?

Published names come first, then the same names in another case or with a prefix, then any file whose content is
weights. Within a step safetensors come before PyTorch's pickles, and one file before shards.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsafeFileError
from pretrained.hub import messages
from pretrained.hub.folder import Place
from pretrained.hub.names import WEIGHTS_EXPECTED, claim, shard_index, shard_names, tf1_stem
from pretrained.hub.no_weights import adapter, may_be_weights, no_weights, unsupported
from pretrained.hub.sniff import DESCRIPTIONS, Content

_PUBLISHED = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_FORMATS = {"safetensors": "safetensors", "torch": "pytorch", "torch_legacy": "pytorch"}
_NEWER_BY_SECONDS = 60.0  # copying a folder may give its files any order within a minute


@dataclass(frozen=True)
class WeightFiles:
    """The weights of one model: one file, or all of its shards."""

    format: str
    """"safetensors" or "pytorch"."""
    paths: tuple[Path, ...]
    index: dict[str, str] | None = None
    """Tensor name → file name, for shards that have an index."""


class WeightsChoice:
    """One search for the weights of one folder; `notes` keeps the decisions that were taken."""

    def __init__(self, place: Place, *, prefix: str | None = None, compare_dates: bool = True) -> None:
        self.place = place
        self.folder = place.folder
        self.prefix = prefix
        self.compare_dates = compare_dates
        self.notes: list[str] = []

    def search(self) -> WeightFiles:
        for step in (self._published, self._other_case, self._prefixed, self._by_content):
            name = step()
            if name is not None:
                found = self.read(name)
                self._mention_others(name, found)
                return found
        raise no_weights(self.place)

    def read(self, name: str) -> WeightFiles:
        """One file of weights; for an index or for one shard, all that belongs to it."""
        claimed = claim(name)
        role = claimed.role
        if role == "adapter":
            raise adapter(self.place, name)
        if role == "other" and not self.folder.sniff(name).damaged:
            raise unsupported(self.place, {tf1_stem(name) or name: claimed.detail})
        if role == "index":
            return self._sharded(name)
        if role == "shard":
            index = shard_index(name)
            return self._sharded(index) if index in self.folder else self._without_index(name)
        return WeightFiles(self._format(name), (self.folder.path / name,))

    # -- the four steps --------------------------------

    def _published(self) -> str | None:
        return next((name for name in _PUBLISHED if name in self.folder), None)

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
        found: dict[str, list[str]] = {"safetensors": [], "pytorch": []}
        damaged: list[tuple[str, Content]] = []
        for name in may_be_weights(self.folder):
            content = self.folder.sniff(name)
            if content.kind in _FORMATS:
                found[_FORMATS[content.kind]].append(name)
            elif content.damaged:
                damaged.append((name, content))
        for names in found.values():
            if len({shard_index(name) or name for name in names}) > 1:
                raise self._ambiguous(names)
            if names:
                self.notes.append(f"the weights are {names[0]}, told by its content")
                return names[0]
        if damaged:
            raise self.place.damaged(*damaged[0], expected=WEIGHTS_EXPECTED)
        return None

    def _named(self) -> list[tuple[str, str]]:
        """(file name, prefix) of every file that is called like weights, or like their index."""
        return [(name, of.prefix) for name, of in self.folder.claims() if of.role in ("weights", "index")]

    def _best(self, names: Sequence[str]) -> str | None:
        """The preferred one of several files that stand for published names."""
        if not names:
            return None
        best = min(names, key=lambda name: (_PUBLISHED.index(claim(name).published), len(name), name))
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
        if content.kind in _FORMATS:
            found = _FORMATS[content.kind]
            if claim(name).role and (found == "safetensors") != name.lower().endswith(".safetensors"):
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
        self._require_all(names, f"{index_name} names {len(names)} shards")
        return WeightFiles(self._one_format(names), tuple(self.folder.path / name for name in names), weight_map)

    def _without_index(self, shard: str) -> WeightFiles:
        """Shards without their index: all of them are read when no number is missing."""
        names = shard_names(shard)
        if (from_zero := shard_names(shard, first=0))[0] in self.folder:
            names = from_zero
        self._require_all(names, f"{shard} is one of {len(names)} shards")
        self.notes.append(f"the {len(names)} shards have no index; their own headers tell what they hold")
        return WeightFiles(self._one_format(names), tuple(self.folder.path / name for name in names))

    def _refuse_outside(self, index_name: str, name: str) -> None:
        if PureWindowsPath(name).name == name and name not in ("", ".", "..") and not set(name) & {"\0", ":"}:
            return
        raise UnsafeFileError(
            self.place.message(
                f"{index_name} points to {name!r}; an index may only name files of its own folder.",
                to_do="do not use this checkpoint; or correct the index, if it is your own",
            )
        )

    def _require_all(self, names: Sequence[str], problem: str) -> None:
        missing = [name for name in names if name not in self.folder]
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

    def _one_format(self, names: Sequence[str]) -> str:
        """The format of all shards. None of them may be a link that leaves the folder."""
        for name in names:
            path = self.folder.path / name
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(os.path.realpath(self.place.boundary)):
                raise UnsafeFileError(
                    self.place.message(
                        f"the shard {name} is a link that leaves its folder, to {target}.",
                        to_do=f"if the file is your own: {messages.replace_link(target, path)}",
                    )
                )
        formats = {self._format(name) for name in names}
        if len(formats) > 1:
            problem = f"the shards are of two formats: {messages.listing(names)}."
            raise CorruptFileError(self.place.message(problem, to_do="fetch all shards again"))
        return formats.pop()

    # -- what was passed over --------------------------------

    def _mention_others(self, name: str, found: WeightFiles) -> None:
        """Says which weights were passed over, and warns when they are newer than the ones that are read."""
        if found.format != "safetensors":
            return
        others = [o for o, of in self.folder.claims() if of.role in ("weights", "index") and ".bin" in of.published]
        others = [other for other in others if other != name and claim(other).prefix == claim(name).prefix]
        if not others:
            return
        note = f"{others[0]} is here as well; {name} is read"
        newer = self.folder.modified(others[0]) - self.folder.modified(name)
        if self.compare_dates and newer > _NEWER_BY_SECONDS:
            note += f", although {others[0]} is newer by {_duration(newer)}"
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
