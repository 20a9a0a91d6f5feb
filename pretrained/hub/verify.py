"""Are the bytes here those that were published, packed or locked?

Hashes to compare with come from a lock file, from the manifest of a bundle or of a folder that one was unpacked to,
from the Hugging Face cache (its blobs are named by their hash), or from what `hf download --local-dir` wrote down.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pretrained.errors import PretrainedError
from pretrained.hub import cache
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_name import MANIFEST, find_bundle
from pretrained.hub.files import ModelFiles
from pretrained.hub.lock import locked_files
from pretrained.hub.manifest import FileHash, hash_file, read_manifest
from pretrained.hub.packed import PackedFiles
from pretrained.hub.sources import resolve

Progress = Callable[[int], None]
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Check:
    """One file to be compared; nothing is read before `run`."""

    model: str
    name: str
    path: Path | None
    """None for a file that is listed and not here."""
    size: int | None
    """What the size should be, where that is known."""
    hash: str
    """The SHA-256, or the id that git gives a file of this content; "" where neither is known."""
    against: str
    """What knows it: "manifest", "lock file", "cache", "download", or ""."""

    def run(self, progress: Progress | None = None) -> "Verdict":
        if self.path is None:
            return Verdict(self, "missing")
        try:
            here = self.path.stat().st_size
            if self.size is not None and here != self.size:
                return Verdict(self, f"{here:,} bytes, and not {self.size:,}")
            if not self.hash:
                return Verdict(self, "")
            found = hash_file(self.path, progress).sha256 if len(self.hash) == 64 else _git_id(self.path, progress)
        except OSError as error:
            return Verdict(self, f"cannot be read: {error.strerror or error}")
        return Verdict(self, "" if found == self.hash else "other content", checked=True)


@dataclass(frozen=True)
class Verdict:
    """What came out: `wrong` says what, and is empty for a good file and for one of which nothing is known."""

    check: Check
    wrong: str
    checked: bool = False


def checks(name: str, *, lock: str | os.PathLike[str] | None = None, revision: str | None = None) -> Iterator[Check]:
    """What there is to compare: of a bundle, a folder, a name, or of every model of a cache folder."""
    path = Path(os.path.expanduser(name))
    if lock is None and (bundle := find_bundle(path)) is not None:
        yield from _of_bundle(Bundle(bundle), name)
        return
    if lock is None and os.path.isdir(path) and (stored := cache.stored([path])):
        for model, repository in stored.items():
            for snapshot in sorted((repository / "snapshots").iterdir()):
                yield from _of_snapshot(snapshot, model)
        return
    locked = locked_files(lock, name) if lock is not None else None
    files = resolve(
        name,
        revision=revision if locked is None else locked.chosen_revision(revision),
        local_files_only=True,
        lock="",
    )
    if locked is not None:
        yield from _of_list(files, locked.files, "lock file")
    elif isinstance(files, PackedFiles):
        yield from _of_list(files, files.manifest.files, "manifest")
    elif (manifest := read_manifest(files.root)) is not None:
        yield from _of_list(files, manifest.files, "manifest")
    elif files.boundary.name.startswith("models--"):
        yield from _of_snapshot(files.root, cache.repository_id(files.boundary))
    else:
        yield from _of_folder(files.root, name)


def _of_bundle(bundle: Bundle, name: str) -> Iterator[Check]:
    for member, expected in bundle.manifest.files.items():
        window = cast(Path, bundle.windows[member])
        yield Check(name, member, window, expected.size, expected.sha256, "manifest")


def _of_list(files: ModelFiles, listed: Mapping[str, FileHash], against: str) -> Iterator[Check]:
    for member, expected in listed.items():
        yield Check(files.name, member, files.member(member), expected.size, expected.sha256, against)


def _of_snapshot(snapshot: Path, model: str) -> Iterator[Check]:
    """Files of the Hugging Face cache: a link's target is named by its hash."""
    for path in _files(snapshot):
        blob = os.path.basename(os.path.realpath(path)) if path.is_symlink() else ""
        known = blob if _HASH.fullmatch(blob) else ""
        yield Check(
            model,
            path.relative_to(snapshot).as_posix(),
            path if os.path.exists(path) else None,
            None,
            known,
            "cache" if known else "",
        )


def _of_folder(folder: Path, name: str) -> Iterator[Check]:
    """Files of a folder; where `hf download --local-dir` filled it, it left the hashes in a folder of its own."""
    for path in _files(folder):
        member = path.relative_to(folder).as_posix()
        known = ""
        note = folder / ".cache" / "huggingface" / "download" / f"{member}.metadata"
        try:
            lines = note.read_text(encoding="utf-8").splitlines()
            written = float(lines[2])
            if _HASH.fullmatch(lines[1]) and path.stat().st_mtime - 1 <= written:
                known = lines[1]
        except (OSError, ValueError, IndexError):
            pass
        yield Check(name, member, path, None, known, "download" if known else "")


def _files(folder: Path) -> Iterator[Path]:
    for below, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name != MANIFEST:
                yield Path(below, name)


def _git_id(path: Path, progress: Progress | None) -> str:
    """The hash under which git keeps a file of this content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    view = memoryview(bytearray(_CHUNK))
    with path.open("rb") as file:
        while count := file.readinto(view):
            digest.update(view[:count])
            if progress is not None:
                progress(count)
    return digest.hexdigest()


def nothing_known(name: str) -> PretrainedError:
    """The error where there is no hash to compare with."""
    return PretrainedError(
        f"nothing says what the files of {name} should be: there is no manifest, no lock file and no cache.\n"
        f"To do: name a lock file that lists them: pretrained verify {name} --lock FILE"
    )
