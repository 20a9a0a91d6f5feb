"""Does a lock file let exactly the locked bytes through?"""

import json
import os
from pathlib import Path

import pytest

from pretrained import registry
from pretrained.errors import CorruptFileError, ModelFileNotFoundError, ModelNotFoundError, PretrainedError
from pretrained.hub import hash_record, resolve
from pretrained.hub.lock import files_to_lock, lock_text, locked_files
from pretrained.hub.manifest import hash_file
from pretrained.hub.names import PUBLISHED_SIDE_FILES
from tests.hub.material import write, write_cache
from tests.hub.packing import FILES, TINY, here, packed

__all__ = ["here"]
COMMIT, OTHER = "a1" * 20, "b2" * 20


def write_lock(*names: str) -> Path:
    models = [(name, resolve(name)) for name in names]
    hashes = {name: {one: hash_file(path) for one, path in files_to_lock(files).items()} for name, files in models}
    path = Path("pretrained.lock").absolute()
    path.write_text(lock_text(models, hashes), encoding="utf-8")
    return path


@pytest.fixture
def lock(here: Path, tmp_path: Path) -> Path:
    """A lock of a model of the cache and of a folder."""
    write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", FILES, commit=COMMIT)
    write(here / "mine", FILES)
    return write_lock("bert-base-uncased", "./mine")


def test_the_file_is_for_people_and_repeats(lock: Path) -> None:
    value = json.loads(lock.read_text(encoding="utf-8"))
    assert value["format"] == 1
    bert = value["models"]["bert-base-uncased"]
    assert (bert["source"], bert["revision"]) == ("google-bert/bert-base-uncased", COMMIT)
    assert list(bert["files"]) == ["config.json", "model.safetensors", "vocab.txt"]  # the model card is not read
    assert bert["files"]["vocab.txt"]["size"] == len(FILES["vocab.txt"])
    before = lock.read_bytes()
    assert write_lock("./mine", "bert-base-uncased").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["bert-base-uncased", "google-bert/bert-base-uncased", "hub:bert-base-uncased", "./mine", "mine", "mine/"]
)
def test_what_is_locked_is_loaded_under_each_of_its_names(name: str, lock: Path) -> None:
    files = resolve(name, lock=lock)
    assert files.config() == TINY.config
    assert files.weights().format == "safetensors"
    assert locked_files(lock, name).files.keys() == {"config.json", "model.safetensors", "vocab.txt"}


def test_nothing_else_is_loaded(lock: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here / "other", FILES)
    with pytest.raises(ModelNotFoundError, match=r"does not lock '\./other'"):
        resolve("./other", lock=lock)
    monkeypatch.setenv("PRETRAINED_LOCK", str(lock))
    with pytest.raises(ModelNotFoundError, match="does not lock"):
        resolve("other")
    assert resolve("mine").kind == "folder"
    assert resolve("other", lock="").kind == "folder"
    monkeypatch.setenv("PRETRAINED_LOCK", "not there")
    with pytest.raises(ModelNotFoundError, match="lock file not there cannot be read"):
        resolve("mine")


@pytest.mark.parametrize("name", ["vocab.txt", "model.safetensors", "config.json"])
def test_other_bytes(name: str, lock: Path, here: Path) -> None:
    resolve("mine", lock=lock)
    path = here / "mine" / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CorruptFileError, match=f"Found: {name} with SHA-256"):
        resolve("mine", lock=lock)
    path.write_bytes(content + b" ")
    with pytest.raises(CorruptFileError, match="bytes"):
        resolve("mine", lock=lock)
    path.unlink()
    with pytest.raises(ModelFileNotFoundError, match=f"lists {name} for ./mine"):
        resolve("mine", lock=lock)
    path.write_bytes(content)
    resolve("mine", lock=lock)


def test_files_that_are_not_locked_are_not_read(lock: Path, here: Path) -> None:
    write(here / "mine", {"added_tokens.json": b"{}", "notes.md": b"x"})
    files = resolve("mine", lock=lock)
    assert files.get("vocab.txt") is not None
    with pytest.raises(CorruptFileError, match=r"holds added_tokens\.json, which .* does not list"):
        files.get("added_tokens.json")


