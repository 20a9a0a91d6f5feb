"""How do the vectors of a text's tokens become one? Mean, first token, maximum …

Shapes: T packed tokens, B sequences, H hidden. Neighbours of equal length are pooled together, as one view.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pretrained.nn.layout import Packed
from pretrained.nn.transfer import send


def _weighted_mean(rows: Tensor) -> Tensor:
    """Later tokens count more: the first once, the second twice, …"""
    weights = torch.arange(1, rows.shape[1] + 1, dtype=rows.dtype, device=rows.device)
    return (rows * (weights / weights.sum())[:, None]).sum(1)  # einsum's order depends on how many there are


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
    if not hidden.is_cpu:
        return pool_segments(hidden, layout, kind)
    return torch.cat([POOLINGS[kind](run.rows(hidden)) for run in layout.runs])


def pool_segments(hidden: Tensor, layout: Packed, kind: str) -> Tensor:
    """The same in a few steps over the whole batch, for accelerators, where each step has a price of its own."""
    counts = torch.tensor(layout.lengths, device="cpu")
    starts = counts.cumsum(0) - counts
    if kind in ("cls", "lasttoken"):
        return hidden[send(starts if kind == "cls" else starts + counts - 1, hidden.device)]
    tokens = hidden[: layout.total - layout.filler]
    lengths = send(counts, hidden.device)
    if kind == "weightedmean":
        places = layout.positions(layout.total, hidden.device)[: len(tokens)] + 1
        tokens = tokens * places.to(tokens.dtype)[:, None]
        # of n tokens the weights sum to n (n + 1) / 2, and the mean below has divided by n
        return torch.segment_reduce(tokens, "mean", lengths=lengths, unsafe=True) * (2.0 / (lengths + 1))[:, None]
    pooled = torch.segment_reduce(tokens, "max" if kind == "max" else "mean", lengths=lengths, unsafe=True)
    return pooled * lengths.sqrt()[:, None] if kind == "mean_sqrt_len_tokens" else pooled
