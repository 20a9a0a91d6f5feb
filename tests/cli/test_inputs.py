"""Which texts does a command read, and what does it say about a file that it cannot read?"""

import io
import sys
from pathlib import Path

import pytest
import typer

from pretrained.cli.inputs import read_texts
from pretrained.errors import InputError


def written(folder: Path, data: bytes, name: str = "texts.txt") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_texts_of_the_command_line_stay_as_they_are() -> None:
    assert read_texts([" a ", "b\nc"], None) == [" a ", "b\nc"]


@pytest.mark.parametrize("texts", [None, [], ["a"]])
def test_either_texts_or_a_file(texts: list[str] | None, tmp_path: Path) -> None:
    source = written(tmp_path, b"a\n") if texts else None
    with pytest.raises(typer.BadParameter, match="one of the two"):
        read_texts(texts, source)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\r\nb\r\n", ["a", "", "b"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        (b"\n", [""]),
        ("a\u2028b\x0cc\x85d\rе\n".encode(), ["a\u2028b\x0cc\x85d\rе"]),
        ("你好\n👩‍🚀\n".encode(), ["你好", "👩‍🚀"]),
    ],
)
def test_one_text_a_line(data: bytes, texts: list[str], tmp_path: Path) -> None:
    assert read_texts(None, written(tmp_path, data)) == texts


@pytest.mark.parametrize(("name", "message"), [("nowhere.txt", "is not there"), ("", "is a folder")])
def test_a_file_that_is_none(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=message):
        read_texts(None, tmp_path / name)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"eins\nzwei\n")))
    assert read_texts(None, Path("-")) == ["eins", "zwei"]


def test_json_lines(tmp_path: Path) -> None:
    source = written(tmp_path, b'{"text": "a\\nb", "body": "c"}\n{"body": "d", "text": "e"}\n', "texts.jsonl")
    assert read_texts(None, source) == ["a\nb", "e"]
    assert read_texts(None, source, "body") == ["c", "d"]


def test_a_field_makes_any_file_json(tmp_path: Path) -> None:
    assert read_texts(None, written(tmp_path, b'{"body": "c"}\n'), "body") == ["c"]


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "empty.txt", "empty.txt is empty"),
        (b"good\nb\xffd\n", "latin.txt", r"latin.txt, line 2 is not UTF-8: byte 0xff at position 2"),
        (b'{"text": "a"}\n{"text"\n', "broken.jsonl", r"broken.jsonl, line 2 is not JSON"),
        (b'{"body": "a", "id": 1}\n', "keys.jsonl", r"no text under 'text': found an object with the keys body, id"),
        (b'{"text": 3}\n', "number.jsonl", "no text under 'text'"),
        (b'["a"]\n', "list.jsonl", "found a list"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_texts(None, written(tmp_path, data, name))
