"""CamembertTokenizer gives published ids, and folders go to and from today's transformers."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from pretrained import AutoTokenizer
from pretrained.models.camembert import FAMILY
from pretrained.models.camembert.tokenization_camembert import CamembertTokenizer
from tests.tokenization.sentencepiece_material import (
    comparable,
    corpus,
    package,
    same_as_transformers,
    shared_texts,
    texts,
    train,
)

TRAINED = train()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("camembert")
    (path / "sentencepiece.bpe.model").write_bytes(TRAINED)
    (path / "config.json").write_text('{"model_type": "camembert"}')
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> CamembertTokenizer:
    return CamembertTokenizer.from_pretrained(folder)


def shifted(data: bytes, text: str) -> list[int]:
    """The ids of fairseq: unknown is 3, every other piece has four more than in the model."""
    return [index + 4 if index else 3 for index in package(data).encode(text)]


def test_the_family_declares_it(folder: Path) -> None:
    assert FAMILY.tokenizers == ("tokenization_camembert:CamembertTokenizer",)
    assert FAMILY.aliases["CamembertTokenizerFast"] == "CamembertTokenizer"
    assert type(AutoTokenizer.from_pretrained(folder)) is CamembertTokenizer


def test_ids_and_layout(tokenizer: CamembertTokenizer) -> None:
    pieces = package(TRAINED).get_piece_size()
    names = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>", "<mask>"]
    assert tokenizer.convert_tokens_to_ids(names) == [0, 1, 2, 3, 4, 5, 6, pieces + 4]
    assert tokenizer.vocab_size == len(tokenizer) == pieces + 5
    assert tokenizer.additional_special_tokens == ["<s>NOTUSED", "</s>NOTUSED"]
    the = tokenizer.convert_tokens_to_ids("▁the")
    pair = tokenizer("the", "the the")
    assert list(pair) == ["input_ids", "attention_mask"]
    assert pair["input_ids"] == [5, the, 6, 6, the, the, 6]
    assert tokenizer("the", "the", return_token_type_ids=True)["token_type_ids"] == [0] * 6
    assert tokenizer.tokenize("the <mask>") == ["▁the", "<mask>"]
    assert tokenizer(["the", "the the"], padding=True)["input_ids"][0] == [5, the, 6, 1]


@settings(max_examples=200, deadline=None)
@given(text=texts.filter(lambda text: "<" not in text))
def test_any_text(tokenizer: CamembertTokenizer, text: str) -> None:
    own = tokenizer(text, add_special_tokens=False)
    assert own["input_ids"] == shifted(TRAINED, text)
    assert own.tokens() == package(TRAINED).encode(text, return_type=str)


def test_exchange_with_transformers(folder: Path, tmp_path: Path) -> None:
    same_as_transformers(CamembertTokenizer.from_pretrained(folder), tmp_path, comparable(corpus()[::10]))


def test_texts_in_all_languages(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "vocab" / "sentencepiece-fixtures" / "test_sentencepiece.model"
    tokenizer = CamembertTokenizer(path)
    data = path.read_bytes()
    for text in shared_texts(shared_data, longest=500):
        if "<" not in text:
            assert tokenizer.encode(text, add_special_tokens=False) == shifted(data, text), text[:80]
    same_as_transformers(tokenizer, tmp_path, comparable(shared_texts(shared_data))[::10])
