"""Is every array of a file of Flax read as Flax wrote it, and written as Flax writes it?"""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.checkpoints import flax_msgpack_writer, from_state_dict, open_checkpoint, published
from pretrained.checkpoints.flax_msgpack import FlaxFile
from pretrained.checkpoints.flax_msgpack_writer import write_flax
from pretrained.errors import CheckpointError, UnsupportedFormatError

GOLDENS = Path(__file__).parents[1] / "goldens" / "flax"


def same(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Equal in type, shape and every bit."""
    if one.dtype != two.dtype or one.shape != two.shape:
        return False
    return torch.equal(one.contiguous().view(-1).view(torch.uint8), two.contiguous().view(-1).view(torch.uint8))


def opened(path: Path):
    return open_checkpoint(SimpleNamespace(format="flax", paths=(path,), index=None))


def test_every_type_and_chunks():
    file = FlaxFile(GOLDENS / "arrays.msgpack")
    numbers = np.random.default_rng(1).normal(size=(3, 4))
    for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint32", "bool"):
        expected = torch.from_numpy((numbers * 10).astype(name))
        assert same(file.tensor(f"params/inner/{name}"), expected), name
    assert same(file.tensor("params/inner/complex64"), torch.from_numpy((numbers * 10).astype("complex64")))
    for dtype in (torch.bfloat16, torch.float8_e4m3fn):
        name = str(dtype).removeprefix("torch.")
        assert same(file.tensor(f"params/inner/{name}"), torch.from_numpy(numbers.astype("float32")).to(dtype))
    assert file.tensor("params/inner/none").shape == (0, 7)
    assert file.tensor("params/inner/number").item() == 2.5
    assert file.shape("params/inner/long") == (300,)
    assert file.notes == ()


def test_values_that_are_no_arrays():
    file = FlaxFile(GOLDENS / "values.msgpack")
    assert sorted(file.keys()) == ["complex", "list/1/1", "scalar", "weight"]
    assert file.tensor("complex").item() == 1 + 2j
    assert same(file.tensor("scalar"), torch.tensor(7, dtype=torch.int32))
    assert file.skipped == {
        "list/0": "the number 1",
        "list/1/0": "the number 2",
        "step": "the number 12",
        "below": "the number -70000",
        "rate": "a number",
        "name": "text",
        "nothing": "nothing",
        "flag": "a truth value",
    }
    assert "step (the number 12)" in file.notes[0]
    with pytest.raises(CheckpointError, match="'step' is the number 12, where an array"):
        file.tensor("step")
    with pytest.raises(CheckpointError, match="no tensor called 'weights'"):
        file.shape("weights")


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    path = tmp_path / "flax_model.msgpack"
    write_flax(from_state_dict({"a": torch.arange(4096.0)}), path)
    with path.open("r+b") as file:  # what stands in the file now is what a tensor shows
        whole = FlaxFile(path)
        file.seek(-40, 2)
        file.write(np.full(5, 7, "float32").tobytes())
    assert (whole.tensor("a")[-10:-5] == 7).all()


def test_an_aligned_array_is_a_view_of_the_file(tmp_path):
    path = tmp_path / "flax_model.msgpack"
    for shift in range(1, 5):
        write_flax(from_state_dict({"a" * shift: torch.arange(64.0)}), path)
        file = FlaxFile(path)
        ((offset, _),) = file._array("a" * shift).pieces
        one, two = file.tensor("a" * shift), file.tensor("a" * shift)
        assert (one.data_ptr() == two.data_ptr()) == (offset % 4 == 0)
        path.unlink()


def test_written_as_flax_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(flax_msgpack_writer, "_MAX_CHUNK", 64)
    written: list[tuple[str, int]] = []
    file = FlaxFile(GOLDENS / "arrays.msgpack")
    write_flax(file, tmp_path / "again", progress=lambda name, size: written.append((name, size)))
    assert (tmp_path / "again").read_bytes() == (GOLDENS / "arrays.msgpack").read_bytes()
    assert dict(written) == {key: file.tensor(key).nbytes for key in file.keys()}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(
    st.lists(st.text("aé-._", min_size=1, max_size=40), min_size=1, max_size=4).map("/".join),
    st.tuples(
        st.sampled_from((torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.float8_e5m2)),
        st.lists(st.integers(0, 20), max_size=4).filter(lambda shape: np.prod(shape) < 70_000),
    ),
    min_size=1,
    max_size=20,
))  # fmt: skip
def test_round_trip(tmp_path_factory, described):
    tensors = {
        name: torch.randint(0, 2, shape).to(dtype)
        for name, (dtype, shape) in described.items()
        if not any(other.startswith(f"{name}/") for other in described)
    }
    path = tmp_path_factory.mktemp("flax") / "file"
    write_flax(from_state_dict(tensors), path)
    file = FlaxFile(path)
    assert sorted(file.keys()) == sorted(tensors)
    assert all(same(file.tensor(name, copy=copy), tensors[name]) for name in tensors for copy in (False, True))
    # an independent reader finds the same tree
    tree = msgpack.unpackb(path.read_bytes(), ext_hook=lambda code, data: msgpack.unpackb(data)[:2])
    for name, tensor in tensors.items():
        value = tree
        for part in name.split("/"):
            value = value[part]
        assert value == [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]


def test_names_that_cannot_be_a_tree(tmp_path):
    for names in (("a", "a/b"), ("a/b", "a")):
        with pytest.raises(CheckpointError, match="'a' is a tensor"):
            write_flax(from_state_dict({name: torch.ones(1) for name in names}), tmp_path / "file")


def test_a_type_that_flax_lacks(tmp_path):
    with pytest.raises(UnsupportedFormatError, match=r"float8_e8m0fnu, which files of Flax do not hold"):
        write_flax(from_state_dict({"a": torch.ones(2).to(torch.float8_e8m0fnu)}), tmp_path / "file")


def test_training_states(tmp_path):
    kernel = torch.arange(6.0).view(2, 3)
    for prefix in ("", "params/", "target/", "optimizer/target/", "params/params/"):
        tensors = {f"{prefix}dense/kernel": kernel, f"{prefix}norm/scale": torch.ones(3)}
        tensors |= {"opt_state/0/mu/dense/kernel": kernel, "optimizer/state/dense/kernel/v": kernel}
        write_flax(from_state_dict(tensors), tmp_path / "file")
        seen = published(opened(tmp_path / "file"))
        assert sorted(seen.keys()) == ["dense.weight", "norm.weight"]
        assert torch.equal(seen.tensor("dense.weight"), kernel.T)


def test_a_real_training_state(shared_data):
    file = FlaxFile(shared_data / "checkpoints" / "t5x-tiny-flax" / "test_t5_tiny.checkpoint_0")
    expected = json.loads((GOLDENS / "t5x.json").read_text())
    assert set(file.keys()) == set(expected)
    for name, (kind, shape, digest) in expected.items():
        tensor = file.tensor(name)
        assert [str(tensor.dtype), list(tensor.shape)] == [f"torch.{kind}", shape]
        assert hashlib.sha256(tensor.numpy().tobytes()).hexdigest() == digest
    assert file.skipped == {"version": "the number 3"}
    names = published(file).keys()
    assert "encoder.layers_0.attention.key.weight" in names
    assert not any("param_states" in name for name in names)
