"""XLMRobertaTokenizer gives published ids, and folders go to and from today's transformers."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from pretrained import AutoTokenizer
from pretrained.errors import TokenizationError
from pretrained.models.xlm_roberta import FAMILY
from pretrained.models.xlm_roberta.tokenization_xlm_roberta import XLMRobertaTokenizer
from tests.tokenization.sentencepiece_material import (
    check_golden,
    comparable,
    corpus,
    golden,
    package,
    same_as_transformers,
    shared_texts,
    texts,
    train,
)

TRAINED = train()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("xlm-roberta")
    (path / "sentencepiece.bpe.model").write_bytes(TRAINED)
    (path / "config.json").write_text('{"model_type": "xlm-roberta"}')
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> XLMRobertaTokenizer:
    return XLMRobertaTokenizer.from_pretrained(folder)


def shifted(data: bytes, text: str) -> list[int]:
    """The ids of fairseq: unknown is 3, every other piece has one more than in the model."""
    return [index + 1 if index else 3 for index in package(data).encode(text)]


def test_the_family_declares_it(folder: Path) -> None:
    assert FAMILY.tokenizers == ("tokenization_xlm_roberta:XLMRobertaTokenizer",)
    assert FAMILY.aliases["XLMRobertaTokenizerFast"] == "XLMRobertaTokenizer"
    assert type(AutoTokenizer.from_pretrained(folder)) is XLMRobertaTokenizer


def test_ids_and_layout(tokenizer: XLMRobertaTokenizer) -> None:
    pieces = package(TRAINED).get_piece_size()
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [0, 1, 2, 3, pieces + 1]
    assert tokenizer.vocab_size == len(tokenizer) == pieces + 2
    assert tokenizer.convert_ids_to_tokens(4) == package(TRAINED).id_to_piece(3)
    the = tokenizer.convert_tokens_to_ids("▁the")
    pair = tokenizer("the", "the the")
    assert list(pair) == ["input_ids", "attention_mask"]
    assert pair["input_ids"] == [0, the, 2, 2, the, the, 2]
    assert tokenizer("the", "the", return_token_type_ids=True)["token_type_ids"] == [0] * 6
    assert tokenizer.build_inputs_with_special_tokens([7]) == [0, 7, 2]
    assert tokenizer.tokenize("the <mask>.") == ["▁the", "<mask>", "▁", "."]
    assert tokenizer(["the", "the the"], padding=True)["input_ids"][0] == [0, the, 2, 1]


@settings(max_examples=200, deadline=None)
@given(text=texts.filter(lambda text: "<" not in text))
def test_any_text(tokenizer: XLMRobertaTokenizer, text: str) -> None:
    own = tokenizer(text, add_special_tokens=False)
    assert own["input_ids"] == shifted(TRAINED, text)
    assert own.tokens() == package(TRAINED).encode(text, return_type=str)


def test_the_model_of_another_family_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spiece.model"
    path.write_bytes(train(unk_id=1, bos_id=2, eos_id=3, pad_id=0))
    with pytest.raises(TokenizationError, match="begins with <unk>, <s>, </s>; this one begins with <pad>"):
        XLMRobertaTokenizer(path)


def test_exchange_with_transformers(folder: Path, tmp_path: Path) -> None:
    same_as_transformers(XLMRobertaTokenizer.from_pretrained(folder), tmp_path, comparable(corpus()[::10]))


def test_golden_case(shared_data: Path) -> None:
    rows = [row for row in golden(shared_data, "test_sentencepiece.model") if "XLMR" in row["tokenizer_class"]]
    path = shared_data / "vocab" / "sentencepiece-fixtures" / "test_sentencepiece.model"
    assert len(rows) == 1
    check_golden(rows[0], lambda **options: XLMRobertaTokenizer(path, **options))


def test_texts_in_all_languages(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "vocab" / "sentencepiece-fixtures" / "test_sentencepiece.model"
    tokenizer = XLMRobertaTokenizer(path)
    data = path.read_bytes()
    for text in shared_texts(shared_data, longest=500):
        if "<" not in text:
            assert tokenizer.encode(text, add_special_tokens=False) == shifted(data, text), text[:80]
    same_as_transformers(tokenizer, tmp_path, comparable(shared_texts(shared_data))[::10])
