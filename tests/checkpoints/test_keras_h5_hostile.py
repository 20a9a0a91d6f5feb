"""Is an h5 file that asks for anything but plain numbers refused by name, and one that lies by our errors?

The files are made by h5py, so they are what HDF5 itself allows.
"""

import struct
import time
import tracemalloc
from contextlib import suppress

import h5py
import numpy as np
import pytest

from pretrained.checkpoints.keras_h5 import KerasFile
from pretrained.errors import (
    CheckpointError,
    CorruptFileError,
    PretrainedError,
    UnsafeFileError,
    UnsupportedFormatError,
)

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)
NAME = "net/dense/kernel:0"


@pytest.fixture
def make(tmp_path):
    """Writes a file with one layer whose one weight `put(group, name)` makes, and gives its path."""

    def written(put, names=(NAME,), **options):
        path = tmp_path / "tf_model.h5"
        with h5py.File(path, "w", **options) as file:
            file.attrs["layer_names"] = [b"dense"]
            group = file.create_group("dense")
            group.attrs["weight_names"] = [name.encode() for name in names]
            put(group, NAME)
        return path

    return written


def plain(group, name, values=VALUES, **options):
    group.create_dataset(name, data=values, **options)


def refused(path, error, *said):
    with pytest.raises(error) as raised:
        KerasFile(path).tensor(NAME)
    for text in (str(path), *said):
        assert text in str(raised.value)


# What is read


@pytest.mark.parametrize("options", [
    {}, {"chunks": (2, 3)}, {"chunks": (2, 3), "compression": "gzip"}, {"chunks": (3, 4), "compression": 9},
    {"chunks": (2, 2), "compression": "gzip", "shuffle": True}, {"chunks": (2, 3), "fletcher32": True},
    {"chunks": (1, 4), "compression": 1, "shuffle": True, "fletcher32": True}, {"maxshape": (None, 4)},
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", ">f8", "<i8", "|u1", ">i2"])
def test_layouts_filters_and_types(make, options, dtype):
    values = (np.random.default_rng(0).normal(size=(3, 4)) * 50).astype(dtype)
    path = make(lambda group, name: plain(group, name, values, **options))
    file = KerasFile(path)
    assert file.shape(NAME) == (3, 4)
    tensor = file.tensor(NAME)
    assert tensor.dtype == file.dtype(NAME)
    assert np.array_equal(tensor.numpy(), values.astype(values.dtype.newbyteorder("=")))


def test_many_chunks_need_a_tree_of_several_levels(make):
    values = np.arange(40_000, dtype=np.int32)
    path = make(lambda group, name: plain(group, name, values, chunks=(4,), compression=1))
    file = KerasFile(path)
    for _ in range(3):  # a budget is for one question, not for the life of the reader
        assert np.array_equal(file.tensor(NAME).numpy(), values)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1, 5)])
def test_shapes_without_numbers_or_with_one(make, shape):
    file = KerasFile(make(lambda group, name: plain(group, name, np.ones(shape, np.float32))))
    assert file.tensor(NAME).shape == shape


