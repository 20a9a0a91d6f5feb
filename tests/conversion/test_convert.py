"""Is a converted model the same model, in the right files, or nothing at all?"""

import importlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import pretrained
from pretrained import (
    AlbertConfig,
    AlbertForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2DoubleHeadsModel,
    GPT2LMHeadModel,
    XLNetConfig,
    XLNetLMHeadModel,
)
from pretrained.checkpoints import open_checkpoint, save_checkpoint
from pretrained.conversion import compare, convert, open_model
from pretrained.errors import CheckpointError, ConfigurationError, InputError, UnsupportedFormatError
from pretrained.hub import resolve
from pretrained.hub.bundle_writer import describe, pack

SIZES: dict[str, Any] = {
    "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 12,
}  # fmt: skip
MODELS = {
    "bert": lambda: BertForPreTraining(BertConfig(**SIZES)),
    "albert": lambda: AlbertForMaskedLM(AlbertConfig(**SIZES, embedding_size=4)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=30, n_embd=8, n_layer=2, n_head=2, n_positions=12)),
    "xlnet": lambda: XLNetLMHeadModel(XLNetConfig(vocab_size=30, d_model=8, n_layer=2, n_head=2, d_inner=16)),
}


@pytest.fixture(params=MODELS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    MODELS[request.param]().save_pretrained(tmp_path / "source", format="pytorch")
    return tmp_path / "source"


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    MODELS["bert"]().save_pretrained(tmp_path / "source")
    return tmp_path / "source"


def write(folder: Path, tensors: dict[str, torch.Tensor], format: str = "safetensors") -> Path:
    """Weights without a configuration."""
    folder.mkdir()
    save_checkpoint(tensors, folder, format=format)
    return folder


def raw(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = open_checkpoint(resolve(folder).weights())
    return {key: checkpoint.tensor(key) for key in checkpoint.keys()}


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [None, "1KB"])
@pytest.mark.parametrize("format", ["safetensors", "tf", "flax"])
def test_there_and_back(source: Path, format: str, size: str | None, tmp_path: Path) -> None:
    before = state(source)
    kind = json.loads(before["config.json"])["architectures"][0]
    if format == "flax" and kind in ("XLNetLMHeadModel",):
        with pytest.raises(UnsupportedFormatError, match="never had this class"):
            convert(source, tmp_path / "there", format=format)
        assert os.listdir(tmp_path) == ["source"]
        return
    there = convert(source, tmp_path / "there", format=format, shard_size=size)
    assert any(name.endswith(".index.json") for name in there.files) == (size is not None)
    assert (there.model_class, there.notes) == (kind, [])
    convert(tmp_path / "there", tmp_path / "back", format="pytorch")
    first, last = (torch.load(tmp_path / name / "pytorch_model.bin", weights_only=True) for name in ("source", "back"))
    assert first.keys() == last.keys()
    for name, tensor in first.items():
        assert tensor.dtype == last[name].dtype
        assert torch.equal(tensor, last[name]), name
    assert json.loads(state(tmp_path / "back")["config.json"]) == json.loads(before["config.json"])
    assert state(source) == before


def test_shards_and_types(bert: Path, tmp_path: Path) -> None:
    done = convert(bert, tmp_path / "half", format="pytorch", dtype="bfloat16", shard_size="2KB")
    assert "pytorch_model.bin.index.json" in done.files
    assert done.files == sorted(os.listdir(tmp_path / "half"))
    half, model = (BertForPreTraining.from_pretrained(path, dtype="auto") for path in (tmp_path / "half", bert))
    assert half.dtype == torch.bfloat16
    assert half.config.torch_dtype == "bfloat16"
    for name, tensor in model.to(torch.bfloat16).state_dict().items():
        assert torch.equal(tensor, half.state_dict()[name]), name


def test_a_file_is_a_source_too(bert: Path, tmp_path: Path) -> None:
    convert(bert / "model.safetensors", tmp_path / "target", format="pytorch")
    assert sorted(os.listdir(tmp_path / "target")) == ["config.json", "pytorch_model.bin"]


# The class


def test_the_class_by_the_names_of_tensors(bert: Path, tmp_path: Path) -> None:
    config = json.loads((bert / "config.json").read_text())
    for kind in (BertForPreTraining, BertForMaskedLM, BertModel):
        folder = tmp_path / kind.__name__
        kind.from_pretrained(bert).save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps(config | {"architectures": None}))
        done = convert(folder, tmp_path / f"{kind.__name__} converted", format="pytorch")
        assert done.model_class == kind.__name__
        assert done.notes == [f"by the names and shapes of its tensors its class is {kind.__name__}"]
        written = json.loads((done.target / "config.json").read_text())
        assert written["architectures"] == [kind.__name__]


