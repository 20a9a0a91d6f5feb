"""How does the hub write down a model and its files?"""

from typing import Any

from pretrained.hub.download.listing import RemoteFile
from pretrained.hub.mirror.library import Listed
from pretrained.hub.mirror.shelf import pointer_id

_POINTER_SIZE = 134


def info(listed: Listed, *, blobs: bool) -> dict[str, Any]:
    """GET /api/models/NAME. Sizes and hashes are only told where they are asked for, as the hub does."""
    return {
        "_id": listed.commit[:24],
        "id": listed.name,
        "modelId": listed.name,
        "author": listed.name.rpartition("/")[0] or None,
        "sha": listed.commit,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": [_sibling(file, blobs=blobs) for _, file in sorted(listed.files.items())],
    }


def _sibling(file: RemoteFile, *, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": file.name}
    found: dict[str, Any] = {"rfilename": file.name, "size": file.size, "blobId": pointer_id(file)}
    if len(file.etag) == 64:
        found["lfs"] = {"sha256": file.etag, "size": file.size, "pointerSize": _POINTER_SIZE}
    return found


def tree(listed: Listed, path: str, *, recursive: bool) -> list[dict[str, Any]] | None:
    """GET /api/models/NAME/tree/REVISION/PATH; None where there is no such folder."""
    start = f"{path}/" if path else ""
    found: dict[str, dict[str, Any]] = {}
    for name, file in sorted(listed.files.items()):
        if not name.startswith(start):
            continue
        parts = name[len(start) :].split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            folder = start + "/".join(parts[:depth])
            found.setdefault(folder, {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40})
        if recursive or len(parts) == 1:
            found[name] = _entry(file)
    return list(found.values()) if found or not path else None


def _entry(file: RemoteFile) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "file", "path": file.name, "size": file.size, "oid": pointer_id(file)}
    if len(file.etag) == 64:
        found["lfs"] = {"oid": file.etag, "size": file.size, "pointerSize": _POINTER_SIZE}
    return found