def test_numbers_inside_the_header(make):
    def put(group, name):
        space, properties = h5py.h5s.create_simple((3, 4)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        inner = group.require_group("net/dense")
        h5py.h5d.create(inner.id, b"kernel:0", h5py.h5t.NATIVE_FLOAT, space, properties)
        group[name][...] = VALUES

    assert np.array_equal(KerasFile(make(put)).tensor(NAME).numpy(), VALUES)


def test_lists_that_were_cut_in_pieces(make):
    def put(group, name):
        names = [f"net/layer_._{number}/kernel:0" for number in range(30)]
        for number, one in enumerate(names):
            plain(group, one, np.full(2, number, np.float32))
        del group.attrs["weight_names"], group.file.attrs["layer_names"]
        for number in range(12):
            group.attrs[f"weight_names{number}"] = [one.encode() for one in names[number::12]]
        group.file.attrs["layer_names0"] = [b"dense"]

    file = KerasFile(make(put))
    assert len(file.keys()) == 30
    assert file.tensor("net/layer_._29/kernel:0").tolist() == [29, 29]


def test_a_whole_model_is_read_and_its_optimizer_is_not(tmp_path):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = ["dense"]
        group = weights.create_group("dense")
        group.attrs["weight_names"] = [NAME]
        plain(group, NAME)
        file.create_group("optimizer_weights")["dense"] = h5py.ExternalLink("other.h5", "/")
        file.attrs["model_config"] = "{}"
    assert list(KerasFile(path).keys()) == [NAME]


def test_variables_that_belong_to_no_layer(make):
    def put(group, name):
        plain(group, name)
        own = group.file.create_group("top_level_model_weights")
        own.attrs["weight_names"] = [b"net/scale:0"]
        plain(own, "net/scale:0")

    assert set(KerasFile(make(put)).keys()) == {NAME, "net/scale:0"}


def two_layers(make, other):
    def put(group, name):
        plain(group, name)
        file = group.file
        file.attrs["layer_names"] = [b"dense", b"head"]
        head = file.create_group("head")
        head.attrs["weight_names"] = [NAME.encode()]
        plain(head, NAME, other)

    return KerasFile(make(put))


def test_copies_of_a_tensor_are_one(make):
    file = two_layers(make, VALUES)
    assert list(file.keys()) == [NAME]
    file.tensor(NAME)
    assert file.notes == []


def test_copies_that_differ_are_told_and_the_last_is_taken_as_keras_does(make):
    file = two_layers(make, VALUES + 1)
    for _ in range(2):
        assert np.array_equal(file.tensor(NAME).numpy(), VALUES + 1)
    (note,) = file.notes
    assert note.startswith("Tied weights differ: /dense/net/dense/kernel:0 and /head/net/dense/kernel:0")


def test_two_tensors_of_one_name_and_two_shapes(make):
    with pytest.raises(CheckpointError, match="two different tensors that are both called"):
        two_layers(make, VALUES[:2])


# What leads away from the file, or is no plain array


def external(group, name):
    group.create_dataset(name, (3, 4), "f4", external=[("/etc/passwd", 0, 48)])


def virtual(group, name):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[...] = h5py.VirtualSource("other.h5", "data", (3, 4))
    group.create_virtual_dataset(name, layout)


def soft_link(group, name):
    plain(group, "elsewhere")
    group.require_group("net/dense")["kernel:0"] = h5py.SoftLink("/dense/elsewhere")


def external_link(group, name):
    group.require_group("net/dense")["kernel:0"] = h5py.ExternalLink("/etc/other.h5", "/data")


def soft_group(group, name):
    plain(group.create_group("real"), "kernel:0")
    group.create_group("net")["dense"] = h5py.SoftLink("/dense/real")


def reference(group, name):
    group.create_dataset(name, data=np.array([group.ref], h5py.ref_dtype))


def same_twice(group, name):
    plain(group, name)
    group.require_group("net/dense")["other:0"] = group[name]
    group.attrs["weight_names"] = [NAME.encode(), b"net/dense/other:0"]


def enormous(group, name):
    group.create_dataset(name, (1 << 30, 1 << 30), "f4", chunks=(1 << 10, 1 << 10))


def bomb(group, name):
    plain(group, name, np.zeros((64, 1 << 18), np.float32), chunks=(1, 1 << 18), compression=9)


@pytest.mark.parametrize(("put", "said"), [
    (external, "external storage"), (virtual, "a virtual dataset"), (soft_link, "is a soft link"),
    (external_link, "is an external link to another file"), (soft_group, "is a soft link"),
    (reference, "references"), (same_twice, "shares its bytes"), (enormous, "claims the shape"), (bomb, "would grow"),
])  # fmt: skip
def test_what_no_weights_need_is_unsafe(make, put, said):
    refused(make(put), UnsafeFileError, said)


def named_type(group, name):
    group.file["a type"] = np.dtype("f4")
    group.create_dataset(name, data=VALUES, dtype=group.file["a type"])


def a_type_itself(group, name):
    group[name] = np.dtype("f4")


@pytest.mark.parametrize(("put", "said"), [
    (lambda group, name: plain(group, name, compression="lzf"), "filter 32000 (lzf)"),
    (lambda group, name: plain(group, name, VALUES.astype("i4"), scaleoffset=3), "filter 6 (scaleoffset)"),
    (named_type, "a named type"), (a_type_itself, "named type"),
    (lambda group, name: plain(group, name, np.array([b"abc"])), "holds text"),
    (lambda group, name: plain(group, name, ["abc"]), "sequences of variable length"),
    (lambda group, name: plain(group, name, np.zeros(2, "f4,i4")), "holds compound values"),
    (lambda group, name: plain(group, name, np.zeros(2, bool)), "holds enumerated values"),
    (lambda group, name: plain(group, name, np.zeros(2, "c8")), "holds compound values"),
    (lambda group, name: plain(group, name, np.zeros(2, np.longdouble)), "in an unusual form"),
    (lambda group, name: group.create_dataset(name, data=h5py.Empty("f4")), "no values at all"),
])  # fmt: skip
def test_what_is_no_plain_array_is_not_read(make, put, said):
    refused(make(put), UnsupportedFormatError, said)


@pytest.mark.parametrize(("put", "said"), [
    (lambda group, name: group.create_dataset(name, (3, 4), "f4"), "and nowhere"),
    (lambda group, name: group.create_dataset(name, (1 << 20, 1 << 20), "f4"), "and nowhere"),
    (lambda group, name: group.create_dataset(name, (1 << 15, 1 << 15), "f4", chunks=(8, 8)), "holds none of them"),
    (lambda group, name: group.create_group(name), "a group, where an array should be"),
    (lambda group, name: None, "no such member"),
    (lambda group, name: plain(group, "net"), "it is no group"),
])  # fmt: skip
def test_what_is_claimed_has_to_be_there(make, put, said):
    refused(make(put), CorruptFileError, said)


def test_chunks_that_are_left_out(make):
    def put(group, name):
        group.create_dataset(name, (64, 64), "f4", chunks=(8, 8), fillvalue=1.0)[:8, :8] = 3

    refused(make(put), CorruptFileError, NAME, "1 of its 64 chunks")


@pytest.mark.parametrize(("options", "said"), [
    ({"libver": "latest"}, "superblock of version"), ({"track_order": True}, "object header of version 2"),
])  # fmt: skip
def test_a_file_of_a_newer_version_is_named(make, options, said):
    refused(make(plain, **options), UnsupportedFormatError, said, "default settings")


@pytest.mark.parametrize(("members", "said"), [
    (["data"], "It holds: data"), (["layers", "vars"], "Keras 3"), ([], "It holds: nothing"),
])  # fmt: skip
def test_an_h5_file_without_layers_says_what_it_is(tmp_path, members, said):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        for member in members:
            file.create_group(member)
    refused(path, UnsupportedFormatError, "layer_names", said)


def test_a_circle_of_groups_ends_with_the_name(make):
    def put(group, name):
        plain(group, name)
        group["net/again"] = group["net"]

    file = KerasFile(make(put, names=("/".join(["net", *["again"] * 60, "dense/kernel:0"]),)))
    assert len(file.keys()) == 1
    refused(make(put, names=(NAME, "net/again/dense/kernel:0")), UnsafeFileError, "shares its bytes")


def test_a_name_without_end(make):
    deep = "/".join(["net"] * 400)
    refused(make(lambda group, name: plain(group, deep), names=(deep,)), UnsafeFileError, "1,599 bytes")


def test_a_file_spread_over_several_by_its_driver(make):
    path = make(plain)
    raw = bytearray(path.read_bytes())
    raw[48:56] = struct.pack("<Q", 512)  # where the superblock keeps the address of the driver's description
    path.write_bytes(raw)
    refused(path, UnsafeFileError, "several files")


# Time and memory


def cost_of(path):
    """(seconds, bytes) that reading takes; measuring the one makes the other worse."""

    def read():
        with suppress(PretrainedError):
            KerasFile(path).tensor(NAME)

    begin = time.perf_counter()
    read()
    seconds = time.perf_counter() - begin
    tracemalloc.start()
    read()
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, used


@pytest.mark.parametrize("put", [enormous, bomb])
def test_a_claim_costs_neither_time_nor_memory(make, put):
    seconds, used = cost_of(make(put))
    assert seconds < 1
    assert used < 2 << 20


def test_attributes_and_members_that_no_one_asked_for(make):
    def put(group, name):
        plain(group, name)
        for number in range(300):
            group.attrs[f"note{number}"] = "x" * 100
            group.create_group(f"member{number}")

    path = make(put)
    seconds, used = cost_of(path)
    assert seconds < 2
    assert used < 4 * path.stat().st_size


def test_a_tree_that_leads_to_itself(make):
    path = make(plain)
    raw = path.read_bytes()
    at = raw.index(b"TREE")
    # a node of level 5 with 16 children, all of them a node of level 4, …
    nodes = b""
    for level in range(5, 0, -1):
        child = len(raw) + (6 - level) * 1024
        node = struct.pack("<4sBBH2Q", b"TREE", 0, level, 60, (1 << 64) - 1, (1 << 64) - 1)
        nodes += (node + struct.pack("<2Q", 0, child) * 60).ljust(1024, b"\0")
    nodes += struct.pack("<4sBBH2Q", b"TREE", 0, 0, 0, 0, 0).ljust(1024, b"\0")
    head = raw[: at + 5] + b"\x06" + struct.pack("<H2Q", 1, 0, 0) + struct.pack("<2Q", 0, len(raw))
    path.write_bytes(head + raw[len(head) :] + nodes)
    begin = time.perf_counter()
    refused(path, UnsafeFileError, "refer to each other")
    assert time.perf_counter() - begin < 1


def many_names(group, name):
    """Thousands of names for one object whose header is long."""
    plain(group, name)
    for number in range(60):
        group[name].attrs[f"note{number}"] = "x"
    names = ["/".join(["net", *["."] * number, "dense/kernel:0"]).encode() for number in range(1, 250)]
    for number in range(20):
        group.attrs[f"weight_names{number}"] = [one.replace(b"/dense", b"/" * number + b"/dense") for one in names]
    del group.attrs["weight_names"]


def many_copies(group, name):
    """One tensor in hundreds of layers."""
    file = group.file
    del file.attrs["layer_names"]
    layers = [f"layer{number}" for number in range(800)]
    file.attrs["layer_names"] = layers
    for number, layer in enumerate(layers):
        held = file.create_group(layer)
        held.attrs["weight_names"] = [name.encode()]
        plain(held, name, VALUES + number)


@pytest.mark.parametrize("put", [many_names, many_copies])
def test_repetition_costs_no_more_than_the_file(make, put):
    path = make(put)
    seconds, used = cost_of(path)
    assert seconds < 2
    assert used < 4 * path.stat().st_size + (2 << 20)


def test_chunks_that_all_claim_the_same_bytes(make):
    values = np.arange(1 << 16, dtype=np.int32)
    path = make(lambda group, name: plain(group, name, values, chunks=(16,), compression=1))
    raw = bytearray(path.read_bytes())
    position = raw.index(b"TREE\x01")
    while position >= 0:  # each chunk: its size, what filters were left out, where in the array (2), its address
        if raw[position + 5] == 0:
            for row in range(int.from_bytes(raw[position + 6 : position + 8], "little")):
                struct.pack_into("<I", raw, position + 24 + 32 * row, len(raw) // 2)
        position = raw.find(b"TREE\x01", position + 4)
    path.write_bytes(raw)
    begin = time.perf_counter()
    with pytest.raises(PretrainedError):
        KerasFile(path).tensor(NAME)
    assert time.perf_counter() - begin < 2
