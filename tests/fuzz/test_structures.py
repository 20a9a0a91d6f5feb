"""Does a file that is well formed, and tells any story it likes, end in one of our errors?

Damage by chance seldom gets past the outer form of a file. These are files whose form is right: headers, maps and
lists of every shape, with counts, names and types drawn at will. (Of pickles: tests/test_pickle_data.py.)
"""

import json
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pretrained.checkpoints import open_checkpoint, published
from pretrained.checkpoints.crc32c import crc32c, masked
from pretrained.checkpoints.flax_msgpack import CHUNKED
from pretrained.checkpoints.hdf5_writer import DTYPES, Array, Group, lay_out
from pretrained.errors import PretrainedError
from pretrained.hub import resolve
from tests.tf_bundle import bytes_field, table, varint_field

many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

counts = st.one_of(st.integers(-2, 9), st.sampled_from((2**31, 2**32 - 1, 2**63 - 1)))
names = st.sampled_from(("", "w", "a.b", "a/b", "../w", "position_ids", "params", "kernel", "é", "0", "1"))
atoms = st.one_of(st.none(), st.booleans(), counts, st.floats(), names)
stories = st.recursive(
    atoms, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=8
)


@contextmanager
def only_ours(place: str) -> Iterator[None]:
    """Errors of ours that name the place may be raised inside, and no others."""
    message = place
    try:
        yield
    except PretrainedError as error:
        message = str(error)
    assert place in message


def read(kind: str, path: Path) -> None:
    """Reads a file whole."""
    with only_ours(str(path.parent)):
        checkpoint = open_checkpoint(SimpleNamespace(format=kind, paths=(path,), index=None))
        size = sum(file.stat().st_size for file in path.parent.iterdir())
        for key in checkpoint.keys():
            assert tuple(checkpoint.tensor(key).shape) == checkpoint.shape(key)
            assert checkpoint.tensor(key).nbytes <= size
        published(checkpoint)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "weights"
    path.unlink(missing_ok=True)  # the old one may still be mapped
    path.write_bytes(content)
    return path


tensors = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(("F32", "BF16", "U8", "F4", "BOOL", "")) | stories,
        "shape": st.lists(counts, max_size=3) | stories,
        "data_offsets": st.tuples(counts, counts).map(list) | stories,
    }
)


@many
@given(st.dictionaries(names | st.just("__metadata__"), tensors | stories, max_size=4), st.binary(max_size=20))
def test_safetensors(tmp_path_factory: pytest.TempPathFactory, header: Any, data: bytes) -> None:
    raw = json.dumps(header).encode()
    folder = tmp_path_factory.mktemp("safetensors")
    read("safetensors", write(folder, struct.pack("<Q", len(raw)) + raw + data))


def _array(parts: Any) -> msgpack.ExtType:
    return msgpack.ExtType(1, msgpack.packb(parts))


arrays = st.one_of(
    st.tuples(
        st.lists(counts, max_size=3), st.sampled_from(("float32", "bool", "object", "x")), st.binary(max_size=16)
    ),
    st.tuples(atoms, atoms, atoms),
    st.lists(atoms, max_size=4),
).map(_array) | st.builds(msgpack.ExtType, st.integers(0, 5), st.binary(max_size=9))
keys = names | st.sampled_from((CHUNKED, "shape", "chunks"))
trees = st.recursive(
    arrays | atoms,
    lambda inner: st.one_of(st.dictionaries(keys, inner, max_size=4), st.lists(inner, max_size=3)),
    max_leaves=12,
)


