"""Tokens, ids, special tokens and added tokens."""

import logging

import pytest
from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from tests.tokenization.material import SPECIAL, WORDS, small_bert, word_tokenizer


def test_between_tokens_and_ids() -> None:
    tokenizer = small_bert()
    assert tokenizer.convert_tokens_to_ids("a") == 8
    assert tokenizer.convert_tokens_to_ids(["a", "nowhere"]) == [8, 4]
    assert tokenizer.convert_tokens_to_ids(None) is None
    assert tokenizer.convert_ids_to_tokens(8) == "a"
    assert tokenizer.convert_ids_to_tokens([5, 8, 999, 6]) == ["[CLS]", "a", "[UNK]", "[SEP]"]
    assert tokenizer.convert_ids_to_tokens([5, 8, 6], skip_special_tokens=True) == ["a"]
    assert tokenizer.convert_ids_to_tokens([-1]) == ["[UNK]"]
    assert tokenizer.convert_tokens_to_string(["un", "##want", "a"]) == "unwant a"


def test_sizes_and_tables() -> None:
    tokenizer = small_bert()
    assert tokenizer.vocab_size == len(tokenizer) == len(WORDS)
    tokenizer.add_tokens(["<new>"])
    assert tokenizer.vocab_size == len(WORDS)
    assert len(tokenizer) == len(WORDS) + 1
    assert tokenizer.get_added_vocab() == tokenizer.added_tokens_encoder == {"<new>": len(WORDS)}
    assert tokenizer.get_vocab() == {word: index for index, word in enumerate([*WORDS, "<new>"])}
    assert set(tokenizer.added_tokens_decoder) == {0, 4, 5, 6, 7, len(WORDS)}


def test_adding_tokens() -> None:
    tokenizer = small_bert(do_lower_case=False)
    assert tokenizer.add_tokens(["<New>", "hello", "<New>", "[UNK]"]) == 1  # the others are there, or given twice
    assert tokenizer.add_tokens("<New>") == 0
    assert tokenizer.tokenize("a<New>b <new>") == ["a", "<New>", "b", "<", "[UNK]", ">"]
    assert tokenizer.convert_tokens_to_ids("<New>") == len(WORDS)
    assert tokenizer.decode(tokenizer.encode("a <New>"), skip_special_tokens=True) == "a <New>"
    for wrong in ("", "  ", 3, None):
        with pytest.raises(TokenizationError, match="not blank, or an AddedToken"):
            tokenizer.add_tokens([wrong])  # type: ignore[list-item]


def test_added_tokens_in_a_lower_casing_tokenizer() -> None:
    tokenizer = small_bert()
    tokenizer.add_tokens(["<New>", AddedToken("[Gene]"), "世世"])
    assert list(tokenizer.get_added_vocab()) == ["<new>", "[gene]", "世世"]
    assert tokenizer.tokenize("a<NEW>b <new> [GENE]世世") == ["a", "<new>", "b", "<new>", "[gene]", "世世"]
    assert tokenizer("x 世世")[0].tokens == ["[CLS]", "x", "世世", "[SEP]"]
    assert tokenizer.convert_tokens_to_ids("<NEW>") == tokenizer.convert_tokens_to_ids("<new>") == len(WORDS)
    assert tokenizer.convert_tokens_to_ids("HELLO") == tokenizer.unk_token_id  # only added tokens are found so
    tokenizer.add_tokens(["<Special>"], special_tokens=True)
    assert tokenizer.tokenize("<Special>") == ["<Special>"]
    assert tokenizer.tokenize("<special>") != ["<special>"]


def test_rules_of_an_added_token() -> None:
    tokenizer = small_bert()
    tokenizer.add_tokens([AddedToken("lo", single_word=True), AddedToken("<l>", lstrip=True)])
    assert tokenizer.tokenize("lo low") == ["lo", "low"]
    encoding = tokenizer("a  <l> b")
    assert encoding.token_to_chars(2) == (1, 6)


