"""Every option of a call, old names and combinations."""

from typing import Any

import pytest

from pretrained.errors import TokenizationError
from pretrained.tokenization.options import UNLIMITED, Request, read_options
from tests.tokenization.material import small_bert

NAMES = ["input_ids", "token_type_ids", "attention_mask"]


def read(*, model_max_length: int = 16, has_pad_token: bool = True, **options: Any) -> Request:
    seen: set[str] = set()

    def once(kind: str) -> bool:
        new = kind not in seen
        seen.add(kind)
        return new

    return read_options(
        options,  # type: ignore[arg-type]
        model_max_length=model_max_length,
        model_input_names=NAMES,
        has_pad_token=has_pad_token,
        once=once,
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("do_not_pad", "do_not_truncate", None)),
        ({"padding": True}, ("longest", "do_not_truncate", None)),
        ({"padding": "max_length"}, ("max_length", "do_not_truncate", 16)),
        ({"padding": "max_length", "max_length": 5}, ("max_length", "do_not_truncate", 5)),
        ({"truncation": True}, ("do_not_pad", "longest_first", 16)),
        ({"truncation": "only_second", "max_length": 7}, ("do_not_pad", "only_second", 7)),
        ({"truncation": "do_not_truncate", "max_length": 7}, ("do_not_pad", "do_not_truncate", 7)),
        ({"truncation": False, "max_length": 7}, ("do_not_pad", "do_not_truncate", 7)),
        ({"padding": False, "truncation": None}, ("do_not_pad", "do_not_truncate", None)),
        ({"max_length": 7, "padding": True}, ("longest", "do_not_truncate", 7)),
    ],
)
def test_padding_and_truncation(options: dict[str, Any], expected: tuple[Any, ...]) -> None:
    request = read(**options)
    assert (request.padding, request.truncation, request.max_length) == expected


def test_a_length_alone_cuts_and_says_so_once() -> None:
    tokenizer = small_bert()
    with pytest.warns(UserWarning, match=r"max_length was given without truncation") as warned:
        assert len(tokenizer.encode("a b c d", max_length=4)) == 4
    assert len(warned) == 1
    assert len(tokenizer.encode("a b c d", max_length=4)) == 4  # the second time without a word
    assert read(max_length=4, verbose=False).truncation == "longest_first"


@pytest.mark.parametrize(
    ("options", "today", "expected"),
    [
        ({"truncation_strategy": "only_first", "max_length": 5}, "truncation", ("do_not_pad", "only_first", 5)),
        ({"pad_to_max_length": True, "max_length": 5}, "padding", ("max_length", "longest_first", 5)),
        ({"pad_to_max_length": True}, "padding", ("longest", "do_not_truncate", None)),
        ({"is_pretokenized": True}, "is_split_into_words", ("do_not_pad", "do_not_truncate", None)),
        ({"return_lengths": True}, "return_length", ("do_not_pad", "do_not_truncate", None)),
    ],
)
def test_old_names_work_and_name_the_new_ones(options: dict[str, Any], today: str, expected: tuple[Any, ...]) -> None:
    with pytest.warns(UserWarning, match=f"is an old name, which still works; today it is {today}"):
        request = read(**options)
    assert (request.padding, request.truncation, request.max_length) == expected
    assert request.is_split_into_words == options.get("is_pretokenized", False)
    assert request.return_length == options.get("return_lengths", False)
    quiet = read(**options, verbose=False)
    assert (quiet.padding, quiet.truncation, quiet.max_length) == expected


def test_no_length_is_known() -> None:
    with pytest.warns(UserWarning, match="nothing is padded"):
        assert read(model_max_length=UNLIMITED, padding="max_length").padding == "do_not_pad"
    with pytest.warns(UserWarning, match="nothing is cut"):
        assert read(model_max_length=UNLIMITED, truncation=True).truncation == "do_not_truncate"


def test_columns() -> None:
    assert read().return_token_type_ids
    assert not read(return_token_type_ids=False).return_token_type_ids
    assert read(return_attention_mask=None).return_attention_mask


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": "longst"}, "padding='longst': the values are True, False, 'longest', 'max_length', 'do_not_pad'"),
        ({"truncation": "first"}, "truncation='first': the values are True, False, 'longest_first'"),
        ({"truncation": 5}, "truncation=5"),
        ({"truncation_strategy": "first", "verbose": False}, "'first'"),
        ({"max_length": -1}, "max_length=-1 must be a number of tokens"),
        ({"max_length": "5"}, "max_length='5'"),
        ({"max_length": True}, "max_length=True"),
        ({"padding": True, "truncation": True, "max_length": 10, "pad_to_multiple_of": 8}, "multiple of 8"),
        ({"padding": True, "has_pad_token": False}, "there is no pad token"),
        ({"return_tensors": "torch"}, '"pt"'),
    ],
)
def test_values_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenizationError) as raised:
        read(**options)
    assert message in str(raised.value)


def test_unknown_names_list_the_valid_ones() -> None:
    with pytest.raises(TypeError, match="unknown keywords pading, truncate; the valid ones are add_special_tokens"):
        read(pading=True, truncate=True)
