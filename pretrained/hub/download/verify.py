"""Do these bytes have the hash that the hub lists? Large files have a sha256, small ones the id git gives them."""

import hashlib
import os
from pathlib import Path
from typing import Protocol

_BLOCK = 1 << 20


class Hash(Protocol):
    """What hashlib's objects can do."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


def new_hash(etag: str, size: int) -> Hash:
    """The hash that an entity tag of the hub is, for content of this size."""
    if len(etag) == 64:
        return hashlib.sha256()
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % size)
    return digest


def update_from(digest: Hash, path: str | os.PathLike[str], count: int) -> None:
    """Adds the first `count` bytes of a file."""
    block = memoryview(bytearray(_BLOCK))
    with open(path, "rb", buffering=0) as file:
        while count > 0 and (read := file.readinto(block[: min(count, _BLOCK)])):
            digest.update(block[:read])
            count -= read


def is_right(path: Path, etag: str, size: int) -> bool:
    """Whether a file is there, whole and unchanged."""
    try:
        if path.stat().st_size != size:
            return False
        digest = new_hash(etag, size)
        update_from(digest, path, size)
    except OSError:
        return False
    return digest.hexdigest() == etag
