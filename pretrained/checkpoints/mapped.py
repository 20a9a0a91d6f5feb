"""How do the bytes of a weights file become tensors without a second copy in memory?

A `MappedFile` maps the file copy-on-write: tensors made from it are lazy, share the pages of the file, and
may be changed in place, which never changes the file. Bytes that a tensor cannot use as they lie (compressed,
misaligned, of the other byte order) are read into memory of their own, without touching the mapping. A `Window`, a
file inside another, is mapped alone.
"""

import mmap
import sys
import threading
import weakref
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

from pretrained.errors import CorruptFileError
from pretrained.hub.window import WindowFile

_CHUNK = 1 << 20
_LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """A range of a file: `stored` bytes at `offset` that hold `size` bytes of content."""

    name: str
    offset: int
    stored: int
    size: int
    deflated: bool = False
    crc: int | None = None


class MappedFile:
    """One file, open and mapped for as long as a tensor of it lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size == 0:
                raise CorruptFileError(f"{path} is empty (0 bytes). Fetch the file again.")
            self._file = path.open("rb")
            weakref.finalize(self, self._file.close)
            self.data = _map(path, self._file)
        except (OSError, ValueError) as error:
            if isinstance(error, CorruptFileError):
                raise
            raise CorruptFileError(f"{path} cannot be read: {error}.") from error
        self.size = len(self.data)
        self._lock = threading.Lock()

    def read(self, start: int, length: int) -> bytes:
        """Some bytes of the file; fewer where it ends."""
        return self.data[start : start + length]

    def content(self, record: Record) -> bytes:
        """The content of a small record, checked against its checksum."""
        raw = bytearray(record.size)
        self._read(record, memoryview(raw))
        if record.crc is not None and zlib.crc32(raw) != record.crc:
            raise CorruptFileError(
                f"{self.path} is damaged: the checksum of {record.name} is wrong. Fetch the file again."
            )
        return bytes(raw)

    def flat(
        self, record: Record, dtype: torch.dtype, *, byteorder: str = "little", copy: bool = False
    ) -> torch.Tensor:
        """The record as a one-dimensional tensor, mapped unless it has to be, or shall be, read.

        Its size must be a multiple of the item size.
        """
        count = record.size // dtype.itemsize
        if count == 0:
            return torch.empty(0, dtype=dtype)
        # A complex number is two floats: the order of bytes concerns each of them.
        unit = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
        swapped = byteorder != sys.byteorder and unit > 1
        if not (copy or record.deflated or swapped or record.offset % dtype.itemsize):
            return torch.frombuffer(self.data, dtype=dtype, count=count, offset=record.offset)
        raw = _own_memory(record.size)
        self._read(record, raw.numpy().data)
        if swapped:
            raw = raw.view(-1, unit).flip(1).view(-1)
        return raw.view(dtype)

    def _read(self, record: Record, target: memoryview) -> None:
        """Fills `target` with the content of the record, in chunks and never beyond its announced size."""
        with self._lock:
            self._file.seek(record.offset)
            if not record.deflated:
                filled = 0
                while filled < record.size and (count := self._file.readinto(target[filled:])):
                    filled += count
            else:
                filled = self._inflate(record, target)
        if filled != record.size:
            raise CorruptFileError(
                f"{self.path} is damaged: {record.name} has {filled:,} of {record.size:,} bytes. Fetch the file again."
            )

    def _inflate(self, record: Record, target: memoryview) -> int:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        filled, left = 0, record.stored
        waiting = b""
        while filled < record.size and not inflater.eof:
            if not waiting:
                waiting = self._file.read(min(_CHUNK, left))
                left -= len(waiting)
            try:
                piece = inflater.decompress(waiting, min(_CHUNK, record.size - filled))
            except zlib.error as error:
                raise CorruptFileError(
                    f"{self.path} is damaged: {record.name} cannot be decompressed ({error}). Fetch the file again."
                ) from error
            if not waiting and not piece:
                break
            waiting = inflater.unconsumed_tail
            target[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled


def _own_memory(size: int) -> torch.Tensor:
    """Bytes without values. Many of them are mapped, so that memory which is freed goes back to the system.

    The allocator of the C library would keep it: read and turned around, a model took 1.4 times its size.
    """
    if size < _LARGE or sys.platform == "win32":
        return torch.empty(size, dtype=torch.uint8)
    return torch.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), dtype=torch.uint8)


def _map(path: Path, file: IO[bytes] | WindowFile) -> mmap.mmap:
    """The bytes of a file; of a window those bytes only. A window that cannot be mapped is read into memory."""
    if not isinstance(file, WindowFile):
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    pieces, size = file.window.pieces, path.stat().st_size
    if len(pieces) == 1 and pieces[0].start % mmap.ALLOCATIONGRANULARITY == 0:
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY, offset=pieces[0].start)
    data = mmap.mmap(-1, size)
    filled = 0
    with memoryview(data) as view:
        while count := file.readinto(view[filled : filled + _CHUNK]):
            filled += count
    if filled != size:
        raise CorruptFileError(f"{path} has {filled:,} of {size:,} bytes. Fetch the file again.")
    return data
