"""What is minimised? The published losses of the heads, as functions of logits and labels.

Labels of -100 are ignored everywhere, as in every release since 2.4.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrained.errors import InputError
from pretrained.nn.layout import Packed, SequenceLayout


def sequence_loss(logits: Tensor, labels: Tensor, problem_type: str | None = None) -> Tensor:
    """One label per text. logits: (B, C); labels: (B,), or (B, C) where each class is right or wrong by itself.

    Unless `problem_type` ("regression", "single_label_classification", "multi_label_classification") says
    so, one class means regression, floating labels mean several labels per text, all else means one of C.
    """
    if problem_type is None:
        if logits.shape[-1] == 1:
            problem_type = "regression"
        elif labels.is_floating_point():
            problem_type = "multi_label_classification"
        else:
            problem_type = "single_label_classification"
    if problem_type == "regression":
        return F.mse_loss(logits.reshape(-1), labels.reshape(-1).to(logits.dtype))
    if problem_type == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    if problem_type == "single_label_classification":
        return F.cross_entropy(logits, labels.reshape(-1))
    raise InputError(
        f"problem_type={problem_type!r} is not known; it is one of 'regression', "
        "'single_label_classification', 'multi_label_classification'"
    )


def token_loss(logits: Tensor, labels: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """One label per token. logits: (…, C); labels: (…). Places that the 2-D mask leaves out do not count."""
    if attention_mask is not None and attention_mask.shape == labels.shape:
        labels = labels.masked_fill(attention_mask == 0, -100)
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten())


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Where an answer starts and ends. logits: (B, S); positions: (B,); those outside the text are ignored."""
    outside = start_logits.shape[-1]
    losses = [
        F.cross_entropy(logits, positions.flatten().clamp(0, outside), ignore_index=outside)
        for logits, positions in ((start_logits, starts), (end_logits, ends))
    ]
    return (losses[0] + losses[1]) / 2


def answer_loss(
    start_logits: Tensor,
    end_logits: Tensor,
    start_positions: Tensor | None,
    end_positions: Tensor | None,
    layout: SequenceLayout | None,
) -> Tensor | None:
    """The loss of question answering, once both positions are given. logits: (B, S) or (T,); positions: (B,).

    A packed batch has no padding, so its loss leaves padding out, where that of a padded batch counts it as
    places where the answer is not; and a position behind the end of its text is outside.
    """
    if start_positions is None or end_positions is None:
        return None
    if isinstance(layout, Packed):
        start_logits, end_logits = (layout.pad(x, torch.finfo(x.dtype).min) for x in (start_logits, end_logits))
        lengths = torch.tensor(layout.lengths, device=start_logits.device)
        start_positions, end_positions = (
            x.flatten().where(x.flatten() < lengths, len(start_logits[0])) for x in (start_positions, end_positions)
        )
    return span_loss(start_logits, end_logits, start_positions, end_positions)
