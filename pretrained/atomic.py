"""How are files written so that nothing is lost? Under a temporary name in the same place, then renamed."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_UMASK = os.umask(0o077)  # the process's own; tempfile makes files that only the owner may read
os.umask(_UMASK)
_ABANDONED = 3600.0  # seconds without a write


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside `path`; what was written there takes the name `path` when the block ends.

    If the block raises, the temporary file is removed and a file that `path` already named stays as it was.
    """
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_UMASK)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary folder; what was written there lies in the folder `path` when the block ends.

    A new folder appears whole. Of one that is there already, files of the same names are replaced one by one, and
    others stay. If the block raises, everything is as it was before.
    """
    target = Path(path)
    remove_leftovers(target / target.name if target.is_dir() else target)
    made = [folder for folder in target.absolute().parents if not folder.exists()]
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    there = target.is_dir()
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target if there else target.absolute().parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_UMASK)
        if there:
            for file in [file for file in temporary.rglob("*") if file.is_file()]:
                place = target / file.relative_to(temporary)
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
            shutil.rmtree(temporary)
        else:
            temporary.replace(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def remove_leftovers(target: Path) -> None:
    """Removes what killed processes left of this target; what was touched within the hour may be of a living one."""
    if not target.parent.is_dir():
        return
    name = re.compile(rf"\.{re.escape(target.name)}(\.\d{{3}})?\.\w{{8}}(\.\w+)?")
    for path in target.parent.iterdir():
        if name.fullmatch(path.name):
            with suppress(OSError):  # a living process removes or renames its own
                touched = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
                if time.time() - touched > _ABANDONED:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes UTF-8 text, with the same line ends on every system."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
