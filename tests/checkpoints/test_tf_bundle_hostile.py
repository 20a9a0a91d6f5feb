"""Does the reader take what TensorFlow's writers seldom write, and refuse what none of them may?

The files are made by hand here: an encoder of its own, so that any number can be a lie.
"""

import random
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
import torch

from pretrained.checkpoints.snappy import decompress
from pretrained.checkpoints.tf_bundle import TensorFlowBundle
from pretrained.checkpoints.tf_entries import slice_key
from pretrained.errors import CorruptFileError, ModelFileNotFoundError, PretrainedError, UnsafeFileError

FLOAT, INT32, TEXT = 1, 3, 7

# -- an encoder


def remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


REMAINDERS = [remainder(byte) for byte in range(256)]


def crc(data: bytes) -> int:
    """CRC-32C in the form in which it is stored."""
    register = 0xFFFFFFFF
    for byte in data:
        register = REMAINDERS[(register ^ byte) & 0xFF] ^ register >> 8
    register ^= 0xFFFFFFFF
    return ((register >> 15 | register << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def message(*fields: tuple[int, int | bytes | float]) -> bytes:
    """A protocol buffer; a float stands for a fixed number of 32 bits."""
    encoded = b""
    for number, value in fields:
        if isinstance(value, bytes):
            encoded += varint(number << 3 | 2) + varint(len(value)) + value
        elif isinstance(value, float):
            encoded += varint(number << 3 | 5) + struct.pack("<I", int(value))
        else:
            encoded += varint(number << 3) + varint(value & (1 << 64) - 1)
    return encoded


def header(shards: int = 1, *, order: int = 0, minimum: int = 0) -> bytes:
    return message((1, shards), (2, order), (3, message((1, 1), (2, minimum))))


def entry(
    data: bytes = b"",
    *,
    kind: int = FLOAT,
    shape: Iterable[int] = (2,),
    shard: int = 0,
    offset: int = 0,
    size: int | None = None,
    slices: Iterable[bytes] = (),
) -> bytes:
    axes = [(2, message((1, length))) for length in shape]
    fields = [(1, kind), (2, message(*axes)), (3, shard), (4, offset), (5, len(data) if size is None else size)]
    return message(*fields, (6, float(crc(data))), *((7, part) for part in slices))


def part(*axes: tuple[int, int]) -> bytes:
    return message(*((1, message((1, start), (2, length))) for start, length in axes))


def block(items: Iterable[tuple[bytes, bytes]], *, share: bool = True) -> bytes:
    content, previous = b"", b""
    for key, value in items:
        shared = 0
        while share and shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
            shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        previous = key
    return content + struct.pack("<2I", 0, 1)


def stored(content: bytes, compression: int = 0) -> bytes:
    return content + bytes([compression]) + struct.pack("<I", crc(content + bytes([compression])))


def table(*blocks: bytes, index: bytes | None = None, handle: tuple[int, int] | None = None) -> bytes:
    """A table of stored blocks; `index` and the footer's handle of it can be given instead."""
    file, handles = b"", []
    for content in blocks:
        handles.append((b"\xff" * (len(handles) + 1), varint(len(file)) + varint(len(content) - 5)))
        file += content
    meta = varint(len(file)) + varint(8)
    file += stored(block([]))
    index = block(handles) if index is None else index
    start, size = handle or (len(file), len(index))
    footer = (meta + varint(start) + varint(size)).ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")
    return file + stored(index) + footer


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes an index and its shards."""

    def write(
        items: Mapping[str | bytes, bytes] | bytes, *shards: bytes, head: bytes | None = None, count: int = 1
    ) -> Path:
        path = tmp_path / "model.ckpt.index"
        if not isinstance(items, bytes):
            named = {key.encode() if isinstance(key, str) else key: value for key, value in items.items()}
            first = {b"": header(max(count, len(shards))) if head is None else head}
            items = table(stored(block(sorted((first | named).items()))))
        path.write_bytes(items)
        for number, shard in enumerate(shards):
            (tmp_path / f"model.ckpt.data-{number:05}-of-{max(count, len(shards)):05}").write_bytes(shard)
        return path

    return write


TWO = struct.pack("<2f", 1.5, -2)

# -- what is seldom written


def test_the_encoder_writes_what_is_read(write: Callable[..., Path]) -> None:
    checkpoint = TensorFlowBundle(write({"a": entry(TWO), "ab": entry(TWO, offset=8)}, TWO * 2))
    assert torch.equal(checkpoint.tensor("ab"), torch.tensor([1.5, -2]))


def test_files_of_machines_with_the_other_byte_order(write: Callable[..., Path]) -> None:
    data = struct.pack(">2f", 1.5, -2)
    checkpoint = TensorFlowBundle(write({"a": entry(data)}, data, head=header(order=1)))
    assert torch.equal(checkpoint.tensor("a"), torch.tensor([1.5, -2]))


def compressed(content: bytes) -> bytes:
    """Snappy, with the longest earlier match within 200 bytes at each place."""
    encoded, literal, at = varint(len(content)), b"", 0

    def flush() -> bytes:
        size = len(literal) - 1
        if not literal:
            return b""
        return (bytes([size << 2]) if size < 60 else bytes([60 << 2, size])) + literal

    while at < len(content):
        best, distance = 0, 0
        for offset in range(1, min(at, 200) + 1):
            size = 0
            while at + size < len(content) and size < 60 and content[at + size] == content[at + size - offset]:
                size += 1
            if size > best:
                best, distance = size, offset
        if best < 4:
            literal += content[at : at + 1]
            at += 1
            encoded, literal = (encoded + flush(), b"") if len(literal) == 200 else (encoded, literal)
            continue
        encoded += flush()
        literal = b""
        if best < 12:
            encoded += bytes([distance >> 8 << 5 | best - 4 << 2 | 1, distance & 0xFF])
        elif at % 2:
            encoded += bytes([best - 1 << 2 | 2]) + struct.pack("<H", distance)
        else:
            encoded += bytes([best - 1 << 2 | 3]) + struct.pack("<I", distance)
        at += best
    return encoded + flush()


def test_compressed_blocks(write: Callable[..., Path]) -> None:
    names = [f"bert/encoder/layer_{layer}/attention/self/{part}/kernel" for layer in range(12) for part in "qkv"]
    items = {b"": header()} | {name.encode(): entry(TWO, offset=8 * index) for index, name in enumerate(sorted(names))}
    content = block(items.items(), share=False)
    small = compressed(content)
    assert decompress(small) == content
    assert len(small) < len(content) / 2
    checkpoint = TensorFlowBundle(write(table(stored(small, 1)), TWO * 36))
    assert set(checkpoint.keys()) == set(names)


def test_compressed_literals_of_every_length() -> None:
    for size in (1, 60, 61, 256, 257, 70_000):
        content = random.Random(size).randbytes(size)
        width = (max(size - 1, 1).bit_length() + 7) // 8
        tag = [size - 1 << 2] if size <= 60 else [(59 + width) << 2]
        length = b"" if size <= 60 else (size - 1).to_bytes(width, "little")
        assert decompress(varint(size) + bytes(tag) + length + content) == content
    assert decompress(varint(10) + b"\x04ab" + bytes([4 << 2 | 1, 2])) == b"ab" * 5


def test_slices_of_negative_and_large_numbers_have_keys_of_their_own() -> None:
    """Known keys: as TensorFlow encodes them, numbers sort like their bytes."""
    numbers = [-(1 << 62), -70_000, -65, -64, -1, 0, 1, 63, 64, 8191, 8192, 1 << 20, 1 << 40, 1 << 62]
    keys = [slice_key("a", ((number, 1),)) for number in numbers]
    assert keys == sorted(keys)
    assert slice_key("a\0b", ((0, -1),)) == b"\0a\0\xffb\0\x01\x01\x01\x80\x7f"


# -- what none may write


def refused(path: Path, error: type[PretrainedError], pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        TensorFlowBundle(path)


@pytest.mark.parametrize(
    ("items", "pattern"),
    [
        ({"a": entry(TWO, shape=(3,))}, r"'a' of shape \(3,\) has 8 bytes and needs 12"),
        ({"a": entry(TWO, shape=(1 << 40, 1 << 40))}, "'a' cannot be read, a shape .* is larger than any tensor"),
        ({"a": entry(shape=(0, 1 << 62, 1 << 62))}, "'a' cannot be read, a shape .* is larger than any tensor"),
        ({"a": entry(TWO, shape=(-2,))}, "a negative length"),
        ({"a": entry(TWO, shape=(1,) * 255 + (2,))}, "too many axes"),
        ({"a": entry(TWO, shard=1)}, r"should be in shard 1, and there are 1"),
        ({"a": entry(TWO, shard=1 << 50)}, r"should be in shard 1,125,899,906,842,624"),
        ({"a": entry(TWO, offset=1)}, "'a' should end at byte 9"),
        ({"a": entry(TWO, offset=-8)}, "'a' should end at byte 18,446,744,073,709,551,616"),
        ({"a": entry(size=1 << 50, shape=(1 << 48,))}, "'a' should end at byte"),
        ({"a": b"\x08\x01\x12\xff"}, "'a' cannot be read, a number is cut off"),
        ({"a": b"\x0a\x01\x01"}, "'a' cannot be read, a field holds bytes where a number belongs"),
        ({"a": b"\x08" + b"\xff" * 10 + b"\x01"}, "a number has more than 64 bits"),
        ({b"\xff\xfe": entry(TWO)}, "utf-8"),
        ({"a" * 513: entry(TWO)}, "a name of 513 characters"),
        ({"a" * 1025: entry(TWO)}, "a key has 1,025 bytes"),
    ],
)
def test_entries_that_lie(write: Callable[..., Path], items: Mapping[str | bytes, bytes], pattern: str) -> None:
    refused(write(items, TWO), CorruptFileError, pattern)


def test_tensors_that_share_bytes(write: Callable[..., Path]) -> None:
    path = write({"a": entry(TWO), "b": entry(TWO[4:], shape=(1,), offset=4)}, TWO)
    refused(path, UnsafeFileError, "'b' at byte 4 of shard 0 shares bytes with another")


@pytest.mark.parametrize("shards", [0, 100_000, 1 << 63])
def test_numbers_of_shards_that_cannot_be(write: Callable[..., Path], shards: int) -> None:
    refused(write({"a": entry(TWO)}, TWO, head=header(shards)), CorruptFileError, "its header claims")


def test_many_shards_cost_nothing(write: Callable[..., Path], tmp_path: Path) -> None:
    """Only shards that hold a tensor are looked for, under numbers: no name of a file comes from the index."""
    path = write({"a": entry(TWO, shard=99_998)}, TWO, head=header(99_999), count=99_999)
    began = time.perf_counter()
    refused(path, ModelFileNotFoundError, r"model\.ckpt\.data-99998-of-99999 is not beside it")
    (tmp_path / "model.ckpt.data-99998-of-99999").write_bytes(TWO)
    assert torch.equal(TensorFlowBundle(path).tensor("a"), torch.tensor([1.5, -2]))
    assert time.perf_counter() - began < 2


def test_a_reader_of_another_version_is_needed(write: Callable[..., Path]) -> None:
    refused(write({}, head=header(minimum=2)), CorruptFileError, "a reader of version 2")


def test_an_index_without_header(write: Callable[..., Path]) -> None:
    refused(write(table(stored(block([(b"a", entry(TWO))])))), CorruptFileError, "has no header")
    refused(write(table()), CorruptFileError, "shards")


def handles(*places: tuple[int, int]) -> bytes:
    return block([(bytes([65 + n]), varint(start) + varint(size)) for n, (start, size) in enumerate(places)])


GOOD = stored(block([(b"", header()), (b"a", entry(TWO))]))


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (table(GOOD, index=handles((0, len(GOOD) - 5), (0, len(GOOD) - 5))), "block at byte 0 that is not behind"),
        (table(GOOD, index=handles((len(GOOD), 8), (0, len(GOOD) - 5))), "not behind"),
        (table(GOOD, handle=(0, 1 << 62)), "a block should lie at byte 0 to"),
        (table(GOOD, index=handles((0, 1 << 62))), "not behind"),
        (table(GOOD, index=handles((len(GOOD) + 13, 12))), "not behind"),  # the index is its own block
        (table(stored(block([(b"", header()), (b"a", entry(TWO)), (b"a", entry(TWO))]))), "or one key twice"),
        (table(GOOD, GOOD), "or one key twice"),
        (table(stored(block([(b"", header()), (b"b", b""), (b"a", b"")]))), "not in order"),
        (table(stored(b"")), "claims 0 restarts"),
        (table(stored(struct.pack("<I", 1 << 31))), "claims 2,147,483,648 restarts"),
        (table(stored(b"\x05\x00\x00" + struct.pack("<2I", 0, 1))), "does not fit its block"),
        (table(stored(b"\x00\x7f\x00" + struct.pack("<2I", 0, 1))), "does not fit its block"),
        (table(stored(GOOD[:-5], 2)), "unknown compression 2"),
        (table(GOOD[:-1] + b"?"), "the checksum of the block at byte 0 is wrong"),
        (table(GOOD)[:-1], "mark of a table"),
        (b"short", "mark of a table"),
    ],
)  # fmt: skip
def test_tables_that_lie(write: Callable[..., Path], content: bytes, pattern: str) -> None:
    refused(write(content, TWO), CorruptFileError, pattern)


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        (varint(1 << 40) + b"\x04ab", "4 compressed bytes|compressed bytes claim"),
        (varint(100) + b"\x04ab" + bytes([4 << 2 | 1, 2]), "claims 100 bytes and holds 10"),
        (varint(3) + b"\x04ab" + bytes([4 << 2 | 1, 2]), "claims 3 bytes and holds 10"),
        (varint(8) + b"\x04ab" + bytes([1, 0]), "begins before"),
        (varint(8) + b"\x04ab" + bytes([1, 3]), "begins before"),
        (varint(8) + b"\x04ab" + bytes([2, 1]), "cut off"),
        (varint(8) + b"\x1cab", "cut off"),
        (varint(8) + bytes([63 << 2, 255, 255, 255, 255]), "cut off"),
        (b"", "cut off"),
    ],
)
def test_compressed_blocks_that_lie(data: bytes, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        decompress(data)


def test_a_compressed_bomb_stays_in_proportion() -> None:
    """Nothing but copies of 64 bytes, which is as dense as the format can be."""
    copies = 20_000
    bomb = varint(1 + 64 * copies) + b"\x00a" + bytes([63 << 2 | 2, 1, 0]) * copies
    tracemalloc.start()
    assert len(decompress(bomb)) == 1 + 64 * copies
    assert tracemalloc.get_traced_memory()[1] < 50 * len(bomb)
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("pieces", "slices", "pattern"),
    [
        ({((0, 1),): entry(TWO[:4], shape=(1,))}, [(0, 1), (1, 1)], "a slice of the tensor 'a' is missing"),
        ({((0, 1),): entry(TWO[:4], shape=(1,))}, [(0, 1)], "cover 1 of"),
        ({((0, 1),): entry(TWO[:4], shape=(1,))}, [(0, 1), (0, 1)], "leave a gap, or overlap, at 1"),
        ({((1, 1),): entry(TWO[:4], shape=(1,))}, [(1, 1)], "leave a gap, or overlap, at 0"),
        ({((0, 2),): entry(TWO, kind=INT32)}, [(0, 2)], "of another shape or type"),
        ({((0, 2),): entry(TWO, shape=(2, 1))}, [(0, 2)], "of another shape or type"),
        ({((0, -1),): entry(TWO[:4])}, [(0, -1)], r"'a, a slice' of shape \(2,\) has 4 bytes"),
        ({}, [(1 << 62, -1 << 62)], "is missing"),
    ],
)
def test_slices_that_lie(
    write: Callable[..., Path],
    pieces: Mapping[tuple[tuple[int, int], ...], bytes],
    slices: list[tuple[int, int]],
    pattern: str,
) -> None:
    items: dict[str | bytes, bytes] = {"a": entry(size=0, slices=[part(one) for one in slices])}
    items |= {slice_key("a", ranges): value for ranges, value in pieces.items()}
    refused(write(items, TWO), CorruptFileError, pattern)


def test_a_slice_of_another_number_of_axes(write: Callable[..., Path]) -> None:
    path = write({"a": entry(size=0, slices=[part((0, 1), (0, 1))])}, TWO)
    refused(path, CorruptFileError, "has 2 axes, the tensor 1")


def text(content: bytes) -> bytes:
    """A string tensor of one string, as its data lie in a shard."""
    return varint(len(content)) + struct.pack("<I", crc(struct.pack("<I", len(content)))) + content


def graph_entry(content: bytes, data: bytes | None = None) -> dict[str, bytes]:
    data = text(content) if data is None else data
    checked = struct.pack("<I", len(content)) + data[len(varint(len(content))) :]
    axes = [(1, TEXT), (2, b""), (5, len(data)), (6, float(crc(checked)))]
    return {"_CHECKPOINTABLE_OBJECT_GRAPH": message(*axes)}


def variable(name: str, key: str) -> tuple[int, bytes]:
    return 1, message((2, message((1, b"VARIABLE_VALUE"), (2, name.encode()), (3, key.encode()))))


def test_names_of_objects_that_are_no_names(write: Callable[..., Path]) -> None:
    """Two variables of one name, an empty one, a very long one, one that is a key already: the keys stay."""
    described = [("m/w", "k/1"), ("m/w", "k/2"), ("", "k/3"), ("m/" + "x" * 600, "k/4"), ("k/1", "k/5"), ("m/b", "k/6")]
    graph = message(*(variable(name, key) for name, key in described))
    start = len(text(graph))
    items = {f"k/{n}": entry(TWO, offset=start + 8 * n - 8) for n in range(1, 7)}
    checkpoint = TensorFlowBundle(write(graph_entry(graph) | items, text(graph) + TWO * 6))
    assert set(checkpoint.keys()) == {"k/1", "k/2", "k/3", "k/4", "k/5", "m/b"}


@pytest.mark.parametrize(
    ("graph", "data", "pattern"),
    [
        (b"\x0a\x05abc", None, "a field is longer than its message"),
        (b"\x0a\x02\x12\x01", None, "a field is longer than its message"),
        (b"ab", varint(9) + text(b"ab")[1:], "another length"),
        (b"ab", text(b"ab")[:-1] + b"?", "checksum"),
    ],
)
def test_descriptions_of_objects_that_lie(
    write: Callable[..., Path], graph: bytes, data: bytes | None, pattern: str
) -> None:
    items = graph_entry(graph, data if data and data[0] == 9 else None)
    refused(write(items, data or text(graph)), CorruptFileError, f"objects cannot be read, .*{pattern}")
