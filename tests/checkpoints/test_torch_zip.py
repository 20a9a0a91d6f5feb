"""Are archives read as zipfile reads them, and those that play tricks refused?"""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pretrained.checkpoints import Checkpoint
from pretrained.checkpoints.mapped import MappedFile
from pretrained.checkpoints.torch_zip import read_records
from pretrained.errors import CorruptFileError, PretrainedError, UnsafeFileError, UnsupportedFormatError

Opener = Callable[[Path], Checkpoint]


@pytest.fixture
def archive(tmp_path: Path) -> bytearray:
    torch.save({"w": torch.ones(4)}, tmp_path / "a.bin")
    return bytearray((tmp_path / "a.bin").read_bytes())


@pytest.fixture
def records(tmp_path: Path) -> Callable[[bytes], object]:
    def read(content: bytes) -> object:
        path = tmp_path / "b.bin"
        path.write_bytes(content)
        return read_records(MappedFile(path))

    return read


entries = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
    st.tuples(st.binary(max_size=200), st.booleans()),
    max_size=5,
)


END = b"PK\x05\x06"  # the end of an archive; in a comment it makes a second one, which zipfile refuses too


@given(entries, st.binary(max_size=20).filter(lambda comment: END not in comment), st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_archive_of_zipfile(
    tmp_path: Path, content: dict[str, tuple[bytes, bool]], comment: bytes, unseekable: bool
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return not unseekable  # then zipfile writes sizes after the content, as torch does

    buffer = Pipe()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = comment
        for name, (raw, packed) in content.items():
            archive.writestr(zipfile.ZipInfo(name), raw, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    path = tmp_path / "a.zip"
    path.write_bytes(buffer.getvalue())
    file = MappedFile(path)
    read = {name: file.content(record) for name, record in read_records(file).items()}
    with zipfile.ZipFile(path) as archive:
        assert read == {name: archive.read(name) for name in archive.namelist()}


def test_an_archive_with_two_ends_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = END
        archive.writestr("x", b"abc")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(path)
    with pytest.raises(CorruptFileError, match="damaged"):
        read_records(MappedFile(path))


def test_64_bit_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("x", "w", force_zip64=True) as entry:
        entry.write(b"abc")
    content = bytearray(path.read_bytes())
    # zipfile writes 64-bit sizes into the table only when needed; here they are put there by hand.
    table = content.index(b"PK\x01\x02")
    wide = struct.pack("<2H3Q", 1, 24, 3, 3, 0)
    content[table + 20 : table + 28] = b"\xff" * 8
    content[table + 42 : table + 46] = b"\xff" * 4
    content[table + 30 : table + 32] = struct.pack("<H", len(wide))
    content[table + 47 : table + 47] = wide
    end = content.index(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 47 + len(wide))
    path.write_bytes(content)
    file = MappedFile(path)
    assert file.content(read_records(file)["x"]) == b"abc"
    content[table + 49 : table + 51] = struct.pack("<H", 8)
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match="a 64-bit size is missing"):
        read_records(MappedFile(path))


def table_of(content: bytes, name: bytes) -> int:
    """Where the entry of this name stands in the table of contents."""
    return content.index(name, content.index(b"PK\x01\x02")) - 46


def local_of(content: bytes, name: bytes) -> int:
    return content.index(name) - 30


def test_a_local_header_that_differs(archive: bytearray, records: Callable[[bytes], object]) -> None:
    name = b"a/data/0"
    for place, value in ((8, b"\x08"), (6, b"\x00"), (14, b"\x01"), (18, b"\x01"), (30, b"b")):
        changed = bytearray(archive)
        changed[local_of(archive, name) + place : local_of(archive, name) + place + 1] = value
        with pytest.raises(UnsafeFileError, match=r"'a/data/0' has a local header that differs"):
            records(changed)


def test_entries_that_overlap(archive: bytearray, records: Callable[[bytes], object]) -> None:
    # Both entries claim the bytes of a/data/0: grow the entry before it.
    at = table_of(archive, b"a/byteorder")
    for place in (20, 24):
        archive[at + place : at + place + 4] = struct.pack("<I", 600)
    local = local_of(archive, b"a/byteorder")
    assert archive[local + 18 : local + 26] == bytes(8)  # sizes follow the content: the local header agrees
    with pytest.raises(UnsafeFileError, match="'a/byteorder' and 'a/data/0' overlap"):
        records(archive)


def test_an_entry_that_leaves_the_file(archive: bytearray, records: Callable[[bytes], object]) -> None:
    at = table_of(archive, b"a/.data/serialization_id")
    for size in (10_000, 2**32 - 2):
        for place in (20, 24):
            archive[at + place : at + place + 4] = struct.pack("<I", size)
        with pytest.raises(CorruptFileError, match="longer than the file"):
            records(archive)


def test_duplicate_names(tmp_path: Path, records: Callable[[bytes], object]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", b"2")
    with pytest.raises(UnsafeFileError, match="two entries called 'a'"):
        records(buffer.getvalue())


def test_encryption_and_other_methods(archive: bytearray, records: Callable[[bytes], object]) -> None:
    changed = bytearray(archive)
    changed[table_of(archive, b"a/data/0") + 8] |= 1
    with pytest.raises(UnsupportedFormatError, match="encrypted"):
        records(changed)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as other:
            other.writestr("a", b"1")
        with pytest.raises(UnsupportedFormatError, match=f"zip method {method}"):
            records(buffer.getvalue())


def test_absurd_counts(archive: bytearray, records: Callable[[bytes], object]) -> None:
    end = archive.rindex(b"PK\x06\x06")
    for count in (10**6, 2**63):
        archive[end + 24 : end + 40] = struct.pack("<2Q", count, count)
        with pytest.raises(UnsafeFileError, match="more than any checkpoint"):
            records(archive)
    archive[end + 24 : end + 40] = struct.pack("<2Q", 100, 100)
    with pytest.raises(PretrainedError):
        records(archive)


def test_other_files_around_the_archive(archive: bytearray, records: Callable[[bytes], object]) -> None:
    with pytest.raises(CorruptFileError, match="bytes follow the end"):
        records(bytes(archive) + b"more")
    with pytest.raises(CorruptFileError):
        records(b"PK\x03\x04" + bytes(archive))


@pytest.mark.parametrize("left", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_archive(left: float, archive: bytearray, tmp_path: Path, open_file: Opener) -> None:
    path = tmp_path / "b.bin"
    path.write_bytes(archive[: int(len(archive) * left)])
    with pytest.raises(CorruptFileError, match=r"is missing|points outside"):
        open_file(path)


def test_a_damaged_pickle_is_found_by_its_checksum(archive: bytearray, tmp_path: Path, open_file: Opener) -> None:
    archive[archive.index(b"FloatStorage")] ^= 1
    path = tmp_path / "b.bin"
    path.write_bytes(archive)
    with pytest.raises(CorruptFileError, match=r"checksum of a/data\.pkl"):
        open_file(path)


def test_damaged_compression(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    path = write_zip(pickled({"w": fake((500,), count=500)}), {"0": bytes(2000)}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.index(b"archive/data/0") + len(b"archive/data/0")
    content[place] = 0xFF
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match="cannot be decompressed"):
        open_file(path).tensor("w")
