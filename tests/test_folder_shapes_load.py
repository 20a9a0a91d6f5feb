"""Does every folder shape that the table calls loadable give the very model and tokenizer that were put in?"""

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from pretrained import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    GPT2Config,
    GPT2Model,
    OpenAIGPTConfig,
    OpenAIGPTModel,
)
from pretrained.checkpoints.checkpoint import Renamed, from_state_dict
from pretrained.checkpoints.flax_msgpack_writer import write_flax
from pretrained.errors import ModelFileNotFoundError
from pretrained.flax_names import flax_names
from tests.hub.folder_shapes import SHAPES
from tests.hub.material import Material
from tests.keras_file import keras_names, write_keras
from tests.tf_bundle import google_names, write_bundle

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "here", "is", "##s", "some", "text"]
IDS = [2, 5, 6, 8, 9, 3]  # [CLS] here is some text [SEP]


@pytest.fixture(scope="module")
def source() -> BertModel:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(VOCAB),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=16,
    )
    return BertModel(config).eval()


@pytest.fixture(scope="module")
def material(source, tmp_path_factory) -> Material:
    """The bytes of a real tiny model in every layout."""
    tensors = {name: tensor.contiguous() for name, tensor in source.state_dict().items()}
    names = sorted(tensors)
    halves = names[: len(names) // 2], names[len(names) // 2 :]

    def pickled(part, zipped=True):
        target = io.BytesIO()
        torch.save({name: tensors[name] for name in part}, target, _use_new_zipfile_serialization=zipped)
        return target.getvalue()

    def sharded(pattern, write):
        files = [pattern.format(number) for number in (1, 2)]
        index = {"weight_map": {name: file for file, half in zip(files, halves, strict=True) for name in half}}
        return {file: write(half) for file, half in zip(files, halves, strict=True)}, index

    shards, index = sharded(
        "model-0000{}-of-00002.safetensors", lambda half: safetensors.torch.save({n: tensors[n] for n in half})
    )
    bins, bin_index = sharded("pytorch_model-0000{}-of-00002.bin", pickled)
    folder = tmp_path_factory.mktemp("tokenizer")
    foreign = _foreign_files(source, tmp_path_factory.mktemp("foreign"))
    (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    return replace(
        Material.tiny(),
        config=source.config.to_dict() | {"architectures": ["BertModel"]},
        vocab=VOCAB,
        tokenizer_json=(folder / "tokenizer.json").read_bytes(),
        safetensors=safetensors.torch.save(tensors),
        pytorch_bin=pickled(names),
        legacy_bin=pickled(names, zipped=False),
        safetensors_shards=shards,
        safetensors_index=index,
        pytorch_shards=bins,
        pytorch_index=bin_index,
        **foreign,
    )


def _foreign_files(source: BertModel, folder: Path) -> dict[str, object]:
    """The model as other frameworks write it, in one file and in two."""
    arrays = {name: tensor.numpy() for name, tensor in source.state_dict().items()}

    def keras(path, part):
        chosen = ((name, tensor) for name, tensor in keras_names(arrays) if name in part)
        write_keras(chosen, path, shard="-of-" in path.name)

    def flax(path, part):
        names = {name: origin for name, origin in flax_names(source).items() if name in part}
        write_flax(Renamed(from_state_dict(source.state_dict()), names), path)

    def files(stem, ending, names, write):
        half = len(names) // 2
        parts = {f"{stem}-00001-of-00002{ending}": names[:half], f"{stem}-00002-of-00002{ending}": names[half:]}
        for file, part in ({f"{stem}{ending}": names} | parts).items():
            write(folder / file, set(part))
        index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
        return (folder / f"{stem}{ending}").read_bytes(), {file: (folder / file).read_bytes() for file in parts}, index

    h5, h5_shards, h5_index = files("tf_model", ".h5", sorted(name for name, _ in keras_names(arrays)), keras)
    msgpack, msgpack_shards, msgpack_index = files("flax_model", ".msgpack", sorted(flax_names(source)), flax)
    checkpoints = []
    for shards in (1, 2):
        write_bundle(google_names(arrays), folder / f"{shards}.ckpt", shards=shards)
        paths = folder.glob(f"{shards}.ckpt*")
        checkpoints.append({path.name.removeprefix(f"{shards}.ckpt"): path.read_bytes() for path in paths})
    return {
        "h5": h5,
        "h5_shards": h5_shards,
        "h5_index": h5_index,
        "msgpack": msgpack,
        "msgpack_shards": msgpack_shards,
        "msgpack_index": msgpack_index,
        "tf_checkpoint": checkpoints[0],
        "tf_checkpoint_shards": checkpoints[1],
    }


@pytest.mark.filterwarnings("ignore:.*newer")
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.loads], ids=lambda shape: shape.name)
def test_loads(shape, source, material, tmp_path):
    if shape.links and os.name == "nt":
        pytest.skip("needs symbolic links")
    folder = tmp_path / "model"
    folder.mkdir()
    name = shape.build(folder, material) or folder
    model = BertModel.from_pretrained(name)
    for key, tensor in source.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor), key
    ids = torch.tensor([IDS])
    assert torch.equal(model(ids)[0], source(ids)[0])
    assert BertTokenizer.from_pretrained(name).encode("Here is some text") == IDS
    assert type(AutoModel.from_pretrained(name)) is BertModel
    assert AutoTokenizer.from_pretrained(name).encode("Here is some text") == IDS


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.reading], ids=lambda shape: shape.name)
def test_damage_that_only_reading_tells(shape, material, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(shape.reading.error) as raised:
        BertModel.from_pretrained(shape.build(folder, material) or folder)
    assert all(words in str(raised.value) for words in shape.reading.words)


def test_gpt_as_published(tmp_path):
    """Ten arrays that are one row of numbers, cut without regard to the tensors; no configuration."""
    torch.manual_seed(2)
    model = OpenAIGPTModel(OpenAIGPTConfig(vocab_size=9, n_positions=8, n_ctx=8, n_embd=64, n_head=1, n_layer=2)).eval()
    state = model.state_dict()
    layer = [f"{part}.{kind}" for part in ("attn.c_attn", "attn.c_proj", "ln_1") for kind in ("weight", "bias")]
    layer += [f"{part}.{kind}" for part in ("mlp.c_fc", "mlp.c_proj", "ln_2") for kind in ("weight", "bias")]
    names = ["positions_embed.weight", "tokens_embed.weight", *(f"h.{n}.{name}" for n in range(2) for name in layer)]
    kernels = {name for name in names if ".c_" in name and name.endswith(".weight")}
    shapes = [[1] * (name in kernels) + list(state[name].shape) for name in names]
    row = np.concatenate([state[name].numpy().ravel() for name in names])
    for number, part in enumerate(np.array_split(row, 10)):
        np.save(tmp_path / f"params_{number}.npy", part)
    (tmp_path / "params_shapes.json").write_text(json.dumps(shapes))
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is OpenAIGPTModel
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(loaded(ids)[0], model(ids)[0])


def test_gpt2_as_published(tmp_path):
    torch.manual_seed(3)
    model = GPT2Model(GPT2Config(vocab_size=9, n_positions=8, n_ctx=8, n_embd=8, n_head=2, n_layer=1)).eval()
    kinds = {"weight": "w", "bias": "b"}
    tensors = {}
    for name, tensor in model.state_dict().items():
        stem, _, kind = name.rpartition(".")
        if stem in ("wte", "wpe"):
            tensors[f"model/{stem}"] = tensor.numpy()
            continue
        kind = "g" if ("ln_" in stem and kind == "weight") else kinds[kind]
        shape = (1, *tensor.shape) if kind == "w" else tuple(tensor.shape)
        tensors[f"model/{stem.replace('h.0.', 'h0/').replace('.', '/')}/{kind}"] = tensor.numpy().reshape(shape)
    write_bundle(tensors.items(), tmp_path / "model.ckpt")
    hparams = {"n_vocab": 9, "n_ctx": 8, "n_embd": 8, "n_head": 2, "n_layer": 1}
    (tmp_path / "hparams.json").write_text(json.dumps(hparams))
    loaded = AutoModel.from_pretrained(tmp_path / "model.ckpt")
    assert type(loaded) is GPT2Model
    assert loaded.load_report.missing == loaded.load_report.unexpected == []
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(loaded(ids)[0], model(ids)[0])


def test_a_vocabulary_alone_is_a_tokenizer(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    for name in (tmp_path, tmp_path / "vocab.txt", f"{tmp_path}/"):
        assert BertTokenizer.from_pretrained(name).encode("here is") == [2, 5, 6, 3]
        assert AutoTokenizer.from_pretrained(name).encode("here is") == [2, 5, 6, 3]
    with pytest.raises(ModelFileNotFoundError, match=r"config\.json"):
        BertModel.from_pretrained(tmp_path)


def test_a_compiled_tokenizer_alone_is_a_tokenizer(material, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes(material.tokenizer_json)
    assert BertTokenizer.from_pretrained(tmp_path).encode("here is") == [2, 5, 6, 3]
    assert AutoTokenizer.from_pretrained(tmp_path).encode("here is") == [2, 5, 6, 3]


@pytest.mark.parametrize(
    "keep", [("model_type",), ("architectures",), ()], ids=["model_type", "architectures", "neither"]
)
def test_the_family_is_found_by_what_there_is(keep, source, material, tmp_path):
    config = {k: v for k, v in material.config.items() if k not in {"model_type", "architectures"} - set(keep)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(material.safetensors)
    (tmp_path / "vocab.txt").write_text("\n".join(VOCAB))
    model = AutoModel.from_pretrained(tmp_path)
    assert type(model) is BertModel
    reason = f"config.json says {keep[0]}" if keep else "config.json has the keys of bert"
    assert f"BertModel was chosen: {reason}" in str(model.load_report)
    assert AutoTokenizer.from_pretrained(tmp_path).encode("here is") == [2, 5, 6, 3]
