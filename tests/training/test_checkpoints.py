"""Checkpoints: whole or not there, whatever happens while one is written."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pretrained.errors import ConfigurationError, CorruptFileError
from pretrained.training import TrainingOptions, checkpointing, finetune

from .samples import write_data


class Killed(BaseException):
    """As a signal would end the process: nothing that tidies up runs for it in our code."""


def options(**more: Any) -> TrainingOptions:
    return TrainingOptions(
        **{"max_steps": 6, "batch_size": 8, "learning_rate": 1e-3, "save_every": 2, "evaluate_every": 3, **more}
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.fixture
def whole(tiny: Path, tmp_path: Path) -> tuple[str, Path, dict[str, torch.Tensor]]:
    data = write_data("sst2", tmp_path / "data")
    finetune("sst2", str(tiny), data, tmp_path / "whole", options=options())
    return str(tiny), data, weights(tmp_path / "whole")


def fail_at(monkeypatch: pytest.MonkeyPatch, write: int, error: BaseException, *, half: bool) -> None:
    """The so-manieth file of weights is not written, or only its first half."""
    original, count = checkpointing.save_file, 0

    def save(tensors: Any, path: Path) -> None:
        nonlocal count
        count += 1
        if count == write:
            if half:
                original(tensors, path)
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            raise error
        original(tensors, path)

    monkeypatch.setattr(checkpointing, "save_file", save)


@pytest.mark.parametrize("write", range(1, 10))
def test_killed_while_writing(
    write: int, whole: tuple[str, Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data, wanted = whole
    with monkeypatch.context() as patch:
        fail_at(patch, write, Killed(), half=write % 2 == 0)
        with pytest.raises(Killed):
            finetune("sst2", model, data, tmp_path / "cut", options=options())
    finetune("sst2", model, data, tmp_path / "cut", options=options())
    for name, tensor in weights(tmp_path / "cut").items():
        assert torch.equal(tensor, wanted[name]), name


def test_full_disk(whole: tuple[str, Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data, wanted = whole
    with monkeypatch.context() as patch:
        fail_at(patch, 5, OSError(28, "No space left on device"), half=True)
        with pytest.raises(OSError, match=r"No space left.*step-00000002 is whole. Make room"):
            finetune("sst2", model, data, tmp_path / "cut", options=options())
    left = sorted(path.name for path in (tmp_path / "cut" / "checkpoints").iterdir())
    assert left == ["best.safetensors", "step-00000002"]
    finetune("sst2", model, data, tmp_path / "cut", options=options())
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in weights(tmp_path / "cut").items())


def test_no_pickles(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_data("sst2", tmp_path / "data")
    fail_at(monkeypatch, 4, Killed(), half=False)
    with pytest.raises(Killed):
        finetune("sst2", str(tiny), data, tmp_path / "cut", options=options())
    files = {path.suffix for path in (tmp_path / "cut").rglob("*") if path.is_file()}
    assert files == {".safetensors", ".json", ".toml"}


def test_another_recipe_or_data_is_refused(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_data("sst2", tmp_path / "data")
    with monkeypatch.context() as patch:
        fail_at(patch, 4, Killed(), half=False)
        with pytest.raises(Killed):
            finetune("sst2", str(tiny), data, tmp_path / "cut", options=options())
    with pytest.raises(ConfigurationError, match=r"another run \(seed: 42 → 1\)"):
        finetune("sst2", str(tiny), data, tmp_path / "cut", options=options(seed=1))
    rows = (data / "train.tsv").read_text()
    (data / "train.tsv").write_text(rows + "good\t1\n")
    with pytest.raises(ConfigurationError, match="another recipe \\(the data or the model\\)"):
        finetune("sst2", str(tiny), data, tmp_path / "cut", options=options())
    (data / "train.tsv").write_text(rows)
    (state,) = (tmp_path / "cut" / "checkpoints").glob("step-*/state.json")
    assert json.loads(state.read_text())["state"]["step"] == 2
    state.write_text("{")
    with pytest.raises(CorruptFileError, match="no JSON"):
        finetune("sst2", str(tiny), data, tmp_path / "cut", options=options())


def test_same_seed_same_numbers(tiny: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    results = [
        finetune("sst2", str(tiny), data, tmp_path / str(n), options=options(seed=seed))
        for n, seed in enumerate((5, 5, 6))
    ]
    first, second, third = (weights(tmp_path / str(n)) for n in range(3))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert results[0].state.history == results[1].state.history
    assert not all(torch.equal(first[name], third[name]) for name in first)
