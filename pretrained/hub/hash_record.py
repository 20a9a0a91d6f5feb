"""What is the SHA-256 of this file, without reading gigabytes at every start?

A file is read in full once. Its hash is kept in the user's cache together with the file's size, times and inode, and
counts until one of those changes.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from pretrained.atomic import write_text
from pretrained.hub.manifest import FileHash, hash_file
from pretrained.hub.user_cache import user_cache
from pretrained.hub.window import Window


def remembered_hash(path: Path) -> FileHash:
    """Size and SHA-256 of a file, or of a window."""
    facts = _facts(path)
    record = user_cache("hashes") / f"{hashlib.sha256(str(facts[0]).encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(record.read_bytes())
        if kept["file"] == facts:
            return FileHash(int(kept["size"]), str(kept["sha256"]))
    found = hash_file(path)
    if _facts(path) == facts:  # it was not written to meanwhile
        with suppress(OSError):
            write_text(record, json.dumps({"file": facts, "size": found.size, "sha256": found.sha256}) + "\n")
    return found


def _facts(path: Path) -> list[list[str | int]]:
    """For each file that is read: its place, and what changes when it is written to."""
    pieces = path.pieces if isinstance(path, Window) else ((path, 0, -1),)
    facts: list[list[str | int]] = []
    for file, start, length in pieces:
        seen = file.stat()
        times = (seen.st_mtime_ns, seen.st_ctime_ns)
        facts.append([str(file.resolve()), start, length, seen.st_size, *times, seen.st_ino, seen.st_dev])
    return facts
