"""Are models found in the caches of earlier years and of other libraries, without a byte changed there?"""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pretrained.errors import ModelFileNotFoundError, ModelNotFoundError
from pretrained.hub import model_archive, resolve
from tests.hub.material import Material, write

TINY = Material.tiny()
FILES = TINY.files()
OLD = {"config.json": TINY.config_bytes(), "pytorch_model.bin": TINY.pytorch_bin, "vocab.txt": TINY.vocab_bytes()}
VARIABLES = (
    *("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME"),
    *("PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE", "SENTENCE_TRANSFORMERS_HOME", "MODELSCOPE_CACHE"),
)

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "home"


def write_hashed(folder: Path, files: dict[str, bytes], *, etag: str = '"abc"', lock: bool = True) -> None:
    """Address → content, as Transformers 2 and 3 named it."""
    for url, content in files.items():
        name = hashlib.sha256(url.encode()).hexdigest()
        if etag:
            name += f".{hashlib.sha256(etag.encode()).hexdigest()}"
        if url.endswith(".h5"):
            name += ".h5"
        write(folder, {name: content, f"{name}.json": json.dumps({"url": url, "etag": etag}).encode()})
        if lock:
            write(folder, {f"{name}.lock": b""})


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "pattern",
    [
        "https://hub.test/bert-base-uncased/resolve/main/{}",
        "https://cdn.test/bert-base-uncased-{}",
        "https://bucket.test/models/bert/bert-base-uncased-{}",
        "https://hub.test/google-bert/bert-base-uncased/resolve/main/{}",
    ],
)
@pytest.mark.parametrize(
    "place", [".cache/torch/transformers", ".cache/huggingface/transformers", ".pytorch_pretrained_bert"]
)
def test_files_named_by_hashes(place: str, pattern: str, home: Path) -> None:
    folder = home / place
    write_hashed(folder, {pattern.format(name): data for name, data in OLD.items()})
    other = "https://hub.test/bert-base-cased/resolve/main/vocab.txt"
    write_hashed(folder, {other: b"[PAD]\n"}, lock=False)
    before = listing(folder)
    files = resolve("bert-base-uncased")
    assert files.config() == TINY.config
    assert files.require("vocab.txt").read_bytes() == TINY.vocab_bytes()
    assert files.weights().paths[0].read_bytes() == TINY.pytorch_bin
    assert any(" lies in " in note for note in files.notes)
    assert listing(folder) == before
    assert resolve("bert-base-uncased").root == files.root
    with pytest.raises(ModelNotFoundError, match="bert-large-uncased"):
        resolve("bert-large-uncased")


