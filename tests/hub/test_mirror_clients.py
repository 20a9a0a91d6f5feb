"""Do the programs that people have load from a mirror, knowing nothing of it but its address?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pretrained.hub.mirror import Mirror
from tests.hub.mirroring import COMMIT, in_cache

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TEXTS = ["a mirror on the LAN", "镜像"]


@pytest.fixture(scope="module")
def shelf(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with a real model, and a small one under its older name."""
    cache = tmp_path_factory.mktemp("shelf")
    files = {path.relative_to(minilm).as_posix(): path for path in minilm.rglob("*") if path.is_file()}
    in_cache(cache, MINILM, files)
    small = {name: files[name].read_bytes() for name in ("config.json", "tokenizer.json", "vocab.txt")}
    in_cache(cache, "bert-base-uncased", small)
    return cache


@pytest.fixture
def mirror(shelf: Path, loopback: None) -> Iterator[Mirror]:
    with Mirror([shelf], port=0) as mirror:
        yield mirror


def run(mirror: Mirror, home: Path, *command: str) -> str:
    """A program of its own, with an empty home; gives the last line of its output."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "TRANSFORMERS_", "PRETRAINED_"))
    }
    environment |= {"HF_ENDPOINT": mirror.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home), "HOME": str(home)}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(home / "cache")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=home)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip().splitlines()[-1]


def python(mirror: Mirror, home: Path, code: str) -> str:
    return run(mirror, home, sys.executable, "-c", code)


def same_files(folder: Path, original: Path) -> bool:
    names = sorted(path.relative_to(original) for path in original.rglob("*") if path.is_file())
    assert sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()) == names
    return all(folder.joinpath(name).read_bytes() == original.joinpath(name).read_bytes() for name in names)


def test_snapshot_download(mirror: Mirror, tmp_path: Path, minilm: Path) -> None:
    code = f"import huggingface_hub as hub; print(hub.snapshot_download({MINILM!r}))"
    folder = Path(python(mirror, tmp_path, code))
    assert folder.name == COMMIT
    assert same_files(folder, minilm)
    assert (folder / "model.safetensors").resolve().parent.name == "blobs"
    short = "import huggingface_hub as hub; print(hub.hf_hub_download('google-bert/bert-base-uncased', 'vocab.txt'))"
    assert Path(python(mirror, tmp_path, short)).read_bytes() == (minilm / "vocab.txt").read_bytes()


def test_hf_download(mirror: Mirror, tmp_path: Path, minilm: Path) -> None:
    hf = Path(sys.executable).with_name("hf")
    run(mirror, tmp_path, str(hf), "download", MINILM, "--local-dir", str(tmp_path / "here"))
    fetched = tmp_path / "here" / "model.safetensors"
    assert fetched.read_bytes() == (minilm / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_transformers(mirror: Mirror, tmp_path: Path, minilm: Path) -> None:
    code = f"""
import json, torch, transformers
model = transformers.AutoModel.from_pretrained({MINILM!r})
tokenizer = transformers.AutoTokenizer.from_pretrained({MINILM!r})
vectors = model(**tokenizer({TEXTS!r}, padding=True, return_tensors="pt")).last_hidden_state
print(json.dumps(vectors[:, 0, :4].tolist()))
"""
    theirs = json.loads(python(mirror, tmp_path, code))
    from pretrained import AutoModel, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(str(minilm))(TEXTS, padding=True, return_tensors="pt")
    ours = AutoModel.from_pretrained(str(minilm))(**batch).last_hidden_state[:, 0, :4]
    for row, other in zip(ours.tolist(), theirs, strict=True):
        assert row == pytest.approx(other, abs=1e-5)


@pytest.mark.slow
def test_sentence_transformers(mirror: Mirror, tmp_path: Path, minilm: Path) -> None:
    code = f"""
import json, sentence_transformers
model = sentence_transformers.SentenceTransformer({MINILM.partition("/")[2]!r}, device="cpu")
print(json.dumps(model.encode({TEXTS!r})[:, :4].tolist()))
"""
    theirs = json.loads(python(mirror, tmp_path, code))
    from pretrained import Encoder

    ours = Encoder(str(minilm)).encode(TEXTS)[:, :4]
    for row, other in zip(ours.tolist(), theirs, strict=True):
        assert row == pytest.approx(other, abs=1e-5)


def test_our_own(mirror: Mirror, tmp_path: Path, minilm: Path) -> None:
    folder = Path(run(mirror, tmp_path, sys.executable, "-m", "pretrained", "download", MINILM))
    assert (folder / "model.safetensors").read_bytes() == (minilm / "model.safetensors").read_bytes()
    code = f"from pretrained import AutoTokenizer; print(len(AutoTokenizer.from_pretrained({MINILM!r})))"
    assert python(mirror, tmp_path, code) == "30522"
