"""What may go from a cache, and how does it go without taking anything else along?

Everything is listed first, and removed afterwards. Nothing outside the folder of a model is touched, whatever its links
say, and nothing that another process is downloading.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from pretrained.errors import PretrainedError
from pretrained.hub import messages
from pretrained.hub.cache_contents import BLOB, Revision, StoredModel, read_model

_SETTLED = 3600.0  # seconds after which a blob without a link is no download on its way


@dataclass(frozen=True)
class Leftover:
    """One thing that `prune` removes."""

    model: str
    what: str
    """"unfinished", "orphan", "revision" or "empty"."""
    path: Path
    size: int
    why: str
    repository: Path
    blobs: tuple[Path, ...] = ()
    """Of a revision: the blobs that go with it."""


def leftovers(models: Sequence[StoredModel]) -> Iterator[Leftover]:
    """What nothing leads to: unfinished downloads, blobs of no revision, revisions without a name, empty folders."""
    for model in models:
        if not _is_open(model.folder):  # nobody can say that nothing leads to its files
            continue
        old = list(_old_revisions(model))
        kept = {file.blob for revision in model.revisions if revision not in old for file in revision.files}
        alone = set(model.blobs) - kept
        for path in model.unfinished:
            yield Leftover(
                model.name, "unfinished", path, _size(path), "a download that was not finished", model.folder
            )
        for revision in old:
            blobs = alone & {file.blob for file in revision.files}
            alone -= blobs
            size = sum(map(_size, blobs)) + sum(file.size or 0 for file in revision.files if file.blob is None)
            why = "no branch or tag names it"
            yield Leftover(model.name, "revision", revision.folder, size, why, model.folder, tuple(blobs))
        of_some = {file.blob for revision in model.revisions for file in revision.files}
        for blob in model.blobs:
            if blob not in of_some and time.time() - _modified(blob) > _SETTLED:
                yield Leftover(model.name, "orphan", blob, _size(blob), "no revision has it", model.folder)
        if not model.revisions and not model.blobs and not model.unfinished:
            yield Leftover(model.name, "empty", model.folder, 0, "there is nothing in it", model.folder)


def _is_open(folder: Path) -> bool:
    """Whether this user may look into a folder and all that are below it."""
    below = (os.path.join(above, name) for above, names, _ in os.walk(folder) for name in names)
    return all(os.access(path, os.R_OK | os.X_OK) for path in (str(folder), *below))


def _old_revisions(model: StoredModel) -> Iterator[Revision]:
    """Snapshots without a name, where another one has a name and files."""
    if any(revision.refs and revision.files for revision in model.revisions):
        yield from (revision for revision in model.revisions if not revision.refs)


def prune(found: Sequence[Leftover]) -> tuple[int, list[str]]:
    """Removes these; gives the bytes that were freed, and what could not be removed."""
    freed, kept = 0, []
    for one in found:
        path, repository = one.path, one.repository
        if not path.is_relative_to(repository) or not _is_plain(path, repository):
            kept.append(f"{path}: it is a link, and leads elsewhere")
            continue
        try:
            with _locked(repository, [path.name.removesuffix(".incomplete")] if one.what != "revision" else []):
                if one.what == "revision":
                    shutil.rmtree(path)
                    _remove_blobs(one.blobs, repository)
                elif one.what == "empty":
                    shutil.rmtree(path)
                else:
                    path.unlink()
            freed += one.size
        except (OSError, PretrainedError) as error:
            kept.append(f"{path}: {error}")
    return freed, kept


def remove_model(model: StoredModel) -> int:
    """Removes a model with everything that belongs to it; gives the bytes that were freed."""
    repository = model.folder
    if repository.is_symlink() or not repository.name.startswith("models--"):
        raise PretrainedError(f"{repository} is no folder of a model, and stays")
    with _locked(repository, [part.name.partition(".")[0] for part in model.unfinished]):
        shutil.rmtree(repository)
    shutil.rmtree(repository.parent / ".locks" / repository.name, ignore_errors=True)
    return model.size


def _remove_blobs(blobs: Sequence[Path], repository: Path) -> None:
    """The blobs of a revision that is gone, unless another one has come to need them."""
    needed = {file.blob for revision in read_model("", repository).revisions for file in revision.files}
    for blob in blobs:
        if blob not in needed:
            blob.unlink()


def _locked(repository: Path, etags: Sequence[str]) -> ExitStack:
    """Holds the locks of these files. Raises where another process has one: it is downloading."""
    from filelock import FileLock, Timeout

    held = ExitStack()
    folder = repository.parent / ".locks" / repository.name
    for etag in etags:
        if not BLOB.fullmatch(etag) or not (folder / f"{etag}.lock").exists():
            continue
        try:
            held.enter_context(FileLock(folder / f"{etag}.lock", timeout=0, mode=0o664))
        except Timeout as error:
            held.close()
            name = repository.name.removeprefix("models--").replace("--", "/")
            raise PretrainedError(
                f"another process is downloading {name}.\nTo do: try again when it is done, or end it first"
            ) from error
        except (OSError, NotImplementedError):
            continue  # a disk without locks
    return held


def _is_plain(path: Path, repository: Path) -> bool:
    """Whether no folder between a model and one of its parts is a link."""
    while path != repository:
        if path.is_symlink():
            return False
        path = path.parent
    return not repository.is_symlink()


def _size(path: Path) -> int:
    with suppress(OSError):
        return os.lstat(path).st_size
    return 0


def _modified(path: Path) -> float:
    with suppress(OSError):
        return os.lstat(path).st_mtime
    return time.time()


def summary(found: Sequence[Leftover]) -> str:
    """One line for people."""
    return f"{len(found)} things, {messages.size(sum(one.size for one in found))}"
