"""Do real tf_model.h5 files, written by TensorFlow's own classes, load and compute what TensorFlow computes?

The golden files come from tests/goldens/make_keras_h5.py.
"""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

import pretrained

GOLDENS = Path(__file__).parents[1] / "goldens" / "keras_h5" / "models.tar.xz"
SPECIAL = ("named", "sharded", "users")
IDS = torch.tensor([[5, 7, 2, 11, 23, 4], [3, 9, 14, 6, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])


def names():
    with tarfile.open(GOLDENS) as archive:
        return sorted({member.name.partition("/")[0] for member in archive} - set(SPECIAL))


@pytest.fixture(scope="session")
def goldens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras_h5")
    with tarfile.open(GOLDENS) as archive:
        archive.extractall(folder, filter="data")
    return folder


def inputs(name):
    """As in the script that made the files."""
    if "DoubleHeads" in name or "MultipleChoice" in name:
        given = {"input_ids": torch.stack([IDS, IDS.flip(1)], 1), "attention_mask": torch.stack([MASK, MASK], 1)}
        return given | ({"mc_token_ids": torch.tensor([[3, 5], [2, 4]])} if "DoubleHeads" in name else {})
    return {"input_ids": IDS} if "TransfoXL" in name else {"input_ids": IDS, "attention_mask": MASK}


def close(outputs, folder):
    expected = np.load(io.BytesIO((folder / "outputs.npz").read_bytes()))
    compared = 0
    for key, value in expected.items():
        torch.testing.assert_close(outputs[key], torch.from_numpy(value), rtol=0, atol=1e-5)
        compared += 1
    assert compared


@pytest.mark.parametrize("name", names())
def test_a_model_of_tensorflow_computes_the_same(name, goldens):
    model, info = getattr(pretrained, name).from_pretrained(goldens / name, output_loading_info=True)
    assert info["missing_keys"] == []
    assert info["unexpected_keys"] == []
    assert model.load_report.notes == []
    with torch.no_grad():
        close(model(**inputs(name)), goldens / name)
