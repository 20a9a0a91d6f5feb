"""Are tensors written whole or not at all, in every format, under the right names?"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pretrained.checkpoints import Checkpoint, save_checkpoint
from pretrained.errors import CheckpointError

Opener = Callable[[Path], Checkpoint]


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
    written = save_checkpoint(tensors, tmp_path, shard_size=limit)
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
    with pytest.raises(ValueError, match="shard_size"):
        save_checkpoint({"a": torch.ones(1)}, tmp_path, shard_size=limit)


def test_files_of_an_earlier_save_go_and_others_stay(tmp_path: Path) -> None:
    tensors = {f"t{number}": torch.ones(100) for number in range(5)}
    others = ["pytorch_model.bin", "model-extra.safetensors", "adapter_model.safetensors", "config.json"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    save_checkpoint(tensors, tmp_path, shard_size=400)
    save_checkpoint(tensors, tmp_path, shard_size=1000)
    assert sum(name.startswith("model-0000") for name in os.listdir(tmp_path)) == 3
    save_checkpoint(tensors, tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "model.safetensors"])
    assert all((tmp_path / name).read_bytes() == b"mine" for name in others)
    save_checkpoint(tensors, tmp_path, shard_size=1000)
    assert "model.safetensors" not in os.listdir(tmp_path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    save_checkpoint({"a": torch.ones(2)}, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(key: str, size: int) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        save_checkpoint({"a": torch.zeros(2), "b": torch.ones(2)}, tmp_path, progress=full)
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
