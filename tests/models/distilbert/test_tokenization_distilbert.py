"""DistilBertTokenizer is BERT's, without token types; folders go to and from today's transformers."""

import json
from pathlib import Path
from typing import Any

import transformers

from pretrained import AutoTokenizer, BertTokenizer, DistilBertTokenizer, DistilBertTokenizerFast
from tests.tokenization.material import WORDS

today: Any = transformers

TEXTS = ["Unwanted, héllo [MASK]!", "世 low <New>", ""]


def test_token_types_only_if_asked() -> None:
    tokenizer, bert = (
        DistilBertTokenizer(vocab=WORDS, do_lower_case=True),
        BertTokenizer(vocab=WORDS, do_lower_case=True),
    )
    assert DistilBertTokenizerFast is DistilBertTokenizer
    found, expected = tokenizer(TEXTS, TEXTS[::-1]), bert(TEXTS, TEXTS[::-1])
    assert list(found) == ["input_ids", "attention_mask"]
    assert list(bert("low")) == ["input_ids", "token_type_ids", "attention_mask"]
    assert found["input_ids"] == expected["input_ids"]
    assert dict(tokenizer(TEXTS, TEXTS[::-1], return_token_type_ids=True)) == dict(expected)


def test_folders_go_to_and_from_others(tmp_path: Path) -> None:
    tokenizer = DistilBertTokenizer(vocab=WORDS, do_lower_case=True, model_max_length=64)
    tokenizer.add_tokens(["<New>"])
    tokenizer.save_pretrained(tmp_path)
    expected = dict(tokenizer(TEXTS, padding=True))
    for cls in (DistilBertTokenizer, AutoTokenizer, today.DistilBertTokenizer, today.AutoTokenizer):
        other = cls.from_pretrained(str(tmp_path))
        assert type(other).__name__ == "DistilBertTokenizer"
        assert dict(other(TEXTS, padding=True)) == expected
    today.DistilBertTokenizer.from_pretrained(str(tmp_path)).save_pretrained(str(tmp_path / "again"))
    assert dict(DistilBertTokenizer.from_pretrained(tmp_path / "again")(TEXTS, padding=True)) == expected


def test_a_vocabulary_and_a_configuration_are_enough(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "distilbert", "dim": 8}))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is DistilBertTokenizer
    assert list(tokenizer("low")) == ["input_ids", "attention_mask"]
