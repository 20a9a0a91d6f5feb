"""How do the chunks of an HDF5 dataset, compressed or not, become one array?

Keras writes arrays in one piece; h5py, h5repack and people who saved space may have cut and compressed them. The
filters are HDF5's own: deflate, shuffle and the Fletcher checksum. Every number that a dataset claims has to be
stored: chunks that are left out, which would be filled with one value, are refused.
"""

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import torch

from pretrained.checkpoints.hdf5 import HDF5File
from pretrained.checkpoints.hdf5_values import Dataset

_DEFLATE, _SHUFFLE, _FLETCHER = 1, 2, 3
_OTHER_FILTERS = {4: "szip", 5: "nbit", 6: "scaleoffset", 307: "bzip2", 32000: "lzf", 32001: "blosc", 32015: "zstd"}
# A compressed file may grow this much; weights seldom shrink to less than a half.
MAX_GROWTH = 32


def check_chunks(file: HDF5File, dataset: Dataset) -> int:
    """The bytes that reading takes. Raises for filters that are not read."""
    for number in dataset.filters:
        if number not in (_DEFLATE, _SHUFFLE, _FLETCHER):
            known = f" ({_OTHER_FILTERS[number]})" if number in _OTHER_FILTERS else ""
            file.unsupported(dataset.name, f"went through filter {number}{known}")
    chunk = dataset.chunk or ()
    if dataset.size == 0:
        return 0
    return _count(dataset) * math.prod(chunk) * dataset.dtype.itemsize


def read_chunks(file: HDF5File, dataset: Dataset) -> torch.Tensor:
    """The array, in memory of its own."""
    chunk, item = dataset.chunk or (), dataset.dtype.itemsize
    values = np.empty(dataset.shape, f"V{item}")
    if dataset.size:
        for start, raw in _stored(file, dataset):
            inside = tuple(slice(at, at + length) for at, length in zip(start, chunk, strict=True))
            target = values[inside]
            piece = np.frombuffer(raw, values.dtype).reshape(chunk)
            target[...] = piece[tuple(slice(length) for length in target.shape)]
    unit = values.reshape(-1).view(np.uint8)
    if dataset.byteorder == "big":
        unit = unit.reshape(-1, item)[:, ::-1].reshape(-1)
    return torch.from_numpy(np.ascontiguousarray(unit)).view(dataset.dtype).view(dataset.shape)


def _count(dataset: Dataset) -> int:
    return math.prod(-(-length // piece) for length, piece in zip(dataset.shape, dataset.chunk or (), strict=True))


def _stored(file: HDF5File, dataset: Dataset) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """(where it begins, its bytes) of every chunk; each exactly once."""
    chunk = dataset.chunk or ()
    expected = math.prod(chunk) * dataset.dtype.itemsize
    rank, seen = len(chunk), set[tuple[int, ...]]()
    for key, address in file.tree(dataset.offset, 1, 8 + 8 * (rank + 1), dataset.name):
        size, mask, *start = struct.unpack(f"<2I{rank}Q", key[: 8 + 8 * rank])
        place = tuple(start)
        fits = all(
            at % piece == 0 and at < length for at, piece, length in zip(place, chunk, dataset.shape, strict=True)
        )
        if not fits or place in seen:
            file.damaged(dataset.name, f"a chunk should be at {place} of its shape {dataset.shape}")
        seen.add(place)
        raw = file.take(address, size, dataset.name)  # from the budget as well: many chunks may claim the same bytes
        for number, method in reversed(list(enumerate(dataset.filters))):
            if not mask >> number & 1:
                raw = _undo(file, method, raw, dataset, expected)
        if len(raw) != expected:
            file.damaged(dataset.name, f"the chunk at {place} has {len(raw):,} of {expected:,} bytes")
        yield place, raw
    if len(seen) != _count(dataset):
        file.damaged(dataset.name, f"{len(seen):,} of its {_count(dataset):,} chunks are stored")


def _undo(file: HDF5File, method: int, raw: bytes, dataset: Dataset, expected: int) -> bytes:
    if method == _DEFLATE:
        try:
            return zlib.decompressobj().decompress(raw, expected + 4 + 1)  # a checksum may be inside
        except zlib.error as error:
            file.damaged(dataset.name, f"a chunk of it cannot be decompressed ({error})")
    if method == _SHUFFLE:  # first all first bytes, then all second bytes, …
        whole = len(raw) // dataset.dtype.itemsize * dataset.dtype.itemsize
        planes = np.frombuffer(raw, np.uint8, whole).reshape(dataset.dtype.itemsize, -1)
        return planes.T.tobytes() + raw[whole:]
    if len(raw) < 4 or _fletcher32(raw[:-4]) != int.from_bytes(raw[-4:], "little"):
        file.damaged(dataset.name, "the checksum of a chunk is wrong")
    return raw[:-4]


def _fletcher32(raw: bytes) -> int:
    """Fletcher's checksum over 16-bit words, as HDF5 computes it."""
    words = np.frombuffer(raw + b"\0" * (len(raw) % 2), ">u2").astype(np.uint64)
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % 65535
    sums = [int(words.sum()), int((words * weights).sum())]
    low, high = (total % 65535 or (65535 if total else 0) for total in sums)
    return high << 16 | low
