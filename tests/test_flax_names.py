"""Do files of real Flax models load and compute what Flax computed, and is what we write the file that Flax writes?"""

import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import pretrained
from pretrained.checkpoints import Renamed, from_state_dict, published
from pretrained.checkpoints.flax_msgpack import FlaxFile
from pretrained.checkpoints.flax_msgpack_writer import write_flax
from pretrained.errors import UnsupportedFormatError
from pretrained.flax_names import flax_names
from pretrained.registry import families, load

GOLDENS = Path(__file__).parent / "goldens" / "flax"
with tarfile.open(GOLDENS / "models.tar.xz") as _archive:
    NAMES = sorted(name.partition("/")[0] for name in _archive.getnames() if name.endswith("/flax_model.msgpack"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flax")
    with tarfile.open(GOLDENS / "models.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return load_file(folder / "expected.safetensors")


def the_class(name):
    return getattr(pretrained, name.partition("-")[0])


def write(model, path):
    names = flax_names(model)
    write_flax(Renamed(from_state_dict(model.state_dict()), names), path)
    return names


def test_every_class_of_flax_has_a_golden():
    """Every class that says that Flax had it is among the files, and every family is asked."""
    there = {name.partition("-")[0] for name in NAMES}
    said = set()
    for family in families().values():
        said |= set(load(family, family.models["Model"]).flax_classes)
    assert said == there


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_computes_the_same(name, folder, expected):
    model, info = the_class(name).from_pretrained(folder / name, output_loading_info=True)
    assert info["unexpected_keys"] == []
    assert [key for key in info["missing_keys"] if ".pooler." not in key] == []  # a pooler that no output uses
    wanted = {key.partition("/")[2]: value for key, value in expected.items() if key.startswith(f"{name}/")}
    mask = wanted.pop("attention_mask")
    with torch.no_grad():
        out = model(input_ids=wanted.pop("input_ids").long(), attention_mask=mask.long())
    wanted = {key: value for key, value in wanted.items() if not key.startswith("past_key_values")}
    assert wanted
    for key, value in wanted.items():
        torch.testing.assert_close(out[key], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_written_as_flax_wrote_it(name, folder, tmp_path):
    """The same names, types, shapes and values in the same number of bytes: only the order of the names may differ."""
    model = the_class(name).from_pretrained(folder / name)
    write(model, tmp_path / "flax_model.msgpack")
    ours, theirs = FlaxFile(tmp_path / "flax_model.msgpack"), FlaxFile(folder / name / "flax_model.msgpack")
    added = set(ours.keys()) - set(theirs.keys())
    assert all("/pooler/" in key for key in added)
    if added == set():
        assert (tmp_path / "flax_model.msgpack").stat().st_size == (folder / name / "flax_model.msgpack").stat().st_size
    for key in theirs.keys():
        assert ours.dtype(key) == theirs.dtype(key)
        assert torch.equal(ours.tensor(key), theirs.tensor(key))


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name, folder, tmp_path):
    """PyTorch → Flax → PyTorch is equal bit by bit, for networks that were never Flax's."""
    kind = the_class(name)
    torch.manual_seed(0)
    model = kind(kind.config_class.from_pretrained(folder / name))
    names = write(model, tmp_path / "flax_model.msgpack")
    assert len({origin.key for origin in names.values()}) == len(names)
    model.config.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path, strict=True)
    assert again.load_report.notes == []
    state = model.state_dict()
    assert state.keys() == again.state_dict().keys()
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())


def test_shards(folder):
    name = "BertForSequenceClassification"
    kind = the_class(name)
    whole, parts = kind.from_pretrained(folder / name), kind.from_pretrained(folder / f"{name}-sharded", strict=True)
    state = whole.state_dict()
    assert "3 shards" in parts.load_report.source
    assert all(torch.equal(value, state[key]) for key, value in parts.state_dict().items())


def test_a_class_that_flax_lacks():
    model = pretrained.GPT2ForSequenceClassification(pretrained.GPT2Config(vocab_size=9, n_embd=4, n_layer=1, n_head=2))
    with pytest.raises(UnsupportedFormatError, match="never had this class; of this family it had GPT2LMHead"):
        flax_names(model)
    model = pretrained.CamembertModel(pretrained.CamembertConfig(vocab_size=9, hidden_size=4, num_attention_heads=2))
    with pytest.raises(UnsupportedFormatError, match="CamembertModel cannot be written for Flax"):
        flax_names(model)


def test_every_tensor_is_taken_along(folder):
    """Names lead to published names, so that what a file holds can be written without the model's values."""
    with torch.device("meta"):
        model = pretrained.BertModel(pretrained.BertConfig.from_pretrained(folder / "BertModel"))
    whole = published(FlaxFile(folder / "BertModel" / "flax_model.msgpack"))
    assert {origin.key for origin in flax_names(model).values()} == set(whole.keys())


def test_a_table_that_is_computed_is_in_no_file_and_not_missing(tmp_path):
    config = pretrained.DistilBertConfig(
        vocab_size=9, dim=4, n_layers=1, n_heads=2, hidden_dim=8, max_position_embeddings=6, sinusoidal_pos_embds=True
    )
    model = pretrained.DistilBertModel(config)
    model.save_pretrained(tmp_path, format="flax")
    assert not any("position" in key for key in FlaxFile(tmp_path / "flax_model.msgpack").keys())
    again = pretrained.DistilBertModel.from_pretrained(tmp_path, strict=True)
    assert again.load_report.missing == []
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