def test_the_class_that_is_asked_for(bert: Path, tmp_path: Path) -> None:
    done = convert(bert, tmp_path / "target", format="safetensors", head="BertForMaskedLM")
    assert json.loads((done.target / "config.json").read_text())["architectures"] == ["BertForMaskedLM"]


def test_a_class_that_no_auto_class_picks(tmp_path: Path) -> None:
    model = GPT2DoubleHeadsModel(GPT2Config(vocab_size=30, n_embd=8, n_layer=1, n_head=2, n_positions=12))
    model.save_pretrained(tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "target", format="tf")
    assert (done.model_class, done.notes) == ("GPT2DoubleHeadsModel", [])
    assert {row.status for row in compare(open_model(tmp_path / "source"), open_model(done.target))} == {"equal"}
    for name in ("GPT2Config", "GPT3Model"):
        with pytest.raises(ConfigurationError, match=f"'{name}' is no model"):
            convert(tmp_path / "source", tmp_path / "other", format="pytorch", head=name)
    with pytest.raises(ConfigurationError, match=r"'BertModel' is no class of the family gpt2.*GPT2LMHeadModel"):
        convert(tmp_path / "source", tmp_path / "other", format="pytorch", head="BertModel")


def test_classes_of_other_frameworks(bert: Path, tmp_path: Path) -> None:
    config = json.loads((bert / "config.json").read_text())
    for name in ("TFBertForMaskedLM", "FlaxBertForMaskedLM"):
        (bert / "config.json").write_text(json.dumps(config | {"architectures": [name]}))
        assert convert(bert, tmp_path / name, format="pytorch").model_class == "BertForMaskedLM"


def test_tensors_that_the_class_does_not_have(bert: Path, tmp_path: Path) -> None:
    tensors = raw(bert) | {"extra.weight": torch.ones(3), "extra.count": torch.tensor(5)}
    save_checkpoint(tensors, bert)
    convert(bert, tmp_path / "kept", format="pytorch")
    kept = raw(tmp_path / "kept")
    assert torch.equal(kept["extra.weight"], tensors["extra.weight"])
    assert kept["extra.count"] == 5
    done = convert(bert, tmp_path / "left out", format="flax")
    (note,) = done.notes
    assert "a BertForPreTraining has no place for them" in note
    assert {"extra.count", "extra.weight"} == set(note.rpartition(": ")[2].split(", "))


def test_tensors_that_are_missing(bert: Path, tmp_path: Path) -> None:
    tensors = raw(bert)
    del tensors["cls.seq_relationship.weight"]
    save_checkpoint(tensors, bert)
    (note,) = convert(bert, tmp_path / "target", format="flax").notes
    assert "lacks tensors of a BertForPreTraining" in note
    assert "cls.seq_relationship.weight" in note
    (tmp_path / "other").mkdir()
    save_checkpoint({"weight": torch.ones(2)}, tmp_path / "other")
    shutil.copy(bert / "config.json", tmp_path / "other")
    with pytest.raises(CheckpointError, match="no tensor of BertForPreTraining"):
        convert(tmp_path / "other", tmp_path / "nothing", format="flax")


def test_the_bare_network_of_a_file_with_its_prefix(bert: Path, tmp_path: Path) -> None:
    config = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps(config | {"architectures": ["BertModel"]}))
    convert(bert, tmp_path / "target", format="pytorch")
    names = raw(tmp_path / "target").keys()
    assert "encoder.layer.0.output.dense.weight" in names
    assert "cls.predictions.transform.dense.weight" in names
    model = BertForMaskedLM.from_pretrained(tmp_path / "target")
    assert not model.load_report.missing


