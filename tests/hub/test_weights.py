"""Are the right weights chosen, and is nothing else taken for them?"""

import os
import warnings
from pathlib import Path

import pytest

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsafeFileError, UnsupportedFormatError
from pretrained.hub import WeightFiles, resolve
from tests.hub.framework_shapes import ARRAY
from tests.hub.material import LFS_POINTER, Material, safetensors, torch_zip, write, write_cache
from tests.hub.shape import FOREIGN, QUERY, TRAINING, shards

TINY = Material.tiny()
FILES = TINY.files()
CONFIG = {"config.json": TINY.config_bytes()}


def chosen(folder: Path) -> str:
    return resolve(folder).weights().paths[0].name


def test_the_order_of_names(tmp_path: Path) -> None:
    """Each name that is removed gives way to the next."""
    order = {
        "model.safetensors": TINY.safetensors,
        "model.safetensors.index.json": TINY.json(TINY.safetensors_index),
        "pytorch_model.bin": TINY.pytorch_bin,
        "pytorch_model.bin.index.json": TINY.json(TINY.pytorch_index),
        "tf_model.h5": TINY.h5,
        "tf_model.h5.index.json": TINY.json(TINY.h5_index),
        "flax_model.msgpack": TINY.msgpack,
        "flax_model.msgpack.index.json": TINY.json(TINY.msgpack_index),
        "bert_model.ckpt.index": TINY.tf_checkpoint[".index"],
        "params_shapes.json": TINY.json([[2, 2]]),
        "my-model.safetensors": TINY.safetensors,
        "my-pytorch_model.bin": TINY.pytorch_bin,
        "my-tf_model.h5": TINY.h5,
        "my-flax_model.msgpack": TINY.msgpack,
        "odd.safetensors": TINY.safetensors,
        "odd.pt": TINY.pytorch_bin,
        "odd.h5": TINY.h5,
        "odd.msgpack": TINY.msgpack,
        "odd.index": TINY.tf_checkpoint[".index"],
    }
    shards = TINY.safetensors_shards | TINY.pytorch_shards | TINY.h5_shards | TINY.msgpack_shards
    data = {f"{stem}.data-00000-of-00001": bytes(24) for stem in ("bert_model.ckpt", "odd")}
    arrays = {f"params_{n}.npy": ARRAY for n in range(10)}
    write(tmp_path, CONFIG | shards | data | arrays | order | TRAINING | FOREIGN)
    found = []
    for name in order:
        if name == "odd.safetensors":  # the shards alone are no longer told apart from one odd file
            for shard in shards:
                (tmp_path / shard).unlink()
        found.append(chosen(tmp_path))
        (tmp_path / name).unlink()
    assert found == [
        "model.safetensors",
        "model-00001-of-00002.safetensors",
        "pytorch_model.bin",
        "pytorch_model-00001-of-00002.bin",
        "tf_model.h5",
        "tf_model-00001-of-00002.h5",
        "flax_model.msgpack",
        "flax_model-00001-of-00002.msgpack",
        "bert_model.ckpt.index",
        "params_shapes.json",
        "my-model.safetensors",
        "my-pytorch_model.bin",
        "my-tf_model.h5",
        "my-flax_model.msgpack",
        "odd.safetensors",
        "odd.pt",
        "odd.h5",
        "odd.msgpack",
        "odd.index",
    ]
    for part in (*data, *arrays):
        (tmp_path / part).unlink()
    with pytest.raises(UnsupportedFormatError):
        chosen(tmp_path)


@pytest.mark.parametrize("name", sorted(TRAINING | FOREIGN | {"adapter_model.bin": b"", "embeddings.npz": b""}))
def test_what_is_never_taken_for_weights(name: str, tmp_path: Path) -> None:
    """Even with the content of weights."""
    write(tmp_path, CONFIG | {name: TINY.pytorch_bin})
    with pytest.raises((ModelFileNotFoundError, UnsupportedFormatError)):
        resolve(tmp_path).weights()


def test_index_is_given_for_shards(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | shards(TINY))
    assert resolve(tmp_path).weights() == WeightFiles(
        "safetensors",
        tuple(tmp_path / name for name in TINY.safetensors_shards),
        TINY.safetensors_index["weight_map"],
    )


