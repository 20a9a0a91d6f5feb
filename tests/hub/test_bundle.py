"""Is a bundle the model that it was made of: byte for byte, from one file or from parts, and always the same file?"""

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, ModelNotFoundError, UnsafeFileError
from pretrained.hub import bundle_writer, resolve
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_name import MANIFEST
from pretrained.hub.bundle_writer import describe, pack, unpack
from pretrained.hub.window import Window
from pretrained.hub.zip_writer import ALIGNMENT
from tests.hub.folder_shapes import sentence_transformers
from tests.hub.material import safetensors, write, write_cache
from tests.hub.packing import FILES, TINY, bundle_of, here, packed

__all__ = ["here"]
CKPT = TINY.checkpoint("bert_model.ckpt")
COMMIT = "1dbc166cf8765166998eff31ade2eb64c8a40076"


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_ordinary_zip_that_is_always_the_same(here: Path) -> None:
    bundle = bundle_of(here)
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == MANIFEST
        assert {name: archive.read(name) for name in FILES} == FILES
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    os.utime(here / "model" / "config.json", (1, 1))
    (here / "model" / "config.json").chmod(0o600)
    shutil.copytree(here / "model", here / "elsewhere" / "model")
    again = packed(here / "elsewhere" / "model", here / "again.pretrained")
    assert again.read_bytes() == bundle.read_bytes()


def test_weights_begin_where_every_system_can_map_them(here: Path) -> None:
    window = Bundle(bundle_of(here)).windows["model.safetensors"]
    (piece,) = window.pieces
    assert piece.start % ALIGNMENT == 0
    assert window.read_bytes() == FILES["model.safetensors"]


def test_the_manifest_says_where_the_files_are_from(here: Path, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", FILES, commit=COMMIT)
    manifest = Bundle(packed("bert-base-uncased", here / "b.pretrained")).manifest
    assert (manifest.source, manifest.revision) == ("google-bert/bert-base-uncased", COMMIT)
    assert manifest.licence == "apache-2.0"
    assert {name: found.sha256 for name, found in manifest.files.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }


@pytest.mark.parametrize("name", ["a.pretrained", "./a.pretrained", "file:a.pretrained"])
def test_loading_looks_like_loading_a_folder(name: str, here: Path) -> None:
    bundle_of(here)
    files = resolve(name)
    assert files.kind == "bundle"
    assert files.config() == TINY.config
    vocab = files.require("vocab.txt")
    assert vocab.read_bytes() == FILES["vocab.txt"]
    (weights,) = files.weights().paths
    assert isinstance(weights, Window)
    assert weights.read_bytes() == FILES["model.safetensors"]
    assert {fact.name: fact.size for fact in files.listing()} == {name: len(data) for name, data in FILES.items()}


def test_any_name_when_the_content_says_it(here: Path) -> None:
    bundle_of(here).rename(here / "renamed.zip")
    assert resolve("renamed.zip").kind == "bundle"


def test_side_files_are_kept_and_checked(here: Path, tmp_path: Path) -> None:
    bundle_of(here)
    vocab = resolve("a.pretrained").require("vocab.txt")
    assert vocab.is_relative_to(tmp_path / "user cache")
    assert not list(vocab.parent.glob("*.safetensors"))
    if os.name != "nt":
        assert vocab.parent.stat().st_mode & 0o777 == 0o700
    before = vocab.stat()
    assert resolve("a.pretrained").require("vocab.txt").stat() == before  # kept
    vocab.write_bytes(b"x" * before.st_size)
    assert resolve("a.pretrained").require("vocab.txt").read_bytes() == FILES["vocab.txt"]


def test_no_cache_can_be_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle_of(here)
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(here / "a.pretrained"))  # a file, in which nothing can be made
    assert resolve("a.pretrained").require("vocab.txt").read_bytes() == FILES["vocab.txt"]


@pytest.mark.skipif(os.name == "nt", reason="a folder of the profile is the user's alone")
def test_a_cache_that_others_may_write_is_not_used(here: Path, tmp_path: Path) -> None:
    bundle_of(here)
    folder = resolve("a.pretrained").root
    folder.parent.chmod(0o777)
    assert not resolve("a.pretrained").root.is_relative_to(tmp_path / "user cache")


