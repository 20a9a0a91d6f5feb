"""How is a zip written so that the same files always make the same bytes, whatever the machine and the day?

Nothing is compressed: weights do not shrink, and a stored entry can be mapped into memory where it lies. All sizes and
places are known before the first byte is written, so the archive is written from its beginning to its end.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pretrained.errors import CorruptFileError

ALIGNMENT = 1 << 16
"""Windows maps files at multiples of this, other systems at multiples of their pages, which divide it."""

_CHUNK = 1 << 20
_FULL = 0xFFFFFFFF  # "see the 64-bit field"
_DATE = (1 << 5) | 1  # the first of January 1980, where the calendar of zips begins
_UTF8 = 0x0800
_UNIX = 3
_MODE = 0o100644 << 16
_ZIP64, _PADDING = 0x0001, 0x7250  # kinds of extra fields; the second is of nobody's table


class Target(Protocol):
    def write(self, data: bytes | memoryview, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One file to be written."""

    name: str
    content: Path | bytes
    size: int
    crc: int
    aligned: bool = False
    """Whether its content shall begin at a multiple of ALIGNMENT."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A member, where its header begins, and where its content does."""

    member: Member
    header: int
    offset: int


def crc_of(path: Path, progress: Callable[[memoryview], None] | None = None) -> int:
    """The checksum that a zip keeps of a file; `progress` sees every chunk of it."""
    crc = 0
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with path.open("rb") as file:
        while count := file.readinto(view):
            crc = zlib.crc32(view[:count], crc)
            if progress is not None:
                progress(view[:count])
    return crc


def place(members: Iterable[Member]) -> list[Placed]:
    """Where each member lies in the archive."""
    placed = []
    position = 0
    for member in members:
        offset = position + 30 + len(member.name.encode()) + len(_wide_sizes(member))
        if member.aligned:
            offset += _padding(offset, len(_wide_sizes(member)))
        placed.append(Placed(member, position, offset))
        position = offset + member.size
    return placed


def total_size(placed: Sequence[Placed]) -> int:
    """How long the archive is."""
    return _table_start(placed) + len(_table(placed))


def write(placed: Sequence[Placed], target: Target, progress: Callable[[int], None] | None = None) -> None:
    """Writes the archive; `progress` is told each step in bytes."""
    for one in placed:
        target.write(_local_header(one))
        if isinstance(one.member.content, bytes):
            target.write(one.member.content)
        else:
            _copy(one.member, one.member.content, target, progress)
    target.write(_table(placed))


def _copy(member: Member, source: Path, target: Target, progress: Callable[[int], None] | None) -> None:
    left, crc = member.size, 0
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with source.open("rb") as file:
        while left and (count := file.readinto(view[: min(left, _CHUNK)])):
            crc = zlib.crc32(view[:count], crc)
            target.write(view[:count])
            left -= count
            if progress is not None:
                progress(count)
        left += bool(file.read(1))
    if left or crc != member.crc:
        raise CorruptFileError(f"{source} was changed while it was packed. Nothing was written; pack again.")


def _padding(offset: int, other: int) -> int:
    """How many bytes of an extra field bring the content to a multiple of ALIGNMENT; `other` ones are there already.

    A field has at least 4 bytes, and all fields at most 65,535. In the few cases in which that leaves no way, the
    content begins half-way between two multiples: still at a page, except on Windows, where it is then not mapped.
    """
    padding = -offset % ALIGNMENT
    return padding if padding == 0 or 4 <= padding <= 0xFFFF - other else (padding + ALIGNMENT // 2) % ALIGNMENT


def _wide_sizes(member: Member) -> bytes:
    return struct.pack("<2H2Q", _ZIP64, 16, member.size, member.size) if member.size >= _FULL else b""


def _local_header(one: Placed) -> bytes:
    member, name = one.member, one.member.name.encode()
    extra = _wide_sizes(member)
    padding = one.offset - one.header - 30 - len(name) - len(extra)
    if padding:
        extra += struct.pack("<2H", _PADDING, padding - 4) + bytes(padding - 4)
    return (
        struct.pack(
            "<4s5H3I2H", b"PK\x03\x04", *_common(one), min(member.size, _FULL), min(member.size, _FULL),
            len(name), len(extra),
        )
        + name
        + extra
    )  # fmt: skip


def _common(one: Placed) -> tuple[int, int, int, int, int, int]:
    """What the local header and the table both say: version, flags, method, time, date, checksum."""
    wide = one.member.size >= _FULL or one.header >= _FULL
    return 45 if wide else 20, 0 if one.member.name.isascii() else _UTF8, 0, 0, _DATE, one.member.crc


def _table_start(placed: Sequence[Placed]) -> int:
    return placed[-1].offset + placed[-1].member.size


def _table(placed: Sequence[Placed]) -> bytes:
    """The table of contents and the end of the archive."""
    entries = b"".join(map(_entry, placed))
    start = _table_start(placed)
    end = b""
    if start + len(entries) >= _FULL or len(placed) >= 0xFFFF:
        end += struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, len(placed), len(placed), len(entries), start)
        end += struct.pack("<4sIQI", b"PK\x06\x07", 0, start + len(entries), 1)
    count = min(len(placed), 0xFFFF)
    return entries + end + struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, min(len(entries), _FULL), min(start, _FULL), 0
    )  # fmt: skip


def _entry(one: Placed) -> bytes:
    member, name = one.member, one.member.name.encode()
    wide = [member.size] * 2 if member.size >= _FULL else []
    wide += [one.header] if one.header >= _FULL else []
    extra = struct.pack(f"<2H{len(wide)}Q", _ZIP64, 8 * len(wide), *wide) if wide else b""
    version, *rest = _common(one)
    return (
        struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", _UNIX << 8 | version, version, *rest, min(member.size, _FULL),
            min(member.size, _FULL), len(name), len(extra), 0, 0, 0, _MODE, min(one.header, _FULL),
        )
        + name
        + extra
    )  # fmt: skip