def test_names_of_early_years(bert: Path, tmp_path: Path) -> None:
    tensors = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in raw(bert).items()}
    assert any("gamma" in name for name in tensors)
    save_checkpoint(tensors, bert)
    convert(bert, tmp_path / "target", format="pytorch")
    assert not any("gamma" in name for name in raw(tmp_path / "target"))


def test_tied_weights(bert: Path, tmp_path: Path) -> None:
    tensors = raw(bert)
    words = tensors["bert.embeddings.word_embeddings.weight"]
    apart = tensors | {"cls.predictions.decoder.weight": words.clone()}
    save_checkpoint(apart, bert)
    convert(bert, tmp_path / "once", format="safetensors")
    assert "cls.predictions.decoder.weight" not in raw(tmp_path / "once")
    convert(bert, tmp_path / "shared", format="pytorch")
    shared = torch.load(tmp_path / "shared" / "pytorch_model.bin", weights_only=True)
    assert (
        shared["cls.predictions.decoder.weight"].data_ptr()
        == shared["bert.embeddings.word_embeddings.weight"].data_ptr()
    )
    save_checkpoint(tensors | {"cls.predictions.decoder.weight": words + 1}, bert)
    done = convert(bert, tmp_path / "differ", format="safetensors")
    assert (
        "cls.predictions.decoder.weight and bert.embeddings.word_embeddings.weight are one parameter" in done.notes[0]
    )
    assert torch.equal(raw(tmp_path / "differ")["cls.predictions.decoder.weight"], words + 1)
    del tensors["bert.embeddings.word_embeddings.weight"]
    save_checkpoint(tensors | {"cls.predictions.decoder.weight": words}, bert)
    convert(bert, tmp_path / "other name", format="safetensors")
    assert torch.equal(raw(tmp_path / "other name")["bert.embeddings.word_embeddings.weight"], words)


# Without a class


@pytest.mark.parametrize("format", ["safetensors", "pytorch"])
def test_any_tensors_of_any_model(format: str, tmp_path: Path) -> None:
    base = torch.arange(6.0).view(2, 3)
    tensors = {
        "empty": torch.empty(0, 7),
        "scalar": torch.tensor(3.5),
        "bool": torch.tensor([True, False]),
        "int": torch.arange(5),
        "bfloat16": base.to(torch.bfloat16),
        "float8": base.to(torch.float8_e4m3fn),
        "not a number": torch.tensor([float("nan"), -0.0, float("inf")]),
        "transposed": base.t(),
        "tied": base,
        "tied too": base,
    }
    other = {"safetensors": "pytorch", "pytorch": "safetensors"}[format]
    source = write(tmp_path / "source", tensors, other)
    done = convert(source, tmp_path / "target", format=format)
    assert done.model_class is None
    found, given = raw(tmp_path / "target"), raw(source)
    assert found.keys() == given.keys()
    for name, tensor in given.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].contiguous().view(-1).view(torch.uint8).equal(tensor.contiguous().view(-1).view(torch.uint8))
    half = convert(source, tmp_path / "half", format=format, dtype=torch.float16)
    assert {str(tensor.dtype) for tensor in raw(half.target).values()} == {"torch.float16", "torch.bool", "torch.int64"}


def test_other_frameworks_need_the_class(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {"weight": torch.ones(2)})
    with pytest.raises(CheckpointError, match=r"format 'flax'.*config\.json"):
        convert(source, tmp_path / "target", format="flax")
    assert os.listdir(tmp_path) == ["source"]


# The other files