@pytest.mark.parametrize(
    "variable", ["TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE"]
)
def test_variables_of_the_time(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://hub.test/owner/name/resolve/main/{}"
    write_hashed(tmp_path / "there", {url.format(name): data for name, data in OLD.items()})
    monkeypatch.setenv(variable, str(tmp_path / "there"))
    assert resolve("owner/name").weights().format == "pytorch"


def test_an_older_cache_named(tmp_path: Path, home: Path) -> None:
    """cache_dir= may be of that kind, too; the older caches of the machine are then not looked into."""
    url = "https://hub.test/owner/name/resolve/main/{}"
    write_hashed(tmp_path / "there", {url.format(name): data for name, data in OLD.items()})
    files = resolve("owner/name", cache_dir=tmp_path / "there")
    assert files.weights().format == "pytorch"
    assert f"{tmp_path / 'there'}" in str(files.weights().paths[0].resolve())
    packed = archive(("bert_config.json", OLD["config.json"]), ("pytorch_model.bin", OLD["pytorch_model.bin"]))
    write_hashed(tmp_path / "2018", {ARCHIVE: packed})
    assert resolve("bert-base-uncased", cache_dir=tmp_path / "2018").config() == TINY.config
    write_hashed(home / ".cache/torch/transformers", {url.format(name): data for name, data in OLD.items()})
    with pytest.raises(ModelNotFoundError):
        resolve("owner/name", cache_dir=tmp_path / "empty")


def test_advice_for_an_incomplete_model(home: Path) -> None:
    """The name is known, and the folder of links is no place to put files into."""
    url = "https://hub.test/owner/name/resolve/main/{}"
    write_hashed(home / ".cache/torch/transformers", {url.format("config.json"): OLD["config.json"]})
    files = resolve("owner/name")
    with pytest.raises(ModelFileNotFoundError, match=r"To do: pretrained download owner/name$"):
        files.weights()


@pytest.mark.parametrize("closed", [".cache/torch/transformers", ".cache/torch/hub/checkpoints"])
def test_a_cache_that_may_not_be_read_is_passed_over(closed: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://hub.test/owner/name/resolve/main/{}"
    write_hashed(home / ".pytorch_pretrained_bert", {url.format(name): data for name, data in OLD.items()})
    write(home / closed, {"a": b""})
    scandir = os.scandir

    def refuse(path: object) -> object:
        if str(path) == str(home / closed):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert resolve("owner/name").weights().format == "pytorch"
    with pytest.raises(ModelNotFoundError, match="no model 'owner/other'"):
        resolve("owner/other")


def test_a_home_that_may_not_be_looked_into(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.stat

    def refuse(path: object, **options: Any) -> os.stat_result:
        if str(path).startswith(str(home)):
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(ModelNotFoundError, match="no model 'bert-base-uncased' on this machine"):
        resolve("bert-base-uncased")
    with pytest.raises(ModelNotFoundError, match="no folder or file"):
        resolve(home / "models" / "bert")


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_broken_link_in_an_older_cache(home: Path) -> None:
    folder = home / ".cache/torch/transformers"
    write_hashed(
        folder,
        {
            "https://hub.test/owner/name/resolve/main/vocab.txt": b"",
            **{
                f"https://hub.test/owner/name/resolve/main/{name}": OLD[name]
                for name in ("config.json", "pytorch_model.bin")
            },
        },
    )
    (link,) = [path for path in folder.iterdir() if path.suffix not in (".json", ".lock") and not path.read_bytes()]
    link.unlink()
    link.symlink_to(link.name)
    assert resolve("owner/name").get("vocab.txt") is None


ARCHIVE = "https://bucket.test/models/bert/bert-base-uncased.tar.gz"


def archive(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """A .tar.gz of files, and of entries of other kinds."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as entries:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                entries.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                entries.addfile(entry, io.BytesIO(member[1]))
    return packed.getvalue()


def test_an_archive_of_2018(home: Path) -> None:
    """The model came as an archive, its vocabulary beside it."""
    folder = home / ".pytorch_pretrained_bert"
    packed = archive(("./bert_config.json", OLD["config.json"]), ("./pytorch_model.bin", OLD["pytorch_model.bin"]))
    vocabulary = "https://bucket.test/models/bert/bert-base-uncased-vocab.txt"
    write_hashed(folder, {ARCHIVE: packed, vocabulary: OLD["vocab.txt"]})
    before = listing(folder)
    files = resolve("bert-base-uncased")
    assert files.config() == TINY.config
    weights = files.weights().paths[0]
    assert weights.read_bytes() == TINY.pytorch_bin
    assert files.require("vocab.txt").read_bytes() == TINY.vocab_bytes()
    written = weights.stat().st_mtime_ns
    assert resolve("bert-base-uncased").weights().paths[0].stat().st_mtime_ns == written  # unpacked once
    assert listing(folder) == before


def test_an_archive_that_lies(home: Path, tmp_path: Path) -> None:
    """Nothing is written outside, no link is made, and what grows without end is given up."""
    link = tarfile.TarInfo("vocab.txt")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    names = ("../config.json", "/config.json", "C:config.json", "sub/config.json", "..", "config.json\\x")
    evil = archive(*((name, b"{}") for name in names), link, ("config.json", OLD["config.json"]), ("run.py", b"x"))
    write(tmp_path, {"a.tar.gz": evil, "out/": b""})
    model_archive.unpack_once(tmp_path / "a.tar.gz", folder := tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {"config.json", ".a.tar.gz.unpacked"}
    assert not (tmp_path / "config.json").exists()
    bomb = archive(("config.json", OLD["config.json"]), ("pytorch_model.bin", bytes(64 << 20)))
    assert len(bomb) < 1 << 20
    write_hashed(home / ".pytorch_pretrained_bert", {ARCHIVE: bomb})
    with pytest.raises(ModelFileNotFoundError, match="no weights"):
        resolve("bert-base-uncased", local_files_only=True).weights()


@pytest.mark.parametrize("damage", [0, 1, 30, 200, -9, "checksum"])
def test_an_archive_that_is_damaged(damage: int | str, home: Path) -> None:
    packed = archive(("config.json", OLD["config.json"]), ("pytorch_model.bin", OLD["pytorch_model.bin"]))
    packed = packed[:damage] if isinstance(damage, int) else packed[:-8] + b"????" + packed[-4:]
    write_hashed(home / ".pytorch_pretrained_bert", {ARCHIVE: packed})
    with pytest.raises((ModelNotFoundError, ModelFileNotFoundError)):
        resolve("bert-base-uncased", local_files_only=True).weights()


def test_owner_and_name_of_the_second_generation(home: Path) -> None:
    url = "https://bucket.test/models/bert/owner/name/{}"
    write_hashed(home / ".cache/torch/transformers", {url.format(name): data for name, data in OLD.items()})
    assert resolve("owner/name").config() == TINY.config


def test_the_newest_of_two_versions(home: Path) -> None:
    folder = home / ".cache/torch/transformers"
    url = "https://hub.test/owner/name/resolve/main/{}"
    write_hashed(folder, {url.format(name): data for name, data in OLD.items()})
    first = resolve("owner/name").root
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    write_hashed(folder, {url.format("vocab.txt"): b"[PAD]\nnewer\n"}, etag='"def"')
    files = resolve("owner/name")
    assert files.require("vocab.txt").read_bytes() == b"[PAD]\nnewer\n"
    assert files.root != first


def test_revisions_and_foreign_entries_are_left_alone(home: Path) -> None:
    folder = home / ".cache/torch/transformers"
    write_hashed(folder, {f"https://hub.test/owner/name/resolve/v1/{name}": data for name, data in OLD.items()})
    write(folder, {"0" * 64: b"x", f"{'0' * 64}.json": b'{"url": "https://hub.test/owner/name/resolve/main/a"}'})
    write(folder, {"1" * 64: b"x", f"{'1' * 64}.json": b"[" * 9999, "2" * 64: b"x", f"{'2' * 64}.json": b'{"url": 1}'})
    evil = "https://hub.test/owner/name/resolve/main/..%2F..%2Fvocab.txt"
    write_hashed(folder, {evil: b"[PAD]\n"})
    with pytest.raises(ModelNotFoundError) as raised:
        resolve("owner/name")
    assert f"an older cache of Transformers ({folder})" in str(raised.value)


def test_a_cache_of_sentence_transformers(home: Path) -> None:
    place = home / ".cache/torch/sentence_transformers"
    write(place / "owner_name", FILES)
    write(place / "sentence-transformers_all-mini", FILES)
    assert resolve("owner/name").root == place / "owner_name"
    assert resolve("all-mini").root == place / "sentence-transformers_all-mini"


@pytest.mark.parametrize("place", ["hub", "hub/models", "models"])
def test_a_cache_of_modelscope(place: str, home: Path) -> None:
    folder = home / ".cache/modelscope" / place
    write(folder / "owner" / "name", FILES)
    write(folder / "owner" / "name-v1___5", FILES)
    assert resolve("owner/name").root == folder / "owner" / "name"
    assert resolve("owner/name-v1.5").root == folder / "owner" / "name-v1___5"


def test_the_cache_of_torch_hub(home: Path) -> None:
    folder = home / ".cache/torch/hub/checkpoints"
    write(folder, {f"bert-base-uncased-{name}": data for name, data in OLD.items()} | {"resnet18-5c106cde.pth": b"x"})
    files = resolve("bert-base-uncased")
    assert files.weights().paths[0].read_bytes() == TINY.pytorch_bin
    assert files.require("vocab.txt").read_bytes() == TINY.vocab_bytes()


def test_the_cache_of_today_goes_first(home: Path) -> None:
    from tests.hub.material import write_cache

    write(home / ".cache/torch/sentence_transformers/owner_name", FILES)
    write_cache(home / ".cache/huggingface/hub", "owner/name", FILES)
    assert resolve("owner/name").revision is not None
    with pytest.raises(ModelNotFoundError):  # the others have one version, and nobody knows which
        resolve("owner/other", revision="v1")
