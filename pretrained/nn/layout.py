"""How do the tokens of a batch group into sequences?

Embeddings, linear layers and norms work token by token; only attention, position numbers and "the first
token" need to know where a sequence begins and ends. They ask the layout, so one model file serves both:

    Padded   (B, S, …)   rows of one length, the rest filled up and masked out
    Packed   (T, …)      sequences end to end, T = the sum of their lengths; nothing is filled up

Shapes: B batch, S sequence, T packed tokens, N heads, D head width, Q and K query and key positions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrained.errors import InputError
from pretrained.nn import attention
from pretrained.nn.recording import is_recording
from pretrained.nn.transfer import send


class Padded:
    """A batch of B rows of S positions; `attention_mask` says which positions hold tokens."""

    def __init__(self, attention_mask: Tensor | None = None, *, causal: bool = False, past_length: int = 0) -> None:
        """
        Args:
            attention_mask: (B, K) or (B, Q, K) with 1 for what may be looked at, or (B, 1 or N, Q, K), where
                a floating mask is added to the scores as it stands. None: everything may be looked at.
            past_length: how many cached keys stand before the first query.
        """
        if attention_mask is not None and attention_mask.dim() not in (2, 3, 4):
            raise InputError(
                f"attention_mask has shape {tuple(attention_mask.shape)}; "
                "expected (batch, keys), (batch, queries, keys) or (batch, heads, queries, keys)"
            )
        self.attention_mask = attention_mask
        self.past_length = past_length
        self._biases: dict[tuple[int, int, bool, torch.dtype], Tensor | None] = {}

    def positions(self, length: int, device: torch.device) -> Tensor:
        """(1, S) position numbers, counting on from the cached keys."""
        return torch.arange(self.past_length, self.past_length + length, device=device).unsqueeze(0)

    def first_tokens(self, hidden: Tensor) -> Tensor:
        """(B, S, H) → (B, H), the first token of each sequence."""
        return hidden[:, 0]

    def next_tokens(self, labels: Tensor) -> Tensor:
        """(B, S) → (B, S): at each place the label of the following token, -100 at the last."""
        return F.pad(labels[:, 1:], (0, 1), value=-100)

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        dropout: float = 0.0,
        causal: bool = False,
        scale: float | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Scaled dot-product attention (Vaswani et al., arXiv 1706.03762).

        Args:
            query: (B, Q, N, D). key, value: (B, K, N, D).
            causal: a token looks at itself and at earlier tokens only.
            scale: factor on the scores; D ** -0.5 unless given.
            head_mask: broadcastable to (B, N, Q, K); multiplies the probabilities.

        Returns:
            context (B, Q, N·D), and the probabilities (B, N, Q, K) if asked for.
        """
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        bias = self._bias(query, key, causal)
        context, probabilities = _attention(query, key, value, bias, dropout, scale, head_mask, output_attentions)
        return context.transpose(1, 2).flatten(2), probabilities

    def _bias(self, query: Tensor, key: Tensor, causal: bool) -> Tensor | None:
        """What is added to the scores, broadcastable to (B, N, Q, K): 0 to look, the lowest number not to."""
        kind = (query.shape[-2], key.shape[-2], causal, query.dtype)
        if is_recording():  # then the lengths may be names of numbers
            return self._make_bias(*kind, query.device)
        if kind not in self._biases:  # the same for every layer
            self._biases[kind] = self._make_bias(*kind, query.device)
        return self._biases[kind]

    def _make_bias(
        self, queries: int, keys: int, causal: bool, dtype: torch.dtype, device: torch.device
    ) -> Tensor | None:
        mask = self.attention_mask
        if mask is not None and mask.dim() == 4 and mask.is_floating_point():
            return mask.to(dtype)
        visible = None
        if mask is not None:
            if mask.shape[-1] != keys:
                raise InputError(f"attention_mask covers {mask.shape[-1]} positions, the attention has {keys} keys")
            visible = mask > 0
            visible = visible[:, None, None] if mask.dim() == 2 else visible[:, None] if mask.dim() == 3 else visible
            if visible.device.type == "cpu" and not is_recording() and bool(visible.all()):
                visible = None
        if causal and queries > 1:
            order = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
            visible = order if visible is None else visible & order
        if visible is None:
            return None
        return _hidden(~visible, dtype)


@dataclass(frozen=True)
class Run:
    """Neighbouring sequences of equal length in a packed batch: `count` of them, from token `start` on."""

    start: int
    count: int
    length: int

    @property
    def stop(self) -> int:
        return self.start + self.count * self.length

    def rows(self, packed: Tensor) -> Tensor:
        """(T, …) → (count, length, …), a view of these sequences."""
        own = packed if self.stop - self.start == len(packed) else packed[self.start : self.stop]
        return own.view(self.count, self.length, *packed.shape[1:])


