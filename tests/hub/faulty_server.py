"""A server on this machine that speaks the hub's protocol, and fails in every way that is asked of it."""

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote

FAULTS = ("cut", "416", "429", "500", "503", "stall", "length", "flip", "truncate", "html", "elsewhere", "scheme")
"""What can go wrong with one answer; "308", "404" and "gzip" can be asked for as well."""

_LARGE = 1024  # files from here on have a sha256, as those that git-lfs keeps


@dataclass(frozen=True)
class Request:
    """What was asked, as the fault chooses by it and as tests look at it afterwards."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def is_file(self) -> bool:
        return "/resolve/" in self.path or self.path.startswith("/cdn/")


@dataclass
class Model:
    """The files of one model in one commit. A file is its bytes, or the path of a large one."""

    files: Mapping[str, bytes | Path]
    commit: str = ""
    gated: bool = False
    digests: dict[str, tuple[int, str, str | None]] = field(default_factory=dict)
    """name → size, git blob id, sha256 of a large file."""

    def __post_init__(self) -> None:
        for name, content in self.files.items():
            self.digests[name] = _digests(content)
        if not self.commit:
            self.commit = hashlib.sha1(repr(sorted(self.digests.items())).encode()).hexdigest()

    def etag(self, name: str) -> str:
        _, blob, large = self.digests[name]
        return large or blob


def _digests(content: bytes | Path) -> tuple[int, str, str | None]:
    if isinstance(content, Path):
        with content.open("rb") as file:
            large = hashlib.file_digest(file, "sha256").hexdigest()
        return content.stat().st_size, hashlib.sha1(large.encode()).hexdigest(), large
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return len(content), blob, hashlib.sha256(content).hexdigest() if len(content) >= _LARGE else None


class HubServer:
    """`with HubServer({"owner/name": {"config.json": b"…"}}) as server:` — then `server.url` is an endpoint.

    `fault` is asked for each request, and gives the name of a fault or None. `cdn=True` redirects large files to
    another server, as the hub does. `log` holds every request.
    """

    def __init__(
        self,
        models: Mapping[str, Mapping[str, bytes | Path] | Model],
        *,
        fault: Callable[[Request], str | None] = lambda request: None,
        cdn: bool = False,
        ranges: bool = True,
        lists_hashes: bool = True,
        token: str = "secret-token",
        stall: float = 3600.0,
        seed: int = 0,
    ) -> None:
        self.models = {name: of if isinstance(of, Model) else Model(of) for name, of in models.items()}
        self.fault = fault
        self.ranges = ranges
        self.lists_hashes = lists_hashes
        self.token = token
        self.stall = stall
        self.random = random.Random(seed)
        self.log: list[Request] = []
        self.sent = 0
        self.stopping = threading.Event()
        self.elsewhere = HubServer(self.models, ranges=ranges) if cdn else None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.hub = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def files_asked(self) -> list[str]:
        """Names of the files that were asked for with GET, in order."""
        return [unquote(r.path.rpartition("/")[2]) for r in self.log if r.method == "GET" and r.is_file]

    def __enter__(self) -> "HubServer":
        if self.elsewhere:
            self.elsewhere.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        if self.elsewhere:
            self.elsewhere.__exit__()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def hub(self) -> HubServer:
        return self.server.hub  # type: ignore[attr-defined, no-any-return]

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def handle(self) -> None:
        with suppress(OSError):  # clients hang up, and some shake no hands
            super().handle()

    def _answer(self) -> None:
        request = Request(self.command, self.path, dict(self.headers.items()))
        self.hub.log.append(request)
        fault = self.hub.fault(request)
        if fault is not None and self._fails_at_once(fault):
            return
        path, _, query = self.path.partition("?")
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            self._api(parts[2:], parse_qs(query))
        elif parts[0] == "cdn" and len(parts) >= 2:
            self._cdn(parts[1], fault)
        elif "resolve" in parts[1:3]:
            at = parts.index("resolve", 1)
            self._resolve("/".join(parts[:at]), parts[at + 1], "/".join(parts[at + 2 :]), fault)
        else:
            self._error(404, "")

    # -- faults --------------------------------

    def _fails_at_once(self, fault: str) -> bool:
        if fault in ("429", "503"):
            self._error(int(fault), "", {"Retry-After": "0"})
        elif fault == "416":
            self._error(416, "")
        elif fault in ("404", "500"):
            self._error(int(fault), "")
        elif fault == "html":
            self._send(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", "text/html; charset=utf-8")
        elif fault == "308":
            self._error(308, "", {"Location": f"http://nowhere.invalid{self.path}"})
        elif fault == "scheme":
            self._error(302, "", {"Location": "file:///etc/hostname"})
        elif fault == "elsewhere":
            self._error(302, "", {"Location": f"http://localhost:1{self.path}"})
        else:
            return False
        return True

    def _error(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        said = {"X-Error-Code": code, "X-Error-Message": code} if code else {}
        self._send(status, b'{"error":"%s"}' % code.encode(), "application/json", {**said, **(headers or {})})

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # -- the protocol --------------------------------

    def _model(self, repository: str, revision: str) -> Model | None:
        """The model, after an error was sent where there is none or where a token is wanted."""
        model = self.hub.models.get(repository)
        if model is None:
            self._error(401 if "Authorization" not in self.headers else 404, "RepoNotFound")
            return None
        if model.gated and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._error(401, "GatedRepo")
            return None
        if revision not in ("main", model.commit, model.commit[:8]):
            self._error(404, "RevisionNotFound")
            return None
        return model

    def _api(self, parts: list[str], query: Mapping[str, list[str]]) -> None:
        kind = next((word for word in ("revision", "tree") if word in parts), None)
        at = parts.index(kind) if kind else len(parts)
        repository, revision = "/".join(parts[:at]), parts[at + 1] if kind else "main"
        model = self._model(repository, revision)
        if model is None:
            return
        value: Any
        if kind == "tree":
            value = [self._tree_entry(name, *facts) for name, facts in model.digests.items()]
        else:
            with_hashes = "blobs" in query and self.hub.lists_hashes
            siblings = [self._sibling(name, *facts, with_hashes) for name, facts in model.digests.items()]
            value = {"_id": "1", "id": repository, "modelId": repository, "sha": model.commit, "siblings": siblings}
            value |= {"private": False, "gated": False, "disabled": False, "tags": [], "downloads": 0, "likes": 0}
        self._send(200, json.dumps(value).encode(), "application/json")

    @staticmethod
    def _sibling(name: str, size: int, blob: str, large: str | None, with_hashes: bool) -> dict[str, Any]:
        if not with_hashes:
            return {"rfilename": name}
        lfs = {"lfs": {"sha256": large, "size": size, "pointerSize": 134}} if large else {}
        return {"rfilename": name, "size": size, "blobId": blob, **lfs}

    @staticmethod
    def _tree_entry(name: str, size: int, blob: str, large: str | None) -> dict[str, Any]:
        lfs = {"lfs": {"oid": large, "size": size, "pointerSize": 134}} if large else {}
        return {"type": "file", "path": name, "size": size, "oid": blob, **lfs}

    def _resolve(self, repository: str, revision: str, name: str, fault: str | None) -> None:
        model = self._model(repository, revision)
        if model is None:
            return
        if name not in model.files:
            self._error(404, "EntryNotFound", {"X-Repo-Commit": model.commit})
            return
        size, _, large = model.digests[name]
        headers = {"X-Repo-Commit": model.commit, "ETag": f'"{model.etag(name)}"'}
        if large:
            headers |= {"X-Linked-Etag": f'"{large}"', "X-Linked-Size": str(size)}
        if large and self.hub.elsewhere:
            target = f"{self.hub.elsewhere.url}/cdn/{large}/{quote(name)}"
            self._send(302, b"", "text/plain", {**headers, "Location": target})
            return
        self._file(model.files[name], size, headers, fault)

    def _cdn(self, digest: str, fault: str | None) -> None:
        for model in self.hub.models.values():
            for name, (size, _, large) in model.digests.items():
                if large == digest:
                    self._file(model.files[name], size, {"ETag": '"of-the-cdn"'}, fault)
                    return
        self._error(403, "")

    def _file(self, content: bytes | Path, size: int, headers: dict[str, str], fault: str | None) -> None:
        start, end, status = 0, size, 200
        asked = self.headers.get("Range")
        if_range = self.headers.get("If-Range")
        if self.hub.ranges and asked and (if_range is None or if_range == headers["ETag"]):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end, status = int(first), int(last) + 1 if last else size, 206
            end = min(end, size)
            if start >= size:
                self._error(416, "", {"Content-Range": f"bytes */{size}"})
                return
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        length = end - start
        if fault == "length":
            length = max(0, length + self.hub.random.choice((-7, 7)))
        elif fault == "truncate":
            end = start + length // 2
            length = end - start
            headers.pop("Content-Range", None)
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes" if self.hub.ranges else "none")
        if fault == "gzip":
            self.send_header("Content-Encoding", "gzip")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._body(content, start, end, fault)

    def _body(self, content: bytes | Path, start: int, end: int, fault: str | None) -> None:
        if isinstance(content, Path) and fault is None:
            with content.open("rb") as file:
                self.connection.sendfile(file, start, end - start)
            return
        data = bytearray((content if isinstance(content, bytes) else content.read_bytes())[start:end])
        if fault == "flip" and data:
            data[self.hub.random.randrange(len(data))] ^= 1 << self.hub.random.randrange(8)
        if fault in ("cut", "stall"):
            data = data[: self.hub.random.randrange(len(data) + 1)]
        self.wfile.write(data)
        self.hub.sent += len(data)
        if fault == "stall":
            deadline = time.monotonic() + self.hub.stall
            while time.monotonic() < deadline and not self.hub.stopping.wait(0.02):
                pass
        if fault in ("cut", "stall", "length"):
            self.close_connection = True
