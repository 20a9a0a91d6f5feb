"""How is a block decompressed that Snappy compressed?

The raw format of single blocks: how long the content is, then literals and copies of what came before.
"""

from pretrained.checkpoints.protobuf import varint

_GROWTH = 22  # the densest element is a copy: three bytes stand for up to 64


def decompress(data: bytes) -> bytes:
    """The content of one block.

    Raises:
        ValueError: the block is damaged, or claims more than its bytes can stand for.
    """
    size, position = varint(data, 0)
    if size > _GROWTH * len(data):
        raise ValueError(f"{len(data):,} compressed bytes claim to hold {size:,}")
    content = bytearray()
    while position < len(data):
        tag = data[position]
        kind, length = tag & 3, (tag >> 2) + 1
        position += 1
        if kind == 0:
            if length > 60:  # the length itself takes one to four bytes
                width = length - 60
                length = _number(data, position, width) + 1
                position += width
            if position + length > len(data):
                raise ValueError("a literal of a compressed block is cut off")
            content += data[position : position + length]
            position += length
        else:
            if kind == 1:
                length = (tag >> 2 & 7) + 4
                offset = (tag >> 5) << 8 | _number(data, position, 1)
                position += 1
            else:
                width = 2 if kind == 2 else 4
                offset = _number(data, position, width)
                position += width
            if not 0 < offset <= len(content):
                raise ValueError("a copy of a compressed block begins before the block")
            start = len(content) - offset
            piece = content[start : start + length]
            content += (piece * (length // len(piece) + 1))[:length]  # a copy may go on into what it writes
        if len(content) > size:
            break
    if len(content) != size:
        raise ValueError(f"a compressed block claims {size:,} bytes and holds {len(content):,} or more")
    return bytes(content)


def _number(data: bytes, position: int, width: int) -> int:
    if position + width > len(data):
        raise ValueError("a compressed block is cut off")
    return int.from_bytes(data[position : position + width], "little")
