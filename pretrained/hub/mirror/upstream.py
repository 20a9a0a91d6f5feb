"""What does the server behind this mirror have, and which of its files are on their way here?

Its lists are kept for a minute, those of a commit for longer. The token of this machine's user is never sent: whoever
reaches the mirror would be served with it.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from pretrained.errors import ConfigurationError
from pretrained.hub import catalogue, options
from pretrained.hub.download.endpoints import endpoints
from pretrained.hub.download.http import Client
from pretrained.hub.download.listing import Listing, fetch_listing, with_hashes
from pretrained.hub.download.patience import Patience
from pretrained.hub.download.store import CacheStore
from pretrained.hub.download.trouble import Trouble
from pretrained.hub.mirror.pull import Pull
from pretrained.hub.mirror.room import Room

AGENT = "pretrained-mirror"
_FRESH = 60.0  # seconds for which a branch is believed to stay where it is
_FRESH_COMMIT = 86400.0
_FRESH_TROUBLE = 5.0  # and a server to stay as it is
_KEPT = 512  # lists in memory
_PATIENCE = Patience(tries=2, first_wait=0.2)  # a client waits for the list


class Upstream:
    """One endpoint, and the folder (in the layout of a Hugging Face cache) into which its files come."""

    def __init__(self, url: str, folder: Path, *, max_size: int | None, changed: Callable[[int], None]) -> None:
        if variable := options.offline():
            raise ConfigurationError(
                f"--upstream {url} asks the network, and {variable}={os.environ[variable]} forbids it.\n"
                "To do: leave one of the two away"
            )
        (self.endpoint,) = endpoints([url], source="--upstream")
        self.folder = folder
        self.room = Room(folder, max_size)
        self._changed = changed
        self._lists: OrderedDict[tuple[str, str], tuple[float, Listing | Trouble]] = OrderedDict()
        self._pulls: dict[tuple[str, str], Pull] = {}
        self._wrong: set[str] = set()
        self._lock = threading.Lock()
        self._asking: dict[tuple[str, str], threading.Lock] = {}

    def listing(self, name: str, revision: str) -> Listing:
        """Its list of a model's files; many who ask at once make one request. Raises Trouble."""
        key = (self.repository(name), revision)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            with self._lock:
                until, found = self._lists.get(key, (0.0, None))
            if found is None or until < time.monotonic():
                found = self._ask(*key)
                self._keep(key, _FRESH_TROUBLE if isinstance(found, Trouble) else _FRESH, found)
                if isinstance(found, Listing):
                    self._keep((key[0], found.commit), _FRESH_COMMIT, found)
        if isinstance(found, Trouble):
            raise Trouble(found.kind, str(found))
        return found

    def _ask(self, repository: str, revision: str) -> Listing | Trouble:
        try:
            with Client(agent=AGENT, stall=Patience.from_environment().stall) as client:

                def ask() -> Listing:
                    found = fetch_listing(client, self.endpoint, repository, revision)
                    return with_hashes(client, self.endpoint, found, found.files)

                return _PATIENCE.repeat(ask, first=True)
        except Trouble as trouble:
            return trouble

    def _keep(self, key: tuple[str, str], seconds: float, found: Listing | Trouble) -> None:
        with self._lock:
            self._lists[key] = (time.monotonic() + seconds, found)
            self._lists.move_to_end(key)
            while len(self._lists) > _KEPT:
                self._lists.popitem(last=False)
            if len(self._asking) > 2 * _KEPT:
                self._asking = {other: lock for other, lock in self._asking.items() if lock.locked()}

    def repository(self, name: str) -> str:
        """The name by which the upstream is asked: the present one."""
        known = catalogue.short_name(name)
        return known.hub_id if known else name

    def pull(self, listing: Listing, member: str) -> Pull:
        """The file on its way; of several who want it the first starts it."""
        file = listing.files[member]
        key = (listing.repository, file.etag)
        with self._lock:
            running = self._pulls.get(key)
            if running is None:
                running = self._pulls[key] = Pull(
                    file,
                    CacheStore(self.folder, listing.repository, listing.commit),
                    endpoint=self.endpoint,
                    repository=listing.repository,
                    commit=listing.commit,
                    revision=self._branch(listing),
                    agent=AGENT,
                    room=self._make_room,
                    finished=self._finished,
                )
                running.start()
            return running

    def _branch(self, listing: Listing) -> str:
        """The branch or tag by which a commit was last asked for; else the commit itself."""
        names = (
            revision
            for (repository, revision), (_, found) in reversed(self._lists.items())
            if repository == listing.repository and isinstance(found, Listing) and found.commit == listing.commit
        )
        return next((name for name in names if name != listing.commit), listing.commit)

    def _make_room(self) -> None:
        """Room for all that is on its way; the models that it belongs to stay."""
        with self._lock:
            rest = sum(pull.size - pull.received for pull in self._pulls.values())
            keep = {repository for repository, _ in self._pulls}
        self.room.make(rest, keep=keep)

    def _finished(self, pull: Pull) -> None:
        with self._lock:
            self._pulls = {key: other for key, other in self._pulls.items() if other is not pull}
            if pull.restarts:
                self._wrong.add(pull.file.etag)
        self._changed(pull.size if pull.done else 0)

    def may_resume(self, etag: str) -> bool:
        """Whether what clients have of a file is right; of one that arrived with wrong bytes they begin anew."""
        with self._lock:
            return etag not in self._wrong and not any(
                pull.restarts for pull in self._pulls.values() if pull.file.etag == etag
            )

    def on_their_way(self) -> list[tuple[str, str, int, int]]:
        """Model, file, bytes here, bytes in all, for each file that comes now."""
        with self._lock:
            running = list(self._pulls.items())
        return [(key[0], pull.file.name, pull.received, pull.size) for key, pull in running]
