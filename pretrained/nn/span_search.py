"""Where is the answer, if there is one? The SQuAD 2.0 head of XLNet, XLM and FlauBERT.

It scores the starts, then the ends given a start, and whether there is an answer at all. Trained, it is given
the right start; asked, it searches the best ends of the best starts. (Yang et al., XLNet, arXiv 1906.08237)

Shapes: B batch, S sequence, H hidden, s starts and e ends that are kept.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrained.errors import InputError
from pretrained.nn.outputs import ModelOutput
from pretrained.nn.recording import is_recording


class SpanSearchOutput(ModelOutput):
    """A loss when both positions were given, else the candidates, best first."""

    loss: Tensor | None  # ()
    start_top_log_probs: Tensor | None  # (B, s) probabilities, in spite of the published name
    start_top_index: Tensor | None  # (B, s)
    end_top_log_probs: Tensor | None  # (B, e·s): the best ends of all starts, then the second best, …
    end_top_index: Tensor | None  # (B, e·s)
    cls_logits: Tensor | None  # (B,) above 0: no answer
    mems: Any | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class PoolerStartLogits(nn.Module):
    """Does the answer start here?"""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, 1)

    def forward(self, hidden_states: Tensor, p_mask: Tensor | None = None) -> Tensor:
        """hidden_states: (B, S, H); p_mask: (B, S), 1 where no answer can be. Returns (B, S)."""
        return _forbid(self.dense(hidden_states).squeeze(-1), p_mask)


class PoolerEndLogits(nn.Module):
    """Does the answer end here, if it starts there?"""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense_0 = nn.Linear(2 * config.hidden_size, config.hidden_size)
        self.activation = nn.Tanh()
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dense_1 = nn.Linear(config.hidden_size, 1)

    def forward(
        self,
        hidden_states: Tensor,
        start_states: Tensor | None = None,
        start_positions: Tensor | None = None,
        p_mask: Tensor | None = None,
    ) -> Tensor:
        """
        Args:
            hidden_states: (B, S, H) or (B, S, s, H).
            start_states: states of the starts, of the same shape; or
            start_positions: (B,) their positions.
            p_mask: broadcastable to the result, 1 where no answer can be.

        Returns:
            (B, S) or (B, S, s).
        """
        if start_positions is not None:
            start_states = _states_at(hidden_states, start_positions, "start_positions")[:, None]
        if start_states is None:
            raise InputError("the ends need start_states or start_positions")
        both = torch.cat([hidden_states, start_states.expand_as(hidden_states)], -1)
        vectors = self.LayerNorm(self.activation(self.dense_0(both)))
        return _forbid(self.dense_1(vectors).squeeze(-1), p_mask)


class PoolerAnswerClass(nn.Module):
    """Is there no answer?"""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense_0 = nn.Linear(2 * config.hidden_size, config.hidden_size)
        self.activation = nn.Tanh()
        self.dense_1 = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(
        self,
        hidden_states: Tensor,
        start_states: Tensor | None = None,
        start_positions: Tensor | None = None,
        cls_index: Tensor | None = None,
    ) -> Tensor:
        """
        Args:
            hidden_states: (B, S, H).
            start_states: (B, H) what the start looks like; or
            start_positions: (B,) its position.
            cls_index: (B,) the position of the classification token; the last one unless given.

        Returns:
            (B,)
        """
        if start_positions is not None:
            start_states = _states_at(hidden_states, start_positions, "start_positions")
        if start_states is None:
            raise InputError("the answer class needs start_states or start_positions")
        last = hidden_states[:, -1]
        summary = last if cls_index is None else _states_at(hidden_states, cls_index, "cls_index")
        vectors = self.activation(self.dense_0(torch.cat([start_states, summary], -1)))
        return cast(Tensor, self.dense_1(vectors).squeeze(-1))


class SQuADHead(nn.Module):
    """The three scorers as one module."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.start_n_top = config.start_n_top
        self.end_n_top = config.end_n_top
        self.start_logits = PoolerStartLogits(config)
        self.end_logits = PoolerEndLogits(config)
        self.answer_class = PoolerAnswerClass(config)

    def forward(self, hidden_states: Tensor, **options: Tensor | None) -> dict[str, Tensor]:
        """As `answer_spans`."""
        return answer_spans(self, hidden_states, **options)