@pytest.mark.parametrize(
    "name",
    [
        "../x.safetensors",
        "/x.safetensors",
        "a/x.safetensors",
        "a\\x.safetensors",
        "C:x.safetensors",
        "..",
        ".",
        "",
        "x\0",
    ],
)
def test_an_index_names_files_beside_it_only(name: str, tmp_path: Path) -> None:
    write(tmp_path / "bert", CONFIG | {"model.safetensors.index.json": TINY.json({"weight_map": {"w": name}})})
    write(tmp_path, {"x.safetensors": TINY.safetensors, "bert/a/x.safetensors": TINY.safetensors})
    with pytest.raises(UnsafeFileError, match="own folder"):
        resolve(tmp_path / "bert").weights()


@pytest.mark.parametrize(
    "index", [[], {}, {"weight_map": []}, {"weight_map": {}}, {"weight_map": {"w": 3}}, {"weight_map": {"w": None}}]
)
def test_a_broken_index(index: object, tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {"model.safetensors.index.json": TINY.json(index)})
    with pytest.raises(CorruptFileError, match="no weight_map"):
        resolve(tmp_path).weights()


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_links_of_shards_stay_within_their_model(tmp_path: Path) -> None:
    """In a cache they lead to the blobs of the same model, and may not lead to those of another."""
    write_cache(tmp_path, "some/other", {"secret.safetensors": TINY.safetensors})
    folder = write_cache(tmp_path, "some/model", CONFIG | shards(TINY), commit="a1" * 20)
    assert len(resolve("some/model", cache_dir=tmp_path).weights().paths) == 2
    shard = folder / "snapshots" / ("a1" * 20) / "model-00002-of-00002.safetensors"
    shard.unlink()
    shard.symlink_to(next((tmp_path / "models--some--other" / "blobs").iterdir()))
    with pytest.raises(UnsafeFileError, match="leaves its folder"):
        resolve("some/model", cache_dir=tmp_path).weights()


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "store", CONFIG | shards(TINY))
    (tmp_path / "bert").symlink_to(tmp_path / "store")
    assert len(resolve(tmp_path / "bert").weights().paths) == 2


def test_every_shard_is_checked(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | shards(TINY) | {"model-00002-of-00002.safetensors": LFS_POINTER})
    with pytest.raises(CorruptFileError, match=r"model-00002-of-00002\.safetensors is damaged"):
        resolve(tmp_path).weights()
    write(tmp_path, {"model-00002-of-00002.safetensors": TINY.pytorch_bin})
    with pytest.raises(CorruptFileError, match="two formats"):
        resolve(tmp_path).weights()


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("change", ["{stem} (1){ending}", "{stem} - Copy{ending}", f"{{stem}}{{ending}}{QUERY}"])
def test_shards_with_the_names_of_copies(change: str, index: bool, tmp_path: Path) -> None:
    files = {
        **TINY.pytorch_shards,
        **({"pytorch_model.bin.index.json": TINY.json(TINY.pytorch_index)} if index else {}),
    }
    first, second = sorted(TINY.pytorch_shards)
    copy = change.format(stem=os.path.splitext(second)[0], ending=".bin")
    files[copy] = files.pop(second)
    write(tmp_path, CONFIG | files)
    found = resolve(tmp_path).weights()
    assert found.paths == (tmp_path / first, tmp_path / copy)
    assert (set(found.index.values()) if found.index else {first, copy}) == {first, copy}


def test_a_shard_goes_before_its_copy(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | shards(TINY) | {"model-00002-of-00002 (1).safetensors": b""})
    assert [path.name for path in resolve(tmp_path).weights().paths] == sorted(TINY.safetensors_shards)


def test_several_weights_whose_endings_say_nothing(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {"model.step_1": TINY.msgpack, "model.step_2": TINY.msgpack})
    with pytest.raises(ModelFileNotFoundError, match=r"To do: name one of the files, such as .*model\.step_1"):
        resolve(tmp_path).weights()


def test_other_files_are_no_weights(tmp_path: Path) -> None:
    others = {"a.ldb": TINY.tf_checkpoint[".index"], "a.py": b"", "a.png": b"\x89PNG", "a.md": b"# x\n"}
    write(tmp_path, CONFIG | others)
    with pytest.raises(ModelFileNotFoundError, match="has no weights"):
        resolve(tmp_path).weights()


