"""Are the files of sentence-transformers read as that library reads them?"""

import json
import shutil

import numpy as np
import pytest
import torch

from pretrained import Encoder
from pretrained.errors import ConfigurationError, ModelFileNotFoundError, UnsupportedFormatError
from pretrained.hub import resolve
from pretrained.runner.sentence_files import read

TEXTS = ["the cat sat on the mat .", "a dog", "", "unable and away , the dogs ran " * 9]


def save(small_bert, folder, *modules, max_length=24):
    """What sentence-transformers itself writes, and the vectors that it gives."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from sentence_transformers.models import Transformer

    network = Transformer(str(small_bert), max_seq_length=max_length)
    model = sentence_transformers.SentenceTransformer(modules=[network, *modules], device="cpu")
    model.save(str(folder))
    return model.encode(TEXTS, show_progress_bar=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])
def test_pooling(small_bert, tmp_path, mode):
    from sentence_transformers.models import Pooling

    expected = save(small_bert, tmp_path, Pooling(32, mode))
    encoder = Encoder(tmp_path)
    assert (encoder.pooling, encoder.normalize, encoder.max_length) == (mode, False, 24)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("safe", [True, False])
def test_projections_and_normalisation(small_bert, tmp_path, safe):
    from sentence_transformers.models import Dense, Normalize, Pooling

    dense = [Dense(32, 20), Dense(20, 7, bias=False, activation_function=torch.nn.Identity())]
    expected = save(small_bert, tmp_path, Pooling(32, "cls"), *dense, Normalize())
    if not safe:  # as older releases saved it
        (tmp_path / "2_Dense" / "model.safetensors").unlink()
        torch.save(dense[0].state_dict(), tmp_path / "2_Dense" / "pytorch_model.bin")
    encoder = Encoder(tmp_path)
    assert (encoder.dimension, encoder.normalize) == (7, True)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert encoder.token_vectors("a cat")[0].shape == (4, 32)


def written(small_bert, tmp_path, modules, files):
    folder = tmp_path / "model"
    shutil.copytree(small_bert, folder)
    named = [{"idx": n, "name": str(n), "path": path, "type": kind} for n, (path, kind) in enumerate(modules)]
    for name, content in {"modules.json": named, **files}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    return folder


NETWORK = ("", "sentence_transformers.models.Transformer")
POOLING = ("1_Pooling", "sentence_transformers.models.Pooling")
DENSE = ("2_Dense", "sentence_transformers.models.Dense")
NORMALIZE = ("2_Normalize", "sentence_transformers.models.Normalize")
FLAGS = {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (FLAGS | {"pooling_mode_cls_token": True}, "cls"),
        (FLAGS | {"pooling_mode_max_tokens": True}, "max"),
        (FLAGS | {"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len_tokens"),
        (FLAGS, "mean"),
        ({"embedding_dimension": 32, "pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["lasttoken"]}, "lasttoken"),
    ],
)
def test_pooling_of_every_year(small_bert, tmp_path, config, expected):
    folder = written(small_bert, tmp_path, [NETWORK, POOLING], {"1_Pooling/config.json": config})
    assert read(resolve(folder)).pooling == expected


def test_text_options(small_bert, tmp_path):
    files = {
        "1_Pooling/config.json": FLAGS,
        "sentence_bert_config.json": {"max_seq_length": 9, "do_lower_case": True},
        "config_sentence_transformers.json": {"prompts": {"query": "a cat and "}, "default_prompt_name": "query"},
    }
    folder = written(small_bert, tmp_path, [NETWORK, POOLING, NORMALIZE], files)
    said = read(resolve(folder))
    assert (said.max_length, said.lower_case, said.prompt, said.normalize) == (9, True, "a cat and ", True)
    plain = Encoder(small_bert, max_length=9, normalize=True)
    np.testing.assert_array_equal(Encoder(folder).encode("DOGS ran"), plain.encode("a cat and dogs ran"))
    assert Encoder(folder).tokens("The dog ran away")[0][1:8] == ["a", "cat", "and", "the", "dog", "ran", "away"]


def test_the_caller_decides_otherwise(small_bert, tmp_path):
    files = {"1_Pooling/config.json": FLAGS, "sentence_bert_config.json": {"max_seq_length": 9}}
    folder = written(small_bert, tmp_path, [NETWORK, POOLING, NORMALIZE], files)
    encoder = Encoder(folder, pooling="max", normalize=False, max_length=12)
    assert (encoder.pooling, encoder.normalize, encoder.max_length) == ("max", False, 12)


def test_a_network_in_a_folder_below(small_bert, tmp_path):
    shutil.copytree(small_bert, tmp_path / "0_Transformer")
    modules = [{"path": "0_Transformer", "type": NETWORK[1]}, {"path": "1_Pooling", "type": POOLING[1]}]
    (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "cls"}), encoding="utf-8")
    (tmp_path / "0_Transformer" / "sentence_bert_config.json").write_text('{"max_seq_length": 11}', encoding="utf-8")
    encoder = Encoder(tmp_path)
    assert (encoder.pooling, encoder.max_length) == ("cls", 11)
    np.testing.assert_array_equal(
        encoder.encode(TEXTS), Encoder(small_bert, pooling="cls", max_length=11).encode(TEXTS)
    )


def test_without_such_files_it_is_the_mean(small_bert):
    said = read(resolve(small_bert))
    assert (said.pooling, said.normalize, said.max_length, said.projections) == ("mean", False, None, [])


@pytest.mark.parametrize(
    ("modules", "files", "error", "message"),
    [
        ([NETWORK, ("1_CNN", "sentence_transformers.models.CNN")], {}, UnsupportedFormatError, "models.CNN"),
        ([NETWORK, POOLING], {}, ModelFileNotFoundError, "1_Pooling"),
        (
            [NETWORK, POOLING],
            {"1_Pooling/config.json": FLAGS | {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}},
            UnsupportedFormatError,
            "cls and max",
        ),
        (
            [NETWORK, DENSE],
            {"2_Dense/config.json": {"activation_function": "torch.nn.Softsign"}},
            UnsupportedFormatError,
            "Softsign",
        ),
        ([NETWORK, DENSE], {"2_Dense/config.json": {"use_residual": True}}, UnsupportedFormatError, "residual"),
        ([NETWORK, DENSE], {"2_Dense/config.json": {}}, ModelFileNotFoundError, "neither model.safetensors"),
        ([NETWORK, NORMALIZE, DENSE], {}, UnsupportedFormatError, "Dense after Normalize"),
        (
            [NETWORK],
            {"config_sentence_transformers.json": {"prompts": {}, "default_prompt_name": "query"}},
            ConfigurationError,
            "'query'",
        ),
        ([], {"modules.json": {"0": "Transformer"}}, ConfigurationError, "must be a list of objects"),
    ],
)
def test_what_is_not_run_is_named(small_bert, tmp_path, modules, files, error, message):
    folder = written(small_bert, tmp_path, modules, files)
    with pytest.raises(error, match=message):
        read(resolve(folder))
