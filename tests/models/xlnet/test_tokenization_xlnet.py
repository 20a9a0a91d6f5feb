"""XLNetTokenizer gives published ids, and folders go to and from today's transformers."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pretrained import AutoTokenizer
from pretrained.models.xlnet import FAMILY
from pretrained.models.xlnet.tokenization_xlnet import XLNetTokenizer
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

TRAINED = train(control_symbols="<cls>,<sep>,<pad>,<mask>,<eod>", symbols=("<eop>", ".", '"'))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As hfl/chinese-xlnet-* are: the model and a configuration, nothing else of a tokenizer."""
    path = tmp_path_factory.mktemp("xlnet")
    (path / "spiece.model").write_bytes(TRAINED)
    (path / "config.json").write_text('{"architectures": ["XLNetLMHeadModel"], "model_type": "xlnet", "d_model": 768}')
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> XLNetTokenizer:
    return XLNetTokenizer.from_pretrained(folder)


def test_the_family_declares_it(folder: Path) -> None:
    assert FAMILY.tokenizers == ("tokenization_xlnet:XLNetTokenizer",)
    assert FAMILY.aliases["XLNetTokenizerFast"] == "XLNetTokenizer"
    assert type(AutoTokenizer.from_pretrained(folder)) is XLNetTokenizer


def test_special_tokens_stand_at_the_end_and_padding_at_the_beginning(tokenizer: XLNetTokenizer) -> None:
    sep, cls, pad = tokenizer.sep_token_id, tokenizer.cls_token_id, tokenizer.pad_token_id
    the, of = tokenizer.convert_tokens_to_ids(["▁the", "▁of"])
    pair = tokenizer("the", "of of")
    assert pair["input_ids"] == [the, sep, of, of, sep, cls]
    assert pair["token_type_ids"] == [0, 0, 1, 1, 1, 2]
    batch = tokenizer(["the", "of of of"], padding=True, return_special_tokens_mask=True)
    assert batch["input_ids"] == [[pad, pad, the, sep, cls], [of, of, of, sep, cls]]
    assert batch["token_type_ids"] == [[3, 3, 0, 0, 2], [0, 0, 0, 0, 2]]
    assert batch["attention_mask"] == [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert batch["special_tokens_mask"] == [[1, 1, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert tokenizer.additional_special_tokens == ["<eop>", "<eod>"]
    assert tokenizer.tokenize("the<eop>of <mask>") == ["▁the", "<eop>", "▁of", "<mask>"]
    assert tokenizer.decode(pair["input_ids"]) == "the<sep> of of<sep><cls>"


def test_a_number_keeps_its_comma_apart(tokenizer: XLNetTokenizer) -> None:
    assert "▁2018," in package(TRAINED).encode("in 2018, it", return_type=str)
    tokens = tokenizer.tokenize("in 2018, it")
    assert tokens[-2:] == [",", "▁it"]
    assert "".join(tokens) == "▁in▁2018,▁it"


def test_options(folder: Path) -> None:
    lower = XLNetTokenizer.from_pretrained(folder, do_lower_case=True)
    assert lower.tokenize("THE Café") == published(TRAINED, "THE Café", lower=True)[0]
    accents = XLNetTokenizer.from_pretrained(folder, keep_accents=True)
    assert accents.tokenize("déjà") == package(TRAINED).encode("déjà", return_type=str)
    blanks = XLNetTokenizer.from_pretrained(folder, remove_space=False)
    assert blanks.remove_space is False
    assert blanks.tokenize("the  \n of") == ["▁the", "▁of"]  # the model joins blanks, too


@settings(max_examples=200, deadline=None)
@given(text=texts.filter(lambda text: "<" not in text))
def test_any_text_is_cut_as_3_5_1_cut_it(tokenizer: XLNetTokenizer, text: str) -> None:
    own = tokenizer(text, add_special_tokens=False)
    assert (own.tokens(), own["input_ids"]) == published(TRAINED, text)


def test_exchange_with_transformers(folder: Path, tmp_path: Path) -> None:
    same_as_transformers(XLNetTokenizer.from_pretrained(folder), tmp_path, comparable(corpus()[::10]))


@pytest.fixture(scope="module")
def real(shared_data: Path) -> XLNetTokenizer:
    return XLNetTokenizer(shared_data / "vocab" / "xlnet-base-cased" / "spiece.model")


def test_golden_cases(shared_data: Path) -> None:
    @cache
    def make(name: str, **options: Any) -> XLNetTokenizer:
        return XLNetTokenizer(shared_data / "vocab" / name, **options)

    rows = golden(shared_data, "tokenizers/xlnet-base-cased")
    assert len(rows) == 4
    for row in rows:
        check_golden(row, lambda **options: make("xlnet-base-cased/spiece.model", **options))
    rows = [row for row in golden(shared_data, "test_sentencepiece.model") if "XLNet" in row["tokenizer_class"]]
    assert len(rows) == 4
    for row in rows:
        check_golden(row, lambda **options: make("sentencepiece-fixtures/test_sentencepiece.model", **options))


def test_the_published_model(real: XLNetTokenizer, shared_data: Path) -> None:
    data = (shared_data / "vocab" / "xlnet-base-cased" / "spiece.model").read_bytes()
    assert len(real) == 32000
    names = ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>")
    assert real.convert_tokens_to_ids(names) == list(range(9))
    for text in shared_texts(shared_data):
        own = real(text, add_special_tokens=False)
        assert (own.tokens(), own["input_ids"]) == published(data, text), text[:80]


def test_the_published_model_in_transformers(real: XLNetTokenizer, shared_data: Path, tmp_path: Path) -> None:
    same_as_transformers(real, tmp_path, comparable(shared_texts(shared_data))[::5])
