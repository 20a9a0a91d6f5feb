"""Are the short names all there, with the facts as published?"""

import json
from pathlib import Path

import pytest

from pretrained.hub import DEFAULT_MODEL, resolve, short_name, short_names
from pretrained.hub.catalogue import hub_ids

MODELS = Path(__file__).resolve().parents[2] / "pretrained" / "models"


def test_a_short_name() -> None:
    found = short_name("bert-base-chinese")
    assert found is not None
    assert (found.name, found.architecture, found.hub_id) == (
        "bert-base-chinese",
        "bert",
        "google-bert/bert-base-chinese",
    )
    assert (found.do_lower_case, found.max_length, found.tokenizer_class) == (False, 512, "BertTokenizer")
    assert found.tokenizer_files == ("vocab.txt", "tokenizer.json")
    assert short_name("no-such-model") is None


def test_every_folder_is_named_after_its_architecture() -> None:
    folders = sorted(path.parent for path in MODELS.glob("*/checkpoints.json"))
    assert len(folders) == 35
    for folder in folders:
        catalogue = json.loads((folder / "checkpoints.json").read_text(encoding="utf-8"))
        assert catalogue["architecture"].replace("-", "_") == folder.name
        assert catalogue["checkpoints"]
    assert len(short_names()) == 199


def test_facts_equal_the_reference(shared_data: Path) -> None:
    path = shared_data.parent / "reference" / "catalogue.json"
    if not path.is_file():
        pytest.skip("the reference catalogue is not beside this checkout")
    reference = json.loads(path.read_text(encoding="utf-8"))
    assert reference.keys() == short_names().keys()
    for name, facts in reference.items():
        found = short_names()[name]
        for key, value in facts.items():
            if key not in ("since", "last_listed", "weights_listed_for", "documentation_only"):
                assert getattr(found, key) == (tuple(value) if key == "tokenizer_files" else value), (name, key)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("bert-base-uncased", ("bert-base-uncased", "google-bert/bert-base-uncased")),
        ("google-bert/bert-base-uncased", ("google-bert/bert-base-uncased", "bert-base-uncased")),
        (
            "bert-base-japanese",
            ("bert-base-japanese", "tohoku-nlp/bert-base-japanese", "cl-tohoku/bert-base-japanese"),
        ),
        ("bart-cnn", ("bart-cnn", "facebook/bart-large-cnn", "bart-large-cnn")),
        ("someone/something", ("someone/something",)),
        ("something", ("something",)),
    ],
)
def test_ids_under_which_a_model_may_be_stored(name: str, ids: tuple[str, ...]) -> None:
    assert hub_ids(name) == ids


def test_the_default_model_is_installed_and_whole(minilm: Path) -> None:
    files = resolve(DEFAULT_MODEL)
    assert (files.kind, files.root) == ("package", minilm)
    assert files.weights().paths == (minilm / "model.safetensors",)
    assert files.config()["hidden_size"] == 384
    assert files.get("1_Pooling/config.json") == minilm / "1_Pooling" / "config.json"
