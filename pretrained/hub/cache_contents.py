"""What lies in the Hugging Face caches of this machine: models, revisions, sizes, formats, and when they were used?

Only looks. Links are read and never followed out of a model's own folder.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pretrained.errors import ModelNotFoundError
from pretrained.hub import cache, catalogue, messages

BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """One file of a revision."""

    name: str
    path: Path
    size: int | None
    """None for a link to nothing."""
    blob: Path | None
    """The blob that it is a link to; None for a file that lies in its snapshot itself."""


@dataclass(frozen=True)
class Revision:
    """One snapshot."""

    commit: str
    refs: tuple[str, ...]
    """The branches and tags that name it."""
    folder: Path
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of its files; those that it shares with other revisions are counted too."""
        return sum(file.size or 0 for file in self.files)

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of weights that it has, the preferred one first."""
        from pretrained.hub.download.plan import needed

        return needed(file.name for file in self.files if file.size is not None).formats


@dataclass(frozen=True)
class StoredModel:
    """One `models--owner--name` of a cache."""

    name: str
    folder: Path
    size: int
    """Bytes on the disk, unfinished downloads included."""
    last_used: float
    """Seconds since 1970; 0 where there is no file. As exact as the file system notes it."""
    revisions: tuple[Revision, ...]
    blobs: tuple[Path, ...]
    unfinished: tuple[Path, ...]

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(format for revision in self.revisions for format in revision.formats))


def contents(caches: Sequence[Path]) -> Iterator[StoredModel]:
    """Every model of these caches, in their order, each cache by name."""
    for folder in caches:
        for name, repository in sorted(cache.stored([folder]).items()):
            if not repository.is_symlink():
                yield read_model(name, repository)


def find(name: str, caches: Sequence[Path]) -> list[StoredModel]:
    """The folders of one model, under any name that it had. Raises where there is none."""
    found = [
        read_model(spelled, repository)
        for folder in caches
        for spelled in catalogue.hub_ids(name)
        if os.path.isdir(repository := cache.repository_folder(folder, spelled)) and not repository.is_symlink()
    ]
    if not found:
        from pretrained.hub.not_found import near

        raise ModelNotFoundError(
            messages.compose(
                f"no model {name!r} in the cache.",
                looked=[str(folder) for folder in caches],
                closest=", ".join(near(name, cache.stored(list(caches)))),
                to_do="pretrained cache list",
            )
        )
    return found


def read_model(name: str, folder: Path) -> StoredModel:
    """One model of a cache, read from the disk."""
    refs = _refs(folder / "refs")
    snapshots = [entry for entry in _entries(folder / "snapshots") if entry.is_dir(follow_symlinks=False)]
    revisions = tuple(
        Revision(
            entry.name,
            tuple(sorted(ref for ref, commit in refs.items() if commit == entry.name)),
            Path(entry.path),
            tuple(_files(Path(entry.path), folder)),
        )
        for entry in sorted(snapshots, key=lambda entry: entry.name)
    )
    blobs: list[Path] = []
    unfinished: list[Path] = []
    seen: dict[tuple[int, int], int] = {}
    used = 0.0
    for entry in sorted(_entries(folder / "blobs"), key=lambda entry: entry.name):
        if entry.is_file(follow_symlinks=False):
            (blobs if BLOB.fullmatch(entry.name) else unfinished).append(Path(entry.path))
    plain = (file.path for revision in revisions for file in revision.files if file.blob is None)
    for path in (*blobs, *unfinished, *plain):
        with suppress(OSError):
            facts = path.lstat()
            if not path.is_symlink():
                seen[facts.st_dev, facts.st_ino] = facts.st_size
                used = max(used, facts.st_atime, facts.st_mtime)
    return StoredModel(name, folder, sum(seen.values()), used, revisions, tuple(blobs), tuple(unfinished))


def _files(snapshot: Path, repository: Path) -> Iterator[StoredFile]:
    blobs = os.path.realpath(repository / "blobs")
    for below, folders, names in os.walk(snapshot):
        folders.sort()
        for name in sorted(names):
            path = Path(below, name)
            blob = None
            if path.is_symlink():
                target = Path(os.path.realpath(path))
                blob = repository / "blobs" / target.name if target.parent == Path(blobs) else target
            size = None
            with suppress(OSError):
                size = path.stat().st_size
            yield StoredFile(path.relative_to(snapshot).as_posix(), path, size, blob)


def _refs(folder: Path) -> dict[str, str]:
    """Branch or tag → commit."""
    found = {}
    for below, _, names in os.walk(folder):
        for name in names:
            path = Path(below, name)
            with suppress(OSError, ValueError):
                if path.stat().st_size < 1024:
                    found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8").strip()
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
