"""Is this path a bundle, or a part of one?

Asked of every name that a model is looked for under, so nothing more is imported for it.
"""

import os
import re
from pathlib import Path

ENDING = ".pretrained"
MANIFEST = "pretrained.json"
"""What a manifest is called, beside the files or in a bundle."""

_PART = re.compile(r"(?P<bundle>.+)\.(?P<number>\d{3})")


def find_bundle(path: Path) -> Path | None:
    """The bundle that a path names, by itself or by one of its parts; None when it names none."""
    match = _PART.fullmatch(path.name)
    if match and match["bundle"].endswith(ENDING):
        return path.with_name(match["bundle"]) if os.path.isfile(path) else None
    if path.name.endswith(ENDING):
        return path if os.path.isfile(path) or os.path.isfile(part_of(path, 1)) else None
    return path if os.path.isfile(path) and _begins_like_one(path) else None


def _begins_like_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(30 + len(MANIFEST))
    except OSError:  # whoever reads the file next says what is wrong with it
        return False
    return head.startswith(b"PK\x03\x04") and head.endswith(MANIFEST.encode())


def part_of(path: Path, number: int) -> Path:
    """What a part of a divided bundle is called, counted from 1."""
    return path.with_name(f"{path.name}.{number:03}")
