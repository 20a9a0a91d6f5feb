"""AlbertTokenizer gives published ids, and folders go to and from today's transformers."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pretrained import AutoTokenizer
from pretrained.models.albert import FAMILY
from pretrained.models.albert.tokenization_albert import AlbertTokenizer
from tests.tokenization.sentencepiece_material import (
    check_golden,
    comparable,
    corpus,
    golden,
    package,
    published,
    same_as_transformers,
    shared_texts,
    texts,
    train,
)

SPECIAL = {"unk_id": 1, "bos_id": 2, "eos_id": 3, "pad_id": 0, "bos_piece": "[CLS]", "eos_piece": "[SEP]"}
TRAINED = train(**SPECIAL, control_symbols="[MASK]", symbols=(".", '"'))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("albert")
    (path / "spiece.model").write_bytes(TRAINED)
    (path / "config.json").write_text('{"model_type": "albert"}')
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> AlbertTokenizer:
    return AlbertTokenizer.from_pretrained(folder)


def test_the_family_declares_it(folder: Path) -> None:
    assert FAMILY.tokenizers == ("tokenization_albert:AlbertTokenizer",)
    assert FAMILY.aliases["AlbertTokenizerFast"] == "AlbertTokenizer"
    assert type(AutoTokenizer.from_pretrained(folder)) is AlbertTokenizer


def test_layout(tokenizer: AlbertTokenizer) -> None:
    one = tokenizer("The house", "and café")
    assert one.tokens()[0] == "[CLS]"
    assert one["input_ids"][0] == tokenizer.cls_token_id == 2
    first = len(tokenizer.tokenize("The house")) + 2
    assert one["token_type_ids"] == [0] * first + [1] * (len(one["input_ids"]) - first)
    assert [index for index, token in enumerate(one.tokens()) if token == "[SEP]"] == [first - 1, len(one.tokens()) - 1]
    batch = tokenizer(["the", "the house of"], padding=True)
    assert batch["input_ids"][0][-1] == tokenizer.pad_token_id == 0
    assert tokenizer.decode(one["input_ids"]) == "[CLS] the house[SEP] and cafe[SEP]"


def test_options(folder: Path) -> None:
    cased = AlbertTokenizer.from_pretrained(folder, do_lower_case=False, keep_accents=True)
    assert cased.tokenize("THE café") == package(TRAINED).encode("THE café", return_type=str)
    assert cased.init_kwargs["do_lower_case"] is False
    assert cased.do_lower_case is False
    assert AlbertTokenizer.from_pretrained(folder, remove_space=False).remove_space is False


@settings(max_examples=200, deadline=None)
@given(text=texts.filter(lambda text: "<unk>" not in text))
def test_any_text_is_cut_as_3_5_1_cut_it(tokenizer: AlbertTokenizer, text: str) -> None:
    own = tokenizer(text, add_special_tokens=False)
    assert (own.tokens(), own["input_ids"]) == published(TRAINED, text, lower=True)


def test_exchange_with_transformers(folder: Path, tmp_path: Path) -> None:
    same_as_transformers(AlbertTokenizer.from_pretrained(folder), tmp_path, comparable(corpus()[::10]))


@pytest.fixture(scope="module")
def real(shared_data: Path) -> AlbertTokenizer:
    return AlbertTokenizer(shared_data / "vocab" / "albert" / "spiece.model")


def test_golden_cases(shared_data: Path) -> None:
    rows = golden(shared_data, "tokenizers/albert")
    assert len(rows) == 22

    @cache
    def make(**options: Any) -> AlbertTokenizer:
        return AlbertTokenizer(shared_data / "vocab" / "albert" / "spiece.model", **options)

    for row in rows:
        check_golden(row, make)


def test_the_published_model(real: AlbertTokenizer, shared_data: Path) -> None:
    data = (shared_data / "vocab" / "albert" / "spiece.model").read_bytes()
    assert len(real) == 30000
    for text in shared_texts(shared_data):
        own = real(text, add_special_tokens=False)
        assert (own.tokens(), own["input_ids"]) == published(data, text, lower=True), text[:80]


def test_the_published_model_in_transformers(real: AlbertTokenizer, shared_data: Path, tmp_path: Path) -> None:
    same_as_transformers(real, tmp_path, comparable(shared_texts(shared_data))[::5])
