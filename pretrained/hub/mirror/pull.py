"""How does one file come from the upstream, once, while many clients already read what has arrived of it?

The last bytes of a file are given away only after its hash was found to be right.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pretrained.errors import PretrainedError
from pretrained.hub.download.answers import Source
from pretrained.hub.download.endpoints import Endpoint
from pretrained.hub.download.http import Client
from pretrained.hub.download.listing import RemoteFile
from pretrained.hub.download.patience import Patience
from pretrained.hub.download.store import CacheStore
from pretrained.hub.download.transfer import Transfer
from pretrained.hub.download.trouble import Trouble
from pretrained.hub.mirror.shelf import open_plain

_CONNECTIONS = 4
_POLL = 0.02  # seconds between looks at a growing part
HELD_BACK = 4096
"""Bytes at the end of a file that wait until all of it was verified."""


class PullFailed(Exception):
    """The upstream did not give the file, or not the right one."""


class Pull:
    """One file on its way. `start` runs it in a thread of its own, which no client's end stops."""

    def __init__(
        self,
        file: RemoteFile,
        store: CacheStore,
        *,
        endpoint: Endpoint,
        repository: str,
        commit: str,
        revision: str,
        agent: str,
        room: Callable[[], None],
        finished: Callable[["Pull"], None],
    ) -> None:
        self.file = file
        self.size = file.size or 0
        self._store = store
        self._endpoint = endpoint
        self._repository = repository
        self._commit = commit
        self._revision = revision
        self._agent = agent
        self._room = room
        self._finished = finished
        self._begun = threading.Event()
        self._ended = threading.Event()
        self.error = ""
        self.restarts = 0
        """How often bytes turned out to be wrong and were thrown away."""
        self.received = 0

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def done(self) -> bool:
        """Whether the file has its name."""
        return self._ended.is_set() and not self.error

    @property
    def path(self) -> Path:
        """Where the whole file lies."""
        return Path(os.path.realpath(self._store.snapshot.joinpath(*self.file.name.split("/"))))

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it came to an end, good or bad, in that time."""
        return self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            with Client(agent=self._agent, stall=Patience.from_environment().stall) as client:
                source = Source(client, self._endpoint, self._repository, self._commit)
                self._fetch(source)
        except (Trouble, PretrainedError, OSError) as error:
            self.error = str(error) or type(error).__name__
        except BaseException as error:
            self.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._begun.set()
            self._ended.set()
            self._finished(self)

    def _fetch(self, source: Source) -> None:
        store, file = self._store, self.file
        store.prepare()
        with store.lock(file, lambda: None):
            if not store.here(file, checked=False):
                self.received = store.received(file)
                self._room()
                self._begun.set()
                transfer = Transfer(
                    file,
                    store.part(file),
                    patience=Patience.from_environment(),
                    connections=_CONNECTIONS,
                    report=self._report,
                    note=lambda line: None,
                )
                transfer.fetch([source])
                store.keep(file)
            store.finish([file], self._revision)

    def _report(self, position: int) -> None:
        if position == 0 and self.received:
            self.restarts += 1
        self.received = position

    # -- reading what has arrived --------------------------------

    @contextmanager
    def opened(self) -> Iterator["Growing"]:
        """The file, as far as it is here. Raises PullFailed where nothing will come."""
        self._begun.wait()
        while True:
            ended = self._ended.is_set()
            if self.error:
                raise PullFailed(self.error)
            with suppress(FileNotFoundError):
                descriptor = open_plain(self.path if ended else self._store.part(self.file))
                break
            if ended:
                raise PullFailed("the file went away")
            time.sleep(_POLL)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            yield Growing(self, file)


class Growing:
    """An open file that becomes longer, from its beginning to its end."""

    def __init__(self, pull: Pull, file: BinaryIO) -> None:
        self._pull = pull
        self._restarts = pull.restarts
        self.file = file

    def ready(self, position: int, end: int) -> int:
        """Waits for bytes after `position`; how many there are. Raises PullFailed where no right ones will come."""
        pull = self._pull
        while True:
            ended = pull.wait(0)
            if pull.error or pull.restarts != self._restarts:
                raise PullFailed(pull.error or "its bytes were not right")
            here = os.fstat(self.file.fileno()).st_size
            most = pull.size if ended else min(here, pull.size - HELD_BACK)
            if (count := min(end, most) - position) > 0:
                return count
            if ended:
                raise PullFailed("the file is shorter than it should be")
            pull.wait(_POLL)
