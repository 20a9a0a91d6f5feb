"""Do shards, renamed views and tensors in memory behave as one checkpoint each?"""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from pretrained.checkpoints import Checkpoint, Rename, from_state_dict, open_checkpoint, published, save_checkpoint
from pretrained.errors import CheckpointError, CorruptFileError, UnsafeFileError, UnsupportedFormatError


def weights(folder: Path, names: list[str], index: dict[str, str] | None, format: str = "safetensors") -> Checkpoint:
    return open_checkpoint(SimpleNamespace(format=format, paths=[folder / name for name in names], index=index))


def test_shards_with_an_index(tmp_path: Path) -> None:
    tensors = {f"t{number}": torch.full((100,), float(number)) for number in range(5)}
    *shards, index = save_checkpoint(tensors, tmp_path, shard_size=1000)
    table = json.loads(index.read_text())["weight_map"]
    checkpoint = weights(tmp_path, [path.name for path in shards], table)
    assert set(checkpoint.keys()) == set(tensors)
    assert checkpoint.shape("t4") == (100,)
    assert checkpoint.dtype("t4") == torch.float32
    assert all(torch.equal(checkpoint.tensor(key), value) for key, value in tensors.items())
    assert str(tmp_path) in checkpoint.source
    assert "3 shards" in checkpoint.source
    with pytest.raises(CheckpointError, match="no tensor called 'x'"):
        checkpoint.tensor("x")


@pytest.mark.parametrize("zipped", [True, False])
def test_shards_of_torch_save(zipped: bool, tmp_path: Path) -> None:
    for number in range(2):
        value = {f"t{number}": torch.full((3,), float(number)), "step": number}
        torch.save(value, tmp_path / f"{number}.bin", _use_new_zipfile_serialization=zipped)
    checkpoint = weights(tmp_path, ["0.bin", "1.bin"], {"t0": "0.bin", "t1": "1.bin"}, "pytorch")
    assert set(checkpoint.keys()) == {"t0", "t1"}
    assert torch.equal(checkpoint.tensor("t1"), torch.ones(3))
    assert len(checkpoint.notes) == 2
    assert checkpoint.skipped == {"step": "int"}
    with pytest.raises(CheckpointError, match="'step' is int"):
        checkpoint.tensor("step")


def test_the_index_decides_between_copies(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2), "b": torch.zeros(2)}, tmp_path / "1.safetensors")
    save_file({"b": torch.ones(2)}, tmp_path / "2.safetensors")
    names = ["1.safetensors", "2.safetensors"]
    checkpoint = weights(tmp_path, names, {"a": "1.safetensors", "b": "2.safetensors"})
    assert checkpoint.tensor("b").sum() == 2
    with pytest.raises(CheckpointError, match="'b' is in two shards"):
        weights(tmp_path, names, None)


def test_an_index_of_another_download(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "1.safetensors")
    with pytest.raises(CorruptFileError, match=r"do not hold: lost \(1\.safetensors\)"):
        weights(tmp_path, ["1.safetensors"], {"a": "1.safetensors", "lost": "1.safetensors"})


def test_formats_that_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"'tensorflow' are not read.*safetensors, pytorch"):
        weights(tmp_path, ["tf_model.h5"], None, "tensorflow")


def test_published_names() -> None:
    values = {
        "module.bert.embeddings.LayerNorm.gamma": torch.ones(3),
        "module.bert.embeddings.position_ids": torch.arange(3),
        "module.layer.kernel": torch.arange(6.0).view(2, 3),
        "module.other": torch.zeros(1),
        "module.adam_m": torch.zeros(1),
        "module.version": "3",
    }
    renames = (Rename(r"(.*)\.kernel", r"\1.weight", transpose=True), Rename(r"adam_.*", None))
    checkpoint = published(from_state_dict(values), renames)  # type: ignore[arg-type]
    assert set(checkpoint.keys()) == {"bert.embeddings.LayerNorm.weight", "layer.weight", "other"}
    assert checkpoint.shape("layer.weight") == (3, 2)
    assert torch.equal(checkpoint.tensor("layer.weight"), values["module.layer.kernel"].t())
    assert checkpoint.dtype("other") == torch.float32
    assert checkpoint.source == "the given state dict"
    assert checkpoint.skipped == {"version": "str"}
    with pytest.raises(CheckpointError, match=r"'module\.version' is str"):
        checkpoint.tensor("version")
    with pytest.raises(CheckpointError, match=r"no tensor called 'module\.other'"):
        checkpoint.tensor("module.other")


def test_a_rule_does_not_see_what_another_made() -> None:
    stage = (Rename("a", "b"), Rename("b", "c"))
    checkpoint = published(from_state_dict({"a": torch.zeros(1), "b": torch.ones(1)}), stage)
    assert {key: int(checkpoint.tensor(key)) for key in checkpoint.keys()} == {"b": 0, "c": 1}


def test_families_see_historical_names_already_translated() -> None:
    rule = Rename(r"old\.LayerNorm\.weight", "new.LayerNorm.weight")
    checkpoint = published(from_state_dict({"old.LayerNorm.gamma": torch.zeros(1)}), (rule,))
    assert list(checkpoint.keys()) == ["new.LayerNorm.weight"]


def test_two_tensors_with_one_name_today() -> None:
    values = {"LayerNorm.gamma": torch.zeros(1), "LayerNorm.weight": torch.ones(1)}
    with pytest.raises(CheckpointError, match=r"'LayerNorm\.gamma' and 'LayerNorm\.weight'"):
        published(from_state_dict(values))


def test_tensors_in_memory_are_not_shared() -> None:
    value = torch.nn.Parameter(torch.zeros(2))
    checkpoint = from_state_dict({"a": value}, "mine")
    tensor = checkpoint.tensor("a")
    tensor += 1
    assert value.sum() == 0
    assert not tensor.requires_grad
    assert checkpoint.source == "mine"
    assert checkpoint.shape("a") == (2,)
    with pytest.raises(CheckpointError, match="mine has no tensor called 'b'"):
        checkpoint.dtype("b")


def test_the_reason_survives_renaming(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Callable[[Path], Checkpoint]
) -> None:
    path = write_zip(pickled({"module.w": fake(), "module.x.LayerNorm.gamma": print}), {"0": bytes(8)})
    checkpoint = published(open_file(path))
    assert list(checkpoint.keys()) == ["w"]
    with pytest.raises(UnsafeFileError, match=r"builtin.*\.print"):
        checkpoint.tensor("x.LayerNorm.weight")
