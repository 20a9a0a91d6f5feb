"""Is a file that lies about its maps, lengths or names refused by name, at once, and in little memory?"""

import struct
import tracemalloc
from pathlib import Path

import msgpack
import pytest

from pretrained.checkpoints.flax_msgpack import CHUNKED, FlaxFile
from pretrained.errors import (
    CheckpointError,
    CorruptFileError,
    PretrainedError,
    UnsafeFileError,
    UnsupportedFormatError,
)


def array(shape=(2,), kind="float32", raw=b"\0" * 8, code=1):
    return msgpack.ExtType(code, msgpack.packb((shape, kind, raw)))


def extension(content, code=1):
    return {"w": msgpack.ExtType(code, content)}


def nested(depth):
    tree = array()
    for _ in range(depth):
        tree = {"a": tree}
    return tree


def chunked(**changes):
    chunks = {"0": array((1,), raw=b"\0" * 4), "1": array((1,), raw=b"\0" * 4)}
    return {"w": {CHUNKED: True, "shape": {"0": 2}, "chunks": chunks} | changes}


DAMAGED = {
    "shape and bytes differ": ({"w": array((3,))}, r"'w' at byte \d+ has 8 bytes, and its shape \(3,\) of float32"),
    "a negative length": ({"w": array((-2,))}, "lengths of an array are no counts"),
    "a shape that is no list": (extension(msgpack.packb((7, "float32", b""))), "no list of lengths"),
    "two parts": (extension(msgpack.packb(((1,), "float32"))), "not made of shape, type and bytes"),
    "a type that is a number": (extension(msgpack.packb(((1,), 4, b"1234"))), "type of an array is no short text"),
    "a long type": (extension(msgpack.packb(((1,), "f" * 33, b"1234"))), "type of an array is no short text"),
    "bytes after the array": (extension(msgpack.packb(((1,), "int8", b"1")) + b"\0"), "do not end where the array"),
    "bytes beyond the array": (extension(b"\x93\x91\x04\xa4int8\xc4\xff1"), "do not end where the array"),
    "too many axes": ({"w": array((1,) * 33, "int8", b"1")}, "too long a one"),
    "chunks of two types": (chunked(chunks={"0": array(), "1": array((8,), "int8")}), "is said to be in pieces"),
    "a chunk that is none": (chunked(chunks={"0": 5}), "is said to be in pieces"),
    "no chunks": (chunked(chunks={}), "is said to be in pieces"),
    "a missing chunk": (chunked(chunks={"0": array(), "2": array()}), "is said to be in pieces"),
    "no shape": (chunked(shape={"0": "2"}), "is said to be in pieces"),
    "chunks that are too few": (chunked(shape={"0": 3}), r"'w' .* has 8 bytes, and its shape \(3,\)"),
    "a chunk that lies": (chunked(chunks={"0": array((5,))}), r"'w' .* has 8 bytes, and its shape \(5,\)"),
    "a key that is a number": ({3: array()}, "at byte 1: a key should be text, and is a integer"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(name, tmp_path):
    tree, message = DAMAGED[name]
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(msgpack.packb(tree))
    with pytest.raises(CorruptFileError, match=message) as caught:
        FlaxFile(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"\x81\xa1w\xc1", CorruptFileError, "at byte 3: no msgpack value begins with 0xc1"),
        (b"\x81\xa2\xff\xfe\x01", CorruptFileError, "a key is not UTF-8"),
        (b"\x81\xa1w\x01more", CorruptFileError, "4 bytes follow its end"),
        (b"\x82\xa1w\x01", CorruptFileError, "is truncated: a value should end at byte 5"),
        (b"\xdf\xff\xff\xff\xff", CorruptFileError, "is truncated"),
        (b"\x81\xa1w\xdd\xff\xff\xff\xff", CorruptFileError, "is truncated"),
        (b"\x81\xa1w\xc6\xff\xff\xff\xff", CorruptFileError, "should end at byte 4,294,967,303"),
        (b"\x81\xa1w\xc9\xff\xff\xff\xff\x01", CorruptFileError, "should end at byte"),
        (b"\x81\xdb\xff\xff\xff\xff", UnsafeFileError, "a name of 4,294,967,295 characters"),
        (b"\x93\x01\x02\x03", UnsupportedFormatError, "should open with a msgpack map"),
        (b"\x80", CheckpointError, "holds no arrays. It holds: nothing"),
        (b"\x81\xa1w\x07", CheckpointError, r"holds no arrays. It holds: w \(the number 7\)"),
    ],
)
def test_damaged_bytes(content, kind, message, tmp_path):
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(content)
    with pytest.raises(kind, match=message):
        FlaxFile(path)


def test_no_msgpack(tmp_path):
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(b"<!DOCTYPE html><html>not found</html>")
    with pytest.raises(UnsupportedFormatError, match="opens with b'<!DOCTYP'"):
        FlaxFile(path)
    path.write_bytes(b"")
    with pytest.raises(CorruptFileError, match="is empty"):
        FlaxFile(path)


UNSAFE = {
    "deep maps": (msgpack.packb(nested(70)), "nests more than 64 maps"),
    "one key twice": (b"\x82\xa1w\x01\xa1w\x02", "has the key 'w' twice"),
    "one name twice": (msgpack.packb({"a/b": array(), "a": {"b": array()}}), "two values called 'a/b'"),
    "a long name": (msgpack.packb({"a" * 300: {"b" * 300: array()}}), "names of 601 characters"),
    "more than memory": (msgpack.packb({"w": array((2**62, 0), raw=b"")}), "more elements than any memory"),
    "deep lists": (b"\x81\xa1w" + b"\x91" * 100 + b"\x01", "nests more than 64 maps"),
    "many values": (b"\x81\xa1w\xdd" + struct.pack(">I", 300_000) + b"\xc0" * 300_000, "more than 200,000 values"),
    "long names again and again": (
        msgpack.packb({"a" * 500: {str(number): 1 for number in range(20_000)}}),
        "nests names of 50. characters",
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe(name, tmp_path):
    content, message = UNSAFE[name]
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(content)
    with pytest.raises(UnsafeFileError, match=message):
        FlaxFile(path)


def test_a_type_that_is_not_read(tmp_path):
    path = tmp_path / "flax_model.msgpack"
    content = msgpack.packb({"o": array(kind="object"), "w": array(), "c": msgpack.ExtType(2, b"12")})
    path.write_bytes(b"\x84" + content[1:] + b"\xa1e\xc7\x03\xfb123")
    file = FlaxFile(path)
    assert file.skipped == {"c": "a complex number", "e": "an extension value of type -5"}
    assert file.tensor("w").shape == (2,)
    with pytest.raises(UnsupportedFormatError, match="'o' is of type 'object'"):
        file.tensor("o")


def test_claims_cost_nothing(tmp_path):
    """Counts and lengths of four billion, at each place of a small file, take no memory worth the name."""
    path: Path = tmp_path / "flax_model.msgpack"
    for head in (b"\xdf", b"\xdd", b"\xdb", b"\xc6", b"\xc9"):
        path.unlink(missing_ok=True)
        path.write_bytes(b"\x81\xa1w" + head + b"\xff\xff\xff\xff" + b"\xa1a\x01" * 1000)
        tracemalloc.start()
        with pytest.raises(PretrainedError):
            FlaxFile(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20