class Packed:
    """B sequences end to end, without padding; sorted by length, neighbours of equal length share one view."""

    def __init__(self, lengths: Sequence[int], *, filler: int = 0) -> None:
        """
        Args:
            lengths: tokens of each sequence, in the order in which they stand in the batch.
            filler: tokens after them that belong to none: nobody attends to them, and they to nobody.
        """
        if not lengths or min(lengths) < 1:
            raise InputError(f"a packed batch needs sequences of at least one token, got lengths {list(lengths)}")
        self.lengths = list(lengths)
        self.longest = max(lengths)
        self.runs = list(_runs(self.lengths))
        self.filler = filler
        self.total = self.runs[-1].stop + filler
        self._groups: list[attention.Group] = []
        self._ends: Tensor | None = None

    def positions(self, length: int, device: torch.device) -> Tensor:
        """(T,) position numbers; each sequence counts from 0."""
        if length != self.total:
            raise InputError(f"the packed batch has {length} tokens, its lengths sum to {self.total}")
        counted = torch.arange(self.longest, device="cpu")
        pieces = [
            counted[: run.length].repeat(run.count) if run.count > 1 else counted[: run.length] for run in self.runs
        ]
        return send(self.join(pieces), device)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """What was computed for each run, (tokens, …), end to end: (T, …), with zeros for the filler."""
        if self.filler:
            parts = [*parts, parts[0].new_zeros(self.filler, *parts[0].shape[1:])]
        return torch.cat(parts) if len(parts) > 1 else parts[0]  # type: ignore[arg-type]

    def first_tokens(self, hidden: Tensor) -> Tensor:
        """(T, H) → (B, H), the first token of each sequence."""
        return torch.cat([hidden[run.start : run.stop : run.length] for run in self.runs])

    def next_tokens(self, labels: Tensor) -> Tensor:
        """(T,) → (T,): at each place the label of the following token, -100 at the last of each sequence."""
        following = F.pad(labels[1:], (0, 1), value=-100)
        ends = torch.tensor(self.lengths, device=labels.device).cumsum(0) - 1
        return following.index_fill(0, ends, -100)

    def pad(self, hidden: Tensor, value: float = 0.0) -> Tensor:
        """(T, …) → (B, S, …), filled up with `value`."""
        padded = hidden.new_full((len(self.lengths), self.longest, *hidden.shape[1:]), value)
        row = 0
        for run in self.runs:
            padded[row : row + run.count, : run.length] = run.rows(hidden)
            row += run.count
        return padded

    def unpad(self, padded: Tensor) -> Tensor:
        """(B, S, …) → (T, …), the tokens without the filling."""
        return torch.cat([row[:length] for row, length in zip(padded, self.lengths, strict=True)])

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        dropout: float = 0.0,
        causal: bool = False,
        scale: float | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, None]:
        """The same attention within each sequence. query, key, value: (T, N, D); context: (T, N·D)."""
        if output_attentions:
            raise InputError("attention maps of a packed batch have no common shape; pass a padded batch for them")
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        if head_mask is None and dropout == 0.0 and attention.has_kernel(query):
            if self._ends is None:
                self._ends = send(attention.ends(self.lengths, self.filler), query.device, dtype=torch.int32)
            longest = max(self.longest, self.filler)
            return attention.attend_on_gpu(query, key, value, self._ends, longest, causal=causal, scale=factor), None
        if head_mask is None and self._learns_faster(query, dropout):
            self._groups = self._groups or attention.groups(self.lengths)
            return attention.attend(query, key, value, self._groups, causal=causal, dropout=dropout, scale=factor), None
        contexts = []
        for run in self.runs:
            q, k, v = (run.rows(x).transpose(1, 2) for x in (query, key, value))  # (count, N, length, D)
            bias = None
            if causal and run.length > 1:
                later = torch.ones(run.length, run.length, dtype=torch.bool, device=query.device).triu(1)
                bias = _hidden(later, query.dtype)
            context, _ = _attention(q, k, v, bias, dropout, scale, head_mask, False)
            contexts.append(context.transpose(1, 2).flatten(2).flatten(0, 1))
        return self.join(contexts), None

    def _learns_faster(self, query: Tensor, dropout: float) -> bool:
        """Whether `attention.attend` is the way: where torch has no kernel that gives gradients, or they are small."""
        learns = query.is_cpu and torch.is_grad_enabled() and query.requires_grad and not self.filler
        return learns and (dropout > 0.0 or self.longest <= 128)


SequenceLayout = Padded | Packed


def layer_head_masks(head_mask: Tensor | None, layers: int) -> list[Tensor | None]:
    """A mask of heads, (N,) for all layers or (layers, N), as one (N, 1, 1) factor per layer; 1 keeps a head."""
    if head_mask is None:
        return [None] * layers
    if head_mask.dim() == 1:
        head_mask = head_mask.expand(layers, -1)
    if head_mask.dim() != 2 or len(head_mask) != layers:
        raise InputError(f"head_mask has shape {tuple(head_mask.shape)}; expected (heads,) or ({layers}, heads)")
    return list(head_mask[..., None, None])


def _runs(lengths: Sequence[int]) -> Iterator[Run]:
    start = 0
    for length, group in groupby(lengths):
        run = Run(start, sum(1 for _ in group), length)
        yield run
        start = run.stop


def _hidden(places: Tensor, dtype: torch.dtype) -> Tensor:
    """The lowest number where `places` is true, 0 elsewhere."""
    return torch.zeros(places.shape, dtype=dtype, device=places.device).masked_fill_(places, torch.finfo(dtype).min)


def _attention(
    query: Tensor,  # (B, N, Q, D)
    key: Tensor,  # (B, N, K, D)
    value: Tensor,
    bias: Tensor | None,
    dropout: float,
    scale: float | None,
    head_mask: Tensor | None,
    output_attentions: bool,
) -> tuple[Tensor, Tensor | None]:
    if not output_attentions and head_mask is None:
        return F.scaled_dot_product_attention(query, key, value, bias, dropout, scale=scale), None
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)  # (B, N, Q, K)
    if bias is not None:
        scores = scores + bias
    probabilities = F.dropout(scores.softmax(-1), dropout)
    if head_mask is not None:
        probabilities = probabilities * head_mask.to(probabilities.dtype)
    return probabilities @ value, probabilities if output_attentions else None
