"""How is a part of a file read as if it were a file of its own? A bundle and a divided file are made of such parts."""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from pretrained.errors import CorruptFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Piece(NamedTuple):
    """`size` bytes of a file, from `start`."""

    path: Path
    start: int
    size: int


class Size(NamedTuple):
    """The one fact of a stat result that a reader of weights asks for."""

    st_size: int


@dataclass(frozen=True)
class Window:
    """A file that lies inside others: one piece in one of them, or several pieces one after another.

    It answers what readers of weights ask a path for: `name`, `parent`, `open("rb")`, `stat().st_size`, `str()`; so it
    goes wherever such a path goes, and counts as one in annotations.
    """

    home: Path
    """What holds it, such as a bundle."""
    member: str
    """Its name there, such as "0_Transformer/model.safetensors"."""
    pieces: tuple[Piece, ...]
    """None for a name that is not there."""
    siblings: "dict[str, Window]"
    """The other windows of the same home, by their names there."""

    def __str__(self) -> str:
        return f"{self.home}/{self.member}"

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is a part of another file; it is read through open()")

    def __hash__(self) -> int:
        return hash((self.home, self.member))

    @property
    def name(self) -> str:
        return PurePosixPath(self.member).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.member).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.member).suffix

    @property
    def parent(self) -> "WindowFolder":
        return WindowFolder(self.home, PurePosixPath(self.member).parent.as_posix(), self.siblings)

    def with_name(self, name: str) -> "Window":
        """The file of that name beside this one."""
        return self.parent / name

    def exists(self) -> bool:
        return bool(self.pieces)

    is_file = exists

    def stat(self) -> Size:
        if not self.pieces:
            raise FileNotFoundError(f"{self} is not there")
        return Size(sum(piece.size for piece in self.pieces))

    def open(self, mode: str = "rb") -> "WindowFile":
        if mode != "rb":
            raise ValueError(f"{self} can only be read, as bytes")
        return WindowFile(self)

    def read_bytes(self) -> bytes:
        with self.open() as file:
            return file.read()


@dataclass(frozen=True)
class WindowFolder:
    """The folder that a window seems to lie in."""

    home: Path
    folder: str
    members: dict[str, Window]

    def __str__(self) -> str:
        return str(self.home) if self.folder == "." else f"{self.home}/{self.folder}"

    def __truediv__(self, name: str) -> Window:
        member = (PurePosixPath(self.folder) / name).as_posix()
        return self.members.get(member) or Window(self.home, member, (), self.members)

    def iterdir(self) -> Iterator[Window]:
        for member, window in self.members.items():
            if PurePosixPath(member).parent.as_posix() == self.folder:
                yield window


class WindowFile(io.RawIOBase):
    """A window, open; `read` gives all that it is asked for, as far as there is any."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.name = str(window)
        self._position = 0
        self._size = window.stat().st_size
        with ExitStack() as opened:
            self._files = [opened.enter_context(piece.path.open("rb", buffering=0)) for piece in window.pieces]
            for piece, file in zip(window.pieces, self._files, strict=True):
                if os.fstat(file.fileno()).st_size < piece.start + piece.size:
                    raise CorruptFileError(f"{piece.path} has become shorter than it was; {window} cannot be read.")
            self._opened = opened.pop_all()

    def fileno(self) -> int:
        """That of the only file; where there are several pieces no single file is this one."""
        if len(self._files) != 1:
            raise OSError(f"{self.name} lies in several files")
        return self._files[0].fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning of a file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        filled, start = 0, 0
        for piece, file in zip(self.window.pieces, self._files, strict=True):
            inside = self._position - start
            start += piece.size
            if not 0 <= inside < piece.size:
                continue
            wanted = min(len(target) - filled, piece.size - inside)
            file.seek(piece.start + inside)
            while wanted and (count := file.readinto(target[filled : filled + wanted])):
                filled, wanted = filled + count, wanted - count
                self._position += count
            if wanted or filled == len(target):
                break
        return filled

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        buffer = bytearray(left if size is None or size < 0 else min(size, left))
        count = self.readinto(buffer)
        return bytes(buffer[:count])

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()


def member_name(path: "Path | Window", root: Path) -> str:
    """The name of a file relative to the model's folder, wherever it lies."""
    return path.member if isinstance(path, Window) else path.relative_to(root).as_posix()
