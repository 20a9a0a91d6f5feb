"""How are bytes asked for, so that proxies, certificates and stalls are seen and a token stays where it belongs?

The standard library's client: it reads straight into the caller's buffer, which no library above it does, and its
errors can be told apart. Connections stay open, one for each thread and server.
"""

import http.client
import os
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from pretrained.hub.download.trouble import Trouble, of_error

_REDIRECTS_AT_MOST = 8
_CONNECT_SECONDS = 10.0
_DRAINED = 4096  # bytes of an answer nobody wants; reading them is cheaper than a new connection
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)
_Origin = tuple[str, str, int]  # scheme, host, port


class Reply:
    """One answer: its head, and a body that is read piece by piece."""

    def __init__(self, response: http.client.HTTPResponse, url: str, commit: str | None) -> None:
        self._response = response
        self.url = url
        """Where the answer came from in the end."""
        self.status = response.status
        self.headers = response.headers
        self.commit = commit
        """X-Repo-Commit of the first answer that had one."""
        self.left = response.length
        """How many bytes of the body are still to come, where the server says so."""

    @property
    def is_page(self) -> bool:
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower() == "text/html"

    def readinto(self, view: memoryview) -> int:
        """What one read of the connection brings; 0 at the end, and also where the connection broke off."""
        try:
            if self._response.chunked or self._response.fp is None:
                data = self._response.read1(len(view))
                view[: len(data)] = data
                return len(data)
            wanted = len(view) if self.left is None else min(len(view), self.left)
            count: int = self._response.fp.readinto1(view[:wanted]) if wanted else 0
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise of_error(error, self.url) from error
        if self.left is not None:
            self.left -= count
        return count

    def read(self, at_most: int) -> bytes:
        """A whole small body; one that is longer is trouble."""
        body = bytearray()
        piece = memoryview(bytearray(65536))
        while count := self.readinto(piece):
            body += piece[:count]
            if len(body) > at_most:
                raise Trouble("size", f"its answer is longer than {at_most} bytes")
        if self.left:
            raise Trouble("cut", f"{urlsplit(self.url).hostname} closed the connection early")
        return bytes(body)


