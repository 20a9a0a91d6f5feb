"""What do the heads of several families do alike?

Shapes: B batch, S sequence, H hidden, C choices or classes; packed, (T, …) stands for (B, S, …).
"""

from typing import cast

import torch
from torch import Tensor, nn

from pretrained.errors import InputError
from pretrained.nn.activations import activation
from pretrained.nn.layout import Packed, SequenceLayout
from pretrained.nn.losses import span_loss


class DenseClassifier(nn.Module):
    """Scores the classes from the vector of a sequence, with a dense layer in between.

    Args:
        width: H.
        labels: C.
        dropout: before each of the two layers.
        act: name of the activation between them.
    """

    fused_activation = ("dense", "activation")

    def __init__(self, width: int, labels: int, *, dropout: float, act: str) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = activation(act)
        self.dropout = nn.Dropout(dropout)
        self.out_proj = nn.Linear(width, labels)

    def forward(self, vectors: Tensor) -> Tensor:
        vectors = self.dropout(self.activation(self.dense(self.dropout(vectors))))
        return cast(Tensor, self.out_proj(vectors))  # (B, C)


def flatten_choices(num_choices: int | None, **inputs: Tensor | None) -> tuple[int, dict[str, Tensor | None]]:
    """Turns the choices of a batch into rows of their own, for a network that knows nothing of choices.

    Args:
        num_choices: C, where it cannot be seen: in a packed batch, whose sequences are the choices in order.
        inputs: `input_ids` or `inputs_embeds`, and others of the same axes: (B, C, S, …).

    Returns:
        C, and the inputs as (B·C, S, …); those of a packed batch as they were.
    """
    given = next((inputs[name] for name in ("inputs_embeds", "input_ids") if inputs.get(name) is not None), None)
    if given is None:
        raise InputError("pass either input_ids or inputs_embeds")
    if num_choices is not None:
        return num_choices, inputs
    if given.dim() < 3:
        raise InputError(
            f"multiple choice takes (batch, choices, sequence), got {tuple(given.shape)}; "
            "a packed batch also needs num_choices"
        )
    return given.shape[1], {name: None if x is None else x.flatten(0, 1) for name, x in inputs.items()}


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
