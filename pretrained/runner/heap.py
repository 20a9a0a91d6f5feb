"""Whose is memory that is free for a moment? The process's: the next layer asks for it again.

A network frees its large blocks and asks for the same ones again in every layer. Until glibc has seen that, it gives
them back to the system each time, and each page that comes anew is filled with zeros: a third of the time in 8 bits,
a twentieth in float32. What is kept is what a batch needs, for each thread.
"""

from functools import cache

import torch

_LARGE = 31 * 2**20  # bytes; of blocks of more than 32 MiB glibc learns nothing


@cache
def keep_freed_memory() -> None:
    """Lets glibc see a large block freed: from now on it keeps blocks up to that size, and twice as much in all.

    The block itself costs nothing: its pages are never touched. Limits that were set by hand stay, and other
    C libraries take no notice.
    """
    torch.empty(_LARGE, dtype=torch.uint8)
