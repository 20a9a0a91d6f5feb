"""How do the vectors of a text's tokens become one? Mean, first token, maximum …

Shapes: T packed tokens, B sequences, H hidden. Neighbours of equal length are pooled together, as one view.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pretrained.nn.layout import Packed


def _weighted_mean(rows: Tensor) -> Tensor:
    """Later tokens count more: the first once, the second twice, …"""
    weights = torch.arange(1, rows.shape[1] + 1, dtype=rows.dtype, device=rows.device)
    return torch.einsum("blh,l->bh", rows, weights / weights.sum())


# (count, length, H) → (count, H), by the names that sentence-transformers gave them
POOLINGS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda rows: rows.mean(1),
    "cls": lambda rows: rows[:, 0],
    "max": lambda rows: rows.amax(1),
    "mean_sqrt_len_tokens": lambda rows: rows.sum(1) / rows.shape[1] ** 0.5,
    "weightedmean": _weighted_mean,
    "lasttoken": lambda rows: rows[:, -1],
}
NONE = "none"
"""No pooling: a text stays as many vectors as it has tokens."""


def pool(hidden: Tensor, layout: Packed, kind: str) -> Tensor:
    """(T, H) → (B, H)"""
    return torch.cat([POOLINGS[kind](run.rows(hidden)) for run in layout.runs])
