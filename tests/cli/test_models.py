"""Does `pretrained models` list the right names, and say truly what runs and what is here?"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrained import registry
from pretrained.hub import short_names


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only cache there is, empty."""
    for name in ("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def rows(cli: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    def run(*arguments: str) -> list[dict[str, Any]]:
        ended = cli("models", "--json", *arguments)
        assert ended.code == 0
        return [json.loads(line) for line in ended.out.splitlines()]

    return run


def store(cache: Path, repository: str, source: Path, *names: str) -> None:
    """Puts links to files into the cache, as a download would have left them."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    for name in names:
        (snapshot / name).symlink_to(source / name)


def test_all_short_names_are_listed(rows: Callable[..., list[dict[str, Any]]]) -> None:
    found = rows()
    assert [row["name"] for row in found] == list(short_names())
    assert len(found) == 199
    assert {row["family"] for row in found if row["runs"]} == set(registry.families()) & {
        model.architecture for model in short_names().values()
    }
    assert any(not row["runs"] for row in found)


def test_the_facts_of_one(rows: Callable[..., list[dict[str, Any]]]) -> None:
    (row,) = rows("bert-base-chinese")
    assert row == {
        "name": "bert-base-chinese",
        "family": "bert",
        "hub_id": "google-bert/bert-base-chinese",
        "languages": "zh",
        "casing": "cased",
        "max_length": 512,
        "size": short_names()["bert-base-chinese"].size,
        "runs": True,
        "here": None,
    }


def test_by_family(rows: Callable[..., list[dict[str, Any]]]) -> None:
    found = rows("--family", "xlnet")
    assert [row["name"] for row in found] == ["xlnet-base-cased", "xlnet-large-cased"]


def test_by_language(rows: Callable[..., list[dict[str, Any]]]) -> None:
    names = {row["name"] for row in rows("--language", "zh")}
    assert {"bert-base-chinese", "xlm-mlm-17-1280", "bert-base-multilingual-cased", "xlm-roberta-base"} <= names
    assert not names & {"bert-base-uncased", "camembert-base"}
    assert "xlm-mlm-enfr-1024" in {row["name"] for row in rows("--language", "fr")}
    # of these only the number is known, not which: they may know any
    assert all("languages" in row["languages"] for row in rows("--language", "is"))


def test_by_text(rows: Callable[..., list[dict[str, Any]]]) -> None:
    assert [row["name"] for row in rows("ROBERTA-large", "mnli")] == ["roberta-large-mnli"]
    hub_ids = {row["hub_id"] for row in rows("openai-community/")}  # hub ids are searched too
    assert "openai-community/gpt2" in hub_ids


def test_what_is_here(rows: Callable[..., list[dict[str, Any]]], cache: Path, minilm: Path) -> None:
    assert rows("--here") == []
    store(cache, "google-bert/bert-base-uncased", minilm, "config.json", "vocab.txt", "model.safetensors")
    store(cache, "bert-base-chinese", minilm, "config.json", "vocab.txt")  # the older name of the repository
    (cache / "models--gpt2" / "snapshots").mkdir(parents=True)  # a download that did not begin
    found = rows("--here")
    assert {row["name"]: row["here"] for row in found} == {
        "bert-base-uncased": "yes",
        "bert-base-chinese": "no weights",
    }


def test_for_people(cli: Callable[..., Any]) -> None:
    shown = cli("models", "--family", "ctrl").out.splitlines()
    assert shown[0].split() == [
        "name",
        "family",
        "hub",
        "id",
        "languages",
        "casing",
        "max",
        "length",
        "size",
        "runs",
        "here",
    ]
    assert shown[1].split()[:4] == ["ctrl", "ctrl", "Salesforce/ctrl", "en"]
    assert len(shown) == 2


@pytest.mark.parametrize(("width", "shown"), [(200, "hub id"), (90, "max length"), (60, "runs")])
def test_a_narrow_terminal_shows_fewer_columns(
    width: int, shown: str, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = re.sub(r"\x1b\[\d*m", "", cli("models", "--family", "xlnet").out).splitlines()
    assert shown in lines[1]
    assert ("hub id" in lines[1]) == (width == 200)
    assert len(lines) == 6  # a frame, a header, and one line a name
    assert max(map(len, lines)) <= width


def test_nothing_found_is_said(cli: Callable[..., Any]) -> None:
    ended = cli("models", "no-such-model")
    assert (ended.code, ended.out) == (0, "")
    assert "no short name fits" in ended.err


@pytest.mark.parametrize(
    ("arguments", "part"), [(["--family", "brt"], "bert"), (["--language", "Chinese"], "such as zh")]
)
def test_filters_that_cannot_be(arguments: list[str], part: str, cli: Callable[..., Any]) -> None:
    ended = cli("models", *arguments)
    assert ended.code == 2
    assert part in ended.err


def test_no_torch_is_imported() -> None:
    code = (
        "import sys; from pretrained.cli import main\n"
        "try: main(['models', '--json'])\n"
        "except SystemExit as end: sys.exit(end.code or ('torch' in sys.modules) * 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