def test_tokenizer_and_configuration_come_along(minilm: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors"):
        shutil.copy(minilm / name, source / f"my-bert-{name}")
    (source / "optimizer.pt").write_bytes(b"training")
    (source / "README.md").write_text("A model")
    (source / "LICENSE").write_text("Free")
    convert(source, tmp_path / "target", format="pytorch")
    assert sorted(os.listdir(tmp_path / "target")) == [
        "LICENSE",
        "README.md",
        "config.json",
        "pytorch_model.bin",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    assert AutoTokenizer.from_pretrained(tmp_path / "target").tokenize("a text") == ["a", "text"]


@pytest.mark.parametrize(
    ("network", "kind"), [("discriminator", "ElectraForPreTraining"), ("generator", "ElectraForMaskedLM")]
)
def test_of_the_two_networks_of_electra_that_of_the_configuration(network: str, kind: str, tmp_path: Path) -> None:
    release, source = Path(__file__).parents[1] / "goldens" / "tf_bundle" / "electra", tmp_path / "source"
    source.mkdir()
    for path in release.glob("electra_small.*"):
        shutil.copy(path, source)
    bare = convert(source, tmp_path / "bare", format="safetensors")
    assert (bare.model_class, bare.tensors) == (None, 83)
    assert "no configuration tells the class" in bare.notes[0]
    shutil.copy(release / f"{network}_config.json", source / "config.json")
    done = convert(source, tmp_path / "target", format="tf")
    assert done.model_class == kind
    assert getattr(pretrained, kind).from_pretrained(done.target, strict=True).load_report.missing == []
    assert {row.status for row in compare(open_model(source), open_model(done.target))} == {"equal"}


def test_an_original_release_becomes_a_published_folder(tmp_path: Path) -> None:
    """GPT-2 as OpenAI released it, but for its size."""
    source = tmp_path / "source"
    shutil.copytree(Path(__file__).parents[1] / "goldens" / "tf_bundle" / "gpt2", source)
    (source / "outputs.safetensors").unlink()
    (source / "encoder.json").write_text(json.dumps({character: n for n, character in enumerate("abcd!Ġ")}))
    (source / "vocab.bpe").write_text("#version: 0.2\nĠ a\n")
    done = convert(source, tmp_path / "target", format="pytorch")
    assert done.files == ["config.json", "merges.txt", "pytorch_model.bin", "vocab.json"]
    config = json.loads((tmp_path / "target" / "config.json").read_text())
    assert config == {
        "architectures": ["GPT2Model"],
        "model_type": "gpt2",
        "n_ctx": 16,
        "n_embd": 8,
        "n_head": 2,
        "n_layer": 2,
        "vocab_size": 30,
    }
    rows = compare(open_model(source), open_model(tmp_path / "target"))
    assert {row.status for row in rows} == {"equal"}


def test_a_bundle_is_a_source_too(minilm: Path, tmp_path: Path) -> None:
    pack(describe(resolve(minilm)), tmp_path / "minilm.pretrained")
    done = convert(tmp_path / "minilm.pretrained", tmp_path / "target", format="pytorch", dtype="bfloat16")
    assert {"1_Pooling/config.json", "config.json", "modules.json", "vocab.txt"} <= set(done.files)
    assert (tmp_path / "target" / "vocab.txt").read_bytes() == (minilm / "vocab.txt").read_bytes()


def test_a_sentence_transformers_folder_keeps_its_shape(minilm: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "0_Transformer").mkdir(parents=True)
    (source / "1_Pooling").mkdir()
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        shutil.copy(minilm / name, source / "0_Transformer" / name)
    shutil.copy(minilm / "1_Pooling" / "config.json", source / "1_Pooling")
    modules = [{"idx": 0, "path": "0_Transformer"}, {"idx": 1, "path": "1_Pooling"}]
    (source / "modules.json").write_text(json.dumps(modules))
    done = convert(source, tmp_path / "target", format="pytorch")
    assert done.files == [
        "0_Transformer/config.json",
        "0_Transformer/pytorch_model.bin",
        "0_Transformer/vocab.txt",
        "1_Pooling/config.json",
        "modules.json",
    ]
    rows = compare(open_model(source), open_model(tmp_path / "target"))
    assert {row.status for row in rows} == {"equal"}


# The target


def test_a_target_that_is_not_empty(bert: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    convert(bert, target, format="safetensors", shard_size="2KB")  # an empty folder is fine
    (target / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds files \(config.json, .*--force"):
        convert(bert, target, format="safetensors")
    done = convert(bert, target, format="safetensors", force=True)
    assert sorted(os.listdir(target)) == ["config.json", "model.safetensors", "notes.txt"]
    assert done.notes == []
    (note,) = convert(bert, target, format="pytorch", force=True).notes
    assert "also holds model.safetensors, which is read before" in note


def test_the_source_is_no_target(bert: Path, tmp_path: Path) -> None:
    before = state(bert)
    (tmp_path / "link").symlink_to(bert)
    for target in (bert, tmp_path / "link"):
        with pytest.raises(InputError, match="the folder of the source"):
            convert(bert, target, format="pytorch", force=True)
    with pytest.raises(InputError, match="is a file"):
        convert(bert, bert / "config.json", format="pytorch", force=True)
    assert state(bert) == before


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("stage", ["writing", "comparing"])
@pytest.mark.parametrize("place", ["new", "deep/below/new", "empty", "full"])
def test_a_failure_leaves_nothing(error: BaseException, stage: str, place: str, bert: Path, tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "model.safetensors").write_bytes(b"mine")

    def fail(what: str, done: int, total: int) -> None:
        if what == stage and done > total / 2:
            raise error

    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    with pytest.raises(type(error)):
        convert(bert, tmp_path / place, format="safetensors", force=True, progress=fail)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    assert (tmp_path / "full" / "model.safetensors").read_bytes() == b"mine"


def test_what_was_written_wrongly_is_not_kept(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_bit(*args: Any, **options: Any) -> list[Path]:
        paths = save_checkpoint(*args, **options)
        content = bytearray(paths[0].read_bytes())
        content[-1] ^= 1
        paths[0].write_bytes(content)
        return paths

    monkeypatch.setattr(importlib.import_module("pretrained.conversion.convert"), "save_checkpoint", one_bit)
    with pytest.raises(CheckpointError, match=r"did not come back: its values differ\. Nothing was kept"):
        convert(bert, tmp_path / "target", format="safetensors")
    assert os.listdir(tmp_path) == ["source"]


def test_progress_reaches_its_end(bert: Path, tmp_path: Path) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    convert(
        bert,
        tmp_path / "target",
        format="pytorch",
        progress=lambda what, done, total: seen.setdefault(what, []).append((done, total)),
    )
    assert list(seen) == ["writing", "comparing"]
    for steps in seen.values():
        assert steps == sorted(steps)
    assert seen["writing"][-1][0] == seen["writing"][-1][1]


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_conversion_left_goes_away(bert: Path, tmp_path: Path, there: bool) -> None:
    target = tmp_path / "target"
    place = target if there else tmp_path
    old, young = place / ".target.abcd1234", place / ".target.abcd1235"
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "model.safetensors").touch()
    for path in (old / "model.safetensors", old):
        os.utime(path, (1, 1))
    convert(bert, target, format="pytorch")
    assert not old.exists()
    assert young.is_dir()
    assert sorted(name for name in os.listdir(target) if name[0] != ".") == ["config.json", "pytorch_model.bin"]


def test_options_that_are_none(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError):
        convert(bert, tmp_path / "target", format="onnx")
    with pytest.raises(ValueError, match="shard_size"):
        convert(bert, tmp_path / "target", format="flax", shard_size="big")
    with pytest.raises(TypeError, match="colour"):
        convert(bert, tmp_path / "target", format="pytorch", colour="red")
    assert os.listdir(tmp_path) == ["source"]


def test_a_class_that_no_format_of_tensorflow_holds(tmp_path: Path) -> None:
    BertForSequenceClassification(BertConfig(**SIZES)).save_pretrained(tmp_path / "source", dtype="bfloat16")
    done = convert(tmp_path / "source", tmp_path / "target", format="tf")
    assert any("bfloat16" in note and "float32" in note for note in done.notes)
    assert {row.status for row in compare(open_model(tmp_path / "source"), open_model(done.target))} == {"equal"}