def test_a_revision(here: Path, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", "a/b", FILES, commit=COMMIT)
    packed("a/b", here / "b.pretrained")
    assert resolve("b.pretrained", revision=COMMIT[:9]).revision == COMMIT
    assert "revision='v2'" in resolve("b.pretrained", revision="v2").notes[0]
    with pytest.raises(ModelNotFoundError, match="holds the revision"):
        resolve("b.pretrained", revision="abcdef1")
    with pytest.raises(ModelNotFoundError, match="no subfolder"):
        resolve("b.pretrained", subfolder="x")


# -- what goes in ------------------------------


def test_only_one_model_and_one_format_goes_in(here: Path) -> None:
    more = {"pytorch_model.bin": TINY.pytorch_bin, "optimizer.pt": b"x", "notes.txt": b"my notes", "tf_model.h5": b"x"}
    more |= {"sentence_bert_config.json": b'{"max_seq_length": 128}', "config.json.part": b"x"}
    manifest = Bundle(bundle_of(here, FILES | more)).manifest
    assert manifest.files.keys() == {*FILES, "sentence_bert_config.json"}


def test_shards(here: Path) -> None:
    files = {"config.json": TINY.config_bytes(), "vocab.txt": TINY.vocab_bytes()} | TINY.safetensors_shards
    bundle_of(here, files | {"model.safetensors.index.json": TINY.json(TINY.safetensors_index)})
    weights = resolve("a.pretrained").weights()
    assert weights.index == TINY.safetensors_index["weight_map"]
    assert {path.name: path.read_bytes() for path in weights.paths} == TINY.safetensors_shards


def test_a_tensorflow_checkpoint_has_its_data_beside_it(here: Path) -> None:
    bundle_of(here, {"bert_config.json": TINY.config_bytes(), "vocab.txt": TINY.vocab_bytes()} | CKPT)
    weights = resolve("a.pretrained").weights()
    assert weights.format == "tf_checkpoint"
    (index,) = weights.paths
    data = index.with_name(f"{index.stem}.data-00000-of-00001")
    assert data.read_bytes() == CKPT[data.name]


def test_sentence_transformers(here: Path) -> None:
    bundle_of(here, sentence_transformers(TINY, "0_Transformer"))
    files = resolve("a.pretrained")
    assert files.weights().paths[0].read_bytes() == TINY.safetensors
    assert files.get("1_Pooling/config.json") is not None
    assert files.config() == TINY.config


def test_names_with_a_prefix_become_the_published_ones(here: Path) -> None:
    names = [(prefix, name) for prefix in ("bert-base-uncased-", "other-") for name in TINY.files()]
    write(here / "several", {prefix + name: FILES[name] for prefix, name in names})
    packed(here / "several" / "bert-base-uncased-model.safetensors", here / "b.pretrained")
    files = resolve("b.pretrained")
    assert files.require("vocab.txt").name == "vocab.txt"
    assert files.config() == TINY.config
    assert "other-vocab.txt" not in Bundle(here / "b.pretrained").manifest.files


def test_a_model_without_weights(here: Path) -> None:
    write(here / "model", {"config.json": TINY.config_bytes(), "vocab.txt": TINY.vocab_bytes()})
    with pytest.raises(ModelFileNotFoundError):
        describe(resolve(here / "model"))


def test_a_bundle_of_a_bundle(here: Path) -> None:
    first = bundle_of(here)
    again = packed(first, here / "again.pretrained")
    names = Bundle(first).manifest.files.keys()
    assert Bundle(again).manifest.files.keys() == names
    assert resolve(again).weights().paths[0].read_bytes() == FILES["model.safetensors"]


# -- unpacking ------------------------------


def test_unpacking_gives_the_files_back(here: Path) -> None:
    bundle = Bundle(bundle_of(here))
    unpack(bundle, here / "out")
    found = content_of(here / "out")
    assert found.pop(MANIFEST) == bundle.manifest.to_bytes()
    assert found == FILES
    assert resolve("out").weights().format == "safetensors"
    # A folder that is made into a bundle again gives the same one, with where it came from.
    assert packed("out", here / "b.pretrained").read_bytes() == bundle.path.read_bytes()


def test_another_file_called_like_a_manifest(here: Path) -> None:
    bundle = bundle_of(here, FILES | {MANIFEST: b'{"epochs": 3}'})
    assert Bundle(bundle).manifest.files.keys() == FILES.keys()


def test_what_is_there_is_not_overwritten(here: Path) -> None:
    bundle = Bundle(bundle_of(here))
    write(here / "out", {"mine": b"x"})
    with pytest.raises(UnsafeFileError, match="not empty"):
        unpack(bundle, here / "out")
    assert content_of(here / "out") == {"mine": b"x"}
    (here / "empty").mkdir()
    unpack(bundle, here / "empty")
    with pytest.raises(ModelNotFoundError, match="no folder"):
        unpack(bundle, here / "a" / "b")


def test_a_damaged_file_is_seen_and_nothing_is_left(here: Path) -> None:
    path = bundle_of(here)
    data = bytearray(path.read_bytes())
    start = Bundle(path).windows["model.safetensors"].pieces[0].start
    data[start + 80] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"model\.safetensors is not what its manifest says"):
        unpack(Bundle(path), here / "out")
    assert sorted(entry.name for entry in here.iterdir()) == ["a.pretrained", "model"]


