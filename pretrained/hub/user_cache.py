"""Where are files kept that can be made again at any time, and that only this user may write?"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path


def user_cache(*parts: str) -> Path:
    """A folder of that name, made where it is not there; where none can be made, one that ends with this process."""
    folder = _base()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make_private(folder)
        for part in parts:
            folder = folder / part
            _make_private(folder)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return _temporary(parts)


def _base() -> Path:
    if os.name == "nt" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "pretrained" / "cache"
    return Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"))) / "pretrained"


def _make_private(folder: Path) -> None:
    """Makes a folder, or raises PermissionError for one into which somebody else may write."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.name == "nt":
        return  # what lies in the profile is the user's alone
    facts = folder.stat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise PermissionError(f"{folder} may be written by others")


@cache
def _temporary(parts: tuple[str, ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"pretrained-{'-'.join(parts)[:40]}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
