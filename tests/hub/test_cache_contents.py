"""Is every file of a cache counted once, and does only that go which nothing leads to?"""

import os
import time
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from filelock import FileLock

from pretrained.errors import ModelNotFoundError, PretrainedError
from pretrained.hub.cache_cleaning import Leftover, leftovers, prune, remove_model
from pretrained.hub.cache_contents import contents, find
from tests.hub.material import Material
from tests.hub.mirroring import COMMIT, in_cache

TINY = Material.tiny()
FILES = TINY.files()
NEW, OLD, ETAG = "a" * 40, "b" * 40, "c" * 64


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def settle(folder: Path) -> None:
    """Everything was written long ago."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1_600_000_000, 1_600_000_000))


def test_what_is_there(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES, commit=NEW, refs=("main", "v1"))
    in_cache(cache, "owner/name", FILES | {"vocab.txt": b"old\n"}, commit=OLD, refs=())
    in_cache(cache, "gpt2", {"config.json": b"{}"})
    (cache / "models--owner--name" / "blobs" / f"{ETAG}.incomplete").write_bytes(b"12345")
    before = time.time()
    small, model = contents([cache])
    assert (small.name, small.formats, small.size) == ("gpt2", (), 2)
    assert model.name == "owner/name"
    assert model.size == sum(map(len, FILES.values())) + len(b"old\n") + 5
    assert before - 60 < model.last_used < before + 60
    assert [path.name for path in model.unfinished] == [f"{ETAG}.incomplete"]
    new, old = model.revisions
    assert (new.commit, new.refs, old.commit, old.refs) == (NEW, ("main", "v1"), OLD, ())
    assert {file.name: file.size for file in new.files} == {name: len(data) for name, data in FILES.items()}
    assert new.size == sum(map(len, FILES.values()))
    assert model.formats == ("safetensors",)


def test_sizes_are_those_that_huggingface_hub_counts(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES, commit=NEW)
    in_cache(cache, "owner/name", FILES | {"vocab.txt": b"old\n"}, commit=OLD, refs=())
    in_cache(cache, "owner/plain", FILES)
    theirs = {repo.repo_id: repo.size_on_disk for repo in huggingface_hub.scan_cache_dir(cache).repos}
    assert {model.name: model.size for model in contents([cache])} == theirs


def test_names_are_found_as_ever(cache: Path) -> None:
    in_cache(cache, "bert-base-uncased", FILES)
    assert [model.name for model in find("google-bert/bert-base-uncased", [cache])] == ["bert-base-uncased"]
    with pytest.raises(ModelNotFoundError, match=r"(?s)no model 'bert-base-uncasd' in the cache.*bert-base-uncased"):
        find("bert-base-uncasd", [cache])


def test_nothing_to_prune(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES)
    in_cache(cache, "owner/nameless", FILES, refs=())  # the only revision of a model stays
    settle(cache)
    assert list(leftovers(list(contents([cache])))) == []


def test_prune(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES, commit=NEW)
    blobs = cache / "models--owner--name" / "blobs"
    settle(cache)
    clean = tree(cache)
    in_cache(cache, "owner/name", FILES | {"vocab.txt": b"old\n"}, commit=OLD, refs=())
    (blobs / f"{ETAG}.incomplete").write_bytes(b"12345")
    (blobs / ETAG).write_bytes(b"123")
    (cache / "models--owner--empty" / "refs").mkdir(parents=True)
    settle(cache)
    found = list(leftovers(list(contents([cache]))))
    assert sorted((one.what, one.size) for one in found) == [
        ("empty", 0),
        ("orphan", 3),
        ("revision", 4),
        ("unfinished", 5),
    ]
    assert prune(found) == (12, [])
    assert tree(cache) == clean
    assert huggingface_hub.scan_cache_dir(cache).warnings == []


@pytest.mark.parametrize("closed", ["", "snapshots", f"snapshots/{NEW}", "blobs"])
def test_what_may_not_be_looked_into_stays(closed: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its files would seem to belong to nothing."""
    in_cache(cache, "owner/name", FILES, commit=NEW)
    settle(cache)
    folder, scandir, access = cache / "models--owner--name" / closed, os.scandir, os.access

    def refuse(path: str | Path) -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and access(path, mode))
    assert list(leftovers(list(contents([cache])))) == []


