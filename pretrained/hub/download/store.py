"""Where do downloaded files lie: in the Hugging Face cache, so that huggingface_hub finds them too, or in one folder?

A file has its final name only when it is whole. Until then it is a part, `….incomplete`, that the next download goes
on with; of several processes one downloads a file, and the others wait for it.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pretrained.atomic import atomic_path, write_text
from pretrained.hub.cache import long_path, repository_folder
from pretrained.hub.download.listing import RemoteFile, is_safe
from pretrained.hub.download.verify import is_right

_SAID_AFTER = 2.0  # seconds of waiting for another process
_ABANDONED_AFTER = 7 * 86400  # seconds after which a part that no plan asks for is removed
_PART = re.compile(r"(?P<etag>[0-9a-f]{40}|[0-9a-f]{64})\.incomplete")


def make_folder(path: Path) -> None:
    """A folder and those above it. New ones are as open as the one they are made in, whatever the umask."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    with suppress(OSError):
        path.chmod(path.parent.stat().st_mode & 0o2777)


class Store:
    """What both kinds share: parts, locks, and the step from a part to a file."""

    def __init__(self, parts: Path, locks: Path) -> None:
        self._parts = parts
        self._locks = locks

    def part(self, file: RemoteFile) -> Path:
        return long_path(self._parts / f"{file.etag}.incomplete")

    def received(self, file: RemoteFile) -> int:
        """How many bytes of a file an earlier download has left."""
        try:
            return min(self.part(file).stat().st_size, file.size or 0)
        except OSError:
            return 0

    def prepare(self) -> None:
        for folder in (self._parts, self._locks):
            make_folder(long_path(folder))

    @contextmanager
    def lock(self, file: RemoteFile, waiting: Callable[[], None]) -> Iterator[None]:
        """Keeps other processes, huggingface_hub's included, from downloading the same file."""
        from filelock import FileLock, SoftFileLock, Timeout

        path = long_path(self._locks / f"{file.etag}.lock")
        lock: FileLock | SoftFileLock = FileLock(path, mode=0o664)
        said = False
        while True:
            try:
                lock.acquire(timeout=_SAID_AFTER)
                break
            except Timeout:
                if not said:
                    waiting()
                said = True
            except FileNotFoundError:  # another process has finished, and cleaned up
                self.prepare()
            except NotImplementedError:  # a disk without locks
                lock = SoftFileLock(path, mode=0o664)
        try:
            yield
        finally:
            with suppress(OSError):
                lock.release()

    def _keep(self, part: Path, target: Path) -> None:
        """Gives a whole part its name, and the permissions of its folder."""
        with suppress(OSError):
            part.chmod(part.parent.stat().st_mode & 0o666)
        os.replace(part, target)


class CacheStore(Store):
    """`models--owner--name` of a Hugging Face cache: blobs, snapshots of links to them, refs."""

    def __init__(self, cache: Path, repository: str, commit: str) -> None:
        self.folder = cache
        self.repository = repository_folder(cache, repository)
        self.snapshot = self.repository / "snapshots" / commit
        super().__init__(self.repository / "blobs", cache / ".locks" / self.repository.name)

    def here(self, file: RemoteFile, *, checked: bool) -> bool:
        """Whether the file is in the cache; `checked` looks at its bytes as well, and not at its size alone."""
        for path in (self._blob(file), self._named(file)):
            if checked and is_right(path, file.etag, file.size or 0):
                return True
            if not checked and path.is_file() and path.stat().st_size == file.size:
                return True
        return False

    def keep(self, file: RemoteFile) -> None:
        """Puts the part of a file among the blobs. Copies of an older version give way."""
        named = self._named(file)
        if named.is_file() and not named.is_symlink():
            named.unlink()
        self._keep(self.part(file), self._blob(file))

    def finish(self, files: Sequence[RemoteFile], revision: str) -> Path:
        """The snapshot of files that are all here, in their order; then the name of the revision."""
        for file in files:
            named = self._named(file)
            make_folder(named.parent)
            self._link(self._blob(file), named)
        for file in files:
            if not self._named(file).is_symlink():  # a cache without links holds its files in the snapshots
                with suppress(OSError):
                    self._blob(file).unlink()
        if revision != self.snapshot.name and is_safe(revision):
            ref = self.repository.joinpath("refs", *revision.split("/"))
            if not ref.is_file() or ref.read_bytes() != self.snapshot.name.encode():
                make_folder(ref.parent)
                write_text(ref, self.snapshot.name)
        self._sweep({file.etag for file in files})
        return long_path(self.snapshot)

    def _blob(self, file: RemoteFile) -> Path:
        return long_path(self._parts / file.etag)

    def _named(self, file: RemoteFile) -> Path:
        return long_path(self.snapshot.joinpath(*file.name.split("/")))

    def _link(self, blob: Path, named: Path) -> None:
        """A relative link; where links are not possible, the file itself (by a second name, else as a copy)."""
        if not blob.exists():
            return  # a cache without links: the file lies in its snapshot already
        target = os.path.relpath(blob, named.parent)
        if named.is_symlink() and os.readlink(named) == target:
            return
        if os.environ.get("HF_HUB_DISABLE_SYMLINKS", "").upper() not in ("1", "ON", "YES", "TRUE"):
            for _ in range(3):
                try:
                    return os.symlink(target, named)
                except FileExistsError:
                    if named.is_symlink() and os.readlink(named) == target:
                        return  # another process was first
                    with suppress(FileNotFoundError):
                        named.unlink()
                except (OSError, NotImplementedError):
                    break
        try:
            os.link(blob, named)
        except (OSError, NotImplementedError):
            with atomic_path(named) as temporary:
                shutil.copyfile(blob, temporary)

    def _sweep(self, needed: set[str]) -> None:
        """Removes parts that nobody has gone on with for a week."""
        from filelock import FileLock, Timeout

        for part in self._parts.glob("*.incomplete"):
            match = _PART.fullmatch(part.name)
            with suppress(OSError, Timeout, NotImplementedError):
                if match and match["etag"] not in needed and time.time() - part.stat().st_mtime > _ABANDONED_AFTER:
                    with FileLock(self._locks / f"{match['etag']}.lock", timeout=0, mode=0o664):
                        part.unlink()


class FolderStore(Store):
    """One folder with the files under their own names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / ".cache" / "pretrained"
        super().__init__(self._state, self._state)

    def here(self, file: RemoteFile, *, checked: bool) -> bool:
        """Whether the folder has this very file; a folder may hold anything, so its bytes are always looked at."""
        return is_right(self._named(file), file.etag, file.size or 0)

    def keep(self, file: RemoteFile) -> None:
        named = self._named(file)
        make_folder(named.parent)
        self._keep(self.part(file), named)

    def finish(self, files: Sequence[RemoteFile], revision: str) -> Path:
        """Removes the folder of the parts, unless another download goes on there."""
        if not any(self._state.glob("*.incomplete")):
            for lock in self._state.glob("*.lock"):
                with suppress(OSError):
                    lock.unlink()
            for folder in (self._state, self._state.parent):
                with suppress(OSError):
                    folder.rmdir()
        return self.folder

    def _named(self, file: RemoteFile) -> Path:
        return long_path(self.folder.joinpath(*file.name.split("/")))
