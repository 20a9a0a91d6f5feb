"""Does HDF5 itself read what is laid out without it?"""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pretrained.checkpoints import from_state_dict
from pretrained.checkpoints.hdf5_writer import DTYPES, Array, Group, lay_out
from pretrained.checkpoints.keras_h5 import KerasFile
from pretrained.checkpoints.keras_h5_writer import write_h5
from pretrained.errors import CheckpointError, UnsupportedFormatError

TENSORS = {
    f"layer/model/{dtype}:0": torch.tensor([[0, 1, 2], [3, 100, 127]]).to(dtype) for dtype in sorted(DTYPES, key=str)
} | {
    "layer/model/scalar:0": torch.tensor(-2.5),
    "layer/model/none:0": torch.empty(0, 4),
    "other/model/a/b/c/ünï:0": torch.ones(3),
    "other/model/negative:0": torch.tensor([-1, -(2**62)]),
}
MANY = {f"many/model/{'long' * 20}{number:05}:0": torch.tensor([number]) for number in range(1500)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_h5(from_state_dict(TENSORS | MANY), tmp_path / "tf_model.h5")
    return tmp_path / "tf_model.h5"


def test_hdf5_reads_it(path: Path) -> None:
    with h5py.File(path) as file:
        assert file.attrs["layer_names"].tolist() == [b"layer", b"other", b"many"]
        assert file.attrs["keras_version"].startswith(b"2.")
        assert file["top_level_model_weights"].attrs["weight_names"].tolist() == []
        names = [file["many"].attrs[f"weight_names{number}"] for number in range(len(file["many"].attrs))]
        assert len(names) > 1  # one would be too long for HDF5
        assert [f"many/{name.decode()}" for name in np.concatenate(names)] == list(MANY)
        for name, tensor in (TENSORS | MANY).items():
            assert file[name].dtype == tensor.numpy().dtype
            assert np.array_equal(file[name][()], tensor.numpy()), name


def test_hdf5_can_change_it(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["many"]
        file["other"].create_dataset("new", data=np.ones(3))
        file.attrs["note"] = "x" * 100
    with h5py.File(path) as file:
        assert (sorted(file), file["other/new"][0], file.attrs["note"]) == (
            ["layer", "other", "top_level_model_weights"],
            1,
            "x" * 100,
        )


def test_it_is_read_here(path: Path) -> None:
    read = KerasFile(path)
    assert list(read.keys()) == [name.partition("/")[2] for name in TENSORS | MANY]
    for name, tensor in (TENSORS | MANY).items():
        assert torch.equal(read.tensor(name.partition("/")[2]), tensor)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "tf_model.h5"
    with pytest.raises(UnsupportedFormatError, match="bfloat16"):
        write_h5(from_state_dict({"a/b": torch.ones(1, dtype=torch.bfloat16)}), path)
    for names in (("a/b", "a/b/c"), ("a/b/c", "a/b")):
        with pytest.raises(CheckpointError, match="a/b"):
            write_h5(from_state_dict(dict.fromkeys(names, torch.ones(1))), path)
    with pytest.raises(CheckpointError, match=r"70,\d{3} bytes"):
        lay_out(Group({"note": "x" * 70_000}))
    assert not path.exists()


def test_numbers_lie_where_they_can_be_mapped() -> None:
    root = Group()
    for number in range(5):
        root.add(f"group/array{number}", Array((3,), torch.uint8))
    _, places, size = lay_out(root)
    assert all(place % 64 == 0 for place in places.values())
    assert max(places.values()) + 3 == size
