"""Is the Hugging Face cache read as it lies on disk, in every state that it is found in?"""

import os
import random
from pathlib import Path

import pytest
from huggingface_hub import try_to_load_from_cache

from pretrained.errors import ModelNotFoundError, PretrainedError
from pretrained.hub import cache, resolve
from tests.hub.material import Material, write, write_cache

TINY = Material.tiny()
FILES = TINY.files()
BERT = "google-bert/bert-base-uncased"
A, B = "a1" * 20, "a2" * 20
VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME")

pytestmark = pytest.mark.usefixtures("_own_home")


@pytest.fixture
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache of this machine is seen, and no folder of the checkout."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")


# -- where caches lie ------------------------------


def test_the_usual_cache(tmp_path: Path) -> None:
    write_cache(tmp_path / "home" / ".cache" / "huggingface" / "hub", BERT, FILES)
    files = resolve(BERT)
    assert files.kind == "cache"
    assert files.revision == "1dbc166cf8765166998eff31ade2eb64c8a40076"
    assert files.weights().paths[0].read_bytes() == TINY.safetensors
    assert files.notes == ()


@pytest.mark.parametrize(
    ("variable", "below"),
    [
        ("HF_HUB_CACHE", ""),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("TRANSFORMERS_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
    ],
)
def test_environment(variable: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cache(tmp_path / "there" / below, BERT, FILES)
    with pytest.raises(ModelNotFoundError):
        resolve(BERT)
    monkeypatch.setenv(variable, str(tmp_path / "there"))
    assert resolve(BERT).root.is_relative_to(tmp_path / "there")


def test_environment_may_use_home_and_other_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cache(tmp_path / "home" / "x", BERT, FILES)
    monkeypatch.setenv("HF_HUB_CACHE", "~/x")
    assert resolve(BERT).kind == "cache"
    monkeypatch.setenv("DISK", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", "$DISK/x")
    assert resolve(BERT).kind == "cache"


def test_the_order_of_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / name))
    assert cache.cache_folders() == [
        tmp_path / "HF_HUB_CACHE",
        tmp_path / "HUGGINGFACE_HUB_CACHE",
        tmp_path / "TRANSFORMERS_CACHE",
        tmp_path / "HF_HOME" / "hub",
        tmp_path / "XDG_CACHE_HOME" / "huggingface" / "hub",
        tmp_path / "home" / ".cache" / "huggingface" / "hub",
    ]
    assert cache.cache_folders("~/mine") == [tmp_path / "home" / "mine", tmp_path / "home" / "mine" / "hub"]


def test_cache_dir_replaces_all_others(tmp_path: Path) -> None:
    write_cache(tmp_path / "home" / ".cache" / "huggingface" / "hub", BERT, FILES)
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(BERT, cache_dir=tmp_path / "other")
    assert ".cache" not in str(raised.value)
    write_cache(tmp_path / "other", BERT, FILES)
    assert resolve(BERT, cache_dir=str(tmp_path / "other")).kind == "cache"


def test_the_first_cache_with_usable_files_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "first"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "second"))
    write_cache(tmp_path / "first", BERT, {"README.md": b"# BERT\n"})
    write_cache(tmp_path / "second" / "hub", BERT, FILES)
    assert resolve(BERT).root.is_relative_to(tmp_path / "second")
    write_cache(tmp_path / "first", BERT, FILES, commit=A)
    assert resolve(BERT).root.is_relative_to(tmp_path / "first")


def test_a_cache_with_only_the_tokenizer_comes_after_one_with_weights(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, {"vocab.txt": FILES["vocab.txt"]})
    assert resolve("bert-base-uncased", cache_dir=tmp_path).get("vocab.txt") is not None
    write_cache(tmp_path, "bert-base-uncased", FILES)
    assert resolve("bert-base-uncased", cache_dir=tmp_path).weights().format == "safetensors"


# -- names ------------------------------


@pytest.mark.parametrize("stored", ["bert-base-uncased", BERT])
@pytest.mark.parametrize("name", ["bert-base-uncased", BERT, "hub:bert-base-uncased", f"hub:{BERT}"])
def test_short_and_full_names_find_each_other(name: str, stored: str, tmp_path: Path) -> None:
    write_cache(tmp_path, stored, FILES)
    files = resolve(name, cache_dir=tmp_path)
    assert files.config()["model_type"] == "bert"
    assert any("lies in the cache as" in note for note in files.notes) == (name.removeprefix("hub:") != stored)


