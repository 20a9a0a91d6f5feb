"""What do tests of the mirror and of the cache share? Models in a Hugging Face cache, and plain requests."""

import hashlib
import http.client
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.hub.material import write

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """One request, the path exactly as it is written here. An underscore in a header's name stands for a dash."""
    host = urlsplit(url)
    connection = http.client.HTTPConnection(host.hostname or "", host.port or 0, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        return Answer(reply.status, dict(reply.getheaders()), reply.read())
    finally:
        connection.close()


def in_cache(
    cache: Path,
    name: str,
    files: Mapping[str, bytes | Path],
    *,
    commit: str = COMMIT,
    refs: tuple[str, ...] = ("main",),
    links: bool = True,
    large: int = 1024,
) -> Path:
    """A model as huggingface_hub leaves it in its cache; gives the snapshot."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    (repository / "blobs").mkdir(parents=True, exist_ok=True)
    for member, content in files.items():
        data = content.read_bytes() if isinstance(content, Path) else content
        digest = hashlib.sha256(data) if len(data) >= large else hashlib.sha1(b"blob %d\0" % len(data) + data)
        path = snapshot.joinpath(*member.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        target = repository / "blobs" / digest.hexdigest() if links else path
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(data)
        if links:
            path.symlink_to(os.path.relpath(target, path.parent))
    for ref in refs:
        (repository / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (repository / "refs" / ref).write_text(commit)
    return snapshot


def folder_of(path: Path, files: Mapping[str, bytes]) -> Path:
    """A folder with these files, as somebody carried it here."""
    write(path, files)
    return path
