"""How is an HDF5 file of groups, lists of names and plain arrays laid out?

All descriptions stand at the beginning of the file, then the numbers, each array in one piece; so where they belong is
known before the first of them is there. The form is that of HDF5 1.8: the oldest in which a group lists its members
itself, without a tree and a heap. The structures and their names are those of the HDF5 File Format Specification.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

import torch

from pretrained.checkpoints.hdf5 import ATTRIBUTE, LAYOUT, LINK, LINK_INFO, SIGNATURE, SPACE, TYPE, UNDEFINED
from pretrained.errors import CheckpointError

_FILL, _GROUP_INFO = 0x05, 0x0A
_MAX_MESSAGE = 0xFFFF - 7  # bytes of one message, which is padded to a multiple of 8
_SUPERBLOCK = 96  # bytes
_ALIGNMENT = 64  # bytes; any number lies where it can be mapped

_INTEGERS = {torch.uint8: 0, torch.int8: 8, torch.int16: 8, torch.int32: 8, torch.int64: 8}  # 8: with a sign
_FLOATS = {torch.float16: (5, 10), torch.float32: (8, 23), torch.float64: (11, 52)}  # bits of exponent and mantissa
DTYPES = frozenset((*_INTEGERS, *_FLOATS))
"""The types of numbers that are written."""


@dataclass(frozen=True, eq=False)
class Array:
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class Group:
    texts: dict[str, str | Sequence[str]] = field(default_factory=dict)
    """Its attributes: a text or a list of texts each."""
    members: "dict[str, Group | Array]" = field(default_factory=dict)

    def add(self, path: str, item: "Group | Array") -> None:
        """Puts something at a path, in groups that are made where they are not there."""
        *folders, name = path.split("/")
        group = self
        for folder in folders:
            inner = group.members.setdefault(folder, Group())
            if isinstance(inner, Array):
                raise CheckpointError(
                    f"the tensor {path!r} cannot be written to HDF5: another one's name begins its own."
                )
            group = inner
        if name in group.members:
            raise CheckpointError(f"{path!r} cannot be written to HDF5 twice, or where others lie inside it.")
        group.members[name] = item


def lay_out(root: Group) -> tuple[bytes, dict[Array, int], int]:
    """(the beginning of the file, where the numbers of each array belong, bytes of the whole file)."""
    items = list(_walk(root))
    places: dict[Group | Array, int] = dict.fromkeys(items, 0)
    numbers: dict[Array, int] = {item: UNDEFINED for item in items if isinstance(item, Array)}
    end = _SUPERBLOCK
    for item in items:  # how long a description is does not depend on the places in it
        places[item] = end
        end += len(_described(item, places, numbers))
    for array in numbers:
        if array.size:
            end += -end % _ALIGNMENT
            numbers[array] = end
            end += array.size
    superblock = struct.pack("<8s8B2HI4Q", SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0, 0, UNDEFINED, end, UNDEFINED)
    superblock += struct.pack("<2Q2I16x", 0, places[root], 0, 0)
    return superblock + b"".join(_described(item, places, numbers) for item in items), numbers, end


def _walk(item: Group | Array) -> Iterator[Group | Array]:
    yield item
    if isinstance(item, Group):
        for member in item.members.values():
            yield from _walk(member)


def _described(item: Group | Array, places: dict[Group | Array, int], numbers: dict[Array, int]) -> bytes:
    """The header of an object."""
    if isinstance(item, Array):
        messages = [
            (SPACE, _space(item.shape)),
            (TYPE, _number_type(item.dtype)),
            (_FILL, struct.pack("<4B", 2, 1, 1, 0)),  # there from the beginning, and filled with nothing
            (LAYOUT, struct.pack("<2B2Q", 3, 1, numbers[item], item.size)),
        ]
    else:
        messages = [(LINK_INFO, struct.pack("<2B2Q", 0, 0, UNDEFINED, UNDEFINED)), (_GROUP_INFO, bytes(2))]
        messages += [(LINK, _link(name, places[member])) for name, member in item.members.items()]
        messages += [(ATTRIBUTE, _attribute(name, text)) for name, text in item.texts.items()]
    body = b""
    for kind, content in messages:
        if len(content) > _MAX_MESSAGE:
            raise CheckpointError(f"HDF5 does not hold a name or a list of {len(content):,} bytes.")
        content = _padded(content)
        body += struct.pack("<2HB3x", kind, len(content), 0) + content
    return struct.pack("<2BH2I4x", 1, 0, len(messages), 1, len(body)) + body


def _link(name: str, place: int) -> bytes:
    raw = name.encode()
    # 0x11: its length takes two bytes, and it says that it is UTF-8
    return struct.pack("<3BH", 1, 0x11, 1, len(raw)) + raw + struct.pack("<Q", place)


def _attribute(name: str, text: str | Sequence[str]) -> bytes:
    """A text, or a list of them: all of the length of the longest."""
    raw = [text.encode()] if isinstance(text, str) else [one.encode() for one in text]
    width = max(1, *map(len, raw)) if raw else 1
    label = name.encode() + b"\0"
    kind = struct.pack("<B3sI", 0x13, b"\x01\0\0", width)  # text that is padded with zeros
    space = _space(() if isinstance(text, str) else (len(raw),))
    head = struct.pack("<2B3H", 1, 0, len(label), len(kind), len(space))
    return head + b"".join(map(_padded, (label, kind, space))) + b"".join(one.ljust(width, b"\0") for one in raw)


def _space(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<3B5x{len(shape)}Q", 1, len(shape), 0, *shape)


def _number_type(dtype: torch.dtype) -> bytes:
    size = dtype.itemsize
    if dtype in _INTEGERS:
        return struct.pack("<4BI2H", 0x10, _INTEGERS[dtype], 0, 0, size, 0, 8 * size)
    exponent, mantissa = _FLOATS[dtype]
    sign, bias = 8 * size - 1, (1 << exponent - 1) - 1
    # 0x20: the mantissa's first bit is not stored
    return struct.pack("<4BI2H4BI", 0x11, 0x20, sign, 0, size, 0, 8 * size, mantissa, exponent, 0, mantissa, bias)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 8)