def test_any_owner_and_name(tmp_path: Path) -> None:
    write_cache(tmp_path, "hfl/chinese-bert-wwm-ext", FILES)
    assert resolve("hfl/chinese-bert-wwm-ext", cache_dir=tmp_path).name == "hfl/chinese-bert-wwm-ext"


def test_subfolder(tmp_path: Path) -> None:
    write_cache(tmp_path, "some/model", {f"bert/base/{name}": data for name, data in FILES.items()})
    files = resolve("some/model", cache_dir=tmp_path, subfolder="bert/base")
    assert files.weights().paths[0].read_bytes() == TINY.safetensors
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        resolve("some/model", cache_dir=tmp_path, subfolder="large")


# -- revisions ------------------------------


def two_revisions(folder: Path) -> None:
    write_cache(folder, BERT, FILES, commit=A, refs=("main", "v1.0"))
    write_cache(folder, BERT, FILES, commit=B, refs=("dev", "refs/pr/7"))


@pytest.mark.parametrize(
    ("revision", "commit"),
    [(None, A), ("main", A), ("v1.0", A), ("dev", B), ("refs/pr/7", B), (A, A), (B, B), (B[:7], B), (B[:4], B)],
)
def test_revision(revision: str | None, commit: str, tmp_path: Path) -> None:
    two_revisions(tmp_path)
    files = resolve(BERT, cache_dir=tmp_path, revision=revision)
    assert files.revision == commit
    assert files.root.name == commit


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("v2.0", "there is no refs/v2.0"),
        ("a", "there is no refs/a"),
        ("../main", "there is no refs/../main"),
        ("/etc/passwd", "there is no refs/"),
        ("b" * 40, "no commit begins so"),
    ],
)
def test_a_revision_that_is_not_here(revision: str, words: str, tmp_path: Path) -> None:
    two_revisions(tmp_path)
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(BERT, cache_dir=tmp_path, revision=revision)
    message = str(raised.value)
    assert words in message
    for near in ("main = a1a1a1a1a1a1", "dev = a2a2a2a2a2a2", f"--revision {revision}"):
        assert near in message


def test_an_abbreviation_of_two_commits(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, FILES, commit="abcd1" + "0" * 35)
    write_cache(tmp_path, BERT, FILES, commit="abcd2" + "0" * 35)
    with pytest.raises(ModelNotFoundError, match="all begin so"):
        resolve(BERT, cache_dir=tmp_path, revision="abcd")


def test_without_refs_the_only_snapshot_is_used(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, FILES, commit=A, refs=())
    files = resolve(BERT, cache_dir=tmp_path)
    assert files.revision == A
    assert "there is no refs/main; the only snapshot, a1a1a1a1a1a1, is used" in files.notes


def test_a_reference_to_a_snapshot_that_is_gone(tmp_path: Path) -> None:
    folder = write_cache(tmp_path, BERT, FILES, commit=A)
    (folder / "refs" / "main").write_text(B)
    files = resolve(BERT, cache_dir=tmp_path)
    assert files.revision == A
    assert "refs/main names the commit a2a2a2a2a2a2, which is not here" in files.notes[0]


def test_without_refs_several_snapshots_are_not_guessed(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, FILES, commit=A, refs=())
    write_cache(tmp_path, BERT, FILES, commit=B, refs=())
    with pytest.raises(ModelNotFoundError, match="several snapshots") as raised:
        resolve(BERT, cache_dir=tmp_path)
    assert 'revision="a1a1a1a1a1a1"' in str(raised.value)


def test_a_reference_may_not_lead_out(tmp_path: Path) -> None:
    folder = write_cache(tmp_path, BERT, FILES, commit=A, refs=())
    write(tmp_path / "outside", FILES)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("../../outside")
    assert resolve(BERT, cache_dir=tmp_path).revision == A


# -- states ------------------------------


def test_a_cache_without_links(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, FILES, links=False)
    assert resolve(BERT, cache_dir=tmp_path).weights().format == "safetensors"