def answer_spans(
    head: Any,
    hidden_states: Tensor,
    *,
    start_positions: Tensor | None = None,
    end_positions: Tensor | None = None,
    cls_index: Tensor | None = None,
    is_impossible: Tensor | None = None,
    p_mask: Tensor | None = None,
) -> dict[str, Tensor]:
    """The loss if both positions are given, else the best spans.

    Args:
        head: has `start_logits`, `end_logits`, `answer_class`, `start_n_top` and `end_n_top`.
        hidden_states: (B, S, H).
        start_positions, end_positions: (B,) the answer's first and last token.
        cls_index: (B,) the position of the classification token; the last one unless given.
        is_impossible: (B,) 1 for questions without an answer; counts, with `cls_index`, half as much as the span.
        p_mask: (B, S) 1 where no answer can be.

    Returns:
        Items of SpanSearchOutput, by name.
    """
    starts = head.start_logits(hidden_states, p_mask)
    if start_positions is None or end_positions is None:
        return _search(head, hidden_states, starts, cls_index, p_mask)
    start_positions, end_positions = start_positions.flatten(), end_positions.flatten()
    ends = head.end_logits(hidden_states, start_positions=start_positions, p_mask=p_mask)
    _check_places(end_positions, hidden_states, "end_positions")
    loss = (F.cross_entropy(starts, start_positions) + F.cross_entropy(ends, end_positions)) / 2
    if cls_index is not None and is_impossible is not None:
        no_answer = head.answer_class(hidden_states, start_positions=start_positions, cls_index=cls_index.flatten())
        wanted = is_impossible.flatten().to(no_answer.dtype)
        loss = loss + 0.5 * F.binary_cross_entropy_with_logits(no_answer, wanted)
    return {"loss": loss}


def _search(
    head: Any, hidden: Tensor, starts: Tensor, cls_index: Tensor | None, p_mask: Tensor | None
) -> dict[str, Tensor]:
    length, width = hidden.shape[1:]
    probabilities = starts.softmax(-1)  # (B, S)
    start_top, start_index = probabilities.topk(min(head.start_n_top, length), -1)  # (B, s)
    candidates = hidden.gather(1, start_index[..., None].expand(-1, -1, width))[:, None]  # (B, 1, s, H)
    ends = head.end_logits(
        hidden[:, :, None].expand(-1, -1, start_index.shape[1], -1),
        start_states=candidates,
        p_mask=None if p_mask is None else p_mask[..., None],
    )
    end_top, end_index = ends.softmax(1).topk(min(head.end_n_top, length), 1)  # (B, e, s)
    expected_start = (probabilities[:, None] @ hidden).squeeze(1)  # (B, H), each state as likely as its start
    return {
        "start_top_log_probs": start_top,
        "start_top_index": start_index,
        "end_top_log_probs": end_top.flatten(1),
        "end_top_index": end_index.flatten(1),
        "cls_logits": head.answer_class(hidden, start_states=expected_start, cls_index=cls_index),
    }


def _forbid(logits: Tensor, p_mask: Tensor | None) -> Tensor:
    if p_mask is None:
        return logits
    lowest = -65500.0 if logits.dtype == torch.float16 else -1e30  # as published, so that losses agree
    return logits.masked_fill(p_mask > 0, lowest)


def _states_at(hidden: Tensor, positions: Tensor, name: str) -> Tensor:
    """(B, S, H) → (B, H)."""
    _check_places(positions, hidden, name)
    return hidden[torch.arange(len(hidden), device=hidden.device), positions]


def _check_places(positions: Tensor, hidden: Tensor, name: str) -> None:
    rows, length = hidden.shape[:2]
    if positions.shape != (rows,):
        raise InputError(f"{name} has shape {tuple(positions.shape)}, the batch has {rows} rows")
    if not is_recording() and (int(positions.max()) >= length or int(positions.min()) < 0):
        first, last = int(positions.min()), int(positions.max())
        raise InputError(f"{name} holds places from {first} to {last}; the texts have 0 to {length - 1}")
