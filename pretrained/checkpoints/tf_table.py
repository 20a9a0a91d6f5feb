"""Which keys and values are in a table file, the format of TensorFlow's `.index` and of LevelDB?

Data blocks hold the keys in order, each written as what differs from the key before. An index block says where the
data blocks lie, a footer of fixed size where the index block is. Every block has a checksum.
"""

from collections.abc import Iterator

from pretrained.checkpoints.crc32c import crc32c, masked
from pretrained.checkpoints.protobuf import varint
from pretrained.checkpoints.snappy import decompress

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER, _TRAILER = 48, 5  # a block's trailer: one byte for the compression, four for the checksum
_PLAIN, _SNAPPY = 0, 1
_MAX_KEY = 1024  # bytes; keys share beginnings, so without a limit they could take the square of the file's size


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) in the order of the keys, each key once.

    Raises:
        ValueError: the table is damaged; the message says where.
    """
    end = len(data) - _FOOTER
    if end < 0 or not data.endswith(_MAGIC):
        raise ValueError("it does not end with the mark of a table, so it is cut off or of another format")
    _, position = _handle(data[end:], 0)  # the meta index, which nobody uses
    (start, size), _ = _handle(data[end:], position)
    end_of_blocks, previous = 0, None
    for _, handle in _entries(_block(data, start, size, end)):
        (offset, length), _ = _handle(handle, 0)
        if offset < end_of_blocks or offset + length > start:
            raise ValueError(f"the index names a block at byte {offset:,} that is not behind the one before")
        end_of_blocks = offset + length
        for key, value in _entries(_block(data, offset, length, end)):
            if previous is not None and key <= previous:
                raise ValueError(f"the keys {previous!r} and {key!r} are not in order, or one key twice")
            previous = key
            yield key, value


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """((offset, size) of a block, where the handle ends)."""
    offset, position = varint(data, position)
    size, position = varint(data, position)
    return (offset, size), position


def _block(data: bytes, offset: int, size: int, end: int) -> bytes:
    """The content of a block, checked and decompressed."""
    stop = offset + size
    if stop + _TRAILER > end:
        raise ValueError(f"a block should lie at byte {offset:,} to {stop + _TRAILER:,}, the blocks end at {end:,}")
    stored = int.from_bytes(data[stop + 1 : stop + _TRAILER], "little")
    if masked(crc32c(data[offset : stop + 1])) != stored:
        raise ValueError(f"the checksum of the block at byte {offset:,} is wrong")
    content, compression = data[offset:stop], data[stop]
    if compression == _SNAPPY:
        return decompress(content)
    if compression != _PLAIN:
        raise ValueError(f"the block at byte {offset:,} has the unknown compression {compression}")
    return content


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of one block. Where it can be entered in the middle, its end says; read in order, none is needed."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ValueError(f"a block of {len(block):,} bytes claims {restarts:,} restarts")
    position, key = 0, b""
    while position < end:
        shared, position = varint(block, position)
        own, position = varint(block, position)
        size, position = varint(block, position)
        if shared > len(key) or position + own + size > end:
            raise ValueError(f"an entry does not fit its block after the key {key!r}")
        if shared + own > _MAX_KEY:
            raise ValueError(f"a key has {shared + own:,} bytes, more than any name of a tensor")
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + size]
        position += size
