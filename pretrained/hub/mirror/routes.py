"""What does an address of the hub's protocol ask for?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)
_CONTROL = re.compile(r"[\0-\x1f\x7f]")


@dataclass(frozen=True)
class Route:
    """One request, taken apart. What it names may not exist."""

    kind: str
    """"status", "info", "tree" or "file"."""
    name: str = ""
    revision: str = "main"
    path: str = ""


def parse(target: str) -> Route | None:
    """The route of a request's target; None for what is no part of the protocol, or tries to be something else."""
    path = target.partition("?")[0].partition("#")[0]
    if path in ("", "/"):
        return Route("status")
    if not path.startswith("/"):
        return None
    try:
        parts = [unquote(part, errors="strict") for part in path[1:].split("/")]
    except UnicodeDecodeError:
        return None
    if any(_CONTROL.search(part) for part in parts):
        return None
    if parts[:2] == ["api", "models"]:
        return _api(parts[2:])
    for length in (2, 1):
        if len(parts) > length + 2 and parts[length] == "resolve" and (name := _name(parts[:length])):
            return _inside("file", name, parts[length + 1], parts[length + 2 :])
    return None


def _api(parts: list[str]) -> Route | None:
    for length in (2, 1):
        name, rest = _name(parts[:length]), parts[length:]
        if len(parts) < length or not name:
            continue
        if not rest:
            return Route("info", name)
        if rest[0] == "revision" and len(rest) == 2:
            return _inside("info", name, rest[1], [])
        if rest[0] == "tree" and len(rest) >= 2:
            return _inside("tree", name, rest[1], [part for part in rest[2:] if part])
    return None


def _name(parts: Sequence[str]) -> str:
    """owner/name, or a short name; "" for anything else."""
    if not all(_NAME.fullmatch(part) and ".." not in part and "--" not in part for part in parts):
        return ""
    return "/".join(parts)


def _inside(kind: str, name: str, revision: str, path: Sequence[str]) -> Route | None:
    """A revision may have slashes, which clients encode (refs%2Fpr%2F1). Parts of a path may not."""
    if not revision or any(part in ("", ".", "..") or "/" in part or "\\" in part for part in path):
        return None
    if any(part in ("", ".", "..") for part in revision.split("/")) or "\\" in revision:
        return None
    return Route(kind, name, revision, "/".join(path))
