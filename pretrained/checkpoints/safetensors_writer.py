"""How are tensors written as a safetensors file, one at a time?

A header tells where each tensor will lie, then they follow without gaps. Those of wide types come first, so that each
lies where its type can be mapped.
"""

import json
from collections.abc import Callable
from math import prod
from pathlib import Path

from pretrained.checkpoints.checkpoint import Checkpoint
from pretrained.checkpoints.safetensors import DTYPES
from pretrained.checkpoints.tensor_bytes import pieces
from pretrained.errors import UnsupportedFormatError

_KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


def write_safetensors(
    checkpoint: Checkpoint,
    path: Path,
    *,
    progress: Callable[[str, int], None] | None = None,
) -> None:
    """Writes the file."""
    keys = sorted(checkpoint.keys(), key=lambda key: -checkpoint.dtype(key).itemsize)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}  # whose names and orders of axes they are
    end = 0
    for key in keys:
        dtype, shape = checkpoint.dtype(key), checkpoint.shape(key)
        if dtype not in _KINDS:
            raise UnsupportedFormatError(
                f"the tensor {key!r} of {checkpoint.source} is of type {dtype}, which safetensors files do not hold. "
                "Convert it first, or write the format pytorch."
            )
        begin, end = end, end + prod(shape) * dtype.itemsize
        header[key] = {"dtype": _KINDS[dtype], "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for key in keys:
            tensor = checkpoint.tensor(key, copy=True)
            for piece in pieces(tensor):
                file.write(piece)
            if progress is not None:
                progress(key, tensor.nbytes)
