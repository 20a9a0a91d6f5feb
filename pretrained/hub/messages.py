"""How does an error say what was asked, where we looked, what was found, and what to do?"""

import os
import shlex
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

_SHOWN = 20  # names in a list; a message stays readable


def size(count: int) -> str:
    """ "134 bytes", "231.5 kB", "440.5 MB"."""
    if count < 1000:
        return f"{count} bytes" if count != 1 else "1 byte"
    for unit, length in (("kB", 10**3), ("MB", 10**6)):
        if count < 999.95 * length:
            return f"{count / length:.1f} {unit}"
    return f"{count / 10**9:.1f} GB"


def count(number: int, what: str) -> str:
    """ "1 file", "2 files"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listing(items: Iterable[str]) -> str:
    """A list in one line, cut to a readable length; "nothing" when it is empty."""
    names = list(items)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "nothing"


def compose(
    problem: str,
    *,
    looked: str | Path | Sequence[str] = "",
    found: str = "",
    expected: str = "",
    closest: str = "",
    to_do: str = "",
) -> str:
    """One message, in the order in which all errors of this package speak."""
    if not isinstance(looked, str | Path):
        looked = looked[0] if len(looked) == 1 else "".join(f"\n  {place}" for place in looked)
    parts = (("Looked in", looked), ("Found", found), ("Expected", expected), ("Closest", closest), ("To do", to_do))
    lines = [f"{title}:{'' if str(text).startswith(chr(10)) else ' '}{text}" for title, text in parts if text]
    return "\n".join((problem, *lines))


def _quoted(path: Path | str) -> str:
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))


def move(source: Path, target: Path) -> str:
    """The command that renames or moves a file."""
    if os.name != "nt":
        return f"mv {_quoted(source)} {_quoted(target)}"
    if source.parent == target.parent:
        return f"ren {_quoted(source)} {_quoted(target.name)}"
    return f"move {_quoted(source)} {_quoted(target)}"


def replace_link(source: Path, target: Path) -> str:
    """The command that puts a copy of a file where a link to it was."""
    if os.name == "nt":
        return f"copy /y {_quoted(source)} {_quoted(target)}"
    return f"cp --remove-destination {_quoted(source)} {_quoted(target)}"


def remove(path: Path) -> str:
    """The command that deletes a file."""
    return f"{'del' if os.name == 'nt' else 'rm'} {_quoted(path)}"


def allow(path: Path) -> str:
    """What lets this user read a file or a folder: a command where it is theirs, else whom to ask for which."""
    try:
        facts = os.stat(path)
    except OSError:
        return f"ask the owner of {os.path.realpath(path)} to let you read it"
    if os.name == "nt":
        return f"icacls {_quoted(path)} /grant %USERNAME%:R"
    rights = "rx" if stat.S_ISDIR(facts.st_mode) else "r"
    if facts.st_uid == os.geteuid():
        return f"chmod u+{rights} {_quoted(path)}"
    try:
        owner = path.owner()
    except (KeyError, OSError):
        owner = f"the user {facts.st_uid}"
    return f"ask {owner}, whose it is, for: chmod a+{rights} {_quoted(path)}"


def unzip(archive: Path, folder: Path) -> str:
    """The command that unpacks a zip; Python itself, so that it is the same everywhere."""
    return f"python -m zipfile -e {_quoted(archive)} {_quoted(folder)}"


def git_lfs_pull(folder: Path) -> str:
    """The command that replaces git-lfs pointers by the files they stand for."""
    return f"git -C {_quoted(folder)} lfs pull"


def download(
    name: str, *, files: Sequence[str] = (), revision: str | None = None, into: Path | str = "", refresh: bool = False
) -> str:
    """The command that brings a model, or some files of it."""
    words = ["pretrained download", name]
    for file in files:
        words += ["--file", _quoted(file)]
    if revision:
        words += ["--revision", revision]
    if into:
        words += ["--to", _quoted(into)]
    if refresh:
        words.append("--refresh")
    return " ".join(words)
