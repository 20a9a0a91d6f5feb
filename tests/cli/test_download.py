"""Does `pretrained download` show its plan, fetch, and say what comes next?"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.faulty_server import HubServer, Model
from tests.hub.material import Material

NAME = "owner/name"
FILES = Material.tiny().files() | {"pytorch_model.bin": Material.tiny().pytorch_bin, "README.md": b"hello\n"}
WHOLE = ["README.md", "config.json", "model.safetensors", "vocab.txt"]

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only cache there is, empty."""
    for name in ("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer({NAME: FILES, "owner/other": FILES}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_into_the_cache(server: HubServer, cli: Callable[..., Any], cache: Path) -> None:
    ended = cli("download", NAME)
    assert ended.code == 0
    folder = Path(ended.out.strip())
    assert folder == cache / "models--owner--name" / "snapshots" / server.models[NAME].commit
    assert sorted(path.name for path in folder.iterdir()) == WHOLE
    info = cli("info", NAME, "--json")
    assert info.code == 0
    assert json.loads(info.out)["revision"] == server.models[NAME].commit


def test_the_plan(server: HubServer, cli: Callable[..., Any], cache: Path) -> None:
    ended = cli("download", NAME, "--dry-run")
    assert ended.code == 0
    assert "4 of 4 files" in ended.out
    assert "also as bin: --format bin" in ended.out
    assert "to fetch: " in ended.out
    assert not cache.exists()
    cli("download", NAME)
    assert "to fetch: 0 bytes" in cli("download", NAME, "--dry-run").out


def test_json(server: HubServer, cli: Callable[..., Any]) -> None:
    (line,) = cli("download", NAME, "--json", "--format", "bin").out.splitlines()
    said = json.loads(line)
    assert (said["repository"], said["format"], said["formats"]) == (NAME, "bin", ["safetensors", "bin"])
    assert {file["name"]: file["size"] for file in said["files"]} == {
        name: len(FILES[name]) for name in ("README.md", "config.json", "vocab.txt", "pytorch_model.bin")
    }


def test_some_files(server: HubServer, cli: Callable[..., Any], tmp_path: Path) -> None:
    ended = cli("download", NAME, "--file", "vocab.txt", "--dry-run")
    assert "1 of 1 files" in ended.out
    assert "weights as" not in ended.out
    assert cli("download", NAME, "--file", "vocab.txt", "--file", "pytorch_model.bin", "--to", "here").code == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["pytorch_model.bin", "vocab.txt"]
    ended = cli("download", NAME, "--file", "vocab.tx")
    assert ended.code == 3
    assert "owner/name has not every file" in ended.err
    assert "it has no vocab.tx in" in ended.err
    assert cli("download", NAME, "--file", "vocab.txt", "--all").code == 2


def test_several_into_a_folder(server: HubServer, cli: Callable[..., Any], tmp_path: Path) -> None:
    assert cli("download", NAME, "owner/other", "--to", "carry", "--all").code == 0
    for name in ("name", "other"):
        assert {path.name: path.read_bytes() for path in (tmp_path / "carry" / name).iterdir()} == FILES


def test_endpoints(server: HubServer, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    ended = cli("download", NAME, "--endpoint", "hub", "--endpoint", server.url, "--json")
    assert ended.code == 0
    (note,) = json.loads(ended.out)["notes"]
    assert note == "http://127.0.0.1:1 is passed over: nothing answers at 127.0.0.1:1 (2 times in a row)"


def test_refresh(server: HubServer, cli: Callable[..., Any], cache: Path) -> None:
    folder = Path(cli("download", NAME).out.strip())
    blob = (folder / "vocab.txt").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    assert "to fetch: 0 bytes" in cli("download", NAME, "--dry-run").out
    assert cli("download", NAME, "--refresh").code == 0
    assert blob.read_bytes() == FILES["vocab.txt"]


def test_errors(server: HubServer, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ended = cli("download", "owner/nam")
    assert ended.code == 3
    assert "pretrained: no model 'owner/nam', here or on the network." in ended.err
    assert "Traceback" not in ended.err
    assert cli("download").code == 2
    assert cli("download", NAME, "--format", "onnx").code == 2
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ended = cli("download", NAME)
    assert ended.code == 3
    assert "To do: unset HF_HUB_OFFLINE" in ended.err


def test_a_lock_file_is_restored(server: HubServer, cli: Callable[..., Any], tmp_path: Path) -> None:
    cli("download", NAME)
    assert cli("lock", NAME).code == 0
    commit = server.models[NAME].commit
    server.models[NAME] = Model(FILES, commit=commit)
    folder = tmp_path / "restored"
    ended = cli("download", "--locked", "pretrained.lock", "--to", str(folder))
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "vocab.txt"]
    server.models[NAME] = Model(FILES | {"vocab.txt": b"[PAD]\n[UNK]\nother\n"}, commit=commit)
    ended = cli("download", NAME, "--locked", "pretrained.lock", "--to", str(tmp_path / "changed"))
    assert ended.code == 1
    assert "is not what pretrained.lock locks" in ended.err
    ended = cli("download", NAME, "--locked", "pretrained.lock", "--revision", "main")
    assert ended.code == 2
