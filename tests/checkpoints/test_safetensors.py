"""Are safetensors files read lazily and strictly, and written whole or not at all?"""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pretrained.checkpoints import Checkpoint, save_checkpoint
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


# Writing


def test_one_file(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    tensors["transposed"] = torch.arange(6.0).view(2, 3).t()
    written = save_checkpoint(tensors, tmp_path)
    assert written == [tmp_path / "model.safetensors"]
    assert os.listdir(tmp_path) == ["model.safetensors"]
    loaded = load_file(written[0])
    assert set(loaded) == set(tensors)
    assert all(torch.equal(loaded[key], tensors[key]) for key in tensors)
    with safe_open(written[0], framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_shared_memory_is_written_once(tmp_path: Path) -> None:
    base = torch.arange(12.0)
    tensors = {"a": base, "tied": base, "view": base.view(3, 4), "part": base[2:5], "other": base.clone()}
    loaded = load_file(save_checkpoint(tensors, tmp_path)[0])
    assert set(loaded) == {"a", "view", "part", "other"}
    assert all(torch.equal(loaded[key], tensors[key]) for key in loaded)


@pytest.mark.parametrize(
    ("limit", "count"), [(1000, 3), ("1KB", 3), ("1 KiB", 3), (400, 5), (10**9, 1), ("3MB", 1), (1, 5)]
)
def test_shards(limit: int | str, count: int, tmp_path: Path) -> None:
    tensors = {f"t{number}": torch.full((100,), float(number)) for number in range(5)}
    written = save_checkpoint(tensors, tmp_path, max_shard_size=limit)
    assert sorted(path.name for path in written) == sorted(os.listdir(tmp_path))
    if count == 1:
        assert [path.name for path in written] == ["model.safetensors"]
        return
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 2000
    assert set(index["weight_map"].values()) == {f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)}
    for key, name in index["weight_map"].items():
        assert torch.equal(load_file(tmp_path / name)[key], tensors[key])


@pytest.mark.parametrize("limit", ["big", "0GB", "GB", 0, -1, "1.5XB"])
def test_sizes_that_are_none(limit: int | str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_shard_size"):
        save_checkpoint({"a": torch.ones(1)}, tmp_path, max_shard_size=limit)


def test_files_of_an_earlier_save_go_and_others_stay(tmp_path: Path) -> None:
    tensors = {f"t{number}": torch.ones(100) for number in range(5)}
    others = ["pytorch_model.bin", "model-extra.safetensors", "adapter_model.safetensors", "config.json"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    save_checkpoint(tensors, tmp_path, max_shard_size=400)
    save_checkpoint(tensors, tmp_path, max_shard_size=1000)
    assert sum(name.startswith("model-0000") for name in os.listdir(tmp_path)) == 3
    save_checkpoint(tensors, tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "model.safetensors"])
    assert all((tmp_path / name).read_bytes() == b"mine" for name in others)
    save_checkpoint(tensors, tmp_path, max_shard_size=1000)
    assert "model.safetensors" not in os.listdir(tmp_path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint({"a": torch.ones(2)}, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(*args: object) -> None:
        Path(str(args[1])).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("pretrained.checkpoints.safetensors.save_file", full)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint({"a": torch.zeros(2)}, tmp_path)
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_saving_over_the_file_that_is_mapped(tmp_path: Path, open_file: Opener) -> None:
    (path,) = save_checkpoint({"a": torch.ones(1000)}, tmp_path)
    tensor = open_file(path).tensor("a")
    save_checkpoint({"a": tensor * 2}, tmp_path)
    assert tensor.sum() == 1000
    assert open_file(path).tensor("a").sum() == 2000


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_files_are_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (path,) = save_checkpoint({"a": torch.ones(2)}, tmp_path)
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_tensors_without_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'a' is on the meta device"):
        save_checkpoint({"a": torch.ones(2, device="meta")}, tmp_path)
    assert os.listdir(tmp_path) == []
