"""The base class promises the same for every family, with or without a compiled engine."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pretrained.errors import TokenizationError, UnsupportedFormatError
from pretrained.tokenization.base import PreTrainedTokenizer
from tests.tokenization.material import small_bert, word_tokenizer


def test_importing_the_base_class_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, pretrained.tokenization; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- a family in plain Python, with its own layout


def test_a_family_without_a_compiled_engine_needs_only_its_engine_and_its_layout() -> None:
    tokenizer = word_tokenizer()
    encoding = tokenizer("one two", "nine", return_offsets_mapping=True, return_special_tokens_mask=True)
    assert dict(encoding) == {
        "input_ids": [4, 5, 1, 0, 1, 2],
        "token_type_ids": [0, 0, 0, 1, 1, 2],
        "attention_mask": [1] * 6,
        "special_tokens_mask": [0, 0, 1, 0, 1, 1],
        "offset_mapping": [(0, 3), (4, 7), (0, 0), (0, 4), (0, 0), (0, 0)],
    }
    assert encoding.tokens() == ["one", "two", "<sep>", "nine", "<sep>", "<cls>"]
    assert encoding.sequence_ids() == [0, 0, None, 1, None, None]
    assert tokenizer.decode(encoding["input_ids"], skip_special_tokens=True) == "one two"


def test_left_padding_with_a_type_of_its_own() -> None:
    batch = word_tokenizer()(["one", "one two three"], padding=True, return_special_tokens_mask=True)
    assert batch["input_ids"] == [[3, 3, 4, 1, 2], [4, 5, 6, 1, 2]]
    assert batch["token_type_ids"] == [[3, 3, 0, 0, 2], [0, 0, 0, 0, 2]]
    assert batch["attention_mask"] == [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert batch["special_tokens_mask"] == [[1, 1, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert batch.encodings is not None
    assert batch.encodings[0].tokens == ["<pad>", "<pad>", "one", "<sep>", "<cls>"]


def test_a_call_may_choose_the_side_of_padding() -> None:
    for tokenizer, side in ((word_tokenizer(), "right"), (word_tokenizer(padding_side="right"), "left")):
        batch = tokenizer(["one", "one two three"], padding=True, padding_side=side)
        assert batch["attention_mask"][0] == [1, 1, 1, 0, 0][:: 1 if side == "right" else -1]
        rows = [{"input_ids": row} for row in ([4, 1, 2], [4, 5, 6, 1, 2])]
        assert tokenizer.pad(rows, padding_side=side)["input_ids"] == batch["input_ids"]
        assert tokenizer(["one", "one two three"], padding=True)["input_ids"] != batch["input_ids"]
    with pytest.raises(TokenizationError, match="padding_side='top'"):
        word_tokenizer()("one", padding=True, padding_side="top")


def test_truncation_side_left_keeps_the_end() -> None:
    tokenizer = word_tokenizer(truncation_side="left")
    assert tokenizer.tokenize("one two three four", truncation=True, max_length=2) == ["three", "four"]
    assert tokenizer.encode_ragged(["one two three four"], max_length=4) == [[6, 7, 1, 2]]


def test_overriding_the_published_layout_methods_is_enough() -> None:
    class Reversed(type(word_tokenizer())):  # type: ignore[misc]
        def build_inputs_with_special_tokens(self, a: list[int], b: list[int] | None = None) -> list[int]:
            return [self.cls_token_id, *a, *(b or [])]

        def create_token_type_ids_from_sequences(self, a: list[int], b: list[int] | None = None) -> list[int]:
            return [5] + [6] * len(a) + [7] * len(b or [])

    tokenizer = Reversed(["<unk>", "<sep>", "<cls>", "<pad>", "one", "two"])
    encoding = tokenizer("one two", "one")
    assert encoding["input_ids"] == [2, 4, 5, 4]
    assert encoding["token_type_ids"] == [5, 6, 6, 7]
    assert tokenizer.num_special_tokens_to_add(pair=True) == 1
    assert tokenizer.get_special_tokens_mask([4, 5]) == [1, 0, 0]


def test_a_layout_with_a_missing_special_token_is_named() -> None:
    tokenizer = word_tokenizer(sep_token=None)
    tokenizer.build_inputs_with_special_tokens = lambda a, b=None: [*a, tokenizer.sep_token_id]  # type: ignore
    with pytest.raises(TokenizationError, match="None for a special token that is not set"):
        tokenizer("one")


def test_a_family_that_cannot_save_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="WordTokenizer"):
        word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(TokenizationError, match=r"no tokenizer\.json"):
        word_tokenizer().save_pretrained(tmp_path, legacy_format=False)


# -- one text, a batch, pairs, words


def test_what_one_text_and_a_batch_are() -> None:
    tokenizer = small_bert()
    one = tokenizer("low")["input_ids"]
    assert tokenizer(["low"])["input_ids"] == [one]
    assert tokenizer(("low", "low"))["input_ids"] == [one, one]
    assert tokenizer(np.array(["low"]))["input_ids"] == [one]
    assert tokenizer(["l", "ow"], is_split_into_words=True)["input_ids"] == tokenizer("l ow")["input_ids"]
    assert tokenizer([["l", "ow"]], is_split_into_words=True)["input_ids"] == [tokenizer("l ow")["input_ids"]]
    assert dict(tokenizer([])) == {"input_ids": [], "token_type_ids": [], "attention_mask": []}
    assert tokenizer([], is_split_into_words=True)["input_ids"] == tokenizer("")["input_ids"]


def test_pairs_in_every_way() -> None:
    tokenizer = small_bert()
    one = tokenizer("low", "world")
    assert one["token_type_ids"] == [0, 0, 0, 1, 1]
    assert tokenizer(text="low", text_pair="world") == one
    assert tokenizer.encode_plus("low", "world") == one
    for batch in (
        tokenizer(["low"], ["world"]),
        tokenizer([("low", "world")]),
        tokenizer.batch_encode_plus([("low", "world")]),
        tokenizer.batch_encode_plus([["low", "world"]]),
        tokenizer([["low"]], [["world"]], is_split_into_words=True),
    ):
        assert {key: value[0] for key, value in batch.items()} == dict(one)


def test_tokens_and_ids_in_place_of_a_text() -> None:
    tokenizer = small_bert()
    tokens = tokenizer.tokenize("unwanted")
    assert tokens == ["un", "##want", "##ed"]
    expected = tokenizer.encode("unwanted")
    assert tokenizer.encode(tokens) == tokenizer.encode(tokenizer.convert_tokens_to_ids(tokens)) == expected
    assert tokenizer.encode(tokens, tokens) == tokenizer.encode("unwanted", "unwanted")
    assert tokenizer.encode([]) == tokenizer.encode("")
    assert tokenizer.encode_plus(tokens).tokens() == ["[CLS]", *tokens, "[SEP]"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "NoneType: None"),
        ((b"bytes",), "bytes: b'bytes'"),
        ((["a", float("nan")],), "text 1 must be a str; got float: nan"),
        ((["a", None],), "text 1 must be a str; got NoneType"),
        (([["a", "b", "c"]],), "is_split_into_words=True"),
        ((["a", "b"], "c"), "text_pair is one text"),
        ((["a", "b"], ["c"]), "2 texts and 1 second texts"),
        (("a", 3), "the second text must be a str; got int: 3"),
        (([("a", 3)],), "the text must be a str; got tuple"),
    ],
)
def test_what_is_no_text_is_shown(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TokenizationError) as raised:
        small_bert()(*arguments)
    assert message in str(raised.value)


def test_words_that_are_no_words_are_shown() -> None:
    with pytest.raises(TokenizationError, match="text 1 must be a list of words"):
        small_bert()([["a"], "b"], is_split_into_words=True)
    with pytest.raises(TokenizationError, match="one of them is int: 1"):
        small_bert()([["a", 1]], is_split_into_words=True)
    with pytest.raises(TokenizationError, match="a batch is a list of texts; got str"):
        small_bert().batch_encode_plus("a")


def test_unknown_keywords_are_refused_with_the_valid_ones() -> None:
    tokenizer = small_bert()
    for call in (tokenizer, tokenizer.encode, tokenizer.encode_plus, tokenizer.tokenize):
        with pytest.raises(TypeError, match=r"unknown keywords trunaction; the valid ones are .*truncation"):
            call("a", trunaction=True)
    with pytest.raises(TypeError, match="trunaction"):
        tokenizer.prepare_for_model([1], trunaction=True)  # type: ignore[call-arg]


# -- the rest of a call


def test_columns_follow_the_model_input_names_and_the_call() -> None:
    tokenizer = small_bert(model_input_names=["input_ids", "attention_mask"])
    assert list(tokenizer("a")) == ["input_ids", "attention_mask"]
    every = tokenizer(
        "a",
        return_token_type_ids=True,
        return_attention_mask=False,
        return_special_tokens_mask=True,
        return_offsets_mapping=True,
        return_length=True,
    )
    assert list(every) == ["input_ids", "token_type_ids", "special_tokens_mask", "offset_mapping", "length"]
    assert every["length"] == 3
    assert small_bert()("a", "b", add_special_tokens=False)["token_type_ids"] == [0, 1]


def test_overflow_gives_rows_with_their_own_special_tokens() -> None:
    tokenizer = small_bert()
    batch = tokenizer(
        ["a b c d e", "f"], truncation=True, max_length=5, stride=1, return_overflowing_tokens=True, padding=True
    )
    assert batch["overflow_to_sample_mapping"] == [0, 0, 1]
    assert [tokenizer.decode(row) for row in batch["input_ids"]] == [
        "[CLS] a b c [SEP]",
        "[CLS] c d e [SEP]",
        "[CLS] f [SEP] [PAD] [PAD]",
    ]
    assert batch.char_to_token(1, 8) == 3  # the place in the text, not in the row
    assert batch.encodings is not None
    assert [row.tokens for row in batch.encodings[0].overflowing] == [["[CLS]", "c", "d", "e", "[SEP]"]]
    single = tokenizer("a b", return_overflowing_tokens=True, truncation=True, max_length=5)
    assert single["input_ids"] == [tokenizer.encode("a b")]  # rows, even if there is one


def test_a_stride_that_leaves_no_way_forward_is_refused() -> None:
    with pytest.raises(TokenizationError, match="stride=3 leaves no way forward: a row has room for 3 tokens"):
        small_bert()("a b c d e", truncation=True, max_length=5, stride=3, return_overflowing_tokens=True)


def test_a_strategy_that_cannot_cut_enough_warns_and_cuts_nothing() -> None:
    tokenizer = small_bert()
    with pytest.warns(UserWarning, match="second text has; such rows stay too long"):
        assert len(tokenizer.encode("a b c d e f", "g", truncation="only_second", max_length=6)) == 10
    with pytest.warns(UserWarning, match="first text has"):
        assert tokenizer.truncate_sequences([1], [2, 3], 1, truncation_strategy="only_first") == ([1], [2, 3], [])


def test_a_row_longer_than_the_model_warns_once_at_the_callers_line() -> None:
    tokenizer = small_bert(model_max_length=4)
    with pytest.warns(UserWarning, match="a row has 5 tokens and the model takes 4") as warned:
        tokenizer("a b c")
    assert warned[0].filename == __file__
    tokenizer("a b c")


def test_prepare_for_model_lists_what_was_cut() -> None:
    tokenizer = small_bert()
    ids = list(range(10, 20))
    # what 3.5.1 returned for these calls
    single = tokenizer.prepare_for_model(ids, truncation=True, max_length=8, stride=2, return_overflowing_tokens=True)
    assert single["input_ids"] == [5, 10, 11, 12, 13, 14, 15, 6]
    assert single["overflowing_tokens"] == [17, 18, 19, 18, 17, 16]
    assert single["num_truncated_tokens"] == 4
    pair = tokenizer.prepare_for_model(
        ids, [20, 21, 22, 23, 24, 25], truncation=True, max_length=8, stride=2, return_overflowing_tokens=True
    )
    assert pair["input_ids"] == [5, 10, 11, 12, 6, 20, 21, 6]
    assert pair["overflowing_tokens"] == [17, 18, 19, 18, 17, 16, 25, 15, 24, 14, 23, 13, 22]
    assert pair["num_truncated_tokens"] == 11
    short = tokenizer.prepare_for_model([10], max_length=8, truncation=True, return_overflowing_tokens=True)
    assert (short["overflowing_tokens"], short["num_truncated_tokens"]) == ([], -5)
    tensors = tokenizer.prepare_for_model([10, 11], return_tensors="pt", prepend_batch_axis=True)
    assert tensors["input_ids"].shape == (1, 4)


def test_ids_in_place_of_texts_list_what_was_cut() -> None:
    tokenizer = small_bert()
    question = tokenizer.encode("l o", add_special_tokens=False)
    rest = tokenizer.encode("a b c d e f g h i j k l m n o p", add_special_tokens=False)
    spans = []
    while rest:
        span = tokenizer.encode_plus(
            question,
            rest,
            truncation="only_second",
            padding="max_length",
            max_length=12,
            return_overflowing_tokens=True,
            stride=4,
        )
        spans.append(span)
        rest = span["overflowing_tokens"]
    # what 3.5.1 returned for these calls
    assert [span["input_ids"] for span in spans] == [
        [5, 19, 22, 6, 8, 9, 10, 11, 12, 13, 14, 6],
        [5, 19, 22, 6, 11, 12, 13, 14, 15, 16, 17, 6],
        [5, 19, 22, 6, 14, 15, 16, 17, 18, 19, 20, 6],
        [5, 19, 22, 6, 17, 18, 19, 20, 21, 22, 23, 6],
    ]
    assert spans[0]["token_type_ids"] == [0] * 4 + [1] * 8
    assert [span["num_truncated_tokens"] for span in spans] == [9, 6, 3, 0]
    tokens = tokenizer.encode_plus(["a", "b", "c"], truncation=True, max_length=4, return_overflowing_tokens=True)
    assert (tokens["input_ids"], tokens["overflowing_tokens"]) == ([5, 8, 9, 6], [10])
    tensors = tokenizer.encode_plus([8, 9], return_overflowing_tokens=False, return_tensors="pt")
    assert tensors["input_ids"].shape == (1, 4)


def test_tensors() -> None:
    tokenizer = small_bert()
    batch = tokenizer(["a", "b c"], padding=True, return_tensors="pt")
    assert batch["input_ids"].dtype == torch.long
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert tokenizer("a", return_tensors="np")["input_ids"].shape == (1, 3)
    assert tokenizer.encode("a", return_tensors="pt").shape == (1, 3)
    assert tokenizer("", add_special_tokens=False, return_tensors="pt")["input_ids"].dtype == torch.long
    with pytest.raises(TokenizationError, match=r"lengths \(3 to 4\).*padding=True"):
        tokenizer(["a", "b c"], return_tensors="pt")
    for kind in ("tf", "jax"):
        with pytest.raises(UnsupportedFormatError, match="np"):
            tokenizer("a", return_tensors=kind)
    with pytest.raises(TokenizationError, match='"pt"'):
        tokenizer("a", return_tensors="torch")


def test_encode_ragged_is_the_call_without_the_rest() -> None:
    tokenizer = small_bert()
    texts, pairs = ["a b c d e", "low", ""], ["x y z", "w", "hello world"]
    assert tokenizer.encode_ragged(texts) == tokenizer(texts)["input_ids"]
    assert tokenizer.encode_ragged(texts, max_length=4) == tokenizer(texts, truncation=True, max_length=4)["input_ids"]
    together = tokenizer(texts, pairs, truncation=True, max_length=7)["input_ids"]
    assert tokenizer.encode_ragged(texts, pairs=pairs, max_length=7) == together
    assert tokenizer.encode_ragged([]) == []
    with pytest.raises(TokenizationError, match="text 1 must be a str"):
        tokenizer.encode_ragged(["a", None])  # type: ignore[list-item]
    with pytest.raises(TokenizationError, match="1 second texts"):
        tokenizer.encode_ragged(["a", "b"], pairs=["c"])


# -- padding afterwards


def test_pad_takes_rows_columns_and_tensors() -> None:
    tokenizer = small_bert()
    rows = [dict(tokenizer(text)) | {"label": index} for index, text in enumerate(("a", "b c"))]
    expected = {
        "input_ids": [[5, 8, 6, 0], [5, 9, 10, 6]],
        "token_type_ids": [[0, 0, 0, 0], [0, 0, 0, 0]],
        "attention_mask": [[1, 1, 1, 0], [1, 1, 1, 1]],
        "label": [0, 1],
    }
    assert dict(tokenizer.pad(rows)) == expected
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    assert dict(tokenizer.pad(columns)) == expected
    collated = tokenizer.pad([{key: torch.tensor(value) for key, value in row.items()} for row in rows])
    assert {key: value.tolist() for key, value in collated.items()} == expected
    assert isinstance(tokenizer.pad({"input_ids": [np.array([5, 6]), np.array([5])]})["input_ids"], np.ndarray)
    assert tokenizer.pad({"input_ids": [5, 6]}, padding="max_length", max_length=4)["input_ids"] == [5, 6, 0, 0]
    assert tokenizer.pad(rows, pad_to_multiple_of=8)["input_ids"][0] == [5, 8, 6, 0, 0, 0, 0, 0]
    assert tokenizer.pad({"input_ids": [[5]]}, return_attention_mask=False) == {"input_ids": [[5]]}
    assert tokenizer.pad({"input_ids": []}) == {"input_ids": [], "attention_mask": []}


def test_pad_says_what_it_cannot_pad() -> None:
    with pytest.raises(TokenizationError, match="with input_ids; this has labels"):
        small_bert().pad([{"labels": 1}])
    with pytest.raises(TokenizationError, match="labels and input_ids have different numbers of rows"):
        small_bert().pad({"input_ids": [[1], [2]], "labels": [1]})


# -- decoding


def test_decode() -> None:
    tokenizer = small_bert()
    ids = tokenizer.encode("Unwanted, low!")
    assert tokenizer.decode(ids) == "[CLS] unwanted, low! [SEP]"
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == "[CLS] unwanted , low ! [SEP]"
    assert tokenizer.decode(ids, skip_special_tokens=True) == "unwanted, low!"
    assert tokenizer.decode(torch.tensor(ids)) == tokenizer.decode(np.array(ids)) == tokenizer.decode(ids)
    assert tokenizer.decode(8) == "a"
    assert tokenizer.batch_decode(torch.tensor([ids, ids]), skip_special_tokens=True) == ["unwanted, low!"] * 2
    assert small_bert(clean_up_tokenization_spaces=False).decode(ids) == "[CLS] unwanted , low ! [SEP]"
    with pytest.raises(TokenizationError, match="batch_decode"):
        tokenizer.decode([ids, ids])
    with pytest.raises(TokenizationError, match="got 'low'"):
        tokenizer.decode("low")
    with pytest.raises(TypeError, match="skip_special"):
        tokenizer.decode(ids, skip_special=True)  # type: ignore[call-arg]


def test_added_tokens_stand_apart_when_decoded() -> None:
    tokenizer = small_bert()
    tokenizer.add_tokens(["##new"])
    ids = [*tokenizer.convert_tokens_to_ids(["un", "##want"]), len(tokenizer) - 1, 8]
    assert tokenizer.decode(ids) == "unwant ##new a"
    assert tokenizer.decode(ids, spaces_between_special_tokens=False) == "unwant##newa"


# -- an object among others


def test_lengths_and_names_of_before() -> None:
    tokenizer = small_bert(max_len=20)
    assert tokenizer.max_len == tokenizer.model_max_length == 20
    assert tokenizer.max_len_single_sentence == 18
    assert tokenizer.max_len_sentences_pair == 17
    assert tokenizer.num_added_tokens(pair=True) == tokenizer.num_special_tokens_to_add(True) == 3
    assert small_bert().model_max_length == int(1e30)
    # classes of before set these themselves
    tokenizer.max_len_single_sentence = tokenizer.max_len - 2
    tokenizer.max_len_sentences_pair = tokenizer.max_len - 3
    with pytest.raises(
        TokenizationError, match=r"num_special_tokens_to_add\(\) = 18; to change it, set model_max_length"
    ):
        tokenizer.max_len_single_sentence = 20


def test_special_tokens_masks() -> None:
    tokenizer = small_bert()
    assert tokenizer.get_special_tokens_mask([8, 9], [10]) == [1, 0, 0, 1, 0, 1]
    assert tokenizer.get_special_tokens_mask([5, 8, 7, 6, 0], already_has_special_tokens=True) == [1, 0, 0, 1, 0]
    with pytest.raises(TokenizationError):
        tokenizer.get_special_tokens_mask([5], [6], already_has_special_tokens=True)
    # a special token in the text is part of the text
    assert tokenizer("a [MASK]", return_special_tokens_mask=True)["special_tokens_mask"] == [1, 0, 0, 1]


def test_a_tokenizer_can_be_copied_and_sent_to_another_process() -> None:
    tokenizer = small_bert()
    tokenizer.add_tokens(["newword"])
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode("a newword") == tokenizer.encode("a newword")
        assert other.add_tokens(["more"]) == 1
    assert len(tokenizer) == tokenizer.vocab_size + 1


def test_a_side_is_left_or_right() -> None:
    with pytest.raises(TokenizationError, match="padding_side='top'"):
        small_bert(padding_side="top")


def test_repr_says_what_it_is() -> None:
    assert "model_max_length=no limit" in repr(small_bert())
    assert "added=1" in repr(_with_one_more())


def _with_one_more() -> PreTrainedTokenizer:
    tokenizer = small_bert()
    tokenizer.add_tokens("newword")
    return tokenizer
