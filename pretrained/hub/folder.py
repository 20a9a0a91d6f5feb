"""Which folder really holds the model: the one that was named, one below it, or one above it?"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pretrained.errors import CorruptFileError, ModelNotFoundError, UnsafeFileError, UnsupportedFormatError
from pretrained.hub import cache, catalogue, messages
from pretrained.hub.jsonfile import parse_json, what_is_wrong
from pretrained.hub.names import EXPECTED, WEIGHTS_ENDINGS, WEIGHTS_EXPECTED, Claim, claim
from pretrained.hub.sniff import DESCRIPTIONS, WEIGHTS, Content, looks_like_config, sniff, unreadable

SNIFFED_AT_MOST = 100  # files of unknown name whose content is looked at
_SUBFOLDERS_AT_MOST = 200
_DEPTH = 3  # folder/folder/folder, as nested archives unpack
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "runs", "onnx", "openvino"})
_KEYS_OF_OTHER_TOOLS = frozenset({"word_embedding_dimension", "in_features", "__version__"})  # sentence-transformers
_MODEL_KINDS = frozenset(
    {"safetensors", "torch", "torch_legacy", "torch_tar", "torchscript", "model_config", "tokenizer_json", "wordpiece"}
    | {"hdf5", "gguf", "msgpack", "sentencepiece", "tf_index"}
)
_ROLES_OF_A_MODEL = ("weights", "index", "shard", "part", "tokenizer", "adapter")
_SNIFFED_ENDINGS = (*WEIGHTS_ENDINGS, ".json", ".txt", ".vocab")


class Folder:
    """The files of one folder (not of those below), listed once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _entries(self) -> dict[str, os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                found = {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}
            if not os.access(self.path, os.X_OK):  # names may be listed, and nothing may be opened
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            to_do = messages.allow(self.path) if isinstance(error, PermissionError) else ""
            problem = f"the folder {self.path} cannot be read: {error.strerror}"
            raise ModelNotFoundError(messages.compose(problem, to_do=to_do)) from error
        return found

    @property
    def opens(self) -> bool:
        """Whether it can be looked into."""
        try:
            return self._entries is not None
        except ModelNotFoundError:
            return False

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """ "file" or "folder" for each entry; hidden ones (.gitattributes, macOS's ._config.json) are left out."""
        return {name: _kind(entry) for name, entry in self._entries.items() if name[0] != "."}

    @cached_property
    def files(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self._kinds.items() if kind == "file")

    @cached_property
    def folders(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self._kinds.items() if kind == "folder")

    @cached_property
    def broken_links(self) -> tuple[str, ...]:
        return tuple(
            name for name, entry in self._entries.items() if entry.is_symlink() and not os.path.exists(entry.path)
        )

    def broken_link(self, name: str) -> str:
        """Where a broken link leads, and why there is nothing."""
        target = os.readlink(self.path / name)
        return f"a link to {target}, which {'may not be read' if self.is_closed(name) else 'is not there'}"

    def is_closed(self, name: str) -> bool:
        """Whether this user is kept from what a link leads to."""
        try:
            os.stat(self.path / name)
        except PermissionError:
            return True
        except OSError:
            pass
        return False

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def claims(self) -> list[tuple[str, Claim]]:
        return [(name, claim(name)) for name in self.files]

    def size(self, name: str) -> int:
        return self._entries[name].stat().st_size

    def modified(self, name: str) -> float:
        return self._entries[name].stat().st_mtime

    def sniff(self, name: str) -> Content:
        return sniff(self.path / name)

    def described(self) -> str:
        """Every file with its size, and with what it is where its name does not say it or says it wrongly."""
        if not self.opens:
            return "nothing that may be read"
        items = []
        for name in self.files:
            role, content = claim(name).role, self.sniff(name)
            telling = content.damaged or (role in ("", "other") and content.kind not in ("unknown", "text"))
            items.append(
                f"{name} ({messages.size(self.size(name))}{f', {DESCRIPTIONS[content.kind]}' if telling else ''})"
            )
        items += [f"{name} ({self.broken_link(name)})" for name in self.broken_links]
        for name in self.folders:
            items.append(f"{name}{os.sep}{'' if Folder(self.path / name).opens else ' (may not be read)'}")
        return messages.listing(items)


def _kind(entry: os.DirEntry[str]) -> str:
    """What an entry is; "" where that cannot be told: a link to itself, or into a folder of somebody else."""
    try:
        return "file" if entry.is_file() else "folder" if entry.is_dir() else ""
    except OSError:
        return ""


@dataclass(frozen=True)
class Located:
    """The folder of a model, the folder that its links may not leave, and how it was found."""

    root: Path
    boundary: Path
    revision: str | None = None
    notes: tuple[str, ...] = ()
    hub_id: str = ""
    """The name under which the model can be fetched, where the folder itself does not tell it."""


def holds_model(folder: Folder, *, by_content: bool = True, oddly_named: bool = True) -> bool:
    """Whether some file of this very folder belongs to a model; `oddly_named`, weights of any name count."""
    unclaimed: list[str] = []
    odd: list[str] = []
    for name, claimed in folder.claims():
        if claimed.role in _ROLES_OF_A_MODEL or name.lower() == "modules.json":
            return True
        if claimed.role == "other" and (claimed.published or not name.endswith((".pb", ".xml", ".npz"))):
            return True
        if claimed.role == "config":
            if _is_config(folder.path / name, exact=not claimed.prefix):
                return True
        elif not claimed.role:
            expected = name.lower().endswith(_SNIFFED_ENDINGS) or "." not in name
            (unclaimed if expected else odd).append(name)
    if not by_content:
        return False
    return any(is_of_a_model(folder.sniff(name)) for name in unclaimed[:SNIFFED_AT_MOST]) or (
        oddly_named and any(folder.sniff(name).kind in WEIGHTS for name in odd[:SNIFFED_AT_MOST])
    )


def is_of_a_model(content: Content) -> bool:
    """Whether a file of unknown name belongs to a model."""
    return content.kind in _MODEL_KINDS


def _is_config(path: Path, *, exact: bool) -> bool:
    """A broken config.json still counts as one: its own error says more than "there is no model"."""
    try:
        return looks_like_config(parse_json(path.read_bytes()))
    except (OSError, ValueError):
        return exact


def _has_partial_config(folder: Folder) -> bool:
    """Whether there is a config.json with a few keys, as people write one by hand, and not one of another tool."""
    if "config.json" not in folder:
        return False
    try:
        config = parse_json((folder.path / "config.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and not config.keys() & _KEYS_OF_OTHER_TOOLS


def locate(path: Path, *, revision: str | None = None, asked: str | None = None) -> Located:
    """The folder that holds the model, looked for in `path`, below it and, for parts of a model, above it."""
    asked = str(path) if asked is None else asked
    for find in (_part_of_a_cache, _here, _part_of_a_model):
        found = find(path, revision)
        if found is not None:
            return found
    return _below(path, revision, asked, _DEPTH)


def _here(path: Path, revision: str | None) -> Located | None:
    if cache.is_repository(path):
        return _snapshot(path, revision, notes=())
    folder = Folder(path)
    if not holds_model(folder):
        return None
    if path.parent.name == "snapshots" and cache.is_repository(path.parent.parent):
        return Located(path, path.parent.parent, revision=path.name)
    notes: tuple[str, ...] = ()
    above = path.parent / "modules.json"
    if path.name[:1].isdigit() and "modules.json" not in folder and os.path.isfile(above):
        notes = (f"{above.parent} holds modules.json (pooling, normalisation); name that folder to use it",)
    return Located(path, path, notes=notes)


def _snapshot(repository: Path, revision: str | None, notes: tuple[str, ...]) -> Located:
    found = cache.snapshot(repository, revision)
    if isinstance(found, cache.NoSnapshot):
        raise ModelNotFoundError(
            messages.compose(
                f"no files in {repository}: {found.reason}",
                looked=repository,
                found=found.found,
                to_do=found.to_do,
            )
        )
    return Located(found.path, repository, revision=found.path.name, notes=notes + found.notes)


def _part_of_a_cache(path: Path, revision: str | None) -> Located | None:
    """For `blobs`, `refs` and `snapshots`: the model whose parts they are."""
    parent = Path(os.path.abspath(path)).parent
    if path.name in ("blobs", "refs", "snapshots") and cache.is_repository(parent):
        return _snapshot(parent, revision, notes=(f"{path.name} belongs to the cache folder {parent.name}",))
    return None


def _part_of_a_model(path: Path, revision: str | None) -> Located | None:
    """For `1_Pooling` of a sentence-transformers folder: the whole of it."""
    parent = Path(os.path.abspath(path)).parent
    if path.name[:1].isdigit() and os.path.isfile(parent / "modules.json"):
        return Located(parent, parent, notes=(f"{path.name} is one part of the model in {parent}",))
    return None


def _below(path: Path, revision: str | None, asked: str, depth: int) -> Located:
    folder = Folder(path)
    if _has_partial_config(folder):
        return Located(path, path)
    below = [Folder(path / name) for name in folder.folders if name not in _SKIPPED_FOLDERS][:_SUBFOLDERS_AT_MOST]
    below = [sub for sub in below if sub.opens]
    holding = [
        sub.path for sub in below if cache.is_repository(sub.path) or holds_model(sub, by_content=len(below) == 1)
    ]
    if len(holding) > 1:
        raise ModelNotFoundError(
            messages.compose(
                f"{asked} holds several models, and the name does not say which.",
                looked=path,
                found=messages.listing(sub.name for sub in holding),
                to_do=f"name one of them, such as {holding[0]}",
            )
        )
    if holding:
        found = locate(holding[0], revision=revision, asked=asked)
    elif len(below) == 1 and depth > 1:
        try:
            found = _below(below[0].path, revision, asked, depth - 1)
        except ModelNotFoundError:
            raise nothing_in(folder, asked) from None
    else:
        raise nothing_in(folder, asked)
    others = tuple(note for note in found.notes if not note.startswith("descended into "))
    note = f"descended into {found.root.relative_to(path).as_posix()}"
    return Located(found.root, found.boundary, found.revision, (note, *others))


def nothing_in(folder: Folder, asked: str) -> ModelNotFoundError | UnsupportedFormatError:
    """The error for a folder in which no file belongs to a model, with the reason that its files suggest."""
    found = folder.described()
    expected = f"config.json, vocab.txt (or tokenizer.json), and weights: {WEIGHTS_EXPECTED}"
    problem = f"{asked} holds no files of a model."
    closest = to_do = ""
    contents = {name: folder.sniff(name) for name in folder.files[:SNIFFED_AT_MOST]}
    zips = [name for name, content in contents.items() if content.kind == "zip_model"]
    if zips:
        return UnsupportedFormatError(
            messages.compose(
                f"{asked} holds a model that is still packed in {zips[0]}; models are read unpacked.",
                looked=folder.path,
                found=found,
                expected=expected,
                to_do=messages.unzip(folder.path / zips[0], folder.path),
            )
        )
    unfinished = [name for name in folder.files if claim(name).role == "unfinished"] + unfinished_downloads(folder.path)
    packed = [name for name, content in contents.items() if content.kind in ("zip", "archive")]
    damaged = [
        name
        for name, content in contents.items()
        if content.damaged and (claim(name).role or name.lower().endswith(_SNIFFED_ENDINGS))
    ]
    if not folder.files and not folder.folders and not folder.broken_links:
        problem = f"{asked} is an empty folder."
    elif unfinished:
        problem = f"{asked} holds only a download that was not finished."
        closest = messages.listing(unfinished)
        to_do = "finish the download, or fetch the files again"
    elif folder.files and all(claim(name).role in ("training", "side") for name in folder.files):
        problem = f"{asked} holds only what training leaves behind, and no model."
        to_do = "name the folder that the model was saved in (save_pretrained)"
    elif folder.broken_links:
        closest = messages.listing(folder.broken_links)
        to_do = "copy the files themselves here (cp -L follows links)"
    elif damaged:
        closest = f"{damaged[0]} ({contents[damaged[0]]})"
        to_do = _mend(folder.path / damaged[0], contents[damaged[0]])
    elif packed:
        closest = f"{packed[0]} ({contents[packed[0]]})"
        unpack = f"unpack {folder.path / packed[0]}"
        if contents[packed[0]].kind == "zip":
            unpack = messages.unzip(folder.path / packed[0], folder.path)
        to_do = f"if the model is in it: {unpack}"
    return ModelNotFoundError(
        messages.compose(
            problem,
            looked=folder.path,
            found=found,
            expected=expected,
            closest=closest,
            to_do=to_do or f"put the model's files into {folder.path}, or name the folder that has them",
        )
    )


def _mend(path: Path, content: Content) -> str:
    """What to do about one damaged file. To delete it is said only where its name is that of a model's file."""
    if content.kind == "closed":
        return messages.allow(path)
    return f"fetch it again: {messages.remove(path)}" if claim(path.name).role else f"fetch {path.name} again, whole"


def unfinished_downloads(path: Path) -> list[str]:
    """What `hf download --local-dir` was still writing when it stopped."""
    below = path / ".cache" / "huggingface" / "download"
    return [
        f"{file.relative_to(path)} ({messages.size(file.stat().st_size)})"
        for file in sorted(below.glob("*.incomplete"))
    ]


_DAMAGE = {
    "lfs": "git saved the pointer and not the file, because git-lfs was not installed or was told to skip it",
    "html": "a proxy, a log-in page or a web page was saved in its place",
    "error_reply": "a server's refusal was saved in its place",
    "empty": "the download did not begin, or the disk was full",
    "truncated": "the download stopped early, or the disk was full",
    "link_text": "a copy turned the link of a cache into text",
}


@dataclass(frozen=True)
class Place:
    """A folder of a model, with what an error about it has to say."""

    folder: Folder
    asked: str
    boundary: Path
    """Links may not leave this folder: the model's own, or its `models--owner--name` in a cache."""
    hub_id: str = ""
    """For a cache of another layout: the name of the model. Single files cannot be put there."""

    @property
    def in_cache(self) -> bool:
        return self.boundary.name.startswith("models--")

    def message(self, problem: str, *, expected: str = "", closest: str = "", to_do: str) -> str:
        return messages.compose(
            problem,
            looked=self.folder.path,
            found=self.folder.described(),
            expected=expected,
            closest=closest,
            to_do=to_do,
        )

    def bring(self, names: Sequence[str], *, again: bool = False) -> str:
        """The command that gets files which are not here; `again`, those that are wrong as well."""
        if self.in_cache or self.hub_id:  # what else is missing there comes along
            return messages.download(self.hub_id or cache.repository_id(self.boundary), refresh=again)
        command = messages.download(self._origin or "OWNER/NAME", files=names, into=self.folder.path)
        return command if self._origin else f"put {messages.listing(names)} into {self.folder.path}: {command}"

    def bring_again(self, name: str) -> str:
        """The command that replaces a file which is damaged."""
        if self._origin:
            return self.bring([name], again=True)
        if not claim(name).role:  # it may be somebody's notes
            return f"replace {self.folder.path / name} by the whole file"
        return f"{messages.remove(self.folder.path / name)}, then fetch {name} again"

    @property
    def _origin(self) -> str | None:
        """The repository of the files, where the cache or the name of the folder tells it."""
        if self.hub_id:
            return self.hub_id
        if self.in_cache:
            return cache.repository_id(self.boundary)
        known = catalogue.short_name(self.folder.path.name)
        return known.hub_id if known else None

    def damaged(
        self, name: str, content: Content, *, expected: str = "", instead: str | None = None
    ) -> CorruptFileError:
        """The error for a file that holds what no file of a model holds; `instead` is one that looks whole."""
        if content.kind == "closed":
            path = self.folder.path / name
            return CorruptFileError(self.message(f"{name} {content}.", expected=expected, to_do=messages.allow(path)))
        reason = _DAMAGE.get(content.kind)
        to_do = messages.git_lfs_pull(self.folder.path) if content.kind == "lfs" else self.bring_again(name)
        if instead and claim(name).role:
            to_do += f"; or, to read {instead}: {messages.remove(self.folder.path / name)}"
        elif instead:
            to_do += f"; or name {self.folder.path / instead}"
        return CorruptFileError(
            self.message(
                f"{name} is damaged: {content}{f' ({reason})' if reason else ''}.",
                expected=expected,
                closest=f"{instead}, which looks whole" if instead else "",
                to_do=to_do,
            )
        )

    def refuse_link_outside(self, name: str) -> None:
        """Raises for one of several files of weights that is a link out of the model's folder."""
        path = self.folder.path / name
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(self.boundary)):
            raise UnsafeFileError(
                self.message(
                    f"the shard {name} is a link that leaves its folder, to {target}.",
                    to_do=f"if the file is your own: {messages.replace_link(target, path)}",
                )
            )

    def read_json(self, name: str) -> Any:
        """The value of a JSON file of this folder."""
        try:
            return parse_json((self.folder.path / name).read_bytes())
        except OSError as error:
            raise self.damaged(name, unreadable(error)) from None
        except ValueError as error:
            raise CorruptFileError(
                self.message(
                    f"{name} is not JSON: {what_is_wrong(error)}",
                    expected=EXPECTED.get(name, ""),
                    to_do=f"correct that place, or {self.bring_again(name)}",
                )
            ) from None
