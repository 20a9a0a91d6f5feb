"""How does one file come over the network whole, whatever happens on the way?

Bytes are appended to a part file in order, so that its length says where to go on: after a cut, a stall, a killed
process. Where one connection is slow, a large file comes in several ranges at once; a range waits in memory for those
before it. The hash is computed while bytes arrive, and a part is only good when its hash is the one that the hub lists.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pretrained.hub.download.answers import NoRanges, Requests, Source
from pretrained.hub.download.listing import RemoteFile
from pretrained.hub.download.patience import Patience
from pretrained.hub.download.trouble import Trouble
from pretrained.hub.download.verify import Hash, new_hash, update_from

_BLOCK = 1 << 20
_RANGE_LEAST, _RANGE_MOST = 1 << 20, 16 << 20  # a range grows with the speed, to about a second's worth
IN_RANGES_FROM = 32 << 20
"""Files of this size may come in several ranges at once."""
_FAST = 50e6  # bytes a second; one connection that is as fast stays alone, which costs least
_TRIAL = 2 << 20  # bytes after which that is known
_TRIES_FOR_HASH = 3  # how often one server may send bytes that have another hash


class _Written:
    """The part file: bytes in order, and the hash of all of them."""

    def __init__(self, write: Callable[[memoryview], int | None], digest: Hash, position: int) -> None:
        self._write = write
        self.digest = digest
        self.position = position

    def take(self, data: memoryview) -> None:
        self.digest.update(data)
        while data:
            count = self._write(data) or 0
            self.position += count
            data = data[count:]


class Transfer:
    """One file on its way into a part file."""

    def __init__(
        self,
        file: RemoteFile,
        part: Path,
        *,
        patience: Patience,
        connections: int,
        report: Callable[[int], None],
        note: Callable[[str], None],
    ) -> None:
        self.file = file
        self.size = file.size or 0
        self._part = part
        self._patience = patience
        self._connections = connections
        self._report = report
        self._note = note
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._arrived = 0

    def fetch(self, sources: Sequence[Source]) -> None:
        """Fills the part file, from the first server that can. Raises the last one's Trouble when none can."""
        trouble = Trouble("missing", "there is no server to ask")
        for source in sources:
            for _ in range(_TRIES_FOR_HASH):
                try:
                    return self._from(source)
                except Trouble as error:
                    trouble = error
                    self._note(f"{source.endpoint.url}: {self.file.name}: {error}")
                    if error.kind != "hash":
                        break
        raise trouble

    def _from(self, source: Source) -> None:
        self._stop.clear()
        with open(self._part, "ab", buffering=0) as out:
            if os.fstat(out.fileno()).st_size > self.size:
                out.truncate(0)
            position = os.fstat(out.fileno()).st_size
            digest = new_hash(self.file.etag, self.size)
            update_from(digest, self._part, position)
            written = _Written(out.write, digest, position)
            self._at(position)
            try:
                self._fill(Requests(source, self.file, self.size), written)
            finally:
                self._at(written.position)
            # A file that grew by more than was written here has another writer: a disk whose locks do not hold.
            if digest.hexdigest() != self.file.etag or os.fstat(out.fileno()).st_size != self.size:
                out.truncate(0)
                self._at(0)
                raise Trouble("hash", "its bytes are not those that the hub lists (another hash)")
            os.fsync(out.fileno())

    def _fill(self, requests: Requests, written: _Written) -> None:
        if self._connections > 1 and self.size - written.position >= IN_RANGES_FROM:
            try:
                if not self._is_fast(requests, written):
                    self._in_ranges(requests, written)
            except NoRanges:
                self._at(written.position)
        if written.position < self.size:
            self._patience.repeat(lambda: self._stream(requests, written), gained=lambda: written.position)

    def _at(self, position: int) -> None:
        with self._lock:
            self._arrived = position
            self._report(position)

    def _more(self, count: int) -> None:
        with self._lock:
            self._arrived += count
            self._report(self._arrived)

    # -- one connection --------------------------------

    def _is_fast(self, requests: Requests, written: _Written) -> bool:
        """Whether one connection does; told by a first range."""
        start = written.position
        data = memoryview(bytearray(_TRIAL))
        began = time.monotonic()
        self._range(requests, start, start + _TRIAL, data)
        speed = _TRIAL / max(time.monotonic() - began, 1e-3)
        written.take(data)
        return speed >= _FAST

    def _stream(self, requests: Requests, written: _Written) -> None:
        """All the rest, straight to the part."""
        view = memoryview(bytearray(min(_BLOCK, self.size)))
        with requests.open(written.position) as (reply, skip):
            while written.position < self.size:
                count = reply.readinto(view[: skip + self.size - written.position])
                if not count:
                    raise Trouble("cut", f"the connection broke off after {written.position} of {self.size} bytes")
                passed = min(count, skip)
                skip -= passed
                written.take(view[passed:count])
                self._at(written.position)
            if reply.left is None and reply.readinto(memoryview(bytearray(1))):
                raise Trouble("size", f"it sends more than the {self.size} bytes that the hub lists")

    # -- several ranges --------------------------------

    def _in_ranges(self, requests: Requests, written: _Written) -> None:
        """Several connections, each with the next range; what arrives early waits for its turn."""
        turn = threading.Condition()
        failures: list[BaseException] = []
        begin = written.position

        def next_range(length: int) -> tuple[int, int]:
            nonlocal begin
            with turn:
                start, begin = begin, min(self.size, begin + length)
                return start, begin

        def fail(error: BaseException) -> None:
            with turn:
                failures.append(error)
                self._stop.set()
                turn.notify_all()

        def put(start: int, data: memoryview) -> None:
            with turn:
                turn.wait_for(lambda: written.position == start or failures)
            if not failures:
                written.take(data)
            with turn:
                turn.notify_all()

        def work() -> None:
            length = _RANGE_LEAST
            memory = bytearray()
            try:
                while not failures:
                    start, end = next_range(length)
                    if start >= end:
                        return
                    began = time.monotonic()
                    if len(memory) < end - start:
                        memory = bytearray(end - start)
                    data = memoryview(memory)[: end - start]
                    self._range(requests, start, end, data)
                    speed = (end - start) / max(time.monotonic() - began, 1e-3)
                    length = int(min(max(speed, _RANGE_LEAST), _RANGE_MOST, 2 * length))
                    put(start, data)
            except BaseException as error:
                fail(error)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(self._connections)]
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        except BaseException as error:  # Ctrl-C
            fail(error)
            raise
        if failures:
            raise failures[0]

    def _range(self, requests: Requests, start: int, end: int, data: memoryview) -> None:
        filled = 0

        def step() -> None:
            nonlocal filled
            with requests.open(start + filled, end) as (reply, _):
                while filled < len(data):
                    count = reply.readinto(data[filled : filled + _BLOCK])
                    if not count:
                        raise Trouble("cut", f"the connection broke off after {start + filled} of {self.size} bytes")
                    filled += count
                    self._more(count)
                    if self._stop.is_set():
                        raise Trouble("closed", "the download was stopped")

        self._patience.repeat(step, gained=lambda: filled, stop=self._stop)
