"""Do real tf_model.h5 files, written by TensorFlow's own classes, load and compute what TensorFlow computes?

The golden files come from tests/goldens/make_keras_h5.py.
"""

import io
import shutil

import h5py
import numpy as np
import pytest
import torch

import pretrained
from pretrained import BertForPreTraining, BertModel
from pretrained.checkpoints.keras_h5 import KerasFile
from pretrained.checkpoints.names import find_rule
from pretrained.checkpoints.tensorflow_vocabulary import KERAS, TENSORFLOW
from tests.keras_file import golden_files, golden_names

IDS = torch.tensor([[5, 7, 2, 11, 23, 4], [3, 9, 14, 6, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])


@pytest.fixture(scope="session")
def goldens(tmp_path_factory):
    return golden_files(tmp_path_factory.mktemp("keras_h5"))


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


@pytest.mark.parametrize("name", golden_names())
def test_a_model_of_tensorflow_computes_the_same(name, goldens):
    model, info = getattr(pretrained, name).from_pretrained(goldens / name, output_loading_info=True)
    assert info["missing_keys"] == []
    assert info["unexpected_keys"] == []
    assert model.load_report.notes == []
    with torch.no_grad():
        close(model(**inputs(name)), goldens / name)


@pytest.mark.parametrize(
    ("name", "unexpected"), [("named", []), ("sharded", []), ("users", ["scores.weight", "scores.bias"])]
)
def test_whatever_the_model_was_called_and_however_it_was_saved(name, unexpected, goldens):
    """Under a name of its own, in shards, and as a layer of a user's model."""
    model, info = BertModel.from_pretrained(goldens / name, output_loading_info=True)
    assert (info["missing_keys"], info["unexpected_keys"]) == ([], unexpected)
    with torch.no_grad():
        close(model(**inputs("BertModel")), goldens / name)


def test_a_model_loads_into_other_classes(goldens):
    """A network from a pretraining file, and a head above a bare network."""
    _, info = BertModel.from_pretrained(goldens / "BertForPreTraining", output_loading_info=True)
    assert not info["missing_keys"]
    assert all(key.startswith("cls.") for key in info["unexpected_keys"])
    _, info = BertForPreTraining.from_pretrained(goldens / "BertModel", output_loading_info=True)
    assert not info["unexpected_keys"]
    assert all(key.startswith("cls.") for key in info["missing_keys"])


def test_copies_that_differ_are_told_by_the_load_report(goldens, tmp_path, caplog):
    shutil.copytree(goldens / "BertForPreTraining", tmp_path, dirs_exist_ok=True)
    name = "tf_bert_for_pre_training/bert/embeddings/LayerNorm/beta:0"
    with h5py.File(tmp_path / "tf_model.h5", "r+") as file:
        file[f"mlm___cls/{name}"][...] = 7
    model = BertForPreTraining.from_pretrained(tmp_path)
    (note,) = model.load_report.notes
    assert f"/bert/{name}" in note
    assert note in caplog.text
    assert model.bert.embeddings.LayerNorm.bias.tolist() == [7] * 8  # as in TensorFlow, which loads the head last


def test_tensors_are_views_of_the_mapped_file(goldens):
    path = goldens / "BertModel" / "tf_model.h5"
    file = KerasFile(path)
    key = "tf_bert_model/bert/embeddings/word_embeddings/weight:0"
    before = path.read_bytes()
    file.tensor(key).zero_()
    assert not file.tensor(key).any()  # one memory
    assert file.tensor(key, copy=True).any()  # which is not the file's
    assert path.read_bytes() == before


@pytest.mark.parametrize(("name", "published", "transposed"), [
    ("tf_bert_for_pre_training_1/bert/encoder/layer_._11/output/dense/kernel:0",
     "bert.encoder.layer.11.output.dense.weight", True),
    ("tf_bert_model/bert/embeddings/word_embeddings/weight:0", "bert.embeddings.word_embeddings.weight", False),
    ("any thing/bert/embeddings/position_embeddings/embeddings:0", "bert.embeddings.position_embeddings.weight", False),
    ("tf_bert_for_pre_training/nsp___cls/seq_relationship/kernel:0", "cls.seq_relationship.weight", True),
    ("tf_bert_for_masked_lm_3/mlm___cls/predictions/transform/LayerNorm/gamma:0",
     "cls.predictions.transform.LayerNorm.weight", False),
    ("tfgp_t2lm_head_model/transformer/h_._0/attn/c_attn/weight:0", "transformer.h.0.attn.c_attn.weight", False),
    ("tfgpt2lm_head_model/transformer/wte/embeddings:0", "transformer.wte.weight", False),
    ("tf_transfo_xllm_head_model/crit/out_layers_._0_._bias:0", "crit.out_layers.0.bias", False),
    ("tf_transfo_xllm_head_model/crit/out_projs_._2:0", "crit.out_projs.2", True),
    ("tfxlm_with_lm_head_model/pred_layer_._proj/bias:0", "pred_layer.proj.bias", False),
    ("tf_albert_for_masked_lm/predictions/bias:0", None, False),
    ("dense/kernel:0", "dense.weight", True),
])  # fmt: skip
def test_names_of_every_year(name, published, transposed):
    separated = KERAS.separate(name)
    rule = find_rule(separated, KERAS.rules)
    assert (separated if rule is None else rule.apply(separated)) == published
    assert (rule is not None and rule.transpose) == transposed


def test_names_without_that_of_the_model():
    assert TENSORFLOW.separate("bert/pooler/dense/bias:0") == "bert.pooler.dense.bias"
    assert TENSORFLOW.separate("mlm___cls/predictions/bias:0") == "cls.predictions.bias"
