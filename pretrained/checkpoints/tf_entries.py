"""What does an index of TensorFlow say of each tensor: its type, shape and place?

The messages BundleHeaderProto, BundleEntryProto and TrackableObjectGraph, as far as reading needs them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pretrained.checkpoints.protobuf import as_bytes, as_number, fields, signed

_MAX_AXES = 254  # TensorFlow's own limit
_MAX_ELEMENTS = 1 << 48

# The numbers of TensorFlow's types. Quantized ones are the whole numbers that they are stored as.
DTYPES = {
    1: torch.float32, 2: torch.float64, 14: torch.bfloat16, 19: torch.float16,
    8: torch.complex64, 18: torch.complex128, 10: torch.bool,
    6: torch.int8, 5: torch.int16, 3: torch.int32, 9: torch.int64,
    4: torch.uint8, 17: torch.uint16, 22: torch.uint32, 23: torch.uint64,
    11: torch.int8, 12: torch.uint8, 13: torch.int32, 15: torch.int16, 16: torch.uint16,
    24: torch.float8_e5m2, 25: torch.float8_e4m3fn,
}  # fmt: skip
_NO_TENSORS = {7: "text", 20: "a resource", 21: "a variant", 29: "4-bit numbers", 30: "4-bit numbers"}

Slice = tuple[tuple[int, int], ...]
"""(start, length) along each axis; a length of -1: the whole axis."""


@dataclass(frozen=True, slots=True)
class Header:
    shards: int
    byteorder: str


@dataclass(frozen=True, slots=True)
class Entry:
    kind: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[Slice, ...]

    @property
    def other(self) -> str:
        """What it is when it is no tensor to us; "" when it is one."""
        return "" if self.kind in DTYPES else _NO_TENSORS.get(self.kind, f"of TensorFlow's type {self.kind}")


def parse_header(message: bytes) -> Header:
    shards = endianness = minimum = 0
    for number, value in fields(message):
        if number == 1:
            shards = as_number(value)
        elif number == 2:
            endianness = as_number(value)
        elif number == 3:
            minimum = next((as_number(found) for at, found in fields(as_bytes(value)) if at == 2), 0)
    if minimum > 1:
        raise ValueError(f"it asks for a reader of version {minimum}; this one reads version 1")
    if endianness > 1 or not 0 < shards < 100_000:
        raise ValueError(f"its header claims {shards:,} shards and byte order {endianness}")
    return Header(shards, "big" if endianness else "little")


def parse_entry(message: bytes) -> Entry:
    kind = shard = offset = size = crc = 0
    shape: tuple[int, ...] = ()
    slices = []
    for number, value in fields(message):
        if number == 1:
            kind = as_number(value)
        elif number == 2:
            shape = _shape(as_bytes(value))
        elif number == 3:
            shard = as_number(value)
        elif number == 4:
            offset = as_number(value)
        elif number == 5:
            size = as_number(value)
        elif number == 6:
            crc = as_number(value)
        elif number == 7:
            slices.append(_slice(as_bytes(value)))
    return Entry(kind, shape, shard, offset, size, crc, tuple(slices))


def _shape(message: bytes) -> tuple[int, ...]:
    shape = []
    for number, value in fields(message):
        if number == 2:
            shape.append(next((signed(as_number(found)) for at, found in fields(as_bytes(value)) if at == 1), 0))
        elif number == 3 and value:
            raise ValueError("a shape is unknown")
    if len(shape) > _MAX_AXES or any(length < 0 for length in shape):
        raise ValueError(f"a shape of {len(shape)} axes has a negative length, or too many axes")
    if math.prod(max(length, 1) for length in shape) > _MAX_ELEMENTS:
        raise ValueError(f"a shape {shape} is larger than any tensor")
    return tuple(shape)


def _slice(message: bytes) -> Slice:
    axes = []
    for number, value in fields(message):
        if number == 1:
            start, length = 0, -1
            for at, found in fields(as_bytes(value)):
                if at == 1:
                    start = signed(as_number(found))
                elif at == 2:
                    length = signed(as_number(found))
            axes.append((start, length))
    return tuple(axes)


def slice_key(name: str, part: Slice) -> bytes:
    """Under which key a slice of a variable stands: an encoding of name and slice that sorts as they do."""
    escaped = name.encode().replace(b"\xff", b"\xff\x00").replace(b"\x00", b"\x00\xff")
    key = _ordered(0) + escaped + b"\x00\x01" + _ordered(len(part))
    return key + b"".join(_ordered_signed(start) + _ordered_signed(length) for start, length in part)


def _ordered(value: int) -> bytes:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(raw)]) + raw


def _ordered_signed(value: int) -> bytes:
    """One bit of sign, as many ones as bytes follow, a zero, then the number; negative ones inverted."""
    magnitude = ~value if value < 0 else value
    size = next(count for count in range(1, 11) if magnitude < 1 << (7 * count - 1))
    raw = bytearray(value.to_bytes(size + 1, "big", signed=True)[-size:])
    header = ((1 << size) - 1) << (16 - size)  # the ones that say how many bytes there are
    raw[0] ^= header >> 8
    if size > 1:
        raw[1] ^= header & 0xFF
    return bytes(raw)


def variable_names(graph: bytes) -> Iterator[tuple[str, str]]:
    """(key in the table, name of the variable) of each variable that an object graph describes."""
    for number, node in fields(graph):
        if number != 1:
            continue
        for part, attribute in fields(as_bytes(node)):
            if part != 2:
                continue
            texts = {at: as_bytes(found) for at, found in fields(as_bytes(attribute)) if at in (2, 3)}
            yield texts.get(3, b"").decode(), texts.get(2, b"").decode()
