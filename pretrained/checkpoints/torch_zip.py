"""Where do the records of a torch zip archive lie?

torch (1.6 and later) writes `<root>/data.pkl` and one `<root>/data/<key>` for each storage, stored, not
compressed. This reads the table of such an archive and refuses the tricks a zip allows: entries that overlap,
local headers that tell another story than the table, duplicate names, encryption, bombs.
"""

import struct
from collections.abc import Iterable

from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.errors import CorruptFileError, UnsafeFileError, UnsupportedFormatError

_END, _END64_LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR_FOLLOWS = 0x0041, 0x0008
_MAX_ENTRIES = 200_000
# A compressed archive may grow this much; weights seldom shrink to less than a half.
_MAX_GROWTH, _FREE_GROWTH = 32, 16 << 20


def read_records(file: MappedFile) -> dict[str, Record]:
    """Name → record of every entry, checked against the local headers and against each other."""
    try:
        table_start, table_end, count = _find_table(file)
        table = _read_table(file, table_start, table_end, count)
    except struct.error as error:
        raise _damaged(file, "its table of contents is cut off") from error
    _check_ranges(file, table.values(), table_start)
    return {name: record for name, (record, _) in table.items()}


def _find_table(file: MappedFile) -> tuple[int, int, int]:
    """(start, end, number of entries) of the central directory."""
    end = file.data.rfind(_END, max(0, file.size - 22 - 0xFFFF))
    if end < 0:
        raise _damaged(file, "the end of the archive is missing, so the file is truncated")
    disk, table_disk, here, count, size, start, comment = struct.unpack("<4H2IH", _slice(file, end + 4, 18))
    if end + 22 + comment != file.size:
        raise _damaged(file, "bytes follow the end of the archive")
    table_end = end
    if file.data[max(0, end - 20) : max(0, end - 16)] == _END64_LOCATOR:
        _, table_end, _ = struct.unpack("<IQI", _slice(file, end - 16, 16))
        if _slice(file, table_end, 4) != _END64:
            raise _damaged(file, "its zip64 end record is not where it should be")
        disk, table_disk, here, count, size, start = struct.unpack("<2I4Q", _slice(file, table_end + 16, 40))
    if disk or table_disk or here != count:
        raise _damaged(file, "it is one part of an archive in several parts")
    if start + size != table_end:
        raise _damaged(file, "its table of contents is not where it should be")
    if count > _MAX_ENTRIES:
        raise UnsafeFileError(f"{file.path} claims {count:,} entries, more than any checkpoint; not read.")
    return start, table_end, count


def _read_table(file: MappedFile, position: int, end: int, count: int) -> dict[str, tuple[Record, int]]:
    """Name → (record, where its local header begins)."""
    records: dict[str, tuple[Record, int]] = {}
    growth = 0
    for _ in range(count):
        fields = struct.unpack("<4s6H3I5H2I", _slice(file, position, 46))
        signature, flags, method, crc = fields[0], fields[3], fields[4], fields[7]
        stored, size, name_size, extra_size, comment_size = fields[8:13]
        header = fields[16]
        raw_name = _slice(file, position + 46, name_size)
        name = raw_name.decode("utf-8", "replace")
        extra = _slice(file, position + 46 + name_size, extra_size)
        position += 46 + name_size + extra_size + comment_size
        if signature != _ENTRY or position > end:
            raise _damaged(file, "its table of contents is damaged")
        size, stored, header = _wide(file, extra, size, stored, header)
        if name in records:
            raise UnsafeFileError(f"{file.path} holds two entries called {name!r}; not read.")
        if flags & _ENCRYPTED:
            raise UnsupportedFormatError(f"{file.path} is encrypted ({name!r}); unpack it first.")
        if method not in (_STORED, _DEFLATED):
            raise UnsupportedFormatError(
                f"{file.path} is compressed by zip method {method} ({name!r}); deflate is the one that is read."
            )
        if method == _STORED and stored != size:
            raise _damaged(file, f"{name!r} is stored as it is, but has two sizes")
        growth += size if method == _DEFLATED else 0
        offset = _check_local(file, header, (flags, method, crc, stored, size, raw_name), name)
        records[name] = Record(name, offset, stored, size, method == _DEFLATED, crc), header
    if position != end:
        raise _damaged(file, "its table of contents has another length than announced")
    if growth > _FREE_GROWTH + _MAX_GROWTH * file.size:
        raise UnsafeFileError(
            f"{file.path} would grow from {file.size:,} to {growth:,} bytes when decompressed; not read."
        )
    return records


def _check_local(file: MappedFile, header: int, expected: tuple[int, int, int, int, int, bytes], name: str) -> int:
    """Compares the local header with the table and returns where the content begins."""
    flags, method, crc, stored, size, raw_name = expected
    fields = struct.unpack("<4s5H3I2H", _slice(file, header, 30))
    name_size, extra_size = fields[9:11]
    extra = _slice(file, header + 30 + name_size, extra_size)
    agrees = fields[0] == _LOCAL and fields[2:4] == (flags, method)
    agrees = agrees and _slice(file, header + 30, name_size) == raw_name
    if fields[6:9] != (0, 0, 0) or not flags & _DESCRIPTOR_FOLLOWS:
        local_size, local_stored, _ = _wide(file, extra, fields[8], fields[7], 0)
        agrees = agrees and (fields[6], local_stored, local_size) == (crc, stored, size)
    if not agrees:
        raise UnsafeFileError(
            f"{file.path}: the entry {name!r} has a local header that differs from the table of contents; "
            "two programs would read two different files. Not read."
        )
    return header + 30 + len(raw_name) + len(extra)


def _wide(file: MappedFile, extra: bytes, size: int, stored: int, header: int) -> tuple[int, int, int]:
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
        raise _damaged(file, "a 64-bit size is missing")
    return size, stored, header


def _check_ranges(file: MappedFile, records: Iterable[tuple[Record, int]], table_start: int) -> None:
    """No entry may share bytes with another or with the table."""
    previous_end, previous_name = 0, "the beginning"
    spans = sorted((header, record.offset + record.stored, record.name) for record, header in records)
    for start, end, name in spans:
        if start < previous_end:
            raise UnsafeFileError(f"{file.path}: the entries {previous_name!r} and {name!r} overlap.")
        previous_end, previous_name = end, name
    if previous_end > table_start:
        raise _damaged(file, f"the entry {previous_name!r} is longer than the file")


def _slice(file: MappedFile, start: int, length: int) -> bytes:
    if start < 0 or start + length > file.size:
        raise _damaged(file, "its table of contents points outside the file")
    return file.data[start : start + length]


def _damaged(file: MappedFile, what: str) -> CorruptFileError:
    return CorruptFileError(f"{file.path} ({file.size:,} bytes) is damaged: {what}. Fetch the file again.")
