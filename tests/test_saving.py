"""Does save_pretrained write every format that was asked for, and say what it cannot?"""

import json
import logging
import os
from pathlib import Path

import pytest
import torch

from pretrained import (
    AutoModel,
    BertConfig,
    BertForPreTraining,
    BertModel,
    BertPreTrainedModel,
    XLNetConfig,
    XLNetForQuestionAnswering,
)
from pretrained.errors import CheckpointError, ConfigurationError, UnsupportedFormatError

TINY = BertConfig(
    vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=12,
)  # fmt: skip


@pytest.fixture
def model() -> BertForPreTraining:
    torch.manual_seed(0)
    return BertForPreTraining(TINY).eval()


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("format", ["safetensors", "pytorch", "tf", "flax"])
@pytest.mark.parametrize("size", [None, "2KB"])
def test_formats_and_shards(format: str, size: str | None, model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, format=format, shard_size=size)
    file = {
        "safetensors": "model.safetensors",
        "pytorch": "pytorch_model.bin",
        "tf": "tf_model.h5",
        "flax": "flax_model.msgpack",
    }[format]
    names = set(os.listdir(tmp_path))
    assert (file in names) == (size is None)
    assert (f"{file}.index.json" in names) == (size is not None)
    again = BertForPreTraining.from_pretrained(tmp_path, strict=True)
    assert equal(again, model)
    assert again.config.architectures == ["BertForPreTraining"]
    assert again.get_output_embeddings().weight is again.get_input_embeddings().weight


def test_the_earlier_name_of_the_size(model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, max_shard_size="2KB")
    assert "model.safetensors.index.json" in os.listdir(tmp_path)


def test_torch_reads_what_is_written(model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, format="pytorch")
    loaded = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    assert loaded.keys() == model.state_dict().keys()
    words = loaded["bert.embeddings.word_embeddings.weight"]
    assert loaded["cls.predictions.decoder.weight"].data_ptr() == words.data_ptr()
    BertForPreTraining(TINY).load_state_dict(loaded, strict=True)


def test_another_type(model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, dtype="bfloat16")
    assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "bfloat16"
    again = BertForPreTraining.from_pretrained(tmp_path, dtype="auto")
    assert again.dtype == torch.bfloat16
    assert equal(again, BertForPreTraining.from_pretrained(tmp_path, state_dict=model.state_dict()).to(torch.bfloat16))
    assert model.dtype == torch.float32
    loaded = BertForPreTraining.from_pretrained(tmp_path)  # as float32
    loaded.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text())["torch_dtype"] == "float32"
    with pytest.raises(ConfigurationError, match="dtype='int8' is not a floating type"):
        model.save_pretrained(tmp_path, dtype="int8")


def test_a_state_dict_with_tied_weights_apart(model: BertForPreTraining, tmp_path: Path) -> None:
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.save_pretrained(tmp_path, state_dict=state | {"note": "no tensor"}, format="pytorch")
    loaded = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    assert loaded.keys() == state.keys()
    words = loaded["bert.embeddings.word_embeddings.weight"]
    assert loaded["cls.predictions.decoder.weight"].data_ptr() == words.data_ptr()


def test_what_cannot_be_is_said_before_anything_is_written(model: BertForPreTraining, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"format='onnx' is not written.*safetensors, pytorch, tf, flax"):
        model.save_pretrained(tmp_path / "new", format="onnx")
    with pytest.raises(ValueError, match="shard_size='big' is no size"):
        model.save_pretrained(tmp_path / "new", shard_size="big")
    assert not (tmp_path / "new").exists()


