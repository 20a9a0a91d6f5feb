"""Does `pretrained cache` show, clean and fill, and ask before anything goes?"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hub.material import Material
from tests.hub.mirroring import COMMIT, folder_of, in_cache

FILES = Material.tiny().files()
Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only cache there is, with two models."""
    for name in ("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    in_cache(tmp_path / "hub", "owner/name", FILES)
    in_cache(tmp_path / "hub", "gpt2", {"config.json": b"{}"})
    part = tmp_path / "hub" / "models--gpt2" / "blobs" / f"{'c' * 64}.incomplete"
    part.write_bytes(bytes(1000))
    os.utime(part, (1_600_000_000, 1_600_000_000))
    return tmp_path / "hub"


def test_list(cli: Cli) -> None:
    lines = cli("cache", "list").out.splitlines()
    assert lines[0].split("  ")[0] == "model"
    assert "1 unfinished" in lines[1]
    assert "safetensors" in lines[2]
    assert f"main = {COMMIT[:12]}" in lines[2]
    assert lines[3].startswith("2 models, ")
    said = [json.loads(line) for line in cli("cache", "list", "--json").out.splitlines()]
    assert [(one["name"], one["formats"]) for one in said] == [("gpt2", []), ("owner/name", ["safetensors"])]
    assert said[1]["size"] == sum(map(len, FILES.values()))
    assert said[1]["revisions"][0]["refs"] == ["main"]


def test_an_empty_cache(cli: Cli, tmp_path: Path) -> None:
    ended = cli("cache", "list", "--cache", str(tmp_path / "none"))
    assert (ended.code, ended.out) == (0, "")
    assert "there are no models in" in ended.err


def test_show(cli: Cli) -> None:
    out = cli("cache", "show", "owner/name").out
    assert all(name in out for name in FILES)
    assert COMMIT[:12] in out
    said = json.loads(cli("cache", "show", "owner/name", "--json").out)
    assert {file["name"]: file["size"] for file in said["revisions"][0]["files"]} == {
        name: len(content) for name, content in FILES.items()
    }
    ended = cli("cache", "show", "owner/nam")
    assert ended.code == 3
    assert "owner/name" in ended.err


def test_remove(cli: Cli, cache: Path) -> None:
    assert cli("cache", "remove", "owner/name", "--dry-run").code == 0
    asked = cli("cache", "remove", "owner/name")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert (cache / "models--owner--name").is_dir()
    ended = cli("cache", "remove", "owner/name", "openai-community/gpt2", "--yes")
    assert ended.code == 0
    assert list(cache.glob("models--*")) == []
    assert cli("cache", "remove", "owner/name", "--yes").code == 3


def test_nothing_is_removed_when_one_name_is_unknown(cli: Cli, cache: Path) -> None:
    assert cli("cache", "remove", "owner/name", "owner/unknown", "--yes").code == 3
    assert (cache / "models--owner--name").is_dir()


def test_prune(cli: Cli, cache: Path) -> None:
    part = next(cache.rglob("*.incomplete"))
    assert "unfinished" in cli("cache", "prune", "--dry-run").out
    assert cli("cache", "prune").code == 2
    (said,) = [json.loads(line) for line in cli("cache", "prune", "--dry-run", "--json").out.splitlines()]
    assert (said["what"], said["size"], said["path"]) == ("unfinished", 1000, str(part))
    ended = cli("cache", "prune", "--yes")
    assert "removed: 1.0 kB" in ended.out
    assert not part.exists()
    assert "nothing to remove" in cli("cache", "prune", "--yes").err


def test_import(cli: Cli, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "carried", FILES)
    ended = cli("cache", "import", str(folder))
    assert ended.code == 3
    assert "--as OWNER/NAME" in ended.err
    ended = cli("cache", "import", str(folder), "--as", "team/model")
    assert ended.code == 0
    assert f"team/model: {len(FILES)} files" in ended.out
    said = json.loads(cli("cache", "import", str(folder), "--as", "team/model", "--json").out)
    info = json.loads(cli("info", "team/model", "--json").out)
    assert (info["kind"], info["folder"]) == ("cache", said["snapshot"])
