"""Adapters learn beside frozen weights, and merged they are the same network."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pretrained import BertForSequenceClassification, GPT2LMHeadModel
from pretrained.errors import CheckpointError, ConfigurationError
from pretrained.training import TrainingOptions, finetune, lora

from .samples import write_data

IDS = torch.tensor([[2, 7, 8, 9, 3]])


def changed(model: Any) -> Any:
    """With adapters that do something."""
    for name, parameter in model.named_parameters():
        if name.endswith("lora_B"):
            torch.nn.init.normal_(parameter)
    return model.eval()


@pytest.mark.parametrize(("kind", "layers"), [("bert", 4), ("gpt2", 2)])
def test_merged_is_the_same(kind: str, layers: int, steady: Path, tiny_gpt2: Path) -> None:
    torch.manual_seed(0)
    model: Any = (
        BertForSequenceClassification.from_pretrained(steady)
        if kind == "bert"
        else GPT2LMHeadModel.from_pretrained(tiny_gpt2)
    )
    names = {name for name, _ in model.named_parameters()}
    before = model.eval()(IDS).logits
    assert len(lora.add_adapters(model, rank=2)) == layers
    torch.testing.assert_close(model.eval()(IDS).logits, before)  # B is 0 at first
    with_adapters = changed(model)(IDS).logits
    assert (with_adapters - before).abs().max() > 1e-4
    lora.merge_adapters(model)
    assert {name for name, _ in model.named_parameters()} == names
    torch.testing.assert_close(model(IDS).logits, with_adapters, atol=1e-5, rtol=1e-4)


def test_saved_small_and_loaded(steady: Path, tmp_path: Path) -> None:
    data = write_data("sst2", tmp_path / "data")
    options = TrainingOptions(max_steps=5, batch_size=8, learning_rate=1e-2, lora=2)
    finetune("sst2", str(steady), data, tmp_path / "out", options=options)
    config = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (2, 16.0, ["query", "value"])
    assert config["modules_to_save"] == ["bert.pooler.dense", "classifier"]  # new, so they learned, too
    before, after = load_file(steady / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    kept = [name for name in before.keys() & after.keys() if not name.endswith(("query.weight", "value.weight"))]
    assert all(torch.equal(before[name], after[name]) for name in kept)
    whole: Any = BertForSequenceClassification.from_pretrained(tmp_path / "out")
    model: Any = BertForSequenceClassification.from_pretrained(steady)
    lora.load_adapters(model, tmp_path / "out" / "adapter")
    torch.testing.assert_close(model.eval()(IDS).logits, whole.eval()(IDS).logits)


def test_what_is_wrong_is_said(steady: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    model = BertForSequenceClassification.from_pretrained(steady)
    with pytest.raises(ConfigurationError, match=r"names no linear layer; there are: dense, key, query, value"):
        lora.add_adapters(model, rank=2, targets="qkv")
    lora.add_adapters(model, rank=2, targets="query, dense")
    lora.save_adapters(model, tmp_path, name="x")
    with pytest.raises(CheckpointError, match="GPT2LMHeadModel has no"):
        lora.load_adapters(GPT2LMHeadModel.from_pretrained(tiny_gpt2), tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    save_file({name: value.repeat(1, 2) if "lora_A" in name else value for name, value in tensors.items()},
              tmp_path / "adapter_model.safetensors")  # fmt: skip
    with pytest.raises(CheckpointError, match="16×32, here 16×16"):
        lora.load_adapters(BertForSequenceClassification.from_pretrained(steady), tmp_path)
