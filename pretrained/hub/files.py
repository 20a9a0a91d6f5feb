"""Which file of this model plays which role, whatever the files are called?

`ModelFiles` is what every name becomes. It answers by published names ("config.json", "vocab.txt"), and finds the file
under that name, in another case, with a prefix ("bert-base-uncased-config.json"), or by its content.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any

from pretrained.errors import ConfigurationError, CorruptFileError, ModelFileNotFoundError, UnsafeFileError
from pretrained.hub import messages
from pretrained.hub.folder import Folder, Located, Place
from pretrained.hub.gpt_shapes import config_of_gpt
from pretrained.hub.jsonfile import parse_json
from pretrained.hub.names import EXPECTED, NUMPY_SHAPES, claim
from pretrained.hub.sniff import DESCRIPTIONS, looks_like_config, sniff_damage
from pretrained.hub.weights import WeightFiles, WeightsChoice
from pretrained.hub.window import member_name

# Published name → the kind of content by which a file of any other name is told.
_TOLD_BY_CONTENT = {
    "config.json": "model_config",
    "vocab.txt": "wordpiece",
    "tokenizer.json": "tokenizer_json",
    "spiece.model": "sentencepiece",
}
_ENDINGS = {
    "config.json": (".json", ".txt", ".cfg", ".config"),
    "vocab.txt": (".txt", ".vocab", ".voc", ".tokens"),
    "tokenizer.json": (".json", ".txt"),
    "spiece.model": (".model", ".spm", ".vocab"),
}


@dataclass(frozen=True)
class FileFacts:
    """One file of a model, for people: its name relative to the root, its size, and what its content is."""

    name: str
    path: Path
    size: int
    content: str


class ModelFiles:
    """The files of one model, from wherever."""

    def __init__(
        self,
        located: Located,
        *,
        name: str,
        kind: str,
        chosen: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.name = name
        """The model, as it was asked for."""
        self.kind = kind
        """Where it was found: "folder", "file", "cache" or "package"."""
        self.root = located.root
        """The folder that holds the files."""
        self.revision = located.revision
        """The commit, for files of a cache."""
        self._chosen = chosen
        self.boundary = located.boundary
        """The folder that its links may not leave; in a cache that of the whole repository."""
        self._hub_id = located.hub_id
        self._root = Folder(located.root)
        self._notes = [*notes, *located.notes]
        self._found: dict[str, Path | None] = {}
        self._allowed: frozenset[str] | None = None
        self._allowed_by = ""

    def __repr__(self) -> str:
        return f"ModelFiles({self.name!r}, kind={self.kind!r}, root={str(self.root)!r})"

    @property
    def published_name(self) -> str:
        """The name under which facts about the model may be known; a bundle remembers it."""
        return self.name

    @property
    def notes(self) -> tuple[str, ...]:
        """Decisions taken so far, in plain words."""
        return tuple(dict.fromkeys(self._notes))

    def note(self, decision: str) -> None:
        """Adds a decision that was taken outside."""
        self._notes.append(decision)

    def member(self, name: str) -> Path | None:
        """The file of exactly this name, relative to the root; None when it is not there."""
        path = self._inside(name, "the request")
        return path if os.path.isfile(path) else None

    def restrict(self, names: Collection[str], source: str) -> None:
        """From now on files of other names are refused; `source` lists the names."""
        self._allowed = frozenset(names)
        self._allowed_by = source
        self._found.clear()

    def _refuse_unlisted(self, name: str) -> None:
        if self._allowed is not None and name not in self._allowed:
            raise CorruptFileError(
                f"{self.root} holds {name}, which {self._allowed_by} does not list; it would change the model.\n"
                f"To do: {messages.remove(self.root / name)}; or lock the model again: pretrained lock {self.name}"
            )

    # -- files by role --------------------------------

    def get(self, name: str) -> Path | None:
        """The file that plays the role of a published name, or None. A damaged file raises CorruptFileError."""
        if name not in self._found:
            path = self._below(name) if "/" in name or "\\" in name else self._here(name)
            if path is not None:
                self._refuse_unlisted(member_name(path, self.root))
            self._found[name] = path
        return self._found[name]

    def require(self, name: str) -> Path:
        """As `get`; a file that is not there raises ModelFileNotFoundError."""
        path = self.get(name)
        if path is None:
            raise self._missing(name)
        return path

    def json(self, name: str) -> Any:
        """The content of a JSON file; None when it is not there."""
        path = self.get(name)
        return None if path is None else self._place(Folder(path.parent)).read_json(path.name)

    def config(self) -> dict[str, Any] | None:
        """The configuration, whatever its file is called; None when there is none."""
        config = self.json("config.json")
        if config is not None and not isinstance(config, dict):
            path = self.require("config.json")
            place = self._place(Folder(path.parent))
            raise ConfigurationError(
                place.message(
                    f"{path.name} holds a {type(config).__name__}, and a configuration is an object: {{…}}.",
                    expected=EXPECTED["config.json"],
                    to_do=place.bring_again(path.name),
                )
            )
        return self._config_of_gpt() if config is None else config

    def _config_of_gpt(self) -> dict[str, Any] | None:
        """GPT was published without a configuration, and the shapes of its arrays tell its sizes."""
        shapes = self.json(NUMPY_SHAPES)
        config = config_of_gpt(shapes) if shapes is not None else None
        if config is not None:
            self._notes.append(f"there is no configuration; {NUMPY_SHAPES} tells the sizes of a GPT")
        return config

    def weights(self) -> WeightFiles:
        """Which weights to read: they exist, are whole as far as their heads tell, and lie inside the folder."""
        if self._allowed is not None:
            for path in (*self._weights.paths, *self._weights.parts):
                self._refuse_unlisted(member_name(path, self.root))
        return self._weights

    @cached_property
    def _weights(self) -> WeightFiles:
        choice = WeightsChoice(
            self._place(self._model_folder), prefix=self._prefix, compare_dates=self.kind in ("folder", "file")
        )
        named = self._chosen if self._chosen is not None and self._is_weights(self._chosen) else None
        found = choice.search() if named is None else choice.read(named)
        self._notes += choice.notes
        for path in found.paths:
            self._note_link(path)
        return found

    def listing(self) -> tuple[FileFacts, ...]:
        """Every file, and what its content says that it is."""
        facts = []
        for folder in self._folders:
            for name in folder.files:
                path, content = folder.path / name, folder.sniff(name)
                said = str(content) if content.damaged else claim(name).detail or DESCRIPTIONS[content.kind]
                facts.append(FileFacts(path.relative_to(self.root).as_posix(), path, folder.size(name), said))
        return tuple(facts)

    # -- where to look --------------------------------

    @cached_property
    def _model_folder(self) -> Folder:
        """The folder of the network itself; in a sentence-transformers folder that may be `0_Transformer`."""
        if self._chosen is not None or "modules.json" not in self._root:
            return self._root
        modules = self._place(self._root).read_json("modules.json")
        first = modules[0] if isinstance(modules, list) and modules and isinstance(modules[0], dict) else {}
        below = first.get("path")
        if not isinstance(below, str) or not below:
            return self._root
        folder = Folder(self._inside(below, "modules.json"))
        if not folder.opens:
            return self._root
        self._notes.append(f"the network lies in {below}, as modules.json says")
        return folder

    @cached_property
    def _folders(self) -> tuple[Folder, ...]:
        return (self._root,) if self._model_folder is self._root else (self._model_folder, self._root)

    @cached_property
    def _prefix(self) -> str | None:
        """What the names of this model's files begin with, when that of its weights (or of the named file) is known."""
        if self._chosen is not None:
            return claim(self._chosen).prefix
        claims = [claimed for _, claimed in self._model_folder.claims() if claimed.role in ("weights", "index")]
        prefixes = {claimed.prefix for claimed in claims}
        return prefixes.pop() if len(prefixes) == 1 else None

    def _is_weights(self, name: str) -> bool:
        role = claim(name).role
        if role:
            return role in ("weights", "index", "shard", "part", "other", "adapter")
        return self._root.sniff(name).kind not in _TOLD_BY_CONTENT.values()

    def _place(self, folder: Folder) -> Place:
        return Place(folder, self.name, self.boundary, self._hub_id)

    # -- finding one file --------------------------------

    def _below(self, name: str) -> Path | None:
        path = self._inside(name, "the request")
        return path if os.path.isfile(path) else None

    def _inside(self, name: str, source: str) -> Path:
        """A path relative to the root, which it may not leave."""
        parts = PureWindowsPath(name)
        if parts.drive or parts.root or ".." in parts.parts or "\0" in name:
            raise UnsafeFileError(f"{source} points to {name!r}, which is outside {self.root}.")
        return self.root.joinpath(*parts.parts)

    def _here(self, name: str) -> Path | None:
        folders = (self._model_folder,) if name == "config.json" else self._folders
        for folder in folders:
            file = self._named(folder, name) or self._told_by_content(folder, name)
            if file is None:
                if name in folder.broken_links:
                    raise self._broken_link(folder, name)
                continue
            path = folder.path / file
            damage = sniff_damage(path)
            if damage is not None and not (damage.kind == "empty" and name not in _TOLD_BY_CONTENT):
                raise self._place(folder).damaged(file, damage, expected=EXPECTED.get(name, ""))
            if file != name:
                self._notes.append(f"{name} is {file}")
            self._note_link(path)
            return path
        return None

    def _named(self, folder: Folder, name: str) -> str | None:
        """The file that is called so: the one that was named itself, exactly, in another case, or with a prefix."""
        lower = name.lower()
        named = [(file, of.prefix) for file, of in folder.claims() if of.published == lower and of.role != "unfinished"]
        if self._chosen is not None:
            if any(file == self._chosen for file, _ in named):
                return self._chosen
            for file, prefix in named:
                if prefix and prefix == self._prefix:
                    return file
        if name in folder:
            return name
        same = [file for file, prefix in named if not prefix] or [
            file for file in folder.files if file.lower() == lower
        ]
        if same:
            return min(same, key=lambda file: (len(file), file))
        if name == "config.json":
            named = [(file, prefix) for file, prefix in named if _may_be_config(folder.path / file)]
        if len(named) > 1:
            named = [(file, prefix) for file, prefix in named if prefix == self._prefix] or named
        if len(named) > 1:
            raise self._ambiguous(folder, name, [file for file, _ in named])
        return named[0][0] if named else None

    def _told_by_content(self, folder: Folder, name: str) -> str | None:
        """The one file of an unknown name that holds what `name` would hold."""
        kind = _TOLD_BY_CONTENT.get(name)
        if kind is None:
            return None
        unknown = [
            file
            for file, claimed in folder.claims()
            if not claimed.role and (file.lower().endswith(_ENDINGS[name]) or "." not in file)
        ]
        found = [file for file in unknown if folder.sniff(file).kind == kind]
        if self._chosen in found:
            return self._chosen
        if len(found) > 1:
            raise self._ambiguous(folder, name, found)
        return found[0] if found else None

    # -- what to say --------------------------------

    def _note_link(self, path: Path) -> None:
        if os.path.islink(path):
            target = os.path.realpath(path)
            if not Path(target).is_relative_to(os.path.realpath(self.boundary)):
                self._notes.append(f"{path.name} is a link to {target}")

    def _broken_link(self, folder: Folder, name: str) -> CorruptFileError:
        place = self._place(folder)
        to_do = messages.allow(folder.path / name) if folder.is_closed(name) else place.bring_again(name)
        return CorruptFileError(place.message(f"{name} is {folder.broken_link(name)}.", to_do=to_do))

    def _ambiguous(self, folder: Folder, name: str, candidates: Sequence[str]) -> ModelFileNotFoundError:
        weights = [file for file, claimed in folder.claims() if claimed.role == "weights"]
        return ModelFileNotFoundError(
            self._place(folder).message(
                f"{self.name} holds the files of several models, and nothing says which {name} to read: "
                f"{messages.listing(candidates)}.",
                expected=EXPECTED.get(name, name),
                closest=messages.listing(candidates),
                to_do=f"name one file, such as {folder.path / (weights or candidates)[0]}; "
                "its side files are then found by its prefix",
            )
        )

    def _missing(self, name: str) -> ModelFileNotFoundError:
        import difflib

        folder = self._model_folder
        place = self._place(folder)
        closest, to_do = "", place.bring([name])
        unfinished = [file for file, of in folder.claims() if of.role == "unfinished" and of.published.endswith(name)]
        near = difflib.get_close_matches(name, [file for file, of in folder.claims() if not of.role], 1, 0.6)
        if unfinished:
            closest = f"{unfinished[0]}, a download that was not finished"
        elif near:
            closest = near[0]
            to_do = f"if that is the file: {messages.move(folder.path / near[0], folder.path / name)}"
        return ModelFileNotFoundError(
            place.message(
                f"{self.name} has no {name}.", expected=EXPECTED.get(name, name), closest=closest, to_do=to_do
            )
        )


def _may_be_config(path: Path) -> bool:
    """Whether a file called "…config.json" describes a network, or is too damaged to tell."""
    try:
        return looks_like_config(parse_json(path.read_bytes()))
    except (OSError, ValueError):
        return True
