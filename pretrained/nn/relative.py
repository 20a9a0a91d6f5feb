"""How does attention look at distances instead of positions? What Transformer-XL and XLNet share.

Both networks keep what a layer has seen as its memory, M states before the S new ones, and ask how far each
of the K = M + S keys is from a query. (Dai et al., Transformer-XL, arXiv 1901.02860, appendix B)

Shapes: B batch, S new tokens, M memory, K keys, H hidden, N heads, D head width, P distances.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pretrained.errors import InputError


def sinusoids(distances: Tensor, width: int) -> Tensor:
    """(P,) distances → (P, width): all sines, then all cosines."""
    frequencies = 1 / (10000 ** (torch.arange(0, width, 2.0, device=distances.device) / width))
    angles = distances.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1)


def distance_scores(query: Tensor, distance_keys: Tensor, keys: int) -> Tensor:
    """The part of the scores that depends on the distance between a query and a key, unscaled.

    Args:
        query: (B, S, N, D), standing behind the last K - S keys.
        distance_keys: (B or 1, P, N, D), one for each distance from K down; P > K.
        keys: K.

    Returns:
        (B, N, S, K). What lies beyond the last distance holds values without meaning, to be masked.
    """
    scores = query.transpose(1, 2) @ distance_keys.permute(0, 2, 3, 1)  # (B, N, S, P): column p is distance K - p
    # Query i and key j are K - S + i - j apart, which is column S - i + j. So each row begins one column before
    # the one above it: that is the same memory from column S on, read in rows that are one shorter.
    length, columns = scores.shape[-2:]
    shifted: Tensor = scores.flatten(-2)[..., length:].reshape(*scores.shape[:-1], columns - 1)
    return shifted[..., :keys]


def read_memories(mems: Sequence[Tensor | None] | None, *, layers: int, batch: int, width: int) -> list[Tensor | None]:
    """The published memories, one (M, B, H) or None for each layer, as (B, M, H)."""
    if mems is None:
        return [None] * layers
    if len(mems) != layers:
        raise InputError(f"mems holds the memories of {len(mems)} layers, the model has {layers}")
    memories: list[Tensor | None] = []
    for index, memory in enumerate(mems):
        if memory is not None and (memory.dim() != 3 or memory.shape[1:] != (batch, width)):
            raise InputError(
                f"mems[{index}] has shape {tuple(memory.shape)}; a batch of {batch} needs (length, {batch}, {width})"
            )
        memories.append(None if memory is None else memory.transpose(0, 1))
    return memories
