"""What are the fields of a protocol buffer message, when its schema is known and its sender is not trusted?

Only the wire format is read: field numbers with whole numbers or bytes. Whoever reads a message picks the fields it
knows. Time is in proportion to the bytes; nothing nests unless the reader opens a field itself.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) in the order of the message: a number, or bytes for text and nested messages.

    Raises:
        ValueError: the bytes are no message.
    """
    position = 0
    while position < len(message):
        tag, position = varint(message, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if kind == _VARINT:
            value, position = varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = varint(message, position)
        elif kind in _WIDTHS:
            size = _WIDTHS[kind]
        else:
            raise ValueError(f"a field is of the wire type {kind}")
        if position + size > len(message):
            raise ValueError("a field is longer than its message")
        content = message[position : position + size]
        yield number, content if kind == _BYTES else int.from_bytes(content, "little")
        position += size


def varint(data: bytes, position: int) -> tuple[int, int]:
    """(the number that begins at the position, where it ends). It has at most 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("a number is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, position
    raise ValueError("a number has more than 64 bits")


def signed(value: int) -> int:
    """A 64-bit number that stands for a negative one when its highest bit is set."""
    return value - (1 << 64) if value >> 63 else value


def as_number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("a field holds bytes where a number belongs")
    return value


def as_bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field holds a number where bytes belong")
    return value
