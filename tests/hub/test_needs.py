"""Are the files to fetch by hand the right ones, and do the scripts fetch them?"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pretrained.errors import ModelNotFoundError
from pretrained.hub import resolve, short_names
from pretrained.hub.needs import WEIGHTS, as_script, as_text, needs
from tests.hub.material import write, write_cache
from tests.hub.packing import FILES, here

__all__ = ["here"]


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    return "https://hub.example"


def test_every_published_name(server: str) -> None:
    for name, known in short_names().items():
        wanted = needs(name)
        assert wanted.known
        names = [one.name for one in wanted.files]
        assert len(names) == len(set(names))
        assert {"config.json", "model.safetensors", *known.tokenizer_files} <= set(names)
        assert all(one.url == f"{server}/{known.hub_id}/resolve/main/{one.name}" for one in wanted.files)
        assert any(one.needed for one in wanted.files if one.name in known.tokenizer_files) or not known.tokenizer_files


def test_the_old_and_the_new_name_are_one_model() -> None:
    assert needs("google-bert/bert-base-uncased").files == needs("bert-base-uncased").files


def test_a_format_a_revision_and_a_folder(server: str) -> None:
    for format, name in WEIGHTS.items():
        wanted = needs("bert-base-uncased", format=format, revision="v1", folder="there")
        assert wanted.folder == "there"
        weights = wanted.files[-1]
        assert (weights.name, weights.instead) == (name, None)
        assert weights.url == f"{server}/google-bert/bert-base-uncased/resolve/v1/{name}"
    assert needs("bert-base-uncased").files[-1].instead == (
        f"{server}/google-bert/bert-base-uncased/resolve/main/pytorch_model.bin"
    )


def test_a_model_that_is_not_in_the_catalogue() -> None:
    wanted = needs("team/model")
    assert not wanted.known
    assert [one.name for one in wanted.files if one.needed] == ["config.json", "model.safetensors"]
    assert as_text(wanted).startswith("The catalogue does not know team/model; these are the usual names. Put these ")


@pytest.mark.parametrize("name", ["model", "./folder", "package:x", "a b/c"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ModelNotFoundError):
        needs(name)


def test_sizes_that_a_copy_here_tells(tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", FILES)
    sizes = {one.name: one.size for one in needs("bert-base-uncased").files}
    assert sizes["vocab.txt"] == len(FILES["vocab.txt"])
    assert sizes["tokenizer.json"] is None
    assert f"vocab.txt  {len(FILES['vocab.txt'])} bytes" in as_text(needs("bert-base-uncased"))


@pytest.mark.skipif(os.name == "nt", reason="links into the blobs of a cache")
def test_hashes_that_the_cache_tells(tmp_path: Path) -> None:
    repository = tmp_path / "cache" / "models--google-bert--bert-base-uncased"
    snapshot = repository / "snapshots" / ("a1" * 20)
    write(repository, {"refs/main": b"a1" * 20, f"blobs/{'b2' * 32}": b"weights"})
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{'b2' * 32}")
    weights = needs("bert-base-uncased").files[-1]
    assert (weights.size, weights.sha256) == (7, "b2" * 32)
    assert f"7 bytes  SHA-256 {'b2' * 32}" in as_text(needs("bert-base-uncased"))


def test_what_a_shell_would_run_stays_text(here: Path) -> None:
    wanted = needs("bert-base-uncased", folder="$(touch evil); 'x", revision="v1'; touch evil; '")
    for kind in ("wget", "curl"):
        (here / "s.sh").write_text(as_script(wanted, kind))
        run_with(here, "exit 1\n", kind)
        assert not list(here.rglob("evil"))


def run_with(here: Path, fake: str, kind: str) -> subprocess.CompletedProcess[str]:
    """The script s.sh, with a program in place of wget or curl."""
    program = here / "bin" / kind
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{fake}")
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}{os.pathsep}{os.defpath}", "ASKED": str(here / "asked")}
    return subprocess.run(["sh", "s.sh"], cwd=here, env=environment, capture_output=True, text=True, check=False)


# Copies what the address names from a folder, into the file that is named by --output-document= or after --output.
FAKE = """
for word; do
  case "$word" in
    --output-document=*) out="${word#*=}";;
    --output) next=1;;
    *) if [ -n "$next" ]; then out="$word"; next=; fi;;
  esac
  url="$word"
done
echo "$url" >> "$ASKED"
cp "%s/${url##*/}" "$out" 2>/dev/null || exit %d
"""


@pytest.mark.skipif(os.name == "nt" or shutil.which("sh") is None, reason="a script for sh")
@pytest.mark.parametrize(("kind", "refused"), [("wget", 8), ("curl", 22)])
def test_the_scripts_fetch_a_model(kind: str, refused: int, here: Path) -> None:
    weights = "pytorch_model.bin"
    files = {name: data for name, data in FILES.items() if name != "model.safetensors"} | {weights: b"weights"}
    write(here / "server", files)
    (here / "s.sh").write_text(as_script(needs("bert-base-uncased", folder="a folder"), kind))
    done = run_with(here, FAKE % (here / "server", refused), kind)
    assert done.returncode == 0, done.stderr
    fetched = {path.name: path.read_bytes() for path in (here / "a folder").iterdir()}
    assert fetched == {name: files[name] for name in ("README.md", "config.json", "vocab.txt", weights)}
    assert resolve("./a folder").config() is not None
    # Another run asks only for what is not there.
    (here / "asked").unlink()
    assert run_with(here, FAKE % (here / "server", refused), kind).returncode == 0
    assert "vocab.txt" not in (here / "asked").read_text()


@pytest.mark.skipif(os.name == "nt" or shutil.which("sh") is None, reason="a script for sh")
@pytest.mark.parametrize("pooled", [True, False])
def test_a_model_of_sentence_transformers_keeps_its_pooling(pooled: bool, here: Path) -> None:
    said = {"modules.json": b"[]", "sentence_bert_config.json": b"{}"} if pooled else {}
    write(here / "server", FILES | said)
    (here / "s.sh").write_text(as_script(needs("team/model"), "curl"))
    fake = FAKE % (here / "server", 22)
    if not pooled:
        fake = 'case "$*" in *1_Pooling*) exit 22;; esac\n' + fake
    assert run_with(here, fake, "curl").returncode == 0
    fetched = {path.relative_to(here / "model").as_posix() for path in (here / "model").rglob("*")}
    assert fetched == {*FILES, *said} | ({"1_Pooling", "1_Pooling/config.json"} if pooled else set())


@pytest.mark.skipif(os.name == "nt" or shutil.which("sh") is None, reason="a script for sh")
@pytest.mark.parametrize("kind", ["wget", "curl"])
def test_a_network_that_fails_ends_the_script_and_keeps_what_came(kind: str, here: Path) -> None:
    (here / "s.sh").write_text(as_script(needs("bert-base-uncased"), kind))
    write(here / "server", {"config.json": FILES["config.json"]})
    write(here / "bert-base-uncased", {"vocab.txt.part": b"half"})
    done = run_with(here, FAKE % (here / "server", 4), kind)
    assert done.returncode == 4
    assert sorted(path.name for path in (here / "bert-base-uncased").iterdir()) == ["config.json", "vocab.txt.part"]


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not installed")
def test_powershell_understands_its_script(here: Path) -> None:
    (here / "s.ps1").write_text(as_script(needs("bert-base-uncased"), "powershell"))
    parse = "[ScriptBlock]::Create((Get-Content -Raw s.ps1)) | Out-Null"
    assert subprocess.run(["pwsh", "-NoProfile", "-Command", parse], cwd=here, check=False).returncode == 0