class Client:
    """Asks servers, and follows them where they point."""

    def __init__(self, *, agent: str, stall: float = 30.0, proxies: Mapping[str, str] | None = None) -> None:
        self._agent = agent
        self._stall = stall
        self._proxies = dict(proxies or {})
        self._own = threading.local()
        self._open: dict[http.client.HTTPConnection, _Origin] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection; a thread that waits for bytes of one gets an error at once."""
        self._closed = True
        with self._lock:
            connections = list(self._open)
            self._open.clear()
        for connection in connections:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    @contextmanager
    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        authorization: str | None = None,
        follow: bool = True,
    ) -> Iterator[Reply]:
        """One request. `authorization` goes to the server of `url` alone; a redirect elsewhere leaves without it.

        `follow=False` follows no redirect to another server: its answer is given as it is.
        """
        first = here = _split(url)
        commit = None
        for _ in range(_REDIRECTS_AT_MOST):
            sent = {"User-Agent": self._agent, "Accept-Encoding": "identity", **(headers or {})}
            if authorization and _origin(here) == _origin(first):
                sent["Authorization"] = authorization
            connection, response = self._send(here, method, sent)
            commit = commit or response.headers.get("X-Repo-Commit")
            target = response.headers.get("Location") if response.status in _MOVED else None
            if target is None:
                break
            try:
                there = self._redirected(here, target, response.status)
            except Trouble:
                self._finish(connection, response, Reply(response, here.geturl(), None))
                raise
            if not follow and _origin(there) != _origin(first):
                break
            self._finish(connection, response, Reply(response, here.geturl(), None))
            here = there
        else:
            raise Trouble("redirect", f"it redirects more than {_REDIRECTS_AT_MOST} times")
        reply = Reply(response, here.geturl(), commit)
        try:
            yield reply
        finally:
            self._finish(connection, response, reply)

    def _redirected(self, here: SplitResult, target: str, status: int) -> SplitResult:
        try:
            there = _split(urljoin(here.geturl(), target))
        except (ValueError, Trouble) as error:
            raise Trouble("redirect", f"it redirects to {target[:80]!r}, which is no web address") from error
        if here.scheme == "https" and there.scheme == "http":
            raise Trouble(
                "redirect", f"it redirects from https to http ({there.hostname}), where anyone may change bytes"
            )
        if status in (301, 308) and there.hostname != here.hostname:
            raise Trouble("redirect", f"it answers {status} and sends everybody to {there.hostname}")
        return there

    # -- connections --------------------------------

    def _send(
        self, url: SplitResult, method: str, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """An answer's head. A kept connection that the server has closed meanwhile is opened anew."""
        proxy = self._proxy(url)
        target = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if proxy is not None and url.scheme == "http":
            target = url._replace(fragment="").geturl()
            headers = {**headers, **_proxy_authorization(proxy)}
        kept: dict[_Origin, http.client.HTTPConnection] = self._own.__dict__.setdefault("kept", {})
        connection = kept.pop(_origin(url), None)
        fresh = connection is None
        while True:
            if self._closed:
                raise Trouble("closed", "the download was stopped")
            try:
                if connection is None:
                    connection = self._connect(url, proxy)
                connection.request(method, target, headers=dict(headers))
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as error:
                if connection is not None:
                    self._drop(connection)
                if fresh or not isinstance(error, ConnectionError | http.client.HTTPException):
                    raise of_error(error, url.geturl(), proxy=proxy.hostname if proxy else None) from error
                connection, fresh = None, True

    def _connect(self, url: SplitResult, proxy: SplitResult | None) -> http.client.HTTPConnection:
        _, host, port = _origin(url)
        at, at_port = (host, port) if proxy is None else (proxy.hostname or "", proxy.port or _PORTS["http"])
        connection: http.client.HTTPConnection
        if url.scheme == "https":
            if self._tls is None:
                self._tls = tls_context()
            connection = http.client.HTTPSConnection(at, at_port, timeout=_CONNECT_SECONDS, context=self._tls)
            if proxy is not None:
                connection.set_tunnel(host, port, headers=_proxy_authorization(proxy))
        else:
            connection = http.client.HTTPConnection(at, at_port, timeout=_CONNECT_SECONDS)
        with self._lock:
            self._open[connection] = _origin(url)
        try:
            connection.connect()
            connection.sock.settimeout(self._stall)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _finish(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, reply: Reply) -> None:
        """Keeps a connection whose answer was read to its end (the rest of a short one is read), and closes others."""
        if reply.left is not None and 0 < reply.left < _DRAINED:
            with suppress(Trouble):
                reply.read(_DRAINED)
        whole = reply.left == 0 and not response.will_close
        response.close()
        server = self._open.get(connection)
        if whole and server is not None and not self._closed:
            self._own.__dict__.setdefault("kept", {})[server] = connection
        else:
            self._drop(connection)

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._open.pop(connection, None)
        connection.close()

    def _proxy(self, url: SplitResult) -> SplitResult | None:
        """The proxy for an address: from the options, else from the environment or the system. Loopback has none."""
        from urllib.request import getproxies, proxy_bypass

        host = url.hostname or ""
        if host == "localhost" or host.startswith("127.") or host == "::1":
            return None
        named = self._proxies.get(f"{url.scheme}://{host}") or self._proxies.get(url.scheme)
        if named is None:
            if proxy_bypass(host):
                return None
            found = getproxies()
            named = found.get(url.scheme) or found.get("all")
        if not named:
            return None
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        if proxy.scheme != "http":
            raise Trouble("proxy", f"the proxy {proxy.scheme}://{proxy.hostname} is of a kind that is not spoken here")
        return proxy


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:  # a port that is none raises ValueError
        raise Trouble("address", f"{url!r} is no web address")
    return parts


def _origin(url: SplitResult) -> _Origin:
    return url.scheme, (url.hostname or "").lower(), url.port or _PORTS[url.scheme]


def origin(url: str) -> _Origin:
    """Scheme, host and port: two addresses with the same three are one server."""
    return _origin(_split(url))


def _proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(secret).decode()}"}


def tls_context() -> ssl.SSLContext:
    """Whom to trust: the certificates that a variable names, else those of the system."""
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if bundle := os.environ.get(variable):
            try:
                if os.path.isdir(bundle):
                    return ssl.create_default_context(capath=bundle)
                return ssl.create_default_context(cafile=bundle)
            except (OSError, ssl.SSLError) as error:
                raise Trouble(
                    "certificate", f"{variable} names {bundle}, which holds no certificates: {error}"
                ) from error
    try:
        import truststore  # the system's own check; it comes with recent versions of huggingface_hub
    except ImportError:
        return ssl.create_default_context()
    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context
