"""Are safetensors files read lazily and strictly?"""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pretrained.checkpoints import Checkpoint
from pretrained.errors import CheckpointError, CorruptFileError, PretrainedError, UnsafeFileError

Opener = Callable[[Path], Checkpoint]


def raw(path: Path, header: bytes | dict[str, object], data: bytes = bytes(8)) -> Path:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(content)) + content + data)
    return path


def entry(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


def test_every_type_and_shape(tmp_path: Path, open_file: Opener, tensors: dict[str, torch.Tensor]) -> None:
    tensors["complex64"] = torch.randn(2, 3, dtype=torch.complex64)
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    checkpoint = open_file(path)
    assert set(checkpoint.keys()) == set(tensors)
    for key, value in tensors.items():
        assert checkpoint.shape(key) == tuple(value.shape)
        assert checkpoint.dtype(key) == value.dtype
        assert torch.equal(checkpoint.tensor(key), value)
        assert torch.equal(checkpoint.tensor(key, copy=True), value)
    with pytest.raises(CheckpointError, match="no tensor called 'other'"):
        checkpoint.tensor("other")


def test_tensors_are_mapped_and_writable(tmp_path: Path, open_file: Opener) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    before = path.read_bytes()
    checkpoint = open_file(path)
    tensor = checkpoint.tensor("a")
    assert tensor.data_ptr() == checkpoint.tensor("a").data_ptr()
    assert tensor.data_ptr() != checkpoint.tensor("a", copy=True).data_ptr()
    tensor += 1
    assert path.read_bytes() == before
    del checkpoint
    assert tensor.sum() == 100


def test_a_misaligned_tensor_is_copied(tmp_path: Path, open_file: Opener) -> None:
    header = {"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "b": entry(data_offsets=[1, 9])}
    path = raw(tmp_path / "a.safetensors", header, b"\1" + struct.pack("<2f", 1, 2))
    assert torch.equal(open_file(path).tensor("b"), torch.tensor([1.0, 2.0]))
    assert open_file(path).tensor("b").data_ptr() % 4 == 0


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": entry(data_offsets=[0, 800], shape=[200])}, bytes(8)),
        ({"a": entry()}, bytes(12)),
        ({"a": entry(), "b": entry()}, bytes(8)),
        ({"a": entry(data_offsets=[0, -8])}, bytes(8)),
        ({"a": entry(data_offsets=[8, 0])}, bytes(8)),
        ({"a": entry(shape=[2**40, 2**40])}, bytes(8)),
        ({"a": entry(shape=[0, 2**62], data_offsets=[0, 0])}, b""),
        ({"a": entry(shape=[3])}, bytes(8)),
        ({"a": entry(dtype="F65")}, bytes(8)),
        ({"a": {"dtype": "F32"}}, bytes(8)),
        ({"a": 1}, bytes(8)),
        (b"[]", b""),
        (b"{", b""),
        (b"", b""),
        (b'{"a":' + b"[" * 100_000, b""),
        (b'{"\xff": 1}', b""),
    ],
)
def test_headers_that_lie(header: bytes | dict[str, object], data: bytes, tmp_path: Path, open_file: Opener) -> None:
    path = raw(tmp_path / "a.safetensors", header, data)
    with pytest.raises(CorruptFileError, match=r"safetensors.*Fetch it again") as error:
        open_file(path)
    assert str(path) in str(error.value)


def test_a_header_longer_than_the_file(tmp_path: Path, open_file: Opener) -> None:
    path = tmp_path / "a.safetensors"
    for length in (100, 2**40, 2**64 - 1):
        path.write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(CorruptFileError):
            open_file(path)


def test_duplicate_names_are_refused(tmp_path: Path, open_file: Opener) -> None:
    one = json.dumps(entry()).encode()
    path = raw(tmp_path / "a.safetensors", b'{"a":' + one + b',"a":' + one + b"}")
    with safe_open(path, framework="pt"):
        pass  # the package takes the last
    with pytest.raises(CorruptFileError, match="a name stands twice"):
        open_file(path)


def test_an_endless_name(tmp_path: Path, open_file: Opener) -> None:
    with pytest.raises(UnsafeFileError, match="tensor name of 10,000 characters"):
        open_file(raw(tmp_path / "a.safetensors", {"n" * 10_000: entry()}))


def test_a_type_that_is_not_read_is_refused_when_asked_for(tmp_path: Path, open_file: Opener) -> None:
    path = raw(tmp_path / "a.safetensors", {"a": entry(dtype="F4", shape=[16])})
    checkpoint = open_file(path)
    assert list(checkpoint.keys()) == ["a"]
    with pytest.raises(PretrainedError, match="'a' is of type F4"):
        checkpoint.tensor("a")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<html><body>Forbidden</body></html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "git-lfs"),
    ],
)
def test_other_contents_are_called_by_their_name(content: bytes, words: str, tmp_path: Path, open_file: Opener) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=words):
        open_file(path)


def test_a_truncated_file_says_how_much_is_there(tmp_path: Path, open_file: Opener) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CorruptFileError, match=r"2,000 bytes.*cut off"):
        open_file(path)
