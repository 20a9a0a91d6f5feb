"""Do files that were carried by hand become a model of the cache that every library finds, checked and whole?"""

import hashlib
from pathlib import Path

import huggingface_hub
import pytest

from pretrained.errors import CorruptFileError, ModelNotFoundError, UnsafeFileError
from pretrained.hub import cache as hub_cache
from pretrained.hub import resolve
from pretrained.hub.cache_import import bring, look
from pretrained.hub.manifest import FileHash
from pretrained.hub.verify import checks
from tests.hub.material import HTML_PAGE, LFS_POINTER, Material
from tests.hub.mirroring import folder_of
from tests.hub.packing import bundle_of, here

__all__ = ["here"]

TINY = Material.tiny()
FILES = TINY.files()
COMMIT = "a1" * 20


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_becomes_a_model(here: Path, tmp_path: Path) -> None:
    folder = folder_of(here / "carried" / "bert-base-uncased", FILES | {"1_Pooling/config.json": b"{}"})
    done = bring(look(folder), tmp_path / "cache")
    assert (done.name, done.files, done.checked) == ("google-bert/bert-base-uncased", len(FILES) + 1, 0)
    for name in ("bert-base-uncased", "google-bert/bert-base-uncased"):
        files = resolve(f"hub:{name}", local_files_only=True)
        assert files.root == done.snapshot
        assert files.weights().paths[0].read_bytes() == FILES["model.safetensors"]
    theirs = huggingface_hub.snapshot_download(
        "google-bert/bert-base-uncased", cache_dir=tmp_path / "cache", local_files_only=True
    )
    assert Path(theirs) == done.snapshot
    assert names(done.snapshot) == sorted([*FILES, "1_Pooling/config.json"])
    weights, vocab = FILES["model.safetensors"], FILES["vocab.txt"]
    assert (done.snapshot / "model.safetensors").resolve().name == hashlib.sha256(weights).hexdigest()
    git = hashlib.sha1(b"blob %d\0" % len(vocab) + vocab).hexdigest()
    assert (done.snapshot / "vocab.txt").resolve().name == git
    assert not [check for check in checks("hub:bert-base-uncased") if check.run().wrong or not check.hash]
    assert huggingface_hub.scan_cache_dir(tmp_path / "cache").warnings == []
    assert names(folder) == names(done.snapshot)


def test_the_same_files_are_the_same_revision(here: Path, tmp_path: Path) -> None:
    folder = folder_of(here / "a", FILES)
    first = bring(look(folder, "owner/name"), tmp_path / "cache")
    assert bring(look(folder, "owner/name"), tmp_path / "cache") == first
    (folder / "vocab.txt").write_bytes(b"other\n")
    second = bring(look(folder, "owner/name"), tmp_path / "cache")
    assert second.snapshot != first.snapshot
    assert resolve("hub:owner/name", local_files_only=True).root == second.snapshot


def test_prefixes_go(here: Path, tmp_path: Path) -> None:
    files = {f"bert-base-uncased-{name}": content for name, content in FILES.items()}
    done = bring(look(folder_of(here / "a", files), "bert-base-uncased"), tmp_path / "cache")
    assert names(done.snapshot) == sorted(FILES)


def test_a_folder_of_hf_download(here: Path, tmp_path: Path) -> None:
    folder = folder_of(here / "a", FILES)
    for name, content in FILES.items():
        note = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{COMMIT}\n{hashlib.sha256(content).hexdigest()}\n1700000000.0\n")
    done = bring(look(folder, "owner/name"), tmp_path / "cache")
    assert (done.snapshot.name, done.checked, names(done.snapshot)) == (COMMIT, len(FILES), sorted(FILES))
    (folder / "vocab.txt").write_bytes(b"changed\n")
    with pytest.raises(CorruptFileError, match="is not the file it should be"):
        bring(look(folder, "owner/other"), tmp_path / "cache")
    assert not hub_cache.repository_folder(tmp_path / "cache", "owner/other").exists()


def test_a_bundle(here: Path, tmp_path: Path) -> None:
    bundle = bundle_of(here, FILES)
    with pytest.raises(ModelNotFoundError, match="--as OWNER/NAME"):
        look(bundle)
    done = bring(look(bundle, "owner/name"), tmp_path / "cache")
    assert done.checked == done.files
    assert (done.snapshot / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    data = bytearray(bundle.read_bytes())
    data[data.index(FILES["model.safetensors"]) + 100] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(CorruptFileError, match="is not the file it should be"):
        bring(look(bundle, "owner/other"), tmp_path / "cache")


def test_an_unpacked_bundle(here: Path, tmp_path: Path) -> None:
    from pretrained.hub.manifest import Manifest

    folder = folder_of(here / "a", FILES)
    hashes = {name: FileHash.of_bytes(content) for name, content in FILES.items()}
    manifest = Manifest(hashes, source="owner/name", revision=COMMIT, weights=("model.safetensors",))
    (folder / "pretrained.json").write_bytes(manifest.to_bytes())
    done = bring(look(folder), tmp_path / "cache")
    assert (done.name, done.snapshot.name, done.checked) == ("owner/name", COMMIT, len(FILES))
    (folder / "vocab.txt").unlink()
    with pytest.raises(CorruptFileError, match=r"has no vocab\.txt, which its manifest lists"):
        look(folder)


def test_links_are_not_followed_out(here: Path, tmp_path: Path) -> None:
    folder = folder_of(here / "a", FILES)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "merges.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(UnsafeFileError, match="is a link that leaves the folder"):
        look(folder, "owner/name")
    (folder / "merges.txt").unlink()
    (folder / "below").symlink_to(tmp_path, target_is_directory=True)
    assert sorted(look(folder, "owner/name").files) == sorted(FILES)


@pytest.mark.parametrize("content", [HTML_PAGE, LFS_POINTER])
def test_what_is_no_file_is_refused(here: Path, tmp_path: Path, content: bytes) -> None:
    folder = folder_of(here / "a", FILES | {"tokenizer.json": content})
    with pytest.raises(CorruptFileError, match=r"tokenizer\.json is damaged"):
        bring(look(folder, "owner/name"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["../x", "a/b/c", "a--b/c", "x/..", "-", "a/"])
def test_names_that_are_none(here: Path, name: str) -> None:
    folder = folder_of(here / "a", FILES)
    with pytest.raises(ModelNotFoundError, match="no name of a model"):
        look(folder, name)


def test_nothing_to_import(here: Path) -> None:
    (here / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match="is an empty folder"):
        look(here / "empty", "owner/name")
    with pytest.raises(ModelNotFoundError, match="neither a folder nor a bundle"):
        look(here / "nothing", "owner/name")


def test_wrong_blobs_are_replaced(here: Path, tmp_path: Path) -> None:
    folder = folder_of(here / "a", FILES)
    done = bring(look(folder, "owner/name"), tmp_path / "cache")
    blob = (done.snapshot / "vocab.txt").resolve()
    blob.write_bytes(bytes(len(FILES["vocab.txt"])))
    bring(look(folder, "owner/name"), tmp_path / "cache")
    assert blob.read_bytes() == FILES["vocab.txt"]