def test_nothing_but_an_unfinished_download(tmp_path: Path) -> None:
    folder = write_cache(tmp_path, BERT, {})
    write(folder / "blobs", {"68d45e234eb4a928074dfd868cead0219ab85354.incomplete": bytes(1500)})
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(BERT, cache_dir=tmp_path)
    assert "blobs/68d45e234eb4….incomplete (1.5 kB)" in str(raised.value)


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_links_whose_blobs_are_gone(tmp_path: Path) -> None:
    folder = write_cache(tmp_path, BERT, FILES)
    for blob in (folder / "blobs").iterdir():
        blob.unlink()
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(BERT, cache_dir=tmp_path)
    assert "model.safetensors (a link to ../../blobs/" in str(raised.value)


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_one_link_whose_blob_is_gone(tmp_path: Path) -> None:
    folder = write_cache(tmp_path, BERT, FILES)
    (next((folder / "snapshots").iterdir()) / "vocab.txt").resolve().unlink()
    files = resolve(BERT, cache_dir=tmp_path)
    with pytest.raises(OSError, match=r"vocab\.txt is a link to .*, which is not there"):
        files.get("vocab.txt")


def test_the_whole_cache_named_as_a_folder(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, FILES)
    write_cache(tmp_path, "hfl/rbt3", FILES)
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(tmp_path)
    assert "models--google-bert--bert-base-uncased, models--hfl--rbt3" in str(raised.value)


def test_a_renamed_copy_of_a_models_folder(tmp_path: Path) -> None:
    write_cache(tmp_path, BERT, FILES, commit=A).rename(tmp_path / "carried")
    assert resolve(tmp_path / "carried").revision == A
    assert resolve(tmp_path / "carried", revision="main").revision == A


def test_a_folder_called_snapshots_need_not_be_a_cache(tmp_path: Path) -> None:
    write(tmp_path / "snapshots", FILES)
    assert resolve(tmp_path / "snapshots").root == tmp_path / "snapshots"


# -- against the library that writes these caches ------------------------------


def test_the_same_files_as_huggingface_hub_finds(tmp_path: Path) -> None:
    rng = random.Random(7)
    found = 0
    for number in range(60):
        folder, commits = tmp_path / str(number), rng.sample([A, B, "c3" * 20], rng.randint(1, 3))
        for commit in commits:
            write_cache(folder, BERT, FILES, commit=commit, refs=(), links=rng.random() < 0.7)
        for ref in ("main", "v1"):
            if rng.random() < 0.7:
                write(folder / "models--google-bert--bert-base-uncased" / "refs", {ref: rng.choice(commits).encode()})
        for revision in (None, "main", "v1", *commits):
            theirs = try_to_load_from_cache(BERT, "config.json", cache_dir=folder, revision=revision)
            try:
                ours = resolve(BERT, cache_dir=folder, revision=revision)
            except PretrainedError:
                assert theirs is None
                continue
            if theirs is None:  # we also take the only snapshot, where nothing says that it is the wanted one
                assert "the only snapshot" in " ".join(ours.notes)
            else:
                assert str(ours.get("config.json")) == theirs
                found += 1
    assert found > 100


def test_a_snapshot_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next cache may have the model; else the error says whom to ask."""
    closed = write_cache(tmp_path / "hub", BERT, FILES) / "snapshots"
    access = os.access
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for path, words in ((closed, "its snapshots may not be read"), (next(closed.iterdir()), "it may not be read")):
        monkeypatch.setattr(os, "access", lambda asked, mode, path=path: Path(asked) != path and access(asked, mode))
        with pytest.raises(ModelNotFoundError) as raised:
            resolve(BERT)
        assert words in str(raised.value)
        assert os.name == "nt" or f"chmod u+rx {path}" in str(raised.value)
    write_cache(tmp_path / "home" / ".cache" / "huggingface" / "hub", BERT, FILES)
    assert resolve(BERT).kind == "cache"


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_link_to_itself_hides_nothing(tmp_path: Path) -> None:
    folder = write_cache(tmp_path / "home" / ".cache" / "huggingface" / "hub", BERT, FILES)
    for place in (folder, folder / "refs", folder / "snapshots", folder.parent):
        (place / "loop").symlink_to("loop")
    assert resolve(BERT).kind == "cache"
    assert cache.stored([folder.parent]) == {BERT: folder}
    assert "loop" not in cache.describe(folder)
