"""Which models lie in the Hugging Face caches of this machine, and in which revision?

Layout: `models--owner--name/refs/<branch or tag>` holds a commit, `snapshots/<commit>/` the files, which are links
into `blobs/` (or the files themselves, where links are not possible). Nothing here writes or asks the network.
The environment is read at each call.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pretrained.hub import messages

_LONG = 180  # Windows takes 260 characters at most, and names of files come after this
_COMMIT = re.compile(r"[0-9a-f]{4,40}")


@dataclass(frozen=True)
class Snapshot:
    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoSnapshot:
    """Why a repository in the cache gives no files, and what it has instead."""

    reason: str
    found: str = ""
    to_do: str = ""


def cache_folders(cache_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Where models may lie, in the order in which they are looked for; also folders that do not exist."""
    if cache_dir is not None:
        chosen = Path(os.path.expanduser(cache_dir))
        return [chosen, chosen / "hub"]
    environment = os.environ.get
    folders = [environment("HF_HUB_CACHE"), environment("HUGGINGFACE_HUB_CACHE"), environment("TRANSFORMERS_CACHE")]
    if home := environment("HF_HOME"):
        folders.append(os.path.join(home, "hub"))
    if xdg := environment("XDG_CACHE_HOME"):
        folders.append(os.path.join(xdg, "huggingface", "hub"))
    folders.append(os.path.join("~", ".cache", "huggingface", "hub"))
    expanded = (os.path.expanduser(os.path.expandvars(folder)) for folder in folders if folder)
    return [Path(folder) for folder in dict.fromkeys(expanded)]


def writable_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where downloads go: the cache that huggingface_hub would write to."""
    if cache_dir is not None:
        return Path(os.path.expanduser(cache_dir)).absolute()
    environment = os.environ.get
    folder = environment("HF_HUB_CACHE") or environment("HUGGINGFACE_HUB_CACHE")
    if not folder:
        home = environment("HF_HOME") or os.path.join(
            environment("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface"
        )
        folder = os.path.join(home, "hub")
    return Path(os.path.expanduser(os.path.expandvars(folder))).absolute()


def long_path(path: Path, *, windows: bool = os.name == "nt") -> Path:
    r"""A path that Windows takes whatever its length, with room for a name in it: long ones begin with \\?\ ."""
    text = str(path)
    if not windows or len(text) < _LONG or text.startswith("\\\\?\\"):
        return path
    return Path("\\\\?\\UNC\\" + text[2:] if text.startswith("\\\\") else "\\\\?\\" + text)


def repository_folder(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}"


def is_repository(path: Path) -> bool:
    """Whether a folder is one model of a cache: `models--owner--name`, or a renamed copy of one."""
    return os.path.isdir(os.path.join(path, "snapshots")) and (
        os.path.basename(path).startswith("models--") or os.path.isdir(os.path.join(path, "refs"))
    )


def repository_id(folder: Path) -> str:
    """ "owner/name" of `models--owner--name`."""
    return folder.name.removeprefix("models--").replace("--", "/")


def snapshot(repository: Path, revision: str | None = None) -> Snapshot | NoSnapshot:
    """The folder of one revision: a branch, a tag, or a commit, which may be abbreviated. None means `main`."""
    snapshots = repository / "snapshots"
    if not os.access(snapshots, os.R_OK | os.X_OK):
        return NoSnapshot("its snapshots may not be read", found=describe(repository), to_do=messages.allow(snapshots))
    commits = _names(snapshots)
    if not commits:
        return NoSnapshot(
            "no snapshot was ever completed", found=describe(repository), to_do=_again(repository, revision)
        )
    wanted = revision or "main"
    if commit := _commit_of(repository, wanted):
        if commit in commits:
            return Snapshot(long_path(snapshots / commit))
        missing = f"refs/{wanted} names the commit {commit[:12]}, which is not here"
    else:
        missing = f"there is no refs/{wanted}"
    if revision is not None:
        return _by_commit(repository, revision, commits, missing)
    if len(commits) == 1:
        return Snapshot(
            long_path(snapshots / commits[0]), notes=(f"{missing}; the only snapshot, {commits[0][:12]}, is used",)
        )
    return NoSnapshot(
        f"{missing}, and there are several snapshots",
        found=describe(repository),
        to_do=f'choose one of them, such as revision="{commits[0][:12]}"',
    )


def _by_commit(repository: Path, revision: str, commits: list[str], missing: str) -> Snapshot | NoSnapshot:
    matching = [commit for commit in commits if commit == revision]
    if not matching and _COMMIT.fullmatch(revision.lower()):
        matching = [commit for commit in commits if commit.startswith(revision.lower())]
    if len(matching) == 1:
        return Snapshot(long_path(repository / "snapshots" / matching[0]))
    reason = f"the commits {', '.join(matching)} all begin so" if matching else f"{missing}, and no commit begins so"
    return NoSnapshot(
        f'revision "{revision}" is not in the cache: {reason}',
        found=describe(repository),
        to_do=f"leave revision away, choose one that is here, or fetch it: {_again(repository, revision)}",
    )


def _commit_of(repository: Path, revision: str) -> str | None:
    """The commit a branch or tag stands for. Names that would leave the folder stand for nothing."""
    parts = revision.replace("\\", "/").split("/")
    if any(part in ("", ".", "..") for part in parts) or ":" in revision or "\0" in revision:
        return None
    try:
        commit = repository.joinpath("refs", *parts).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return commit if re.fullmatch(r"[\w.-]+", commit) and commit not in (".", "..") else None


def describe(repository: Path) -> str:
    """The references, snapshots and unfinished downloads of a repository in the cache, in one line."""
    refs = repository / "refs"
    files = [path for path in sorted(refs.rglob("*")) if os.path.isfile(path)]
    names = [str(path.relative_to(refs)).replace(os.sep, "/") for path in files]
    parts = [f"{name} = {(_commit_of(repository, name) or '?')[:12]}" for name in names]
    parts += [f"snapshot {commit[:12]}" for commit in _names(repository / "snapshots")]
    parts += unfinished(repository)
    return messages.listing(parts)


def unfinished(repository: Path) -> list[str]:
    """Downloads into this repository of the cache that were not finished, with their sizes."""
    found = sorted((repository / "blobs").glob("*.incomplete"))
    return [f"blobs/{path.name[:12]}….incomplete ({messages.size(path.stat().st_size)})" for path in found]


def stored(caches: list[Path]) -> dict[str, Path]:
    """ "owner/name" → folder, for everything in the caches; the first cache wins."""
    found: dict[str, Path] = {}
    for cache in caches:
        for name in _names(cache):
            if name.startswith("models--"):
                found.setdefault(repository_id(Path(name)), cache / name)
    return found


def _names(folder: Path) -> list[str]:
    """Names of the folders in a folder, [] where there is none."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name[0] != "." and os.path.isdir(entry.path))
    except OSError:
        return []


def _again(repository: Path, revision: str | None) -> str:
    return messages.download(repository_id(repository), revision=revision)
