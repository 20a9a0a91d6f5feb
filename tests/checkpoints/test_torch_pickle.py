"""Are files of torch.save read as torch reads them, in both layouts, lazily, and without a second copy?"""

import argparse
import collections
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pretrained.checkpoints import Checkpoint
from pretrained.errors import CheckpointError, CorruptFileError, UnsafeFileError, UnsupportedFormatError

Opener = Callable[[Path], Checkpoint]
layouts = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def save(value: object, path: Path, zipped: bool) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_same(checkpoint: Checkpoint, expected: dict[str, torch.Tensor]) -> None:
    assert list(checkpoint.keys()) == list(expected)
    for key, value in expected.items():
        assert checkpoint.shape(key) == tuple(value.shape)
        assert checkpoint.dtype(key) == value.dtype
        for copy in (False, True):
            tensor = checkpoint.tensor(key, copy=copy)
            assert tensor.dtype == value.dtype
            assert tensor.shape == value.shape
            assert torch.equal(tensor, value)


@layouts
def test_every_type_and_shape(
    zipped: bool, tmp_path: Path, open_file: Opener, tensors: dict[str, torch.Tensor]
) -> None:
    tensors |= {"complex64": torch.randn(2, 2, dtype=torch.complex64), "complex128": torch.ones(3) * 2j}
    checkpoint = open_file(save(tensors, tmp_path / "a.bin", zipped))
    assert_same(checkpoint, tensors)
    assert checkpoint.notes == ()
    assert checkpoint.source == str(tmp_path / "a.bin")


@layouts
def test_views_parameters_and_shared_memory(zipped: bool, tmp_path: Path, open_file: Opener) -> None:
    base = torch.arange(24.0).view(4, 6)
    module = torch.nn.Linear(3, 2)
    tensors = {
        "base": base, "transposed": base.t(), "row": base[2], "column": base[:, 1], "step": base[::2, ::3],
        "expanded": torch.arange(3.0).expand(2, 3), "weight": module.weight, "same": module.weight,
    }  # fmt: skip
    checkpoint = open_file(save(tensors, tmp_path / "a.bin", zipped))
    assert_same(checkpoint, tensors)
    assert checkpoint.tensor("weight").data_ptr() == checkpoint.tensor("same").data_ptr()
    assert checkpoint.tensor("row").data_ptr() == checkpoint.tensor("base")[2].data_ptr()


def test_types_that_have_no_storage_class(tmp_path: Path, open_file: Opener) -> None:
    tensors = {
        "uint16": torch.tensor([1, 60_000], dtype=torch.uint16),
        "uint32": torch.tensor([4_000_000_000], dtype=torch.uint32),
        "float8": torch.randn(5).to(torch.float8_e4m3fn),
    }
    checkpoint = open_file(save(tensors, tmp_path / "a.bin", True))
    for key, value in tensors.items():
        assert checkpoint.dtype(key) == value.dtype
        assert torch.equal(checkpoint.tensor(key).view(torch.uint8), value.view(torch.uint8))


@layouts
def test_neither_torch_nor_pickle_reads_the_file(
    zipped: bool, tmp_path: Path, open_file: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save({"w": torch.ones(2), "args": argparse.Namespace()}, tmp_path / "a.bin", zipped)

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("called")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    assert_same(open_file(path), {"w": torch.ones(2)})


numbers = st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
state_dicts = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.tuples(numbers, st.lists(st.integers(0, 4), max_size=4), st.booleans()),
    max_size=6,
)


