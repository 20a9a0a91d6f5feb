"""How is a good file damaged? By hand of chance: bits, numbers, pieces removed, doubled, moved, or of another file."""

import io
import random
import struct
import zipfile
from collections.abc import Callable, Sequence

from pretrained.checkpoints.crc32c import crc32c, masked

Damage = Callable[[bytes, Sequence[bytes], random.Random], bytes]
"""(the file, other good files of its format, chance) → the damaged file."""

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)


def damaged(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """One kind of damage, or several one after another."""
    for _ in range(pick.choice((1, 1, 1, 2, 4))):
        content = pick.choice(_KINDS)(content, others, pick) if content else content
    return content


def _flipped(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(pick.choice((1, 1, 1, 3, 30))):
        changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    return bytes(changed)


def _numbered(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """A number at the edge of what its bytes can hold, in either order of bytes."""
    value, at = pick.choice(_EDGES), pick.randrange(len(content))
    size = pick.choice([size for size in (1, 2, 4, 8) if value < 1 << 8 * size])
    return content[:at] + value.to_bytes(size, pick.choice(("little", "big"))) + content[at + size :]


def _filled(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    at, size = _span(content, pick)
    filling = pick.choice((b"\0", b"\xff", b"\x7f", b"/", b"[", b"."))
    return content[:at] + (filling * size if pick.random() < 0.7 else pick.randbytes(size)) + content[at + size :]


def _removed(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    at, size = _span(content, pick)
    return content[:at] + content[at + size :]


def _doubled(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    at, size = _span(content, pick)
    return content[: at + size] + content[at : at + size] * pick.choice((1, 1, 5)) + content[at + size :]


def _moved(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """A piece stands in another place, or instead of what was there."""
    at, size = _span(content, pick)
    to = pick.randrange(len(content))
    return content[:to] + content[at : at + size] + content[to + pick.choice((0, size)) :]


def _cut(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    return content[: pick.randrange(len(content))]


def _spliced(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    other = pick.choice(others) if others else content
    at = pick.randrange(len(content))
    return content[:at] + other[pick.choice((at, pick.randrange(len(other) + 1))) :]


_KINDS: tuple[Damage, ...] = (_flipped, _numbered, _filled, _removed, _doubled, _moved, _cut, _spliced)


def _span(content: bytes, pick: random.Random) -> tuple[int, int]:
    return pick.randrange(len(content)), pick.choice((1, 2, 4, 8, 40, 300))


# Where checksums protect a file, most damage stops there. These are good files around damaged content.


def rezipped(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """A good archive around a damaged pickle; what is no archive is damaged as it is."""
    if not content.startswith(b"PK"):
        return damaged(content, others, pick)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            raw = old.read(entry)
            new.writestr(entry, damaged(raw, (), pick) if entry.filename.endswith("data.pkl") else raw)
    return buffer.getvalue()


def blocks_rechecked(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """An index of TensorFlow with a damaged block, whose checksum is right: of the first block, or of the last."""
    footer = content[-48:]
    meta_start, at = _varint(footer, 0)
    meta_size, at = _varint(footer, at)
    last_start, at = _varint(footer, at)
    last_size, at = _varint(footer, at)
    start, size = pick.choice(((0, meta_start - 5), (last_start, last_size), (meta_start, meta_size)))
    block = content[start : start + size]
    changed = damaged(block, (), pick)[:size].ljust(size, b"\0") + content[start + size : start + size + 1]
    return content[:start] + changed + struct.pack("<I", masked(crc32c(changed))) + content[start + size + 5 :]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def header_rechecked(content: bytes, others: Sequence[bytes], pick: random.Random) -> bytes:
    """A safetensors file with a damaged header, whose length is said rightly."""
    size = int.from_bytes(content[:8], "little")
    header = damaged(content[8 : 8 + size], [other[8:200] for other in others], pick)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]
