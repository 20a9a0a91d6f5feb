"""Are tensors of a file inside another file the same, mapped where that is possible, and checked as strictly?"""

import json
import struct
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file

from pretrained.checkpoints import Checkpoint
from pretrained.checkpoints.safetensors import SafetensorsFile
from pretrained.checkpoints.torch_pickle import TorchPickleFile
from pretrained.errors import CorruptFileError, PretrainedError
from pretrained.hub.window import Piece, Window
from pretrained.hub.zip_writer import ALIGNMENT

TENSORS = {
    "a": torch.arange(6, dtype=torch.float32).view(2, 3),
    "b": torch.tensor([True, False]),
    "c": torch.ones(0, 2),
}


def inside(path: Path, *, start: int = ALIGNMENT, cut: int | None = None) -> Path:
    """The file at some place inside another one, or in two files."""
    content = path.read_bytes()
    pieces = [content] if cut is None else [content[:cut], content[cut:]]
    found = []
    for number, piece in enumerate(pieces):
        holder = path.with_name(f"holder{number}")
        holder.write_bytes(b"#" * start + piece + b"#" * 99)
        found.append(Piece(holder, start, len(piece)))
    return cast(Path, Window(path.parent, path.name, tuple(found), {}))


def equal(checkpoint: Checkpoint) -> None:
    assert set(checkpoint.keys()) == set(TENSORS)
    for key, expected in TENSORS.items():
        for copy in (False, True):
            found = checkpoint.tensor(key, copy=copy)
            assert found.dtype == expected.dtype
            assert torch.equal(found, expected)


@pytest.mark.parametrize("options", [{}, {"start": 17}, {"cut": 100}, {"cut": 3}])
def test_safetensors(options: dict[str, int], tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    equal(SafetensorsFile(inside(tmp_path / "model.safetensors", **options)))


@pytest.mark.parametrize("options", [{}, {"start": 17}, {"cut": 100}])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_of_torch(zipped: bool, options: dict[str, int], tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    equal(TorchPickleFile(inside(tmp_path / "pytorch_model.bin", **options)))


def test_a_window_at_a_page_is_mapped(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    window = inside(tmp_path / "model.safetensors")
    tensor = SafetensorsFile(window).tensor("a")
    maps = Path("/proc/self/maps")
    if maps.exists():
        (line,) = [line for line in maps.read_text().splitlines() if line.endswith("/holder0")]
        first, last = (int(address, 16) for address in line.split()[0].split("-"))
        assert first <= tensor.data_ptr() < last
    tensor.zero_()  # a private copy: the file stays as it is
    assert torch.equal(SafetensorsFile(window).tensor("a"), TENSORS["a"])


def changed(path: Path, header: Any, data: bytes = bytes(24)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


LIES = {
    "a gap": {"a": entry(0, 8, [2]), "b": entry(12, 24, [3])},
    "an overlap": {"a": entry(0, 16, [4]), "b": entry(8, 24, [4])},
    "bytes at the end": {"a": entry(0, 8, [2])},
    "bytes at the beginning": {"a": entry(8, 24, [4])},
    "beyond the end": {"a": entry(0, 32, [8])},
    "another shape": {"a": entry(0, 24, [5])},
    "a negative shape": {"a": entry(0, 24, [-6])},
    "backwards": {"a": entry(24, 0, [6])},
    "a name twice": b'{"a":%(a)s,"a":%(a)s}' % {b"a": json.dumps(entry(0, 24, [6])).encode()},
    "a list": [],
    "no offsets": {"a": {"dtype": "F32", "shape": [6]}},
    "no JSON": b"{" * 99,
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused_as_those_of_files(lie: str, tmp_path: Path) -> None:
    path = changed(tmp_path / "model.safetensors", LIES[lie])
    for place in (path, inside(path), inside(path, cut=9)):
        with pytest.raises(PretrainedError):
            SafetensorsFile(place)


@pytest.mark.parametrize("length", [0, 1, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_a_header_of_another_length(length: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + bytes(40))
    with pytest.raises(CorruptFileError):
        SafetensorsFile(inside(path))


def test_an_empty_window(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(CorruptFileError):
        SafetensorsFile(inside(tmp_path / "x"))