@pytest.mark.parametrize("name", ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"])
def test_a_tensorflow_checkpoint_as_wget_keeps_it(name: str, tmp_path: Path) -> None:
    files = TINY.checkpoint()
    files[f"{name}{QUERY}"] = files.pop(name)
    write(tmp_path, CONFIG | files)
    with pytest.raises(ModelFileNotFoundError) as raised:
        resolve(tmp_path).weights()
    assert str(raised.value).endswith(f"{name}{QUERY}' {tmp_path / name}") or os.name == "nt"


def test_all_missing_shards_are_named(tmp_path: Path) -> None:
    index = {"weight_map": {f"w{n}": f"model-0000{n}-of-00004.safetensors" for n in (1, 2, 3, 4)}}
    write(tmp_path, CONFIG | {"model.safetensors.index.json": TINY.json(index)})
    write(tmp_path, {"model-00002-of-00004.safetensors": TINY.safetensors})
    with pytest.raises(ModelFileNotFoundError) as raised:
        resolve(tmp_path).weights()
    assert "3 of them are missing: model-00001-of-00004.safetensors, model-00003-" in str(raised.value)


def test_shards_counted_from_zero(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {f"model-0000{n}-of-00002.safetensors": safetensors({f"w{n}": 1}) for n in (0, 1)})
    assert len(resolve(tmp_path).weights().paths) == 2


@pytest.mark.parametrize(("seconds", "warned"), [(-1000, False), (0, False), (30, False), (90, True), (86400, True)])
def test_newer_weights_that_are_passed_over(seconds: int, warned: bool, tmp_path: Path) -> None:
    write(tmp_path, FILES | {"pytorch_model.bin": TINY.pytorch_bin})
    os.utime(tmp_path / "model.safetensors", (1_700_000_000, 1_700_000_000))
    os.utime(tmp_path / "pytorch_model.bin", (1_700_000_000 + seconds, 1_700_000_000 + seconds))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        files = resolve(tmp_path)
        files.weights()
        files.weights()
    assert len(caught) == warned
    assert any("is here as well" in note for note in files.notes)


def test_dates_mean_nothing_in_a_cache(tmp_path: Path) -> None:
    write_cache(tmp_path, "a/b", FILES | {"pytorch_model.bin": TINY.pytorch_bin})
    for blob in (tmp_path / "models--a--b" / "blobs").iterdir():
        if blob.read_bytes() == TINY.safetensors:
            os.utime(blob, (1, 1))
    assert chosen_from_cache(tmp_path) == "model.safetensors"


def chosen_from_cache(cache: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return resolve("a/b", cache_dir=cache).weights().paths[0].name


def test_damaged_weights_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"model.safetensors": b"", "pytorch_model.bin": TINY.pytorch_bin})
    with pytest.raises(CorruptFileError) as raised:
        resolve(tmp_path).weights()
    assert "Closest: pytorch_model.bin, which looks whole" in str(raised.value)
    assert f"or, to read pytorch_model.bin: rm {tmp_path}/model.safetensors" in str(raised.value) or os.name == "nt"


def test_weights_in_a_sub_folder_are_pointed_to(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {"checkpoint-500/pytorch_model.bin": TINY.pytorch_bin})
    with pytest.raises(ModelFileNotFoundError, match=r"checkpoint-500.? holds weights"):
        resolve(tmp_path).weights()


