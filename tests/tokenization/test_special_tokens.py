"""AddedTokens as JSON, and unused places of a vocabulary."""

import json

import pytest
from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from pretrained.tokenization.special_tokens import fill_unused, from_json, to_json, unused_places


def test_added_tokens_survive_json() -> None:
    token = AddedToken("<a>", lstrip=True, single_word=True, normalized=False, special=True)
    value = {"one": token, "many": [token, "plain", 3], "nested": {"deep": token}}
    for marked in (True, False):
        text = json.dumps(to_json(value, marked=marked))
        assert ("__type" in text) is marked
        assert from_json(json.loads(text)) == value


def test_objects_with_other_content_are_left_alone() -> None:
    assert from_json({"content": 3, "a": [1]}) == {"content": 3, "a": [1]}


VOCAB = {"[PAD]": 0, "[unused1]": 1, "[unused10]": 3, "[unused2]": 2, "word": 4, "[unused]": 5, "[unusedx]": 6}


def test_unused_places_come_in_the_order_of_their_ids() -> None:
    assert unused_places(VOCAB) == ["[unused1]", "[unused2]", "[unused10]"]


def test_new_tokens_take_the_first_free_places() -> None:
    filled = fill_unused(VOCAB, ["<a>", "<b>"], taken={"[unused1]"})
    expected = {**VOCAB, "<a>": 2, "<b>": 3}
    del expected["[unused2]"], expected["[unused10]"]
    assert filled == expected


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["word"], "'word' is a token already, with the id 4"),
        (["there"], "'there' is a token already"),
        (["<a>", "<a>"], "'<a>' is given twice"),
        ([" a"], "begins or ends with a blank"),
        (["a\nb"], "cannot be a token"),
        (["1", "2", "3", "4"], "4 unused places are wanted and 3 are free in this vocabulary of 7"),
    ],
)
def test_what_cannot_be_filled_in(tokens: list[str], message: str) -> None:
    with pytest.raises(TokenizationError) as raised:
        fill_unused(VOCAB, tokens, taken={"there"})
    assert message in str(raised.value)
