"""How do files that were carried here by hand become a model of the cache, as if they had been downloaded?

Every file is read once to find its hash, compared with what is known of it, copied, and compared again; then it gets
the name that the hub's clients look for.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pretrained.errors import CorruptFileError, ModelNotFoundError, PretrainedError, UnsafeFileError
from pretrained.hub import catalogue, messages
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_name import MANIFEST, find_bundle
from pretrained.hub.download.listing import RemoteFile, is_safe
from pretrained.hub.download.store import CacheStore, make_folder
from pretrained.hub.download.verify import is_right
from pretrained.hub.folder import Folder, holds_model, nothing_in
from pretrained.hub.manifest import FileHash, read_manifest
from pretrained.hub.selection import published_as
from pretrained.hub.sniff import sniff_damage

Progress = Callable[[int], None]
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
# What the hub keeps by git-lfs, so by its sha256: weights by their endings, and whatever is large.
_LARGE_ENDINGS = (".bin", ".h5", ".msgpack", ".safetensors", ".model", ".onnx", ".ot", ".pt", ".pth", ".npz", ".ckpt")
_LARGE = 10 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Carried:
    """What was found in a folder or a bundle."""

    name: str
    commit: str | None
    """Where the files tell it."""
    files: Mapping[str, Path]
    """Published name → file, or window of a bundle."""
    hashes: Mapping[str, str]
    """What the hash of a file should be, as far as something says it: a SHA-256, or an id of git."""

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files.values())


@dataclass(frozen=True)
class Imported:
    """Where the files are now."""

    name: str
    snapshot: Path
    files: int
    checked: int
    """How many had a known hash to compare with."""


def look(path: Path, name: str | None = None) -> Carried:
    """The files of a folder or a bundle; `name` is owner/name or a short name, where the files do not tell it."""
    if (bundle := find_bundle(path)) is not None:
        opened = Bundle(bundle)
        windows = {member: cast(Path, window) for member, window in opened.windows.items()}
        known = {member: expected.sha256 for member, expected in opened.manifest.files.items()}
        return Carried(_name(name, opened.manifest.source, path), opened.manifest.revision, windows, known)
    if not os.path.isdir(path):
        raise ModelNotFoundError(f"{path} is neither a folder nor a bundle.")
    if not holds_model(Folder(path)):
        raise nothing_in(Folder(path), str(path))
    files = _files(path)
    manifest = read_manifest(path)
    if manifest is not None:
        known = _listed(files, manifest.files, path)
        return Carried(_name(name, manifest.source, path), manifest.revision, files, known)
    known, commits = {}, set()
    for member in files:
        commit, digest = _noted(path, member)
        if digest:
            known[member] = digest
            commits.add(commit)
    of_all = commits.pop() if len(commits) == 1 and len(known) == len(files) else None
    return Carried(_name(name, None, path), of_all, files if known else _published(files), known)


def bring(carried: Carried, target: Path, progress: Progress | None = None) -> Imported:
    """Puts the files into a cache. Nothing of the model is in it before every file was found to be right."""
    hashed: dict[str, RemoteFile] = {}
    for member, path in carried.files.items():
        _refuse_damaged(path)
        hashed[member] = _hashed(member, path, carried.hashes.get(member, ""), progress)
    commit = carried.commit if carried.commit and _COMMIT.fullmatch(carried.commit) else _commit_of(hashed)
    store = CacheStore(target, carried.name, commit)
    try:
        store.prepare()
        for member, file in hashed.items():
            with store.lock(file, lambda: None):
                if not store.here(file, checked=True):
                    make_folder(store.part(file).parent)
                    with carried.files[member].open("rb") as source, store.part(file).open("wb") as part:
                        shutil.copyfileobj(source, part, _CHUNK)
                        part.flush()
                        os.fsync(part.fileno())
                    if not is_right(store.part(file), file.etag, file.size or 0):
                        raise CorruptFileError(f"{carried.files[member]} was changed while it was copied.")
                    store.keep(file)
            if progress is not None:
                progress(file.size or 0)
        snapshot = store.finish(list(hashed.values()), "main")
    except PretrainedError:
        raise
    except OSError as error:
        raise PretrainedError(
            f"{carried.name} cannot be put into {target}: {error.strerror or error}.\n"
            "To do: make room or get leave to write there, or name another cache with --cache DIR"
        ) from error
    return Imported(carried.name, snapshot, len(hashed), len(carried.hashes))


def _name(name: str | None, source: str | None, path: Path) -> str:
    """The name at the hub: as given, as the files say, or as the folder is called."""
    chosen = name or source
    if chosen is None and catalogue.short_name(path.name):
        chosen = path.name
    if chosen is None:
        raise ModelNotFoundError(
            f"nothing says which model {path} is.\nTo do: pretrained cache import {path} --as OWNER/NAME"
        )
    if not _REPOSITORY.fullmatch(chosen) or ".." in chosen or "--" in chosen:
        raise ModelNotFoundError(f"{chosen!r} is no name of a model; write OWNER/NAME.")
    known = catalogue.short_name(chosen)
    return known.hub_id if known else chosen


def _files(folder: Path) -> dict[str, Path]:
    """The files that lie in a folder itself. Hidden ones stay out; a link that leads elsewhere is an error."""
    found: dict[str, Path] = {}
    boundary = os.path.realpath(folder)
    for below, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one[0] != "." and not os.path.islink(os.path.join(below, one)))
        for name in sorted(names):
            path = Path(below, name)
            member = path.relative_to(folder).as_posix()
            if name[0] == "." or member == MANIFEST:
                continue
            if not Path(os.path.realpath(path)).is_relative_to(boundary):
                raise UnsafeFileError(
                    f"{path} is a link that leaves the folder, to {os.path.realpath(path)}.\n"
                    f"To do: put the file itself there: {messages.replace_link(Path(os.path.realpath(path)), path)}"
                )
            if not path.is_file():
                continue
            if not is_safe(member):
                raise UnsafeFileError(f"{path} has a name that no file of a model may have on every system.")
            found[member] = path
    return found


def _published(files: Mapping[str, Path]) -> dict[str, Path]:
    """The files under the names by which other libraries look for them, where that is clear."""
    renamed: dict[str, Path] = {}
    for member, path in files.items():
        published = published_as(member)
        renamed[member if published in files or published in renamed else published] = path
    return renamed


def _listed(files: Mapping[str, Path], manifest: Mapping[str, FileHash], folder: Path) -> dict[str, str]:
    if missing := sorted(manifest.keys() - files.keys()):
        raise CorruptFileError(f"{folder} has no {messages.listing(missing)}, which its manifest lists.")
    return {member: expected.sha256 for member, expected in manifest.items()}


def _noted(folder: Path, member: str) -> tuple[str, str]:
    """Commit and hash of a file, as `hf download --local-dir` wrote them down beside it."""
    note = folder / ".cache" / "huggingface" / "download" / f"{member}.metadata"
    try:
        commit, digest = note.read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):
        return "", ""
    known = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest) and _COMMIT.fullmatch(commit)
    return (commit, digest) if known else ("", "")


def _refuse_damaged(path: Path) -> None:
    damage = sniff_damage(path)
    if damage is not None and damage.kind != "empty":
        raise CorruptFileError(f"{path} is damaged: {damage}.\nTo do: fetch it again, and carry it here anew")


def _hashed(name: str, path: Path, expected: str, progress: Progress | None) -> RemoteFile:
    """Size and hash of a file. Raises where another hash was expected."""
    size = path.stat().st_size
    by_sha256 = len(expected) != 40 and (name.lower().endswith(_LARGE_ENDINGS) or size > _LARGE)
    digests = {40: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), 64: hashlib.sha256()}
    wanted = {len(expected), 64 if by_sha256 else 40} & digests.keys()
    view = memoryview(bytearray(_CHUNK))
    with path.open("rb") as file:
        while count := file.readinto(view):
            for length in wanted:
                digests[length].update(view[:count])
            if progress is not None:
                progress(count)
    if expected and (found := digests[len(expected)].hexdigest()) != expected:
        raise CorruptFileError(
            f"{path} is not the file it should be: its hash is {found[:16]}…, and {expected[:16]}… was expected.\n"
            "To do: carry it here once more"
        )
    return RemoteFile(name, size, digests[64 if by_sha256 else 40].hexdigest())


def _commit_of(files: Mapping[str, RemoteFile]) -> str:
    """A commit for files that nothing tells one of: the same for the same files."""
    listed = "".join(f"{name}\0{file.etag}\n" for name, file in sorted(files.items()))
    return hashlib.sha1(listed.encode(), usedforsecurity=False).hexdigest()
