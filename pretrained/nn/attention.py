"""How is attention computed over a whole packed batch at once, where that is faster than run by run?

`attend` gives gradients on a CPU. Left to autograd, each view of a few sequences would get a gradient as large as the
batch, nearly all zeros, and these would be added up: with thirty sequences, each of a length of its own, that takes
longer than the attention.
`attend_on_gpu` is torch's kernel for sequences of varied length.

Shapes: T packed tokens, N heads, D head width; of a group of C sequences of at most L tokens, (C·N, L, D).
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pretrained.nn.dropout import factors

_WASTE = 1.5


class Group:
    """Neighbouring sequences of a packed batch whose attention is computed together.

    Args:
        start: the token that the first of them begins with.
        lengths: of each of them.
    """

    def __init__(self, start: int, lengths: Sequence[int]) -> None:
        self.tokens = slice(start, start + sum(lengths))
        self.count, self.longest = len(lengths), max(lengths)
        self.filling: Tensor | None = None
        if min(lengths) < self.longest:
            there = torch.arange(self.longest) < torch.tensor(lengths)[:, None]  # (C, L)
            self._places = there.flatten().nonzero().flatten()
            self.filling = there.logical_not_()[:, None, None]

    def heads(self, packed: Tensor) -> Tensor:
        """(T, N, D) → (C·N, L, D), a copy, filled up with zeros."""
        rows = packed[self.tokens]
        if self.filling is not None:
            rows = rows.new_zeros(self.count * self.longest, *rows.shape[1:]).index_copy_(0, self._places, rows)
        return (
            rows.view(self.count, self.longest, *rows.shape[1:])
            .transpose(1, 2)
            .reshape(-1, self.longest, rows.shape[-1])
        )

    def write(self, heads: Tensor, packed: Tensor) -> None:
        """(C·N, L, D) to where these sequences stand in (T, N, D)."""
        rows = heads.view(self.count, -1, *heads.shape[1:]).transpose(1, 2)  # (C, L, N, D)
        if self.filling is None:
            packed[self.tokens].view_as(rows).copy_(rows)
        else:
            torch.index_select(rows.flatten(0, 1), 0, self._places, out=packed[self.tokens])

    def hide(self, scores: Tensor, causal: bool) -> None:
        """Sets to minus infinity, in (C·N, L, L), what no token may look at."""
        if self.filling is not None:
            scores.view(self.count, -1, *scores.shape[1:]).masked_fill_(self.filling, -torch.inf)
        if causal:
            later = torch.ones(self.longest, self.longest, dtype=torch.bool).triu_(1)
            scores.masked_fill_(later, -torch.inf)


def groups(lengths: Sequence[int]) -> list[Group]:
    """Sequences in groups: neighbours are filled up to one length where that adds at most half as many scores."""
    return [Group(start, lengths[first:last]) for start, first, last in _bounds(lengths)]


def _bounds(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Of each group: its first token, its first sequence, the one after its last."""
    starts = [0, *accumulate(lengths)]
    first, longest, scores = 0, 0, 0
    for number, length in enumerate(lengths):
        wide = max(longest, length)
        if number > first and (number + 1 - first) * wide**2 > _WASTE * (scores + length**2):
            yield starts[first], first, number
            first, wide, scores = number, length, 0
        longest, scores = wide, scores + length**2
    yield starts[first], first, len(lengths)


def attend(
    query: Tensor, key: Tensor, value: Tensor, groups: Sequence[Group], *, causal: bool, dropout: float, scale: float
) -> Tensor:
    """Scaled dot-product attention within each sequence (Vaswani et al., arXiv 1706.03762), on a CPU, for learning.

    query, key, value: (T, N, D), of one type → context (T, N·D).
    """
    with torch.autocast("cpu", enabled=False):
        context: Tensor = _Attention.apply(query, key, value, groups, causal, dropout, scale)  # type: ignore[no-untyped-call]
    return context.flatten(1)


def has_kernel(query: Tensor) -> bool:
    """Whether `attend_on_gpu` can: Flash Attention wants half precision, and heads of at most 256 in steps of 8."""
    half = query.dtype in (torch.float16, torch.bfloat16)
    return query.is_cuda and half and query.shape[-1] <= 256 and query.shape[-1] % 8 == 0


def ends(lengths: Sequence[int], filler: int = 0) -> list[int]:
    """Where the first of these sequences begins, and where each ends; the filler after them is one more."""
    return [0, *accumulate([*lengths, filler] if filler else lengths)]


def attend_on_gpu(
    query: Tensor, key: Tensor, value: Tensor, bounds: Tensor, longest: int, *, causal: bool, scale: float
) -> Tensor:
    """The same as `attend` without dropout, by Flash Attention (Dao, arXiv 2307.08691); with gradients too.

    Args:
        bounds: (B + 1,), int32, as `ends` gives them.
        longest: tokens of the longest sequence.
    """
    from torch.nn.attention.varlen import varlen_attn

    window = (-1, 0 if causal else -1)  # how far back and ahead a token looks
    context = varlen_attn(query, key, value, bounds, bounds, longest, longest, scale=scale, window_size=window)
    return cast(Tensor, context).flatten(1)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        groups: Sequence[Group],
        causal: bool,
        dropout: float,
        scale: float,
    ) -> Tensor:
        ctx.groups, ctx.scale, ctx.dropout = groups, scale, dropout
        context = torch.empty(value.shape, dtype=value.dtype)
        if dropout:
            sizes = [group.count * query.shape[1] * group.longest**2 for group in groups]
            kept = iter(factors([sum(sizes)], dropout, value.dtype).split(sizes))  # type: ignore[no-untyped-call]
        saved: list[Tensor] = []
        for group in groups:
            q, k, v = (group.heads(each) for each in (query, key, value))
            scores = torch.bmm(q, k.transpose(1, 2)).mul_(scale)  # (C·N, L, L)
            group.hide(scores, causal)
            probabilities = used = scores.softmax(-1)
            saved += [q, k, v, probabilities]
            if dropout:
                saved.append(next(kept).view_as(scores))
                used = probabilities * saved[-1]
            group.write(torch.bmm(used, v), context)
        ctx.save_for_backward(*saved)
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast("cpu", enabled=False):
            return (*_gradients(ctx, gradient), None, None, None, None)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    saved = iter(ctx.saved_tensors)
    gradient = gradient.contiguous()
    of_query, of_key, of_value = (torch.empty_like(gradient) for _ in range(3))
    for group in ctx.groups:
        q, k, v, probabilities = (next(saved) for _ in range(4))
        g = group.heads(gradient)
        of_used, used = torch.bmm(g, v.transpose(1, 2)), probabilities
        if ctx.dropout:
            factor = next(saved)
            used = probabilities * factor
            of_used.mul_(factor)
        group.write(torch.bmm(used.transpose(1, 2), g), of_value)
        of_scores = torch._softmax_backward_data(of_used, probabilities, -1, probabilities.dtype).mul_(ctx.scale)
        group.write(torch.bmm(of_scores, k), of_query)
        group.write(torch.bmm(of_scores.transpose(1, 2), q), of_key)
    return of_query, of_key, of_value