def test_a_damaged_side_file_is_seen_when_it_is_used(here: Path) -> None:
    path = bundle_of(here)
    path.write_bytes(path.read_bytes().replace(b"##s", b"##t"))
    with pytest.raises(CorruptFileError, match=r"vocab\.txt is not what its manifest says"):
        resolve("a.pretrained")


def test_a_full_disk_is_seen_before(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle(bundle_of(here))
    described = describe(resolve(here / "model"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(OSError, match="are free"):
        pack(described, here / "b.pretrained")
    with pytest.raises(OSError, match="are free"):
        unpack(bundle, here / "out")
    assert not (here / "b.pretrained").exists()


def test_a_stick_that_takes_no_large_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here / "model", FILES)
    described = describe(resolve(here / "model"))

    def refuse(*_: object) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(bundle_writer, "write", refuse)
    with pytest.raises(OSError, match="--split 4G"):
        pack(described, here / "b.pretrained")
    assert sorted(entry.name for entry in here.iterdir()) == ["model"]


def test_what_a_killed_process_left_goes_away(here: Path) -> None:
    bundle = bundle_of(here)
    old, young = time.time() - 4000, time.time() - 100
    names = {".a.pretrained.abcd1234.pretrained": old, ".a.pretrained.abcd1235.pretrained": young}
    names |= {".a.pretrained.001.abcd1236.001": old, ".b.pretrained.abcd1237.pretrained": old}
    for name, touched in names.items():
        (here / name).touch()
        os.utime(here / name, (touched, touched))
    write(here / ".out.0123abcd", {"config.json": b"{}"})
    for path in (here / ".out.0123abcd" / "config.json", here / ".out.0123abcd"):
        os.utime(path, (old, old))
    pack(describe(resolve(here / "model")), bundle)
    unpack(Bundle(bundle), here / "out")
    hidden = sorted(path.name for path in here.iterdir() if path.name.startswith("."))
    assert hidden == [".a.pretrained.abcd1235.pretrained", ".b.pretrained.abcd1237.pretrained"]


KILLED = """
import sys
from pathlib import Path
from pretrained.hub import resolve
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_writer import describe, pack, unpack
described, bundle = describe(resolve("./model")), Bundle(Path("a.pretrained"))
print("begins", flush=True)
for number in range(1000):
    pack(described, Path("b.pretrained"))
    unpack(bundle, Path(f"out{number}"))
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_killed_at_any_moment_there_is_all_or_nothing(here: Path) -> None:
    files = FILES | {"model.safetensors": safetensors({"w": 2_000_000})}
    good = bundle_of(here, files).read_bytes()
    dice = random.Random(7)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", KILLED], cwd=here, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(dice.random() / 5)
            process.kill()
        for path in here.glob("b.pretrained"):
            assert path.read_bytes() == good
        for folder in here.glob("out*"):
            assert content_of(folder).items() >= files.items()
            shutil.rmtree(folder)


def test_a_writing_that_fails_leaves_nothing(here: Path) -> None:
    bundle_of(here)
    described = describe(resolve(here / "model"))
    (here / "model" / "vocab.txt").write_bytes(b"x")
    with pytest.raises(CorruptFileError, match="changed"):
        pack(described, here / "b.pretrained", split=ALIGNMENT)
    assert sorted(entry.name for entry in here.iterdir()) == ["a.pretrained", "model"]


# -- parts ------------------------------


def large(tensors: int) -> dict[str, bytes]:
    return FILES | {"model.safetensors": safetensors({f"w{n}": ALIGNMENT // 8 for n in range(tensors)})}


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_parts_are_the_bundle_cut(limit: int, here: Path) -> None:
    whole = bundle_of(here, large(6))
    described = describe(resolve(here / "model"))
    written = pack(described, here / "b.pretrained", split=limit * ALIGNMENT + 5)
    assert [path.name for path in written] == [f"b.pretrained.{n:03}" for n in range(1, len(written) + 1)]
    assert max(path.stat().st_size for path in written) <= limit * ALIGNMENT + 5
    assert b"".join(path.read_bytes() for path in written) == whole.read_bytes()
    for name in ("b.pretrained", "b.pretrained.001", "b.pretrained.002"):
        files = resolve(name)
        assert files.weights().paths[0].read_bytes() == large(6)["model.safetensors"]
        assert files.require("vocab.txt").read_bytes() == FILES["vocab.txt"]
    unpack(Bundle(here / "b.pretrained"), here / "out")
    assert (here / "out" / "model.safetensors").read_bytes() == large(6)["model.safetensors"]


def test_a_file_that_fits_lies_in_one_part(here: Path) -> None:
    write(here / "model", large(6))
    size = len(large(6)["model.safetensors"])
    pack(describe(resolve(here / "model")), here / "b.pretrained", split=size + ALIGNMENT)
    (piece,) = Bundle(here / "b.pretrained").windows["model.safetensors"].pieces
    assert piece.start % ALIGNMENT == 0


def test_parts_of_an_earlier_bundle_go_away(here: Path) -> None:
    write(here / "model", large(6))
    described = describe(resolve(here / "model"))
    write(here, {"b.pretrained.md": b"mine"})
    many = pack(described, here / "b.pretrained", split=ALIGNMENT)
    few = pack(described, here / "b.pretrained", split=2 * ALIGNMENT)
    assert len(few) < len(many)
    assert len(list(here.glob("b.pretrained.0*"))) == len(few)
    pack(described, here / "b.pretrained")
    assert sorted(path.name for path in here.glob("b.pretrained*")) == ["b.pretrained", "b.pretrained.md"]


def test_parts_that_are_missing_or_cut(here: Path) -> None:
    write(here / "model", large(6))
    written = pack(describe(resolve(here / "model")), here / "b.pretrained", split=ALIGNMENT)
    last = written[-1].read_bytes()
    written[-1].unlink()
    with pytest.raises(CorruptFileError, match=f"the next would be {written[-1].name}"):
        resolve("b.pretrained")
    written[-1].write_bytes(last)
    os.truncate(written[1], 100)
    with pytest.raises(CorruptFileError, match=r"b\.pretrained\.002 \(100 bytes\)"):
        resolve("b.pretrained")
    written[0].unlink()
    with pytest.raises(ModelNotFoundError):
        resolve("b.pretrained")
    with pytest.raises(ModelNotFoundError, match=r"neither that file nor b\.pretrained\.001"):
        resolve("b.pretrained.002")


def test_parts_that_are_too_small_or_too_many(here: Path) -> None:
    write(here / "model", large(6))
    described = describe(resolve(here / "model"))
    with pytest.raises(ValueError, match="too small"):
        pack(described, here / "b.pretrained", split=1000)


def test_a_copy_of_a_shard_is_renamed_first(here: Path) -> None:
    """The index goes into the bundle as it is."""
    index = {"model.safetensors.index.json": TINY.json(TINY.safetensors_index)}
    shards = {name.replace("2.safe", "2 (1).safe"): data for name, data in TINY.safetensors_shards.items()}
    write(here / "model", {"config.json": TINY.config_bytes()} | shards | index)
    with pytest.raises(ModelFileNotFoundError, match=r"model-00001-of-00002\.safetensors, and the file is called"):
        describe(resolve(here / "model"))


def test_the_manifest_stays_readable(here: Path) -> None:
    bundle_of(here)
    with zipfile.ZipFile("a.pretrained") as archive:
        value = json.loads(archive.read(MANIFEST))
    assert value["format"] == 1
    assert value["weights"] == {"format": "safetensors", "files": ["model.safetensors"], "parts": [], "index": None}
