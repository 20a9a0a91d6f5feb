"""How are the hub's questions answered over HTTP: by threads, read-only, and without a file passing through memory?"""

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from pretrained.errors import ConfigurationError
from pretrained.hub.mirror import ranges, routes, status_page
from pretrained.hub.mirror.connection import Head
from pretrained.hub.mirror.library import Given, Library, Listed, Refused
from pretrained.hub.mirror.protocol import info, tree
from pretrained.hub.mirror.pull import Pull, PullFailed
from pretrained.hub.mirror.shelf import Shelf, open_plain
from pretrained.hub.mirror.statistics import Statistics
from pretrained.hub.mirror.upstream import Upstream
from pretrained.hub.user_cache import user_cache

_LOGGER = logging.getLogger("pretrained")
_CONNECTIONS = 256  # at the same time; further ones are told to come again
_SEND_SECONDS = 60.0  # in which a client must take something
_FIRST_BYTES = 5.0  # seconds in which the upstream may fail before the client gets a head that promises a file
_READ_METHODS = "GET, HEAD"


class Mirror:
    """`with Mirror(caches) as mirror:` serves at `mirror.url` from a thread; `serve()` does it in this one.

    `upstream` is a server (or "hub") that is asked for what is not here; its files come into `folder`, and stay below
    `max_size` bytes.
    """

    def __init__(
        self,
        caches: Sequence[Path],
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        upstream: str | None = None,
        folder: Path | None = None,
        max_size: int | None = None,
    ) -> None:
        self.statistics = Statistics()
        behind = None
        shelves = list(caches)
        if upstream is not None:
            folder = user_cache("mirror") if folder is None else folder.absolute()
            behind = Upstream(upstream, folder, max_size=max_size, changed=self.statistics.fetched)
            shelves.append(folder)
        self.library = Library(Shelf(shelves), behind)
        try:
            self._server = _Server((host, port), self)
        except OSError as error:
            raise ConfigurationError(
                f"nothing can be served at {host}:{port}: {error.strerror or error}.\n"
                "To do: choose another --port, or for --host an address of this machine"
            ) from error
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}"

    def serve(self) -> None:
        """Answers until `stop` is called from elsewhere, or until an exception such as Ctrl-C."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()

    def __enter__(self) -> "Mirror":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], mirror: Mirror) -> None:
        self.mirror = mirror
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without looking up the name of the host, which may take long where there is no network."""
        if os.name == "posix":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            with suppress(OSError):
                request.settimeout(0)
                request.send(b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            _LOGGER.warning("the mirror could not answer %s: %r", client_address[0], error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._head = Head(self.connection)
        self.rfile = BufferedReader(self._head, 8192)

    def handle_one_request(self) -> None:
        self._head.renew()
        self._begun = False
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def version_string(self) -> str:
        return "pretrained-mirror"

    def log_message(self, format: str, *arguments: Any) -> None:
        _LOGGER.debug("mirror: %s %s", self.client_address[0], format % arguments)

    def __getattr__(self, name: str) -> Any:
        """Every other method is refused, in the protocol's way."""
        if name.startswith("do_"):
            return self._read_only
        raise AttributeError(name)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _read_only(self) -> None:
        self.close_connection = True
        self._error(Refused(405, "", "a mirror can only be read"), {"Allow": _READ_METHODS})

    # -- one request --------------------------------

    @property
    def _library(self) -> Library:
        return self.server.mirror.library

    def _answer(self) -> None:
        self.connection.settimeout(_SEND_SECONDS)
        self.server.mirror.statistics.asked(str(self.client_address[0]))
        if self.headers.get("Transfer-Encoding") or (self.headers.get("Content-Length") or "0").strip() != "0":
            self.close_connection = True  # a body would be read as the next request
            self._error(Refused(400, "", "a question has no body"))
            return
        route = routes.parse(self.path)
        try:
            if route is None:
                raise Refused(404, "", "this is no address of the hub's protocol for models")
            if route.kind == "status":
                self._status()
            elif route.kind == "file":
                self._file(route)
            else:
                listed = self._library.listed(route.name, route.revision)
                self._list(route, listed)
        except Refused as refused:
            self._error(refused)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            _LOGGER.warning("the mirror could not read a file: %s", error)
            if self._begun:
                self.close_connection = True
            else:
                self._error(Refused(500, "", "the mirror could not read the file"))

    def _status(self) -> None:
        found = status_page.facts(self._library, self.server.mirror.statistics)
        if "json" in parse_qs(urlsplit(self.path).query, keep_blank_values=True):
            self._send(200, json.dumps(found).encode(), "application/json")
            return
        page = status_page.page(found, self.headers.get("Host") or urlsplit(self.server.mirror.url).netloc)
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        self._send(200, page, "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    def _list(self, route: routes.Route, listed: Listed) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        value: Any
        if route.kind == "info":
            value = info(listed, blobs="blobs" in query)
        else:
            recursive = query.get("recursive", ["false"])[-1].lower() in ("1", "true")
            value = tree(listed, route.path, recursive=recursive)
            if value is None:
                raise Refused(404, "EntryNotFound", f"{listed.name} has no folder {route.path}", commit=listed.commit)
        self._send(200, json.dumps(value).encode(), "application/json", {"X-Repo-Commit": listed.commit})

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self._headers(headers or {})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self._begun = True
        self.end_headers()

    def _error(self, refused: Refused, headers: Mapping[str, str] | None = None) -> None:
        said = str(refused).encode("ascii", "replace").decode().replace("\n", " ")[:300]
        sent = {"X-Error-Message": said, **(headers or {})}
        if refused.code:
            sent["X-Error-Code"] = refused.code
        if refused.commit:
            sent["X-Repo-Commit"] = refused.commit
        self._send(refused.status, json.dumps({"error": str(refused)}).encode(), "application/json", sent)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library finds wrong in a request: as short as our own errors, and not as a page."""
        self.close_connection = True
        if not hasattr(self, "command") or self.command is None:
            self.command = ""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._read_only()
        else:
            self._error(Refused(code, "", message or "bad request"))

    # -- one file --------------------------------

    def _file(self, route: routes.Route) -> None:
        given = self._library.file(route.name, route.revision, route.path)
        self._library.used(route.name)
        file, etag = given.file, f'"{given.file.etag}"'
        size = file.size or 0
        headers = {"X-Repo-Commit": given.commit, "ETag": etag, "Accept-Ranges": "bytes"}
        if len(file.etag) == 64:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(size)}
        if ranges.is_known(self.headers, etag):
            self.send_response(304)
            self._headers(headers)
            return
        try:
            asked = ranges.asked_range(self.headers, size, etag) if self._library.may_resume(given) else None
        except ranges.NotSatisfiable:
            self._error(Refused(416, "", f"the file has {size} bytes"), {"Content-Range": f"bytes */{size}"})
            return
        start, end = asked or (0, size)
        if asked:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(end - start)}
        status = 206 if asked else 200
        if self.command == "HEAD":
            self.send_response(status)
            self._headers(headers)
        elif given.path is not None:
            with os.fdopen(open_plain(given.path), "rb", buffering=0) as opened:
                if os.fstat(opened.fileno()).st_size != size:
                    raise Refused(500, "", "the file was changed while it was asked for")
                self.send_response(status)
                self._headers(headers)
                self._give(route.name, opened, start, end)
        else:
            self._from_upstream(route.name, given, start, end, status, headers)

    def _give(self, name: str, opened: BinaryIO, start: int, end: int) -> None:
        """Bytes of a file, from the kernel's cache to the connection."""
        count = self.connection.sendfile(opened, start, end - start) if end > start else 0
        self.server.mirror.statistics.gave(name, count)
        if count != end - start:
            self.close_connection = True

    def _from_upstream(
        self, name: str, given: Given, start: int, end: int, status: int, headers: Mapping[str, str]
    ) -> None:
        """A file on its way: what has arrived at once, the rest as it comes."""
        pull = self._library.pull(given)
        pull.wait(_FIRST_BYTES if start == 0 else 0)
        if pull.error:
            raise Refused(502, "", f"of the upstream: {pull.error}")
        self.send_response(status)
        self._headers(headers)
        position = start
        try:
            position = self._follow(pull, start, end)
        except PullFailed as error:
            _LOGGER.warning("the mirror could not bring %s of %s: %s", given.file.name, name, error)
        self.server.mirror.statistics.gave(name, position - start)
        if position < end:
            self.close_connection = True

    def _follow(self, pull: Pull, start: int, end: int) -> int:
        position = start
        with pull.opened() as growing:
            while position < end:
                count = growing.ready(position, end)
                position += self.connection.sendfile(growing.file, position, count)
        return position