def test_odd_files_that_are_damaged_are_named(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {"finetuned.pt": torch_zip()[:-40]})
    with pytest.raises(CorruptFileError, match=r"finetuned\.pt is damaged"):
        resolve(tmp_path).weights()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("finetuned.pt", b"\x80\x04}q\x00.", "a plain Python pickle"),
        ("weights", b"GGUF\x03\0\0\0", "GGUF"),
        ("saved_model.pb", b"\x08\x01", "TensorFlow graph"),
    ],
)
def test_other_formats_are_named(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {name: data})
    with pytest.raises(UnsupportedFormatError, match=f"{name} \\({words}|{name} \\(.*{words}"):
        resolve(tmp_path).weights()


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("model.ckpt", TINY.h5, "h5"),
        ("weights", TINY.h5, "h5"),
        ("bert.hdf5", TINY.h5, "h5"),
        ("weights", TINY.msgpack, "flax"),
        ("pytorch_model.bin", TINY.msgpack, "flax"),
        ("tf_model.h5", TINY.safetensors, "safetensors"),
        ("flax_model.msgpack", TINY.pytorch_bin, "pytorch"),
    ],
)
def test_the_content_tells_the_format(name: str, data: bytes, format: str, tmp_path: Path) -> None:
    write(tmp_path, CONFIG | {name: data})
    files = resolve(tmp_path)
    assert files.weights() == WeightFiles(format, (tmp_path / name,))
    assert any(name in note for note in files.notes)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (b'model_checkpoint_path: "model.ckpt-2"\nall_model_checkpoint_paths: "model.ckpt-1"\n', "model.ckpt-2.index"),
        (
            b'all_model_checkpoint_paths: "model.ckpt-2"\nmodel_checkpoint_path: "/a/model.ckpt-1"\n',
            "model.ckpt-1.index",
        ),
        (b'model_checkpoint_path: "C:\\\\bert\\\\model.ckpt-2"\r\n', "model.ckpt-2.index"),
        (b'model_checkpoint_path: "model.ckpt-3"\n', None),
        (b'all_model_checkpoint_paths: "model.ckpt-2"\n', None),
        (b'model_checkpoint_path: ""', None),
        (b"\xff\xfe\0", None),
    ],
)
def test_the_latest_of_several_checkpoints(state: bytes, found: str | None, tmp_path: Path) -> None:
    write(tmp_path, CONFIG | TINY.checkpoint("model.ckpt-1") | TINY.checkpoint("model.ckpt-2") | {"checkpoint": state})
    if found is not None:
        assert chosen(tmp_path) == found
        return
    with pytest.raises(ModelFileNotFoundError, match=r"model\.ckpt-1\.index, model\.ckpt-2\.index"):
        chosen(tmp_path)


def test_the_state_file_is_not_needed_for_one_checkpoint(tmp_path: Path) -> None:
    """It may name another place, or another checkpoint that was left away."""
    write(tmp_path, CONFIG | TINY.checkpoint("model.ckpt-1") | {"checkpoint": b'model_checkpoint_path: "model.ckpt-9"'})
    assert chosen(tmp_path) == "model.ckpt-1.index"


def test_data_files_of_two_savings(tmp_path: Path) -> None:
    """One set is whole; files of another one, left behind, do not matter."""
    write(tmp_path, CONFIG | TINY.checkpoint() | {"bert_model.ckpt.data-00001-of-00004": bytes(8)})
    assert chosen(tmp_path) == "bert_model.ckpt.index"
    assert resolve(tmp_path).weights().parts == (tmp_path / "bert_model.ckpt.data-00000-of-00001",)


def test_only_a_sole_data_file_may_not_be_empty(tmp_path: Path) -> None:
    write(tmp_path, CONFIG | TINY.checkpoint(shards=True) | {"bert_model.ckpt.data-00001-of-00002": b""})
    assert chosen(tmp_path) == "bert_model.ckpt.index"
    write(tmp_path / "one", CONFIG | TINY.checkpoint() | {"bert_model.ckpt.data-00000-of-00001": b""})
    with pytest.raises(CorruptFileError, match=r"bert_model\.ckpt\.data-00000-of-00001 is damaged: empty"):
        chosen(tmp_path / "one")


def test_arrays_are_looked_at(tmp_path: Path) -> None:
    arrays = {f"params_{n}.npy": ARRAY for n in range(10)}
    write(tmp_path, CONFIG | arrays | {"params_shapes.json": b"[[2, 2]]", "params_3.npy": b"nothing of the kind"})
    with pytest.raises(CorruptFileError, match=r"params_3\.npy should hold a NumPy array"):
        chosen(tmp_path)
    write(tmp_path, {"params_3.npy": LFS_POINTER})
    with pytest.raises(CorruptFileError, match=r"params_3\.npy is damaged"):
        chosen(tmp_path)


def test_names_that_claim_very_many_data_files(tmp_path: Path) -> None:
    """Time and the message stay in proportion to what is there."""
    names = {f"model.ckpt.data-{n:05}-of-99999": b"x" for n in range(300)}
    write(tmp_path, CONFIG | {"model.ckpt.index": TINY.tf_checkpoint[".index"]} | names)
    with pytest.raises(ModelFileNotFoundError, match=r"has 99,999 data files") as raised:
        chosen(tmp_path)
    assert len(str(raised.value)) < 5000
