"""Do safetensors files that TensorFlow and Flax wrote load as those of PyTorch do?"""

import json
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import pretrained
from pretrained.checkpoints.safetensors import SafetensorsFile

GOLDENS = Path(__file__).parent / "goldens" / "safetensors"
NAMES = [
    f"{framework}-{name}"
    for framework in ("flax", "tf")
    for name in ("AlbertForMaskedLM", "BertForSequenceClassification", "GPT2LMHeadModel")
]


@pytest.fixture
def folder(tmp_path):
    with tarfile.open(GOLDENS / "models.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def assert_computes_the_same(folder, name):
    kind = getattr(pretrained, name.partition("-")[2])
    model, info = kind.from_pretrained(folder / name, output_loading_info=True)
    assert info["unexpected_keys"] == info["missing_keys"] == []
    expected = load_file(folder / "expected.safetensors")
    with torch.no_grad():
        out = model(
            input_ids=expected[f"{name}/input_ids"].long(), attention_mask=expected[f"{name}/attention_mask"].long()
        )
    torch.testing.assert_close(out.logits, expected[f"{name}/logits"], atol=1e-5, rtol=1e-5)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_outputs(name, folder):
    assert assert_computes_the_same(folder, name).load_report.notes == []


@pytest.mark.parametrize("name", [name for name in NAMES if "tf-GPT2" not in name])
@pytest.mark.parametrize("metadata", [None, {"format": "np"}, {"written": "by hand"}], ids=str)
def test_the_names_tell_when_the_header_does_not(name, metadata, folder):
    path = folder / name / "model.safetensors"
    save_file(load_file(path), folder / "again", metadata)
    path.unlink()  # it may still be mapped
    (folder / "again").rename(path)
    model = assert_computes_the_same(folder, name)
    library = {"tf": "TensorFlow", "flax": "Flax"}[name.partition("-")[0]]
    said = "says format 'np'" if metadata == {"format": "np"} else "does not say which library wrote it"
    assert model.load_report.notes == [f"the header {said}; by the names of its tensors it was {library}"]


def test_names_of_pytorch(tmp_path):
    for metadata, notes in (
        (None, ()),
        ({"format": "pt"}, ()),
        ({"format": "mlx"}, ("the header says format 'mlx'; by the names of its tensors it was PyTorch",)),
    ):
        save_file({"dense.weight": torch.ones(2), "own.kernel": torch.ones(1)}, tmp_path / "file", metadata)
        assert SafetensorsFile(tmp_path / "file").notes == notes
        (tmp_path / "file").unlink()


def test_the_index_of_tensorflow_names_the_model_too(folder):
    """Its shards do not; a tensor that is in neither is still missed."""
    path = folder / "tf-GPT2LMHeadModel" / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    assert all(name.startswith("tfgpt2lm_head_model/") for name in index["weight_map"])
    index["weight_map"]["tfgpt2lm_head_model/transformer/lost:0"] = "model-00001-of-00004.safetensors"
    path.write_text(json.dumps(index))
    with pytest.raises(pretrained.errors.CorruptFileError, match="do not hold: tfgpt2lm_head_model/transformer/lost:0"):
        pretrained.GPT2LMHeadModel.from_pretrained(path.parent)
