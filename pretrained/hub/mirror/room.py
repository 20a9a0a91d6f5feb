"""How does the mirror's own cache stay below its limit? Models that nobody wants go first."""

import os
import shutil
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from pretrained.errors import DownloadError
from pretrained.hub import cache, messages

_SPARE = 64 << 20  # bytes that the disk should have left afterwards
_NOTED_EVERY = 1.0  # seconds


class Room:
    """The folder into which files of the upstream come. Only what lies in it is ever removed."""

    def __init__(self, folder: Path, limit: int | None) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}

    def used(self, name: str) -> None:
        """Notes that a model was asked for, so that it stays."""
        now = time.time()
        if now - self._noted.get(name, 0.0) > _NOTED_EVERY:
            with suppress(OSError):
                os.utime(cache.repository_folder(self.folder, name) / "snapshots", (now, now))
                self._noted[name] = now

    def make(self, size: int, *, keep: Collection[str]) -> None:
        """Removes models, except those to keep, until so many bytes more fit. Raises where that is not enough."""
        with self._lock:
            if self.limit is not None:
                self._remove_down_to(self.limit - size, {cache.repository_folder(self.folder, name) for name in keep})
            folder = self.folder
            while not folder.is_dir() and folder != folder.parent:
                folder = folder.parent
            free = shutil.disk_usage(folder).free
            if size + _SPARE > free:
                raise DownloadError(
                    f"{messages.size(size)} more are needed in {self.folder}, and its disk has "
                    f"{messages.size(free)} left"
                )

    def _remove_down_to(self, most: int, keep: Collection[Path]) -> None:
        models = sorted(cache.stored([self.folder]).values(), key=_last_use)
        sizes = {repository: size_of(repository) for repository in models}
        total = sum(sizes.values())
        for repository in models:
            if total <= most:
                return
            if repository not in keep and not repository.is_symlink():
                shutil.rmtree(repository, ignore_errors=True)
                total += size_of(repository) - sizes[repository]
        if total > most:
            raise DownloadError(f"the model does not fit below --max-size {messages.size(self.limit or 0)}")


def _last_use(repository: Path) -> float:
    """When a model was asked for, or got a file."""
    with suppress(OSError):
        return (repository / "snapshots").stat().st_mtime
    return 0.0


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder. Links are not followed, and what has two names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for below, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(below, name)
            with suppress(OSError):
                if not os.path.islink(path):
                    facts = os.lstat(path)
                    seen[facts.st_dev, facts.st_ino] = facts.st_size
    return sum(seen.values())