@many
@given(st.dictionaries(keys, trees, max_size=4))
def test_flax(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    read("flax", write(tmp_path_factory.mktemp("flax"), msgpack.packb(tree)))


@many
@given(st.lists(st.lists(counts, max_size=3) | stories, max_size=4) | stories, st.binary(max_size=40))
def test_numpy_parts(tmp_path_factory: pytest.TempPathFactory, shapes: Any, numbers: bytes) -> None:
    folder = tmp_path_factory.mktemp("numpy")
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(numbers) // 4},), }}".ljust(117).encode() + b"\n"
    (folder / "params_0.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + head + numbers[: len(numbers) // 4 * 4])
    path = folder / "params_shapes.json"
    path.write_text(json.dumps(shapes))
    read("numpy", path)


wide = counts.map(lambda count: count % (1 << 64))
DATA = bytes(range(64))


@st.composite
def entries(draw: st.DrawFn) -> bytes:
    """What an index of TensorFlow says of a tensor; the checksum is right where there is such a place."""
    shape, offset = draw(st.lists(wide, max_size=3)), draw(wide)
    size = draw(wide | st.just(4 * math.prod(shape) % (1 << 64)))
    axes = b"".join(bytes_field(2, varint_field(1, length)) for length in shape)
    numbers = {1: draw(st.sampled_from((0, 1, 3, 7, 99))), 3: draw(st.sampled_from((0, 0, 0, 1))), 4: offset, 5: size}
    entry = b"".join(varint_field(number, value) for number, value in numbers.items()) + bytes_field(2, axes)
    entry += b"\x35" + struct.pack("<I", masked(crc32c(DATA[offset : offset + min(size, 64)])))
    for part in draw(st.lists(st.lists(st.tuples(wide, wide), max_size=3), max_size=2)):
        ranges = (varint_field(1, start) + varint_field(2, length) for start, length in part)
        entry += bytes_field(7, b"".join(bytes_field(1, one) for one in ranges))
    return entry


@many
@given(st.dictionaries(names.map(str.encode) | st.binary(max_size=6), entries(), max_size=4), wide)
def test_tensorflow(tmp_path_factory: pytest.TempPathFactory, rows: dict[bytes, bytes], shards: int) -> None:
    folder = tmp_path_factory.mktemp("tensorflow")
    (folder / "model.data-00000-of-00001").write_bytes(DATA)
    path = folder / "model.index"
    path.write_bytes(table(rows | {b"": varint_field(1, shards if shards > 1 << 62 else 1)}))
    read("tf_checkpoint", path)


arrays_of_h5 = st.builds(
    Array,
    st.lists(st.sampled_from((0, 1, 2, 7, 1 << 18)), max_size=3).map(tuple),
    st.sampled_from(sorted(DTYPES, key=str)),
)


@st.composite
def groups(draw: st.DrawFn, inner: st.SearchStrategy[Group | Array]) -> Group:
    """A group that mostly lists its members."""
    members = draw(st.dictionaries(st.sampled_from(("w", "w", "a.b", "kernel", "é", "a/b", "..")), inner, max_size=3))
    listed = draw(st.just(list(members)) | st.just(list(members)) | st.lists(names, max_size=4) | names)
    return Group(dict.fromkeys(("layer_names", "weight_names", draw(names)), listed), members)


@many
@given(groups(st.recursive(arrays_of_h5, groups, max_leaves=8)))
def test_h5(tmp_path_factory: pytest.TempPathFactory, root: Group) -> None:
    head, _, size = lay_out(root)
    read("h5", write(tmp_path_factory.mktemp("h5"), head + bytes(min(size - len(head), 1 << 12))))


files = st.sampled_from(
    ("model-1.safetensors", "../model-1.safetensors", "/etc/passwd", "..", "", "a/b", "C:\\x", "\0")
)


@many
@given(stories | st.fixed_dictionaries({"weight_map": st.dictionaries(names, files | stories, max_size=3)}))
def test_indexes(tmp_path_factory: pytest.TempPathFactory, index: Any) -> None:
    folder = tmp_path_factory.mktemp("index")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "model-1.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with only_ours(str(folder)):
        assert {path.parent for path in resolve(folder).weights().paths} == {folder}
