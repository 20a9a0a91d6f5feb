"""What does a server answer when it is asked for one file, or for a range of it, and can the answer be right?"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pretrained.hub.download.endpoints import Endpoint
from pretrained.hub.download.http import Client, Reply, origin
from pretrained.hub.download.listing import RemoteFile
from pretrained.hub.download.trouble import Trouble, of_status

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_TOTAL = re.compile(r"bytes \*/(\d+)")


class NoRanges(Exception):
    """The server sends the whole file whatever range it is asked for."""


class Source:
    """One server, and the commit of one model on it."""

    def __init__(
        self, client: Client, endpoint: Endpoint, repository: str, commit: str, *, authorization: str | None = None
    ) -> None:
        self.client = client
        self.endpoint = endpoint
        self.commit = commit
        self.repository = repository
        self.authorization = authorization if endpoint.takes_token else None


class Requests:
    """Requests for one file. Where the server redirects to is remembered, so that ranges ask it only once."""

    def __init__(self, source: Source, file: RemoteFile, size: int) -> None:
        self._source = source
        self._file = file
        self._size = size
        self._address = source.endpoint.file(source.repository, source.commit, file.name)
        self._location: str | None = None
        self._ranges = True
        self._validator: str | None = f'"{file.etag}"'

    @contextmanager
    def open(self, start: int, end: int | None = None) -> Iterator[tuple[Reply, int]]:
        """An answer that holds the bytes from `start` on, after as many others as the number says.

        With `end`, only up to there; a server that cannot raises NoRanges.
        """
        for _ in range(3):
            ranged = end is not None or (start > 0 and self._ranges)
            headers = {}
            if ranged:
                headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
                if self._validator:
                    headers["If-Range"] = self._validator
            redirected = self._location
            with self._source.client.ask(
                redirected or self._address,
                headers=headers,
                authorization=None if redirected else self._source.authorization,
            ) as reply:
                skipped = self._judge(reply, start, end, ranged=ranged, redirected=bool(redirected))
                if skipped is not None:
                    yield reply, skipped
                    return
        raise Trouble("answer", "it answers to no kind of request for the rest of the file")

    def _judge(self, reply: Reply, start: int, end: int | None, *, ranged: bool, redirected: bool) -> int | None:
        """How many bytes of the answer to pass over; None where it must be asked in another way."""
        if reply.status == 416 and ranged:
            self._not_satisfiable(reply, end)
            return None
        if trouble := of_status(reply.status, reply.headers):
            if redirected and not trouble.temporary:  # such addresses are valid for some minutes
                self._location = None
                return None
            if origin(reply.url) != origin(self._address):  # the hub says that it has the file; its storage may recover
                raise Trouble(
                    "busy", f"it redirects to {urlsplit(reply.url).hostname}, where {trouble}", wait=trouble.wait
                )
            raise trouble
        self._check_head(reply)
        if origin(reply.url) != origin(self._address):
            self._location = reply.url
        if reply.status == 206:
            self._check_range(reply, start, end)
            self._validator = self._strong(reply) or self._validator
            return 0
        if reply.left is not None and reply.left != self._size:
            raise Trouble("size", f"it sends {reply.left} bytes, and the hub lists {self._size}")
        if ranged and self._validator:  # the server (or the one it redirects to) may tag the file in its own way
            self._validator = None
            return None
        if end is not None:
            raise NoRanges
        self._ranges = not ranged
        return start

    def _not_satisfiable(self, reply: Reply, end: int | None) -> None:
        total = _TOTAL.fullmatch(reply.headers.get("Content-Range") or "")
        if total and int(total[1]) != self._size:
            raise Trouble("size", f"its file has {total[1]} bytes, and the hub lists {self._size}")
        if end is not None:
            raise NoRanges
        self._ranges = False

    def _check_head(self, reply: Reply) -> None:
        if reply.is_page and not self._file.name.lower().endswith((".html", ".htm")):
            raise Trouble("page", "it answers with a web page in place of the file")
        if reply.commit and reply.commit != self._source.commit:
            raise Trouble("stale", f"it is out of date: it has {reply.commit[:12]}, not {self._source.commit[:12]}")
        encoding = (reply.headers.get("Content-Encoding") or "identity").lower()
        if encoding != "identity":
            raise Trouble("answer", f"it sends the file in another encoding ({encoding[:20]})")

    def _check_range(self, reply: Reply, start: int, end: int | None) -> None:
        said = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range") or "")
        if said is None or int(said[1]) != start:
            raise Trouble("answer", "it answers with another range than the one that was asked for")
        if said[3] != "*" and int(said[3]) != self._size:
            raise Trouble("size", f"its file has {said[3]} bytes, and the hub lists {self._size}")
        length = int(said[2]) + 1 - start
        if length > (self._size if end is None else end) - start or (reply.left is not None and reply.left != length):
            raise Trouble("size", "the length of its answer contradicts itself")

    @staticmethod
    def _strong(reply: Reply) -> str | None:
        tag = reply.headers.get("ETag") or ""
        return tag if re.fullmatch(r'"[^"]*"', tag) else None
