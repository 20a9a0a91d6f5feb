"""Does every folder shape that the table calls loadable give the very model and tokenizer that were put in?"""

import io
import json
import os
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from pretrained import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer
from pretrained.errors import ModelFileNotFoundError
from tests.hub.folder_shapes import SHAPES
from tests.hub.material import Material

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
    )


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