def test_a_blob_that_was_just_downloaded_stays(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES)
    (cache / "models--owner--name" / "blobs" / ETAG).write_bytes(b"123")
    assert list(leftovers(list(contents([cache])))) == []


def test_what_somebody_downloads_stays(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES)
    part = cache / "models--owner--name" / "blobs" / f"{ETAG}.incomplete"
    part.write_bytes(b"12345")
    (cache / ".locks" / "models--owner--name").mkdir(parents=True)
    (model,) = contents([cache])
    with FileLock(cache / ".locks" / "models--owner--name" / f"{ETAG}.lock"):
        freed, kept = prune(list(leftovers([model])))
        assert freed == 0
        assert "another process is downloading owner/name" in kept[0]
        with pytest.raises(PretrainedError, match="another process is downloading owner/name"):
            remove_model(model)
    assert part.exists()
    assert prune(list(leftovers([model]))) == (5, [])
    assert not part.exists()


def test_a_blob_that_is_needed_again_stays(cache: Path) -> None:
    """Between looking and removing, another revision came to need it."""
    in_cache(cache, "owner/name", FILES, commit=NEW)
    in_cache(cache, "owner/name", {"vocab.txt": b"old\n"}, commit=OLD, refs=())
    settle(cache)
    found = list(leftovers(list(contents([cache]))))
    later = in_cache(cache, "owner/name", {"vocab.txt": b"old\n"}, commit="d" * 40)
    prune(found)
    assert later.joinpath("vocab.txt").read_bytes() == b"old\n"


def test_links_are_never_followed(cache: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    in_cache(cache, "owner/name", FILES, commit=NEW)
    old = in_cache(cache, "owner/name", {"vocab.txt": b"old\n"}, commit=OLD, refs=())
    (old / "precious.txt").symlink_to(outside / "precious.txt")
    (old / "folder").symlink_to(outside, target_is_directory=True)
    repository = cache / "models--owner--name"
    (repository / "snapshots" / ("e" * 40)).symlink_to(outside, target_is_directory=True)
    (repository / "blobs" / ("f" * 64)).symlink_to(outside / "precious.txt")
    (cache / "models--owner--linked").symlink_to(outside, target_is_directory=True)
    settle(cache)
    models = list(contents([cache]))
    assert [model.name for model in models] == ["owner/name"]
    found = list(leftovers(models))
    assert [one.what for one in found] == ["revision"]
    prune(found)
    remove_model(models[0])
    with pytest.raises(ModelNotFoundError):
        find("owner/linked", [cache])
    assert (outside / "precious.txt").read_text() == "precious"
    assert not repository.exists()


def test_a_folder_that_became_a_link_stays(cache: Path, tmp_path: Path) -> None:
    in_cache(cache, "owner/name", FILES)
    part = cache / "models--owner--name" / "blobs" / f"{ETAG}.incomplete"
    part.write_bytes(b"12345")
    found = list(leftovers(list(contents([cache]))))
    (cache / "models--owner--name" / "blobs").rename(tmp_path / "elsewhere")
    (cache / "models--owner--name" / "blobs").symlink_to(tmp_path / "elsewhere")
    freed, kept = prune(found)
    assert (freed, len(kept)) == (0, 1)
    outside = Leftover("owner/name", "orphan", tmp_path / "elsewhere" / part.name, 5, "", cache / "models--owner--name")
    assert prune([outside])[0] == 0
    assert (tmp_path / "elsewhere" / part.name).exists()


def test_a_cache_without_links(cache: Path) -> None:
    in_cache(cache, "owner/name", FILES, links=False)
    in_cache(cache, "owner/name", {"vocab.txt": b"old\n"}, commit=OLD, refs=(), links=False)
    (model,) = contents([cache])
    assert model.size == sum(map(len, FILES.values())) + 4
    assert prune(list(leftovers([model]))) == (4, [])
    assert {path.name for path in (cache / "models--owner--name" / "snapshots").iterdir()} == {COMMIT}
