"""Which models, revisions and files does this machine have, as the hub would list them?

Only files that lie inside their own repository of a cache are on the shelf; whatever a path or a link says, nothing
else can be asked for.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrained.hub import cache, catalogue
from pretrained.hub.download.listing import RemoteFile, is_safe
from pretrained.hub.download.verify import new_hash, update_from
from pretrained.hub.hash_record import remembered_hash

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")
_LARGE = 1 << 20  # files without a known hash have a sha256 from this size on, as those that git-lfs keeps


@dataclass(frozen=True)
class Shelved:
    """One model in one revision, as far as it is here."""

    name: str
    commit: str
    files: Mapping[str, RemoteFile]
    paths: Mapping[str, Path]
    """Where each of the files really lies, links followed."""


class Shelf:
    """The models of some caches. The environment and the disk are looked at again at each question."""

    def __init__(self, caches: Sequence[Path]) -> None:
        self.caches = list(caches)
        self._hashes: dict[tuple[str, int, int, int], str] = {}

    def names(self) -> dict[str, Path]:
        """Every model → its folder."""
        return cache.stored(self.caches)

    def find(self, name: str, revision: str) -> Shelved | None:
        """A model under any name that it had. Caches that have the same commit complete each other."""
        commit, files, paths = "", {}, {}
        for repository in self._repositories(name):
            found = cache.snapshot(repository, commit or revision)
            if not isinstance(found, cache.Snapshot) or not COMMIT.fullmatch(found.path.name):
                continue
            if commit and found.path.name != commit:
                continue
            commit = found.path.name
            for member, path in _members(found.path, repository):
                if member not in paths and (file := self._file(member, path)) is not None:
                    files[member], paths[member] = file, path
        return Shelved(name, commit, files, paths) if commit else None

    def blob(self, name: str, file: RemoteFile) -> Path | None:
        """A file of a revision that is not here, where another revision has the same one."""
        for repository in self._repositories(name):
            path = repository / "blobs" / file.etag
            if path.is_file() and not path.is_symlink() and path.stat().st_size == file.size:
                return path
        return None

    def knows(self, name: str) -> bool:
        """Whether there is a model of this name, in any revision."""
        return next(self._repositories(name), None) is not None

    def _repositories(self, name: str) -> Iterator[Path]:
        for folder in self.caches:
            for spelled in catalogue.hub_ids(name):
                repository = cache.repository_folder(folder, spelled)
                if cache.is_repository(repository):
                    yield repository

    def _file(self, name: str, path: Path) -> RemoteFile | None:
        """Size and hash of a file; a blob is named by its hash."""
        try:
            facts = path.stat()
            if _HASH.fullmatch(path.name) and path.parent.name == "blobs":
                return RemoteFile(name, facts.st_size, path.name)
            key = (str(path), facts.st_size, facts.st_mtime_ns, facts.st_ino)
            if key not in self._hashes:
                self._hashes[key] = _hash_of(path, facts.st_size)
            return RemoteFile(name, facts.st_size, self._hashes[key])
        except OSError:
            return None


def _hash_of(path: Path, size: int) -> str:
    if size >= _LARGE:
        return remembered_hash(path).sha256
    digest = new_hash("", size)
    update_from(digest, path, size)
    return digest.hexdigest()


def _members(snapshot: Path, repository: Path) -> Iterator[tuple[str, Path]]:
    """The files of a snapshot with their real places: inside the repository, and below no linked folder."""
    boundary = os.path.realpath(repository)
    for below, folders, names in os.walk(snapshot):
        folders.sort()
        for name in sorted(names):
            path = Path(below, name)
            member = path.relative_to(snapshot).as_posix()
            real = Path(os.path.realpath(path))
            if is_safe(member) and real.is_relative_to(boundary) and real.is_file():
                yield member, real


def open_plain(path: Path) -> int:
    """A descriptor of an ordinary file. A link, a pipe or a device that came in its place is refused."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path} is no ordinary file")
    return descriptor


def pointer_id(file: RemoteFile) -> str:
    """The id of a file in git: of a large one, that of the pointer that git-lfs puts in its place."""
    if len(file.etag) != 64:
        return file.etag
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.etag}\nsize {file.size}\n".encode()
    return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer, usedforsecurity=False).hexdigest()
