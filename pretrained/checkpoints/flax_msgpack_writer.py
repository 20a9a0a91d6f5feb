"""How are tensors written as a flax_model.msgpack, one at a time?

The names with slashes become nested maps; each array is an extension value with its shape, the name of its type and
its bytes. The lengths are known from the shapes, so nothing is held but one tensor.
"""

import struct
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import BinaryIO

from pretrained.checkpoints.checkpoint import Checkpoint
from pretrained.checkpoints.flax_msgpack import CHUNKED, DTYPES
from pretrained.checkpoints.tensor_bytes import pieces
from pretrained.errors import CheckpointError, UnsupportedFormatError

_KINDS = {dtype: kind for kind, dtype in DTYPES.items()}
_MAX_CHUNK = 2**30  # bytes; Flax writes a larger array in pieces of this size
_NDARRAY = b"\x01"  # Flax's type of the extension values that are arrays

_Tree = dict[str, "_Tree | str"]


def write_flax(checkpoint: Checkpoint, path: Path, *, progress: Callable[[str, int], None] | None = None) -> None:
    """Writes the file. The keys are Flax's, "encoder/layer/0/output/dense/kernel", the shapes too."""
    tree: _Tree = {}
    for key in checkpoint.keys():
        _enter(tree, key, checkpoint)
    with path.open("wb") as file:
        _write(tree, checkpoint, file, progress)


def _enter(tree: _Tree, key: str, checkpoint: Checkpoint) -> None:
    if checkpoint.dtype(key) not in _KINDS:
        raise UnsupportedFormatError(
            f"the tensor {key!r} of {checkpoint.source} is of type {checkpoint.dtype(key)}, which files of Flax do not "
            "hold. Convert it first."
        )
    *folders, leaf = key.split("/")
    for folder in folders:
        inner = tree.setdefault(folder, {})
        if isinstance(inner, str):
            raise CheckpointError(
                f"{checkpoint.source}: {inner!r} is a tensor, and the name of {key!r} begins with it."
            )
        tree = inner
    if leaf in tree:
        raise CheckpointError(f"{checkpoint.source}: {key!r} is a tensor, and others begin with its name.")
    tree[leaf] = key


def _write(tree: _Tree, checkpoint: Checkpoint, file: BinaryIO, progress: Callable[[str, int], None] | None) -> None:
    file.write(_map(len(tree)))
    for name, value in tree.items():
        file.write(_text(name))
        if isinstance(value, str):
            size = _write_array(value, checkpoint, file)
            if progress is not None:
                progress(value, size)
        else:
            _write(value, checkpoint, file, progress)


def _write_array(key: str, checkpoint: Checkpoint, file: BinaryIO) -> int:
    shape, dtype = checkpoint.shape(key), checkpoint.dtype(key)
    kind, count = _KINDS[dtype], prod(shape)
    tensor = checkpoint.tensor(key, copy=True)
    if count * dtype.itemsize <= _MAX_CHUNK:
        file.write(_array_head(shape, kind, count * dtype.itemsize))
        for piece in pieces(tensor):
            file.write(piece)
        return count * dtype.itemsize
    length = _MAX_CHUNK // dtype.itemsize
    starts = range(0, count, length)
    file.write(_map(3) + _text(CHUNKED) + b"\xc3" + _text("shape") + _map(len(shape)))
    file.write(b"".join(_text(str(axis)) + _integer(size) for axis, size in enumerate(shape)))
    file.write(_text("chunks") + _map(len(starts)))
    flat = tensor.reshape(-1)
    for number, start in enumerate(starts):
        chunk = flat[start : start + length]
        file.write(_text(str(number)) + _array_head((len(chunk),), kind, chunk.nbytes))
        for piece in pieces(chunk):
            file.write(piece)
    return count * dtype.itemsize


def _array_head(shape: tuple[int, ...], kind: str, size: int) -> bytes:
    """All of an array up to its bytes."""
    inner = b"\x93" + _list(len(shape)) + b"".join(map(_integer, shape)) + _text(kind)
    inner += _sized(size, None, (0xC4, 0xC5, 0xC6))
    return _extension(len(inner) + size) + _NDARRAY + inner


def _extension(size: int) -> bytes:
    fixed = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}
    return bytes([fixed[size]]) if size in fixed else _sized(size, None, (0xC7, 0xC8, 0xC9))


def _map(count: int) -> bytes:
    return _sized(count, (0x80, 0x0F), (None, 0xDE, 0xDF))


def _list(count: int) -> bytes:
    return _sized(count, (0x90, 0x0F), (None, 0xDC, 0xDD))


def _text(text: str) -> bytes:
    raw = text.encode()
    return _sized(len(raw), (0xA0, 0x1F), (0xD9, 0xDA, 0xDB)) + raw


def _integer(value: int) -> bytes:
    if value < 0x80:
        return bytes([value])
    return _sized(value, None, (0xCC, 0xCD, 0xCE)) if value < 1 << 32 else b"\xcf" + struct.pack(">Q", value)


def _sized(size: int, small: tuple[int, int] | None, wide: tuple[int | None, int, int]) -> bytes:
    """The shortest head: within the first byte, or followed by one, two or four bytes."""
    if small is not None and size <= small[1]:
        return bytes([small[0] | size])
    for first, format, limit in zip(wide, (">B", ">H", ">I"), (1 << 8, 1 << 16, 1 << 32), strict=True):
        if first is not None and size < limit:
            return bytes([first]) + struct.pack(format, size)
    raise CheckpointError(f"{size:,} entries or bytes are more than a value of msgpack can have.")