@layouts
@given(spec=state_dicts, ordered=st.booleans(), protocol=st.integers(2, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_state_dict(
    zipped: bool,
    tmp_path: Path,
    open_file: Opener,
    spec: dict[str, tuple[torch.dtype, list[int], bool]],
    ordered: bool,
    protocol: int,
) -> None:
    tensors = {
        key: (torch.randint(0, 2, shape).to(dtype).t() if flip and len(shape) == 2 else torch.ones(shape, dtype=dtype))
        for key, (dtype, shape, flip) in spec.items()
    }
    path = tmp_path / "a.bin"
    torch.save(
        collections.OrderedDict(tensors) if ordered else tensors,
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    assert_same(open_file(path), tensors)


def test_tensors_are_mapped_and_writable(tmp_path: Path, open_file: Opener) -> None:
    path = save({"a": torch.zeros(1000)}, tmp_path / "a.bin", True)
    before = path.read_bytes()
    checkpoint = open_file(path)
    tensor = checkpoint.tensor("a")
    assert checkpoint.tensor("a").data_ptr() == tensor.data_ptr()
    assert checkpoint.tensor("a", copy=True).data_ptr() != tensor.data_ptr()
    tensor += 1
    assert tensor.sum() == 1000
    assert path.read_bytes() == before
    del checkpoint
    assert tensor.sum() == 1000  # the mapping lives as long as the tensor


@layouts
def test_a_module_state_dict_keeps_its_metadata_to_itself(zipped: bool, tmp_path: Path, open_file: Opener) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    checkpoint = open_file(save(module.state_dict(), tmp_path / "a.bin", zipped))
    assert_same(checkpoint, dict(module.state_dict()))


@layouts
@pytest.mark.parametrize("path", [["state_dict"], ["model"], ["module"], ["model_state_dict"], ["model", "state_dict"]])
def test_a_state_dict_inside_what_a_training_program_saved(
    zipped: bool, path: list[str], tmp_path: Path, open_file: Opener
) -> None:
    value: object = {"w": torch.ones(2)}
    for key in reversed(path):
        value = {"epoch": 3, key: value, "args": argparse.Namespace(lr=1.0), "optimizer": {"state": {0: torch.ones(9)}}}
    checkpoint = open_file(save(value, tmp_path / "a.bin", zipped))
    assert_same(checkpoint, {"w": torch.ones(2)})
    assert checkpoint.notes == (f"the state dict was found under {'.'.join(path)!r}",)


@layouts
def test_entries_that_are_no_tensors_are_skipped_with_a_note(zipped: bool, tmp_path: Path, open_file: Opener) -> None:
    value = {
        "w": torch.ones(2), "epoch": 3, "args": argparse.Namespace(lr=1.0), "best": np.float64(0.5),
        "array": np.ones(3), 7: torch.ones(1), "path": Path("x"), "type": torch.float16, "set": {1, 2},
    }  # fmt: skip
    checkpoint = open_file(save(value, tmp_path / "a.bin", zipped))
    assert_same(checkpoint, {"w": torch.ones(2)})
    assert checkpoint.skipped["epoch"] == "int"
    assert checkpoint.skipped["args"] == "argparse.Namespace"
    assert set(checkpoint.skipped) == {"epoch", "args", "best", "array", "<int>", "path", "type", "set"}
    assert "epoch (int)" in checkpoint.notes[0]
    with pytest.raises(CheckpointError, match="'epoch' is int"):
        checkpoint.tensor("epoch")
    with pytest.raises(UnsafeFileError, match=r"'args' is an object of argparse\.Namespace.*nothing was run"):
        checkpoint.tensor("args")
    with pytest.raises(CheckpointError, match="no tensor called 'nothing'"):
        checkpoint.shape("nothing")


def test_an_unknown_dict_class_is_read_as_a_dict(write_zip: Callable[..., Path], open_file: Opener) -> None:
    # class StateDict(OrderedDict) of a module that is not installed here, as libraries have saved
    buffer = io.BytesIO()
    torch.save(collections.OrderedDict(w=torch.ones(2)), buffer)
    with zipfile.ZipFile(buffer) as archive:
        content = archive.read("archive/data.pkl")
        raw = archive.read("archive/data/0")
    content = content.replace(b"ccollections\nOrderedDict\n", b"cnot_installed\nStateDict\n", 1)
    assert b"not_installed" in content
    assert_same(open_file(write_zip(content, {"0": raw})), {"w": torch.ones(2)})


def test_an_ordered_dict_as_python_2_pickled_it(
    write_legacy: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    class Python2:
        def __reduce__(self) -> tuple[object, ...]:
            return collections.OrderedDict, ([["w", fake()]],)

    checkpoint = open_file(write_legacy(pickled(Python2()), {"0": (2, struct.pack("<2f", 1, 2))}))
    assert_same(checkpoint, {"w": torch.tensor([1.0, 2.0])})


def test_a_storage_view_of_the_legacy_layout(
    write_legacy: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    view = ("storage", torch.FloatStorage, "0", "cpu", 5, ("view", 2, 3))
    content = pickled({"w": fake((2,), (1,), offset=1, id=view)})
    checkpoint = open_file(write_legacy(content, {"0": (5, struct.pack("<5f", 0, 1, 2, 3, 4))}))
    assert_same(checkpoint, {"w": torch.tensor([3.0, 4.0])})


@pytest.mark.parametrize("view", [("view", 2, 4), ("view", -1, 2), ("view", 0, -1), ("view", 1), (1, 2, 3), "view"])
def test_a_storage_view_outside_its_storage(
    view: object, write_legacy: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    content = pickled({"w": fake((1,), (1,), id=("storage", torch.FloatStorage, "0", "cpu", 5, view))})
    path = write_legacy(content, {"0": (5, bytes(20))})
    with pytest.raises(UnsafeFileError, match="the tensor 'w' is refused: its storage"):
        open_file(path)


def test_another_byte_order(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    tensors = {"f": fake(), "c": fake((1,), storage=torch.ComplexFloatStorage, count=1, key="1")}
    raw = {"0": struct.pack(">2f", 1, 2), "1": struct.pack(">2f", 3, 4)}
    path = write_zip(pickled(tensors), raw, extra={"archive/byteorder": b"big"})
    assert_same(open_file(path), {"f": torch.tensor([1.0, 2.0]), "c": torch.tensor([3 + 4j])})
    path = write_zip(pickled(tensors), raw, extra={"archive/byteorder": b"middle"})
    with pytest.raises(CorruptFileError, match="byte order is 'middle'"):
        open_file(path)


def test_a_zip_packed_again_with_compression(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    values = torch.randn(50_000)
    content = pickled({"w": fake((50_000,), count=50_000)})
    path = write_zip(content, {"0": values.numpy().tobytes()}, compression=zipfile.ZIP_DEFLATED)
    assert_same(open_file(path), {"w": values})


def test_misaligned_records_are_copied(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    for padding in range(8):  # zipfile aligns nothing: one of these is misaligned
        path = write_zip(
            pickled({"w": fake(storage=torch.DoubleStorage), "x" * padding: 0}), {"0": struct.pack("<2d", 1, 2)}
        )
        tensor = open_file(path).tensor("w")
        assert torch.equal(tensor, torch.tensor([1.0, 2.0], dtype=torch.float64))
        assert tensor.data_ptr() % 8 == 0


def test_an_empty_state_dict(tmp_path: Path, open_file: Opener) -> None:
    assert list(open_file(save({}, tmp_path / "a.bin", True)).keys()) == []
    assert list(open_file(save(collections.OrderedDict(), tmp_path / "a.bin", False)).keys()) == []


def test_the_last_of_two_equal_keys_counts(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], fake: type, open_file: Opener
) -> None:
    content = pickled({"w": fake(), "v": fake(key="1")}).replace(b"X\x01\0\0\0v", b"X\x01\0\0\0w")
    checkpoint = open_file(write_zip(content, {"0": struct.pack("<2f", 1, 2), "1": struct.pack("<2f", 3, 4)}))
    assert_same(checkpoint, {"w": torch.tensor([3.0, 4.0])})


@layouts
@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (torch.ones(2), CheckpointError, "one bare tensor"),
        ([torch.ones(2)], CheckpointError, "the whole file is list of 1"),
        ({"epoch": 1}, CheckpointError, r"no tensors.*epoch \(int\)"),
        ({"args": argparse.Namespace()}, UnsafeFileError, r"'args' is an object of argparse\.Namespace"),
        (argparse.Namespace(a=1), UnsafeFileError, r"the whole file is an object of argparse\.Namespace"),
        (torch.nn.Linear(2, 2), UnsafeFileError, r"object of torch\.nn\.modules\.linear\.Linear.*state_dict\(\)"),
    ],
)
def test_files_without_a_state_dict(
    zipped: bool, value: object, error: type[Exception], words: str, tmp_path: Path, open_file: Opener
) -> None:
    path = save(value, tmp_path / "a.bin", zipped)
    with pytest.raises(error, match=words) as raised:
        open_file(path)
    assert str(path) in str(raised.value)


def test_tensors_of_kinds_that_are_not_read(tmp_path: Path, open_file: Opener) -> None:
    value = {"w": torch.ones(2), "sparse": torch.eye(3).to_sparse(), "conj": torch.ones(2)}
    checkpoint = open_file(save(value, tmp_path / "a.bin", True))
    with pytest.raises(UnsupportedFormatError, match=r"'sparse' is a tensor of a kind.*_rebuild_sparse_tensor"):
        checkpoint.tensor("sparse")
    path = save({"w": torch.ones(2) * 1j, "lazy": (torch.ones(2) * 1j).conj()}, tmp_path / "b.bin", True)
    with pytest.raises(UnsupportedFormatError, match="'lazy' is refused: it is stored as a lazy conjugate"):
        open_file(path)


def test_other_contents_are_called_by_their_name(tmp_path: Path, open_file: Opener) -> None:
    contents = {
        "empty": (b"", CorruptFileError, "empty"),
        "html": (b"<!DOCTYPE html><html><body>log in</body></html>", CorruptFileError, "HTML"),
        "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", CorruptFileError, "lfs"),
        "noise": (bytes(range(1, 200)), CorruptFileError, "unknown"),
        "pickle": (pickle.dumps({"a": [1, 2]}), UnsupportedFormatError, "torch.save did not write"),
        "tar": (b"sys_info".ljust(257, b"\0") + b"ustar  \0".ljust(600, b"\0"), UnsupportedFormatError, "tar"),
    }
    for name, (content, error, words) in contents.items():
        path = tmp_path / f"{name}.bin"
        path.write_bytes(content)
        with pytest.raises(error, match=words) as raised:
            open_file(path)
        assert str(path) in str(raised.value)
    with pytest.raises(CorruptFileError):
        open_file(tmp_path / "absent.bin")


def test_a_torchscript_program_is_named(
    write_zip: Callable[..., Path], pickled: Callable[..., bytes], open_file: Opener
) -> None:
    with pytest.raises(UnsupportedFormatError, match="TorchScript"):
        open_file(write_zip(pickled({}), extra={"archive/constants.pkl": b""}))


def test_a_zip_of_a_model_folder_is_named(tmp_path: Path, open_file: Opener) -> None:
    path = tmp_path / "pytorch_model.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(UnsupportedFormatError, match=r"holds: config\.json.*unpack"):
        open_file(path)


def test_published_folders_read_as_torch_reads_them(shared_data: Path, open_file: Opener) -> None:
    paths = sorted((shared_data / "checkpoints").glob("*/pytorch_model.bin"))
    assert paths
    for path in paths:
        assert_same(open_file(path), torch.load(path, weights_only=True, map_location="cpu"))
