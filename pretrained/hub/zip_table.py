"""Where do the entries of a zip archive lie, when nobody vouches for the archive?

The table of contents is checked against the local headers and against itself. Refused are the tricks that a zip
allows: entries that overlap, local headers that tell another story than the table, duplicate names, encryption, bombs.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pretrained.errors import CorruptFileError, UnsafeFileError, UnsupportedFormatError

STORED, DEFLATED = 0, 8
_END, _END64_LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_ENCRYPTED, _DESCRIPTOR_FOLLOWS = 0x0041, 0x0008
_MAX_ENTRIES = 200_000
# A compressed archive may grow this much; weights seldom shrink to less than a half.
_MAX_GROWTH, _FREE_GROWTH = 32, 16 << 20


class Archive(Protocol):
    """The bytes of an archive, in one file or in several."""

    @property
    def path(self) -> Path: ...

    @property
    def size(self) -> int: ...

    def read(self, start: int, length: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its header begins at `header`, `stored` bytes at `offset` hold `size` bytes of content."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    header: int
    offset: int
    stored: int
    size: int
    mode: int
    """What Unix says of the file (its kind and rights); 0 where the archive was not made there."""


@dataclass(frozen=True, slots=True)
class Table:
    """The entries by name, and the range of the archive in which the table itself lies."""

    entries: dict[str, Entry]
    start: int
    end: int


def read_table(archive: Archive) -> Table:
    """Every entry, checked against the local headers and against each other."""
    try:
        start, end, count = _find_table(archive)
        entries = _read_entries(archive, start, end, count)
    except struct.error as error:
        raise _damaged(archive, "its table of contents is cut off") from error
    _check_ranges(archive, entries.values(), start)
    return Table(entries, start, end)


def _find_table(archive: Archive) -> tuple[int, int, int]:
    """(start, end, number of entries) of the central directory."""
    tail_start = max(0, archive.size - 22 - 0xFFFF)
    found = archive.read(tail_start, archive.size - tail_start).rfind(_END)
    if found < 0:
        raise _damaged(archive, "the end of the archive is missing, so the file is truncated")
    end = tail_start + found
    disk, table_disk, here, count, size, start, comment = struct.unpack("<4H2IH", _slice(archive, end + 4, 18))
    if end + 22 + comment != archive.size:
        raise _damaged(archive, "bytes follow the end of the archive")
    table_end = end
    if end >= 20 and archive.read(end - 20, 4) == _END64_LOCATOR:
        _, table_end, _ = struct.unpack("<IQI", _slice(archive, end - 16, 16))
        if _slice(archive, table_end, 4) != _END64:
            raise _damaged(archive, "its zip64 end record is not where it should be")
        disk, table_disk, here, count, size, start = struct.unpack("<2I4Q", _slice(archive, table_end + 16, 40))
    if disk or table_disk or here != count:
        raise _damaged(archive, "it is one part of an archive in several parts")
    if start + size != table_end:
        raise _damaged(archive, "its table of contents is not where it should be")
    if count > _MAX_ENTRIES:
        raise UnsafeFileError(f"{archive.path} claims {count:,} entries, more than any checkpoint; not read.")
    return start, table_end, count


def _read_entries(archive: Archive, position: int, end: int, count: int) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    growth = 0
    for _ in range(count):
        fields = struct.unpack("<4s6H3I5H2I", _slice(archive, position, 46))
        signature, flags, method, crc = fields[0], fields[3], fields[4], fields[7]
        stored, size, name_size, extra_size, comment_size = fields[8:13]
        attributes, header = fields[15:17]
        raw_name = _slice(archive, position + 46, name_size)
        name = raw_name.decode("utf-8", "replace")
        extra = _slice(archive, position + 46 + name_size, extra_size)
        position += 46 + name_size + extra_size + comment_size
        if signature != _ENTRY or position > end:
            raise _damaged(archive, "its table of contents is damaged")
        size, stored, header = _wide(archive, extra, size, stored, header)
        if name in entries:
            raise UnsafeFileError(f"{archive.path} holds two entries called {name!r}; not read.")
        if flags & _ENCRYPTED:
            raise UnsupportedFormatError(f"{archive.path} is encrypted ({name!r}); unpack it first.")
        if method not in (STORED, DEFLATED):
            raise UnsupportedFormatError(
                f"{archive.path} is compressed by zip method {method} ({name!r}); deflate is the one that is read."
            )
        if method == STORED and stored != size:
            raise _damaged(archive, f"{name!r} is stored as it is, but has two sizes")
        growth += size if method == DEFLATED else 0
        mode = attributes >> 16 if fields[1] >> 8 == 3 else 0
        entry = Entry(name, raw_name, flags, method, crc, header, 0, stored, size, mode)
        entries[name] = _with_content(archive, entry)
    if position != end:
        raise _damaged(archive, "its table of contents has another length than announced")
    if growth > _FREE_GROWTH + _MAX_GROWTH * archive.size:
        raise UnsafeFileError(
            f"{archive.path} would grow from {archive.size:,} to {growth:,} bytes when decompressed; not read."
        )
    return entries


def _with_content(archive: Archive, entry: Entry) -> Entry:
    """Compares the local header with the table, and fills in where the content begins."""
    fields = struct.unpack("<4s5H3I2H", _slice(archive, entry.header, 30))
    name_size, extra_size = fields[9:11]
    extra = _slice(archive, entry.header + 30 + name_size, extra_size)
    agrees = fields[0] == _LOCAL and fields[2:4] == (entry.flags, entry.method)
    agrees = agrees and _slice(archive, entry.header + 30, name_size) == entry.raw_name
    if fields[6:9] != (0, 0, 0) or not entry.flags & _DESCRIPTOR_FOLLOWS:
        size, stored, _ = _wide(archive, extra, fields[8], fields[7], 0)
        agrees = agrees and (fields[6], stored, size) == (entry.crc, entry.stored, entry.size)
    if not agrees:
        raise UnsafeFileError(
            f"{archive.path}: the entry {entry.name!r} has a local header that differs from the table of contents; "
            "two programs would read two different files. Not read."
        )
    return replace(entry, offset=entry.header + 30 + name_size + extra_size)


def _wide(archive: Archive, extra: bytes, size: int, stored: int, header: int) -> tuple[int, int, int]:
    """The 64-bit numbers of the zip64 extra field, in the places of those that say 'see there'."""
    values = [size, stored, header]
    wanted = [index for index, value in enumerate(values) if value == 0xFFFFFFFF]
    position = 0
    while wanted and position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            if length < 8 * len(wanted):
                break
            numbers = struct.unpack_from(f"<{len(wanted)}Q", extra, position + 4)
            for index, number in zip(wanted, numbers, strict=True):
                values[index] = number
            return values[0], values[1], values[2]
        position += 4 + length
    if wanted:
        raise _damaged(archive, "a 64-bit size is missing")
    return size, stored, header


def _check_ranges(archive: Archive, entries: Iterable[Entry], table_start: int) -> None:
    """No entry may share bytes with another or with the table."""
    previous_end, previous_name = 0, "the beginning"
    for start, end, name in sorted((entry.header, entry.offset + entry.stored, entry.name) for entry in entries):
        if start < previous_end:
            raise UnsafeFileError(f"{archive.path}: the entries {previous_name!r} and {name!r} overlap.")
        previous_end, previous_name = end, name
    if previous_end > table_start:
        raise _damaged(archive, f"the entry {previous_name!r} is longer than the file")


def _slice(archive: Archive, start: int, length: int) -> bytes:
    if start < 0 or start + length > archive.size:
        raise _damaged(archive, "its table of contents points outside the file")
    return archive.read(start, length)


def _damaged(archive: Archive, what: str) -> CorruptFileError:
    return CorruptFileError(f"{archive.path} ({archive.size:,} bytes) is damaged: {what}. Fetch the file again.")