def test_weights_that_are_not_locked_are_not_read(here: Path) -> None:
    write(here / "mine", {"config.json": TINY.config_bytes(), "pytorch_model.bin": TINY.pytorch_bin})
    lock = write_lock("./mine")
    write(here / "mine", {"model.safetensors": TINY.safetensors})
    with pytest.raises(CorruptFileError, match=r"model\.safetensors, which"):
        resolve("./mine", lock=lock).weights()


def test_the_locked_revision_is_the_one_that_is_looked_for(lock: Path, tmp_path: Path) -> None:
    newer = FILES | {"vocab.txt": b"other"}
    write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", newer, commit=OTHER)
    assert resolve("bert-base-uncased").revision == OTHER
    assert resolve("bert-base-uncased", lock=lock).revision == COMMIT
    assert resolve("bert-base-uncased", lock=lock, revision=COMMIT[:8]).revision == COMMIT
    with pytest.raises(ModelNotFoundError, match="locks bert-base-uncased to the revision a1a1"):
        resolve("bert-base-uncased", lock=lock, revision=OTHER)


def test_a_tokenizer_needs_no_weights(lock: Path, here: Path) -> None:
    (here / "mine" / "model.safetensors").unlink()
    assert resolve("mine", lock=lock, part="tokenizer").get("vocab.txt") is not None


def test_a_bundle_is_what_its_source_was(lock: Path, here: Path) -> None:
    packed("bert-base-uncased", here / "carried.pretrained")
    files = resolve("carried.pretrained", lock=lock)
    assert files.weights().paths[0].read_bytes() == FILES["model.safetensors"]
    text = lock.read_text(encoding="utf-8").replace(hash_file(here / "mine" / "vocab.txt").sha256, "0" * 64)
    lock.write_text(text, encoding="utf-8")
    with pytest.raises(CorruptFileError):
        resolve("carried.pretrained", lock=lock)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"format": 1}', b'{"format": 1, "models": []}', b"\xff", b'{"format": 9}']
)
def test_a_lock_that_is_none(content: bytes, here: Path) -> None:
    (here / "pretrained.lock").write_bytes(content)
    with pytest.raises(PretrainedError):
        resolve("./mine", lock="pretrained.lock")


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:\\evil"])
def test_a_lock_with_names_that_lead_elsewhere(name: str, lock: Path) -> None:
    lock.write_text(lock.read_text(encoding="utf-8").replace("vocab.txt", json.dumps(name)[1:-1]), encoding="utf-8")
    with pytest.raises(PretrainedError, match="holds the name"):
        resolve("./mine", lock=lock)


def test_every_file_a_tokenizer_asks_for_is_locked() -> None:
    asked = set()
    for family in registry.built_in().values():
        for target in family.tokenizers:
            tokenizer = registry.load(family, target)
            asked |= {*tokenizer.vocab_files_names.values()}
            for older in getattr(tokenizer, "old_file_names", {}).values():
                asked |= {*older}
    assert len(asked) > 10
    assert asked <= {*PUBLISHED_SIDE_FILES}


# -- hashes that are remembered ------------------------------


def test_a_file_is_hashed_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here / "x"
    path.write_bytes(b"abc")
    hashed = []
    monkeypatch.setattr(hash_record, "hash_file", lambda path: hashed.append(path) or hash_file(path))
    first = hash_record.remembered_hash(path)
    assert hash_record.remembered_hash(path) == first
    assert len(hashed) == 1
    path.write_bytes(b"abd")
    assert hash_record.remembered_hash(path) == hash_file(path) != first
    assert len(hashed) == 2
    facts = path.stat()
    path.write_bytes(b"abe")  # with the time set back
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    if os.name != "nt":  # the time of the last change of the file's own facts cannot be set
        assert hash_record.remembered_hash(path) == hash_file(path)


def test_a_record_that_is_damaged(here: Path, tmp_path: Path) -> None:
    (here / "x").write_bytes(b"abc")
    found = hash_record.remembered_hash(here / "x")
    (record,) = (tmp_path / "user cache" / "pretrained" / "hashes").iterdir()
    for content in (b"", b"[]", b"{}", b'{"file": []}'):
        record.write_bytes(content)
        assert hash_record.remembered_hash(here / "x") == found
