"""ElectraTokenizer is BERT's under another name; folders go to and from today's transformers."""

import json
from pathlib import Path
from typing import Any

import transformers

from pretrained import AutoTokenizer, BertTokenizer, ElectraTokenizer, ElectraTokenizerFast
from tests.tokenization.material import WORDS

today: Any = transformers

TEXTS = ["Unwanted, héllo [MASK]!", "世 low <New>", ""]


def test_everything_is_as_bert_has_it(tmp_path: Path) -> None:
    tokenizer, bert = ElectraTokenizer(vocab=WORDS, do_lower_case=True), BertTokenizer(vocab=WORDS, do_lower_case=True)
    assert ElectraTokenizerFast is ElectraTokenizer
    assert dict(tokenizer(TEXTS, TEXTS[::-1])) == dict(bert(TEXTS, TEXTS[::-1]))
    tokenizer.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["tokenizer_class"] == "ElectraTokenizer"


def test_folders_go_to_and_from_others(tmp_path: Path) -> None:
    tokenizer = ElectraTokenizer(vocab=WORDS, do_lower_case=True, model_max_length=64)
    tokenizer.add_tokens(["<New>"])
    tokenizer.save_pretrained(tmp_path)
    expected = dict(tokenizer(TEXTS, padding=True))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "electra"}))
    for cls in (ElectraTokenizer, AutoTokenizer, today.ElectraTokenizer, today.AutoTokenizer):
        assert dict(cls.from_pretrained(str(tmp_path))(TEXTS, padding=True)) == expected
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is ElectraTokenizer
    today.ElectraTokenizer.from_pretrained(str(tmp_path)).save_pretrained(str(tmp_path / "again"))
    again = ElectraTokenizer.from_pretrained(tmp_path / "again")
    assert again(TEXTS, padding=True)["input_ids"] == expected["input_ids"]