def test_older_weights_that_are_read_first_are_named(
    model: BertForPreTraining, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model.save_pretrained(tmp_path)
    with caplog.at_level(logging.WARNING):
        model.save_pretrained(tmp_path, format="pytorch")
    assert "also holds model.safetensors, which is read before" in caplog.text
    caplog.clear()
    model.save_pretrained(tmp_path)
    assert not caplog.records


def test_which_of_several_weights_are_read(model: BertForPreTraining, tmp_path: Path) -> None:
    """One folder with three formats, each with another number."""
    bias = model.bert.pooler.dense.bias  # type: ignore[union-attr]
    for number, options in enumerate(({}, {"safe_serialization": False}, {"format": "tf"})):
        torch.nn.init.constant_(bias, number)
        model.save_pretrained(tmp_path, **options)  # type: ignore[arg-type]

    def read(**options: bool) -> float:
        return float(BertModel.from_pretrained(tmp_path, **options).pooler.dense.bias.detach()[0])

    assert read() == read(use_safetensors=True) == read(from_flax=True) == read(from_tf=False) == 0
    assert read(use_safetensors=False) == 1
    assert read(from_tf=True) == 2
    assert float(AutoModel.from_pretrained(tmp_path, use_safetensors=False).pooler.dense.bias.detach()[0]) == 1
    torch.nn.init.constant_(bias, 3)
    model.save_pretrained(tmp_path, format="pytorch", shard_size="2KB")
    assert read(use_safetensors=False) == 3


def test_words_of_save_pretrained(model: BertForPreTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model.save_pretrained(tmp_path / "none", is_main_process=False)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ConfigurationError, match="hf upload"):
        model.save_pretrained(tmp_path / "none", push_to_hub=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    model.half().save_pretrained("~/saved", dtype="auto", shard_size="1000B")
    assert (tmp_path / "saved" / "model.safetensors.index.json").is_file()
    assert next(BertForPreTraining.from_pretrained("~/saved", dtype="auto").parameters()).dtype == torch.float16


class Classifier(BertPreTrainedModel):
    """As people write them: a network of their own around a BERT."""

    def __init__(self, config: BertConfig, classes: int = 3, *, depth: int = 1) -> None:
        super().__init__(config)
        self.bert = BertModel(config)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(config.hidden_size, classes) for _ in range(depth))
        self.init_weights()


def test_arguments_of_the_class(model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    assert BertModel.from_pretrained(tmp_path, add_pooling_layer=False).pooler is None
    assert AutoModel.from_pretrained(tmp_path, add_pooling_layer=False).pooler is None
    own = Classifier.from_pretrained(tmp_path, 5, depth=2, hidden_dropout_prob=0.3)
    assert (len(own.layers), own.layers[0].out_features, own.config.hidden_dropout_prob) == (2, 5, 0.3)
    assert torch.equal(own.bert.pooler.dense.weight, model.bert.pooler.dense.weight)  # type: ignore[union-attr]
    with pytest.raises(TypeError, match=r"got \['width'\].*nor arguments of Classifier\(\)"):
        Classifier.from_pretrained(tmp_path, width=3)


def test_a_long_list_of_shapes_is_cut(model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"and \d+ more\nCheck the configuration"):
        BertForPreTraining.from_pretrained(tmp_path, config=BertConfig())


@pytest.mark.parametrize("format", ["tf", "flax"])
def test_other_frameworks(format: str, model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, format=format)
    assert set(os.listdir(tmp_path)) == {"config.json", {"tf": "tf_model.h5", "flax": "flax_model.msgpack"}[format]}
    assert equal(BertForPreTraining.from_pretrained(tmp_path, strict=True), model)
    unknown = XLNetForQuestionAnswering(XLNetConfig(vocab_size=30, d_model=8, n_layer=1, n_head=2, d_inner=16))
    with pytest.raises(UnsupportedFormatError, match="XLNetForQuestionAnswering"):
        unknown.save_pretrained(tmp_path / "new", format=format)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("format", ["pytorch", "tf", "flax"])
def test_words_of_other_libraries_are_taken(format: str, model: BertForPreTraining, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, format=format)
    for option in ({"from_tf": True}, {"from_flax": True}):
        assert equal(BertForPreTraining.from_pretrained(tmp_path, **option), model)
        assert isinstance(AutoModel.from_pretrained(tmp_path, **option), BertModel)
