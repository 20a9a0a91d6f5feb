"""What kind of thing does this name name?

./folder  ../x  /abs  ~/x  C:\\x  x/y/z  x/  Path(…)   a folder or a file on disk       kind "disk"
file:NAME                                              the same, whatever NAME looks like
package:NAME                                           an installed Python package      kind "package"
hub:NAME                                               a model of the hub               kind "hub"
owner/name, name                                       a folder here, else the hub      kind "name"
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pretrained.errors import ModelNotFoundError

PREFIXES = ("file:", "hub:", "package:")
_REPOSITORY = re.compile(r"(?:[\w.-]+/)?[\w.-]+", re.ASCII)
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:(?:[\\/]|$)")
_ADDRESS = re.compile(
    r"https?://[^/]+/(?P<repository>[\w.-]+(?:/(?!(?:resolve|blob|raw|tree)(?:/|$))[\w.-]+)?)", re.ASCII
)
_LONGEST = 255  # bytes of a name on the file systems that people use


@dataclass(frozen=True)
class Reference:
    """One name, and the one kind of thing that it names."""

    asked: str
    kind: str
    """"disk", "package", "hub", or "name" (a folder here if there is one, else a model in the cache)."""
    path: Path | None = None
    """Where it would lie on disk, for "disk" and "name"."""
    target: str = ""
    """The package or the repository, for the other kinds."""
    why_not_hub: str = ""
    """For "disk": why it cannot name a model in the cache, when it was not written as a path."""


def parse(name: str | os.PathLike[str]) -> Reference:
    """The kind of a name. Only looks at the disk where a backslash may be a separator."""
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"a model is named by a string or a path, not by {type(name).__name__}")
    asked = os.fsdecode(name)
    if not asked.strip() or "\0" in asked:
        raise ModelNotFoundError(f"{asked!r} is no name of a model. To do: give a folder, a file, or owner/name")
    if any(len(part.encode(errors="surrogatepass")) > _LONGEST for part in re.split(r"[/\\]", asked)):
        raise ModelNotFoundError(
            f"'{asked[:60]}…' is no name of a model: it has {len(asked):,} characters, and no file or folder can have "
            f"more than {_LONGEST}. To do: give a folder, a file, or owner/name"
        )
    if not isinstance(name, str):
        return Reference(asked, "disk", _path(asked))
    prefix, colon, rest = asked.partition(":")
    if colon and prefix + colon in PREFIXES:
        return _forced(asked, prefix, rest)
    if address := _ADDRESS.match(asked):
        raise ModelNotFoundError(
            f"{asked} is a web address, and a model is named by its name.\n"
            f"To do: write {address['repository']!r}; another server than the hub is named by PRETRAINED_ENDPOINTS or, "
            "with pretrained download, by --endpoint"
        )
    if _looks_like_path(asked):
        return Reference(asked, "disk", _path(asked))
    if why := _why_no_repository(asked):
        return Reference(asked, "disk", _path(asked), why_not_hub=why)
    return Reference(asked, "name", _path(asked), asked)


def _forced(asked: str, prefix: str, rest: str) -> Reference:
    if not rest.strip():
        raise ModelNotFoundError(f"{asked!r} names nothing after {prefix}:")
    if prefix == "file":
        if rest.startswith("//"):
            from urllib.parse import unquote

            rest = unquote(rest.removeprefix("//"))
            rest = rest[1:] if _WINDOWS_DRIVE.match(rest[1:]) else rest  # file:///C:/models
        return Reference(asked, "disk", _path(rest))
    if prefix == "package" and len(parts := re.split(r"[/\\]", rest)) > 1:
        raise ModelNotFoundError(
            f"{asked!r} names a path, and a package is named alone; the model in it is found.\n"
            f"To do: write 'package:{parts[0]}', and subfolder= where it carries several models"
        )
    if prefix == "hub" and (why := _why_no_repository(rest)):
        raise ModelNotFoundError(f"{rest!r} is no model of the hub: {why}. To do: write owner/name, or a short name")
    return Reference(asked, prefix, target=rest)


def _looks_like_path(name: str) -> bool:
    return name[0] in "./~\\" or name[-1] in "/\\" or "\\" in name or bool(_WINDOWS_DRIVE.match(name))


def _why_no_repository(name: str) -> str:
    """Why a name cannot be owner/name or a short name; "" when it can."""
    if name.count("/") > 1:
        return "it has more than one slash"
    if ":" in name:
        return f"it has a colon, and the prefixes are {', '.join(PREFIXES)}"
    if "@" in name:
        return "it has an @; a branch, tag or commit is given as revision="
    if not _REPOSITORY.fullmatch(name):
        return "it has characters other than letters, digits, '.', '-' and '_'"
    if "--" in name or ".." in name or any(part[0] in ".-" or part[-1] in ".-" for part in name.split("/")):
        return "it has '--' or '..', or begins or ends with '-' or '.'"
    return ""


def _path(name: str) -> Path:
    """A path with ~ filled in; backslashes separate folders, also where the system does not say so."""
    path = os.path.expanduser(name)
    if "\\" in path and os.sep == "/" and not os.path.lexists(path):
        path = os.path.expanduser(name.replace("\\", "/"))
    return Path(path)
