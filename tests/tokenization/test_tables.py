"""What only shows a compiled tokenizer cannot be changed, and says what to do instead."""

import copy
import json
import pickle
from typing import Any

import pytest

from pretrained import CTRLTokenizer, GPT2Tokenizer, XLMTokenizer
from pretrained.errors import TokenizationError
from tests.tokenization.material import WORDS, small_bert

CHANGES: list[Any] = [
    lambda table: table.__setitem__("a", 1),
    lambda table: table.__delitem__("a"),
    lambda table: table.update(a=1),
    lambda table: table.pop("a"),
    lambda table: table.setdefault("a", 1),
    lambda table: table.clear(),
    lambda table: table.popitem(),
    lambda table: table.__ior__({"a": 1}),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_refuses_every_change(change: Any) -> None:
    table = small_bert().vocab
    with pytest.raises(TokenizationError, match="To do: add_tokens"):
        change(table)
    assert table == {word: index for index, word in enumerate(WORDS)}


def test_a_table_is_a_dict_in_all_else() -> None:
    table = small_bert().vocab
    assert json.loads(json.dumps(table)) == pickle.loads(pickle.dumps(table)) == copy.deepcopy(table) == table
    changed = dict(table)
    changed["new"] = len(table)
    assert changed != table


@pytest.mark.parametrize("family", [GPT2Tokenizer, CTRLTokenizer, XLMTokenizer])
def test_tables_of_byte_pair_encoding(family: Any) -> None:
    tokenizer = family(vocab={"<unk>": 0, "a": 1, "<|endoftext|>": 2}, merges=[("a", "b")])
    for table in (tokenizer.encoder, tokenizer.decoder, tokenizer.bpe_ranks):
        with pytest.raises(TokenizationError, match="cannot be changed"):
            table["a"] = 1


def test_a_table_may_be_replaced_by_an_equal_one_only() -> None:
    tokenizer = small_bert()
    tokenizer.vocab = {word: index for index, word in enumerate(WORDS)}
    with pytest.raises(TokenizationError, match="change the vocabulary's file"):
        tokenizer.ids_to_tokens = {0: "a"}
    tokenizer.use_unused_tokens(["<drug>"])
    assert tokenizer.vocab["<drug>"] == 1


def test_options_and_steps_cannot_be_changed() -> None:
    tokenizer = small_bert()
    tokenizer.do_lower_case = True  # as it is
    with pytest.raises(TokenizationError, match=r"BertTokenizer\.from_pretrained\(name, do_lower_case=False\)"):
        tokenizer.do_lower_case = False
    with pytest.raises(TokenizationError, match=r"strip_accents counts when a tokenizer is made"):
        tokenizer.strip_accents = True
    with pytest.raises(TokenizationError, match="do_lower_case cannot be changed"):
        tokenizer.basic_tokenizer.do_lower_case = False
    with pytest.raises(TokenizationError, match="max_input_chars_per_word cannot be changed"):
        tokenizer.wordpiece_tokenizer.max_input_chars_per_word = 3
    assert tokenizer.basic_tokenizer.tokenize("Low!") == ["low", "!"]
    assert tokenizer.wordpiece_tokenizer.tokenize("unwanted") == ["un", "##want", "##ed"]
    assert pickle.loads(pickle.dumps(tokenizer)).do_lower_case
