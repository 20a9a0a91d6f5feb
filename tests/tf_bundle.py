"""How are tensors written as a TensorFlow checkpoint, under the names of Google's BERT?

An index, which is a sorted table of entries, and data files with nothing but numbers. The reader is tested on files
of TensorFlow itself; this is for shapes and sizes that are too many, or too large, to keep.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from pretrained.checkpoints.crc32c import crc32c, masked

DTYPES = {"float32": 1, "int32": 3, "int64": 9, "float16": 19}
_MAGIC = bytes.fromhex("57fb808b247547db")


def google_names(tensors: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """The names and the layout of Google's releases, from those of a BertModel."""
    for name, tensor in tensors.items():
        if name.startswith("embeddings.") and "LayerNorm" not in name:
            name = name.removesuffix(".weight")
        elif "LayerNorm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        elif name.endswith(".weight"):
            name, tensor = name.removesuffix("weight") + "kernel", tensor.T
        yield "bert/" + re.sub(r"\.layer\.(\d+)\.", r"/layer_\1/", name).replace(".", "/"), tensor


def write_bundle(tensors: Iterable[tuple[str, np.ndarray]], prefix: Path, *, shards: int = 1) -> None:
    """Writes `prefix`.index and so many data files; the tensors go to them in turn."""
    entries = {b"": varint_field(1, shards) + bytes_field(3, varint_field(1, 1))}
    offsets = [0] * shards
    files = [open(f"{prefix}.data-{n:05}-of-{shards:05}", "wb") for n in range(shards)]  # noqa: SIM115
    for number, (name, tensor) in enumerate(tensors):
        shard = number % shards
        data = np.ascontiguousarray(tensor)
        raw = data.reshape(-1).view(np.uint8)
        files[shard].write(raw)
        shape = b"".join(bytes_field(2, varint_field(1, size)) for size in tensor.shape)
        entries[name.encode()] = (
            varint_field(1, DTYPES[str(tensor.dtype)])
            + bytes_field(2, shape)
            + varint_field(3, shard)
            + varint_field(4, offsets[shard])
            + varint_field(5, raw.nbytes)
            + b"\x35"  # field 6, of four bytes
            + struct.pack("<I", masked(crc32c(raw)))
        )
        offsets[shard] += raw.nbytes
    for file in files:
        file.close()
    Path(f"{prefix}.index").write_bytes(table(entries))


def table(entries: Mapping[bytes, bytes]) -> bytes:
    """One block of entries, an empty one, and one that says where the first is."""
    written = b""
    handles = []
    last = max(entries)
    for block in (dict(sorted(entries.items())), {}, None):
        rows = {last: handles[0]} if block is None else block
        data = _block(rows)
        handles.append(_varint(len(written)) + _varint(len(data)))
        written += data + b"\0" + struct.pack("<I", masked(crc32c(data + b"\0")))
    return written + (handles[1] + handles[2]).ljust(40, b"\0") + _MAGIC


def _block(entries: Mapping[bytes, bytes]) -> bytes:
    """Every entry is a restart: it has its whole key."""
    rows = [_varint(0) + _varint(len(key)) + _varint(len(value)) + key + value for key, value in entries.items()]
    starts = [sum(map(len, rows[:number])) for number in range(len(rows))] or [0]
    return b"".join(rows) + struct.pack(f"<{len(starts) + 1}I", *starts, len(starts))


def _varint(value: int) -> bytes:
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data
