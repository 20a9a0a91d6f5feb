"""Which files has a model on a server, how long are they, and what are their hashes?"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pretrained.hub.download.endpoints import Endpoint
from pretrained.hub.download.http import Client
from pretrained.hub.download.trouble import Trouble, of_status

_LISTING_AT_MOST = 64 * 2**20
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.I)  # names of devices of Windows, with any ending
_FORBIDDEN = re.compile(r'[\0-\x1f\\:*?"<>|]')


@dataclass(frozen=True)
class RemoteFile:
    """One file of a model, as a server lists it."""

    name: str
    """Its path in the model, with slashes."""
    size: int | None
    etag: str
    """sha256 (64 digits) of a large file, git blob id (40 digits) of a small one; "" where the list has none."""


@dataclass(frozen=True)
class Listing:
    """All files of one model in one commit."""

    repository: str
    commit: str
    files: Mapping[str, RemoteFile]


def fetch_listing(
    client: Client, endpoint: Endpoint, repository: str, revision: str, *, authorization: str | None = None
) -> Listing:
    """The list of one server. Whatever it sends is checked before it is believed."""
    authorization = authorization if endpoint.takes_token else None
    with client.ask(endpoint.info(repository, revision), authorization=authorization) as reply:
        if trouble := of_status(reply.status, reply.headers):
            if trouble.kind == "missing" and not reply.is_page:
                trouble = Trouble("unknown_name", f"it answers {reply.status}: no such model or revision")
            raise trouble
        if reply.is_page:
            raise Trouble("page", "it answers with a web page in place of the list of files")
        body = reply.read(_LISTING_AT_MOST)
    try:
        return _parse(json.loads(body), repository)
    except (ValueError, RecursionError) as error:
        raise Trouble("answer", "its list of files is not what the hub's protocol says") from error


def _parse(answer: Any, repository: str) -> Listing:
    if not isinstance(answer, dict) or not isinstance(commit := answer.get("sha"), str):
        raise ValueError("no commit")
    siblings = answer.get("siblings")
    if not _COMMIT.fullmatch(commit) or not isinstance(siblings, list):
        raise ValueError("no list")
    files = {}
    for sibling in siblings:
        name = sibling.get("rfilename") if isinstance(sibling, dict) else None
        if not isinstance(name, str):
            raise ValueError("a file without a name")
        if is_safe(name):  # no other is ever written
            files[name] = _file(name, sibling)
    return Listing(repository, commit, files)


def _file(name: str, said: Mapping[str, Any]) -> RemoteFile:
    large = said.get("lfs")
    etag, size = said.get("blobId"), said.get("size")
    if isinstance(large, dict):
        etag, size = large.get("sha256") or large.get("oid"), large.get("size", size)
    known = isinstance(etag, str) and _HASH.fullmatch(etag)
    size = size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None
    return RemoteFile(name, size, etag if known and isinstance(etag, str) else "")


def is_safe(name: str) -> bool:
    """Whether a path stays inside its folder on every system."""
    parts = name.split("/")
    return (
        not _FORBIDDEN.search(name)
        and all(part not in ("", ".", "..") and part[-1] not in ". " for part in parts)
        and not any(_RESERVED.fullmatch(part.partition(".")[0]) for part in parts)
        and len(name) < 1024
    )


def with_hashes(
    client: Client, endpoint: Endpoint, listing: Listing, names: Iterable[str], *, authorization: str | None = None
) -> Listing:
    """The list with sizes and hashes for these names: servers that do not list them say them file by file."""
    files = dict(listing.files)
    authorization = authorization if endpoint.takes_token else None
    for name in names:
        if files[name].etag and files[name].size is not None:
            continue
        url = endpoint.file(listing.repository, listing.commit, name)
        with client.ask(url, method="HEAD", authorization=authorization, follow=False) as reply:
            if reply.status >= 400 and (trouble := of_status(reply.status, reply.headers)):
                raise trouble
            etag = (reply.headers.get("X-Linked-Etag") or reply.headers.get("ETag") or "").removeprefix("W/").strip('"')
            size = reply.headers.get("X-Linked-Size") or (
                reply.headers.get("Content-Length") if reply.status < 300 else ""
            )
        if not _HASH.fullmatch(etag) or not (size or "").isdigit():
            raise Trouble("answer", f"it says no size and hash of {name}, so that nothing could be checked")
        files[name] = RemoteFile(name, int(size or 0), etag)
    return replace(listing, files=files)