def test_special_tokens_can_be_read_and_set() -> None:
    tokenizer = small_bert()
    assert tokenizer.all_special_tokens == ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
    assert tokenizer.all_special_ids == [4, 6, 0, 5, 7]
    assert tokenizer.special_tokens_map == {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    tokenizer.mask_token = "[unused0]"
    assert (tokenizer.mask_token, tokenizer.mask_token_id) == ("[unused0]", 1)
    assert tokenizer.tokenize("a [unused0]") == ["a", "[unused0]"]
    tokenizer.mask_token_id = 7
    assert tokenizer.mask_token == "[MASK]"
    tokenizer.bos_token = "not there"  # setting adds nothing
    assert tokenizer.bos_token_id == tokenizer.unk_token_id
    assert len(tokenizer) == len(WORDS)
    tokenizer.bos_token = None
    assert "bos_token" not in tokenizer.special_tokens_map
    tokenizer.additional_special_tokens = ["[unused1]", AddedToken("[unused2]")]
    assert tokenizer.additional_special_tokens == ["[unused1]", "[unused2]"]
    assert tokenizer.additional_special_tokens_ids == [2, 3]
    assert tokenizer.special_tokens_map["additional_special_tokens"] == ["[unused1]", "[unused2]"]
    assert isinstance(tokenizer.special_tokens_map_extended["additional_special_tokens"][1], AddedToken)
    assert tokenizer.all_special_tokens[-2:] == ["[unused1]", "[unused2]"]
    with pytest.raises(TokenizationError, match="mask_token must be a text"):
        tokenizer.mask_token = 7  # type: ignore[assignment]


def test_a_special_token_that_is_not_set_is_none_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="pretrained"):
        assert small_bert().eos_token is None
        assert small_bert().eos_token_id is None
    assert caplog.messages == ["this tokenizer has no eos_token"]
    caplog.clear()
    assert small_bert(verbose=False).eos_token is None
    assert not caplog.messages


def test_adding_special_tokens() -> None:
    tokenizer = small_bert()
    added = tokenizer.add_special_tokens(
        {"bos_token": "<S>", "mask_token": "[MASK]", "additional_special_tokens": ["<A>", "[unused1]"]}
    )
    assert added == 2
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == ("<S>", len(WORDS))
    assert tokenizer.tokenize("<S>a<A> [unused1]") == ["<S>", "a", "<A>", "[unused1]"]
    assert tokenizer.decode(tokenizer.encode("<S> a <A>"), skip_special_tokens=True) == "a"
    with pytest.raises(TokenizationError, match=r"'start_token' is no special token; they are bos_token"):
        tokenizer.add_special_tokens({"start_token": "<S>"})
    with pytest.raises(TokenizationError, match="bos_token is one token"):
        tokenizer.add_special_tokens({"bos_token": ["a", "b"]})


def test_special_tokens_that_the_vocabulary_lacks() -> None:
    tokenizer = small_bert(bos_token="<s>")
    assert tokenizer.sanitize_special_tokens() == 1
    assert tokenizer.sanitize_special_tokens() == 0
    assert tokenizer.bos_token_id == len(WORDS)


def test_special_tokens_in_running_text_are_kept_whole() -> None:
    tokenizer = small_bert()
    for token in SPECIAL:
        assert (tokenizer.tokenize(f"a{token}b") == ["a", token, "b"]) is not token.startswith("[unused")


def test_a_python_engine_has_the_same_vocabulary_calls() -> None:
    tokenizer = word_tokenizer()
    assert tokenizer.add_tokens(["seven"]) == 1
    assert len(tokenizer) == 11
    assert tokenizer.tokenize("one seven eight") == ["one", "seven", "eight"]
    assert tokenizer.convert_tokens_to_ids(["seven", "eight"]) == [10, 0]
