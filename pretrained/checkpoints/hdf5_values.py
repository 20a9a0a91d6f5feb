"""What do an attribute and a dataset of an HDF5 file hold?

Attributes are read where they are lists of names, datasets where they are plain arrays of integers or floating
numbers. Everything else is refused by the name of the object: data in other files, virtual datasets, references,
named types, claims that the file does not fill.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pretrained.checkpoints.hdf5 import (
    ATTRIBUTE,
    EXTERNAL,
    FILTERS,
    LAYOUT,
    SPACE,
    TYPE,
    UNDEFINED,
    HDF5File,
    HDF5Object,
    Message,
)
from pretrained.checkpoints.names import MAX_NAME

_MAX_RANK = 32
_MAX_ELEMENTS = 1 << 48

_FLOATS = {  # (bytes, bits of the exponent, bits of the mantissa) → type
    (2, 5, 10): torch.float16,
    (2, 8, 7): torch.bfloat16,
    (4, 8, 23): torch.float32,
    (8, 11, 52): torch.float64,
}
_INTEGERS = {  # (bytes, whether there are negative ones) → type
    (1, True): torch.int8, (2, True): torch.int16, (4, True): torch.int32, (8, True): torch.int64,
    (1, False): torch.uint8, (2, False): torch.uint16, (4, False): torch.uint32, (8, False): torch.uint64,
}  # fmt: skip
_KINDS = (
    "integers", "floating numbers", "times", "text", "bit fields", "opaque bytes", "compound values", "references",
    "enumerated values", "sequences of variable length", "arrays",
)  # fmt: skip
_INTEGER, _FLOATING, _TEXT, _REFERENCE, _VARIABLE = 0, 1, 3, 7, 9
_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = range(4)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A plain array of numbers; in one piece, or in chunks of one shape."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    byteorder: str
    offset: int
    """Where the numbers begin, or the tree that says where the chunks are."""
    size: int
    """Bytes of all numbers."""
    chunk: tuple[int, ...] | None = None
    filters: tuple[int, ...] = ()
    """What was done to the bytes of a chunk, in this order, by the numbers that HDF5 gave these methods."""


def text_attribute(file: HDF5File, item: HDF5Object, wanted: str) -> list[str] | None:
    """The names in an attribute, or in its pieces `wanted0`, `wanted1`, … where it was too long for one; else None."""
    found = {name: attribute for name, attribute in _attributes(file, item) if name.startswith(wanted)}
    if wanted in found:
        return _texts(file, found[wanted], f"{item.name}@{wanted}")
    if f"{wanted}0" not in found:
        return None
    texts: list[str] = []
    for name in (f"{wanted}{number}" for number in range(len(found))):
        if name in found:
            texts += _texts(file, found[name], f"{item.name}@{name}")
    return texts


def read_dataset(file: HDF5File, item: HDF5Object) -> Dataset:
    """The array that the object is. Raises for all that is no plain array of numbers."""
    name = item.name
    if file.message(item, EXTERNAL) is not None:
        file.unsafe(name, "keeps its numbers in other files (external storage)")
    space, kind, layout = (file.message(item, number) for number in (SPACE, TYPE, LAYOUT))
    if space is None and layout is None and kind is not None:
        file.unsupported(name, "is a named type")
    if space is None or kind is None or layout is None:
        file.damaged(name, f"it is {'a group' if file.is_group(item) else 'no array'}, where an array should be")
    shape = _shape(file, space.offset, space.size, name)
    dtype, byteorder = _number_type(file, kind, name)
    size = math.prod(shape) * dtype.itemsize
    filters = _filters(file, item)
    version, place = file.numbers("2B", layout.offset, name)
    if version == 4 and place == _VIRTUAL:
        file.unsafe(name, "is put together from datasets of other files (a virtual dataset)")
    if version != 3:
        file.unsupported(name, f"has a layout of version {version}")
    if place == _CHUNKED:
        tree, chunk = _chunks(file, layout, shape, dtype, name)
        if size and tree == UNDEFINED:
            file.damaged(name, f"it claims {size:,} bytes and holds none of them")
        return Dataset(name, shape, dtype, byteorder, tree, size, chunk, filters)
    if place == _COMPACT:
        stored, offset = *file.numbers("H", layout.offset + 2, name), layout.offset + 4
    elif place == _CONTIGUOUS:
        offset, stored = file.numbers("2Q", layout.offset + 2, name)
    else:
        file.damaged(name, f"it has a layout of class {place}")
    if filters:
        file.damaged(name, "it is compressed and lies in one piece, which cannot be")
    if size and (offset == UNDEFINED or stored != size or offset + size > file.file.size):
        where = "nowhere" if offset == UNDEFINED else f"{stored:,} are stored at byte {offset:,}"
        file.damaged(name, f"it claims {size:,} bytes, and {where}")
    return Dataset(name, shape, dtype, byteorder, offset, size)


# Attributes


@dataclass(frozen=True, slots=True)
class _Attribute:
    """Where its type and its shape are described, as (offset, size), and where its values lie."""

    type: tuple[int, int]
    space: tuple[int, int]
    offset: int
    size: int
    shared: bool


def _attributes(file: HDF5File, item: HDF5Object) -> Iterator[tuple[str, _Attribute]]:
    for message in item.messages.get(ATTRIBUTE, ()):
        version, shared, *sizes = file.numbers("2B3H", message.offset, item.name)
        if version not in (1, 2, 3):
            file.damaged(item.name, f"the attribute at byte {message.offset:,} is of version {version}")
        start, places = message.offset + (9 if version == 3 else 8), []
        for size in sizes:  # of name, type and shape
            places.append((start, size))
            start += size + (-size % 8 if version == 1 else 0)
        end = message.offset + message.size
        if start > end:
            file.damaged(item.name, f"the attribute at byte {message.offset:,} is longer than its message")
        name = file.text(file.take(*places[0], item.name).partition(b"\0")[0], item.name)
        yield name, _Attribute(places[1], places[2], start, end - start, version > 1 and shared & 3 != 0)


def _texts(file: HDF5File, attribute: _Attribute, name: str) -> list[str]:
    if attribute.shared:
        file.unsupported(name, "is of a named type")
    count = math.prod(_shape(file, *attribute.space, name))
    kind, _, size = _type(file, *attribute.type, name)
    if count == 0:
        return []
    if kind not in (_TEXT, _VARIABLE) or size == 0 or (kind == _VARIABLE and size != 16):
        file.unsupported(name, f"holds {_described(kind)} where names should be")
    if count * size > attribute.size:
        file.damaged(name, f"{count:,} names of {size} bytes do not fit into {attribute.size:,} bytes")
    data = file.take(attribute.offset, count * size, name)
    rows = [data[at : at + size] for at in range(0, len(data), size)]
    if kind == _VARIABLE:
        rows = [_from_heap(file, row, name) for row in rows]
    return [file.text(row.partition(b"\0")[0], name) for row in rows]


def _from_heap(file: HDF5File, reference: bytes, name: str) -> bytes:
    """What a reference into a global heap stands for: (length, address of the heap, number)."""
    length, address, number = struct.unpack("<IQI", reference)
    if length > MAX_NAME:
        file.unsafe(name, f"holds a name of {length:,} bytes")
    if address not in file.heaps:
        file.heaps[address] = _heap(file, address, name)
    offset, size = file.heaps[address].get(number, (0, 0))
    if size < length:
        file.damaged(name, f"the heap at byte {address:,} has no text {number} of {length:,} bytes")
    return file.take(offset, length, name)


def _heap(file: HDF5File, address: int, name: str) -> dict[int, tuple[int, int]]:
    """Number → (offset, size) of the objects of a global heap."""
    signature, _, size = struct.unpack("<4sIQ", file.take(address, 16, name))
    end = address + size
    if signature != b"GCOL" or end > file.file.size:
        file.damaged(name, f"its texts should stand at byte {address:,}")
    objects: dict[int, tuple[int, int]] = {}
    position = address + 16
    while position + 16 <= end:
        number, _, _, length = file.numbers("2HIQ", position, name)
        if number == 0:  # free space up to the end
            break
        if position + 16 + length > end:
            file.damaged(name, f"the text at byte {position:,} is longer than its heap")
        objects[number] = (position + 16, length)
        position += 16 + length + -length % 8
    return objects


# Shapes, types, chunks


def _shape(file: HDF5File, offset: int, size: int, name: str) -> tuple[int, ...]:
    version, rank, _, kind = file.numbers("4B", offset, name)
    start = {1: 8, 2: 4}.get(version)
    if start is None or rank > _MAX_RANK or start + 8 * rank > size:
        file.damaged(name, "its shape is not described in a way that exists")
    if version == 2 and kind == 2:
        file.unsupported(name, "has no values at all (a null dataspace)")
    shape = file.numbers(f"{rank}Q", offset + start, name)
    if math.prod(max(length, 1) for length in shape) > _MAX_ELEMENTS:
        file.unsafe(name, f"claims the shape {shape}")
    return shape


def _type(file: HDF5File, offset: int, size: int, name: str) -> tuple[int, int, int]:
    """(class, bits, bytes of one value)."""
    if size < 8:
        file.damaged(name, "its type is cut off")
    head, bits, length = struct.unpack("<B3sI", file.take(offset, 8, name))
    return head & 15, int.from_bytes(bits, "little"), length


def _number_type(file: HDF5File, message: Message, name: str) -> tuple[torch.dtype, str]:
    """(type, order of the bytes)."""
    kind, bits, size = _type(file, message.offset, message.size, name)
    if kind == _REFERENCE:
        file.unsafe(name, "holds references to other objects")
    if kind not in (_INTEGER, _FLOATING):
        file.unsupported(name, f"holds {_described(kind)}")
    if message.size < (12 if kind == _INTEGER else 20):
        file.damaged(name, "its type is cut off")
    first, precision = file.numbers("2H", message.offset + 8, name)
    plain = first == 0 and precision == 8 * size
    if kind == _INTEGER:
        dtype = _INTEGERS.get((size, bits & 8 != 0))
    else:
        at, exponent, low, mantissa = file.numbers("4B", message.offset + 12, name)
        dtype = _FLOATS.get((size, exponent, mantissa))
        plain = plain and (at, low) == (mantissa, 0) and not bits & 0x40
    if dtype is None or not plain:
        file.unsupported(name, f"holds {_described(kind)} of {size} bytes in an unusual form")
    return dtype, "big" if bits & 1 else "little"


def _described(kind: int) -> str:
    return _KINDS[kind] if kind < len(_KINDS) else f"values of the class {kind}"


def _chunks(
    file: HDF5File, layout: Message, shape: tuple[int, ...], dtype: torch.dtype, name: str
) -> tuple[int, tuple[int, ...]]:
    """(address of the tree of the chunks, shape of one)."""
    (rank,) = file.numbers("B", layout.offset + 2, name)
    tree, *chunk = file.numbers(f"Q{rank}I", layout.offset + 3, name)
    if rank != len(shape) + 1 or chunk[-1] != dtype.itemsize or 0 in chunk:
        file.damaged(name, f"its chunks {tuple(chunk)} do not fit its shape {shape}")
    return tree, tuple(chunk[:-1])


def _filters(file: HDF5File, item: HDF5Object) -> tuple[int, ...]:
    message = file.message(item, FILTERS)
    if message is None:
        return ()
    version, count = file.numbers("2B", message.offset, item.name)
    if version not in (1, 2):
        file.damaged(item.name, f"its filters are described in version {version}")
    position = message.offset + (8 if version == 1 else 2)
    filters = []
    for _ in range(count):
        (number,) = file.numbers("H", position, item.name)
        position += 2
        length = 0
        if version == 1 or number >= 256:  # else the name is known, and not there
            (length,) = file.numbers("H", position, item.name)
            position += 2
        values = file.numbers("2H", position, item.name)[1]
        position += 4 + length + (-length % 8 if version == 1 else 0) + 4 * values
        position += 4 if version == 1 and values % 2 else 0
        filters.append(number)
    if position > message.offset + message.size:
        file.damaged(item.name, "the description of its filters is cut off")
    return tuple(filters)
