"""Does torch.load read what we write, with nothing but its table of weights allowed?"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pretrained.checkpoints import Checkpoint, from_state_dict, save_checkpoint
from pretrained.checkpoints.torch_zip_writer import Archive, write_torch
from pretrained.errors import UnsupportedFormatError

Opener = Callable[[Path], Checkpoint]
OTHERS = (
    torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
)  # fmt: skip


@pytest.fixture
def every(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    tensors |= {str(dtype): torch.ones(2, 3).to(dtype) for dtype in OTHERS}
    tensors["transposed"] = torch.arange(6.0).view(2, 3).t()
    return tensors


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    def raw(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous().view(-1).view(torch.uint8)

    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(raw(one), raw(other))


def check(path: Path, expected: dict[str, torch.Tensor], open_file: Opener) -> None:
    loaded = torch.load(path, weights_only=True)
    assert list(loaded) == list(expected)
    assert all(same(loaded[key], expected[key]) for key in expected)
    mapped = torch.load(path, weights_only=True, mmap=True)
    assert all(same(mapped[key], expected[key]) for key in expected)
    checkpoint = open_file(path)
    assert all(same(checkpoint.tensor(key), expected[key]) for key in expected)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None  # every checksum


def test_every_type_and_shape(tmp_path: Path, open_file: Opener, every: dict[str, torch.Tensor]) -> None:
    (path,) = save_checkpoint(every, tmp_path, format="pytorch")
    assert path.name == "pytorch_model.bin"
    check(path, every, open_file)


def test_numbers_lie_where_they_can_be_mapped(tmp_path: Path, every: dict[str, torch.Tensor]) -> None:
    (path,) = save_checkpoint(every, tmp_path, format="pytorch")
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if "/data/" in entry.filename]
    assert len(entries) == len(every)
    for entry in entries:
        name_size, extra_size = (
            int.from_bytes(content[at : at + 2], "little")
            for at in (entry.header_offset + 26, entry.header_offset + 28)
        )
        assert (entry.header_offset + 30 + name_size + extra_size) % 64 == 0


def test_numbers_of_64_bits(
    tmp_path: Path, open_file: Opener, every: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file above 4 GB has, in a small one: the wide fields of sizes, places and the table."""
    for large in (1, 20, 2000):
        monkeypatch.setattr("pretrained.checkpoints.torch_zip_writer._LARGE", large)
        (path,) = save_checkpoint(every, tmp_path, format="pytorch")
        assert b"PK\x06\x06" in path.read_bytes()
        check(path, every, open_file)


def test_more_entries_than_16_bits_count(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with path.open("wb") as file:
        archive = Archive(file)
        for number in range(0x10001):
            archive.add(str(number), [b"x"])
        archive.end()
    with zipfile.ZipFile(path) as read:
        assert len(read.namelist()) == 0x10001
        assert read.read("archive/65536") == b"x"


def test_one_memory_under_two_names(tmp_path: Path, open_file: Opener) -> None:
    base = torch.arange(1000.0)
    (path,) = save_checkpoint({"a": base, "tied": base, "other": base + 1}, tmp_path, format="pytorch")
    assert path.stat().st_size < 3 * base.nbytes
    loaded = torch.load(path, weights_only=True)
    assert loaded["a"].data_ptr() == loaded["tied"].data_ptr()
    assert torch.equal(open_file(path).tensor("tied"), base)


def test_the_same_tensors_make_the_same_file(tmp_path: Path, every: dict[str, torch.Tensor]) -> None:
    contents = []
    for name in ("one.bin", "two.bin"):
        write_torch(from_state_dict(every), tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_types_that_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"'a' .*bits8"):
        save_checkpoint({"a": torch.ones(2, dtype=torch.uint8).view(torch.bits8)}, tmp_path, format="pytorch")
    assert not list(tmp_path.iterdir())
