"""Do other programs read our zips, and are they the same everywhere?"""

import io
import mmap
import os
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.errors import CorruptFileError
from pretrained.hub import zip_writer
from pretrained.hub.zip_table import read_table
from pretrained.hub.zip_writer import ALIGNMENT, Member, Placed, place, total_size, write


class Archive:
    """An archive in memory, as `read_table` wants it."""

    path = Path("a.zip")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)

    def read(self, start: int, length: int) -> bytes:
        return self.content[start : start + length]


def written(placed: list[Placed]) -> bytes:
    target = io.BytesIO()
    write(placed, target)
    return target.getvalue()


def member(name: str, content: bytes, aligned: bool = False) -> Member:
    return Member(name, content, len(content), zlib.crc32(content), aligned)


# Sizes near a multiple of ALIGNMENT, where the padding becomes too small or too large.
sizes = st.one_of(st.integers(0, 200), st.integers(ALIGNMENT - 120, ALIGNMENT + 40))


@given(st.lists(st.tuples(sizes, st.booleans()), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_members(contents: list[tuple[int, bool]]) -> None:
    members = [member(f"ordner/é{n}", bytes([n]) * size, aligned) for n, (size, aligned) in enumerate(contents)]
    placed = place(members)
    content = written(placed)
    assert len(content) == total_size(placed)
    entries = read_table(Archive(content)).entries
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for one in placed:
            assert archive.read(one.member.name) == one.member.content
            assert entries[one.member.name].offset == one.offset
            assert not one.member.aligned or one.offset % (ALIGNMENT // 2) == 0


def test_alignment_serves_every_system() -> None:
    placed = place([member("a", b"x"), member("model.safetensors", b"y" * 9, aligned=True), member("b", b"")])
    assert placed[1].offset == ALIGNMENT
    assert ALIGNMENT % mmap.ALLOCATIONGRANULARITY == 0


def test_more_than_four_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (1 << 32) + 5
    large = tmp_path / "large"
    copy = zip_writer._copy

    def skip_zeros(member: Member, source: Path, target: BinaryIO, progress: None) -> None:
        target.seek(size, os.SEEK_CUR) if source == large else copy(member, source, target, progress)

    monkeypatch.setattr(zip_writer, "_copy", skip_zeros)
    placed = place([Member("large", large, size, 0, True), member("after", b"end", aligned=True)])
    with (tmp_path / "a.zip").open("wb") as file:
        write(placed, file)
    assert (tmp_path / "a.zip").stat().st_size == total_size(placed)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.getinfo("large").file_size == size
        assert archive.read("after") == b"end"
    assert placed[1].offset % ALIGNMENT == 0


def test_many_members() -> None:
    content = written(place(member(str(n), b"") for n in range(65_536)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 65_536


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    placed = place([Member("x", path, 3, zip_writer.crc_of(path))])
    for content in (b"abd", b"ab", b"abcd"):
        path.write_bytes(content)
        with pytest.raises(CorruptFileError, match="changed while it was packed"):
            write(placed, io.BytesIO())
