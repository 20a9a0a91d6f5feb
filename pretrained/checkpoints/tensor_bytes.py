"""Which bytes is a tensor, a few at a time?

However large a tensor is and however it lies in memory, its numbers come in pieces, in the order of a dense tensor and
with the lowest byte first: what is written, compared or summed up needs no second copy of it.
"""

import hashlib
import sys
from collections.abc import Iterator

import torch

PIECE = 16 << 20  # bytes


def parts(tensor: torch.Tensor, size: int = PIECE) -> Iterator[torch.Tensor]:
    """The numbers as dense one-dimensional tensors of at most `size` bytes each, on the CPU."""
    if tensor.numel() == 0:
        return
    if tensor.nbytes <= size:
        yield tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().view(-1)
    elif tensor.is_contiguous():
        for part in torch.split(tensor.detach().view(-1), size // tensor.itemsize):
            yield from parts(part, size)
    else:
        rows = max(1, size // tensor[0].nbytes)
        for part in torch.split(tensor.detach(), rows):
            yield from parts(part if len(part) > 1 else part[0], size)


def pieces(tensor: torch.Tensor) -> Iterator[memoryview]:
    """The bytes as a file holds them."""
    for part in parts(tensor):
        raw = part.view(torch.uint8)
        unit = part.itemsize // 2 if part.is_complex() else part.itemsize
        if sys.byteorder == "big" and unit > 1:
            raw = raw.view(-1, unit).flip(1).view(-1)
        yield raw.numpy().data


def digest(tensor: torch.Tensor) -> bytes:
    """A fingerprint of the numbers: two tensors of one type and shape that share it are equal bit by bit."""
    found = hashlib.sha256()
    for piece in pieces(tensor):
        found.update(piece)
    return found.digest()
