"""Does `verify` see what is wrong, whatever knows the hashes?"""

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_writer import unpack
from pretrained.hub.verify import Verdict, checks
from tests.hub.material import write
from tests.hub.packing import FILES, bundle_of, here
from tests.hub.test_lock import write_lock

__all__ = ["here"]
COMMIT = "a1" * 20


def run(name: str | Path, **options: object) -> list[Verdict]:
    return [check.run() for check in checks(str(name), **options)]  # type: ignore[arg-type]


def wrong(verdicts: Iterable[Verdict]) -> dict[str, str]:
    return {verdict.check.name: verdict.wrong for verdict in verdicts if verdict.wrong}


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """A model in the cache as the hub's library keeps it: blobs named by their hash. Returns its blobs."""
    repository = tmp_path / "cache" / "models--a--b"
    write(repository, {"refs/main": COMMIT.encode()})
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    for name, content in FILES.items():
        blob = hashlib.sha256(content).hexdigest() if name == "model.safetensors" else git_id(content)
        write(repository / "blobs", {blob: content})
        (repository / "snapshots" / COMMIT / name).symlink_to(f"../../blobs/{blob}")
    return repository / "blobs"


def test_a_bundle(here: Path) -> None:
    path = bundle_of(here)
    verdicts = run(path)
    assert {verdict.check.name for verdict in verdicts} == {*FILES}
    assert all(verdict.checked and verdict.check.against == "manifest" for verdict in verdicts)
    data = bytearray(path.read_bytes())
    data[Bundle(path).windows["model.safetensors"].pieces[0].start + 90] ^= 1
    path.write_bytes(data)
    assert wrong(run(path)) == {"model.safetensors": "other content"}


def test_an_unpacked_bundle(here: Path) -> None:
    unpack(Bundle(bundle_of(here)), here / "out")
    assert wrong(run("out")) == {}
    (here / "out" / "vocab.txt").write_bytes(b"x")
    (here / "out" / "README.md").unlink()
    assert wrong(run("out")) == {"vocab.txt": f"1 bytes, and not {len(FILES['vocab.txt']):,}", "README.md": "missing"}


@pytest.mark.skipif(os.name == "nt", reason="links into the blobs of a cache")
@pytest.mark.parametrize("name", ["a/b", "cache", "snapshot"])
def test_the_cache_of_the_hub(name: str, cached: Path, tmp_path: Path) -> None:
    places = {"cache": str(tmp_path / "cache"), "snapshot": str(cached.parent / "snapshots" / COMMIT)}
    name = places.get(name, name)
    verdicts = run(name)
    assert len(verdicts) == len(FILES)
    assert all(verdict.checked and verdict.check.model == "a/b" for verdict in verdicts)
    blob = cached / git_id(FILES["vocab.txt"])
    blob.write_bytes(blob.read_bytes().replace(b"here", b"hire"))
    assert wrong(run(name)) == {"vocab.txt": "other content"}
    blob.unlink()
    assert wrong(run(name)) == {"vocab.txt": "missing"}


def test_a_lock_file(here: Path) -> None:
    write(here / "mine", FILES)
    lock = write_lock("./mine")
    assert wrong(run("./mine", lock=lock)) == {}
    (here / "mine" / "vocab.txt").write_bytes(FILES["vocab.txt"].replace(b"here", b"hire"))
    assert wrong(run("./mine", lock=lock)) == {"vocab.txt": "other content"}


def test_a_folder_that_hf_download_filled(here: Path) -> None:
    write(here / "mine", FILES)
    notes = here / "mine" / ".cache" / "huggingface" / "download"
    write(
        notes,
        {f"{name}.metadata": f"{COMMIT}\n{git_id(data)}\n{time.time()}\n".encode() for name, data in FILES.items()},
    )
    verdicts = run("mine")
    assert {verdict.check.against for verdict in verdicts} == {"download"}
    assert wrong(verdicts) == {}
    content = FILES["vocab.txt"].replace(b"here", b"hire")
    (here / "mine" / "vocab.txt").write_bytes(content)
    assert wrong(run("mine")) == {"vocab.txt": "other content"}


def test_a_folder_of_which_nothing_is_known(here: Path) -> None:
    write(here / "mine", FILES)
    assert not any(verdict.checked for verdict in run("mine"))


def test_a_lock_in_the_environment_does_not_matter(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here / "mine", FILES)
    monkeypatch.setenv("PRETRAINED_LOCK", "not there")
    assert len(run("mine")) == len(FILES)
