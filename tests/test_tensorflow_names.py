"""Is what we write for TensorFlow what TensorFlow's own classes write, and does it come back bit by bit?

The golden files come from tests/goldens/make_keras_h5.py; tests/goldens/check_keras_h5.py loads what we write in the
real classes.
"""

import json

import h5py
import pytest
import torch

import pretrained
from pretrained import BertConfig, BertForMaskedLM, UnsupportedFormatError, registry
from pretrained.tensorflow_names import tensorflow_names
from tests.keras_file import golden_files, golden_names

WITHOUT = ("XLNetForQuestionAnswering", "XLMForQuestionAnswering", "FlaubertForQuestionAnswering")


@pytest.fixture(scope="session")
def goldens(tmp_path_factory):
    return golden_files(tmp_path_factory.mktemp("keras_h5"))


def texts(values):
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def described(path):
    """Place → shape, type and bytes of each dataset; layer → its tensors; the attributes of the file."""
    with h5py.File(path) as file:
        listed = {layer: set(texts(file[layer].attrs["weight_names"])) for layer in texts(file.attrs["layer_names"])}
        arrays = {}
        file.visititems(
            lambda name, item: (
                arrays.update({name: (item.shape, item.dtype.str, item[()].tobytes())})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
        own = {key: texts([value])[0] for key, value in file.attrs.items() if key != "layer_names"}
        extra = list(file["top_level_model_weights"].attrs["weight_names"])
        return arrays, {layer: held for layer, held in listed.items() if held}, own, extra


@pytest.mark.parametrize("name", golden_names())
def test_what_we_write_is_what_tensorflow_writes(name, goldens, tmp_path):
    model = getattr(pretrained, name).from_pretrained(goldens / name)
    model.save_pretrained(tmp_path, format="tf")
    ours, theirs = described(tmp_path / "tf_model.h5"), described(goldens / name / "tf_model.h5")
    if name.startswith("Albert"):  # a bias that TensorFlow makes and never uses
        unused = [place for place in theirs[0] if place.endswith("/predictions/bias:0")]
        for arrays, *_ in (ours, theirs):
            for place in unused:
                arrays[place] = arrays[place][:2]
    assert ours == theirs


def test_shards_are_those_that_transformers_writes(goldens, tmp_path):
    pretrained.BertModel.from_pretrained(goldens / "sharded").save_pretrained(tmp_path, format="tf", shard_size="3KB")
    found = []
    for folder in (tmp_path, goldens / "sharded"):
        index = json.loads((folder / "tf_model.h5.index.json").read_text())
        places = {name.partition("/")[2]: place for name, place in index["weight_map"].items()}  # without the model's
        arrays = {}
        for shard in folder.glob("tf_model-*.h5"):
            with h5py.File(shard) as file:
                names = texts(file.attrs["layer_names"])
                arrays |= {name: file[name][()].tobytes() for name in names}
                assert {places[name] for name in names} == {shard.name}
        assert set(arrays) == set(places)
        found.append((arrays, index["metadata"]))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", golden_names())
def test_it_comes_back_bit_by_bit(name, goldens, tmp_path):
    model_class = getattr(pretrained, name)
    torch.manual_seed(0)
    model = model_class(model_class.config_class.from_pretrained(goldens / name))
    model.save_pretrained(tmp_path, format="tf")
    back, info = model_class.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert back.load_report.notes == []
    assert back.state_dict().keys() == model.state_dict().keys()
    for key, value in model.state_dict().items():
        assert torch.equal(value, back.state_dict()[key]), key


def test_every_class_with_a_twin_has_a_golden_file():
    classes = set()
    for family in registry.families().values():
        for target in (*family.models.values(), *family.classes):
            found = registry.load(family, target)
            if getattr(found, "tensorflow", None) is not None and not found.__name__.endswith("PreTrainedModel"):
                classes.add(found.__name__)
    assert classes == set(golden_names())


@pytest.mark.parametrize("name", WITHOUT)
def test_a_class_that_tensorflow_never_had_is_refused(name):
    model_class = getattr(pretrained, name)
    with torch.device("meta"):
        model = model_class(model_class.config_class())
    with pytest.raises(UnsupportedFormatError, match=f"never had a class TF{name}"):
        tensorflow_names(model)


def test_a_matrix_of_scores_that_is_not_the_embedding_is_refused():
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, tie_word_embeddings=False)
    with torch.device("meta"):
        model = BertForMaskedLM(config)
    with pytest.raises(UnsupportedFormatError, match=r"cls\.predictions\.decoder\.weight"):
        tensorflow_names(model)
