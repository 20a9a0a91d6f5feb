"""Which one vector stands for a whole sequence, and what is read from it? For the heads that classify sequences."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.errors import ConfigurationError, InputError
from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import Packed, SequenceLayout

TYPES = ("last", "first", "mean", "cls_index")


class SequenceSummary(nn.Module):
    """One position or the mean → dropout → `summary` projection → activation → dropout.

    The configuration's `summary_*` keys decide: `summary_type` (one of `TYPES`; "last" unless given),
    `summary_use_proj` with `summary_proj_to_labels`, `summary_activation`, `summary_first_dropout` and
    `summary_last_dropout`. Without a projection the module holds no parameters.

    Args:
        config: configuration with `hidden_size`.
        labels: outputs of a projection to labels; the configuration's `num_labels` unless given.
    """

    def __init__(self, config: Any, *, labels: int | None = None) -> None:
        super().__init__()
        self.summary_type = getattr(config, "summary_type", "last")
        if self.summary_type not in TYPES:
            raise ConfigurationError(
                f"summary_type={self.summary_type!r} is not known; it is one of {', '.join(TYPES)}"
            )
        self.summary: nn.Module = nn.Identity()
        if getattr(config, "summary_use_proj", False):
            classes = config.num_labels if labels is None else labels
            to_labels = getattr(config, "summary_proj_to_labels", False) and classes > 0
            self.summary = nn.Linear(config.hidden_size, classes if to_labels else config.hidden_size)
        name = getattr(config, "summary_activation", None)
        self.activation = activation(name) if name else nn.Identity()
        self.first_dropout = Dropout(getattr(config, "summary_first_dropout", 0.0))
        self.last_dropout = Dropout(getattr(config, "summary_last_dropout", 0.0))

    def forward(self, hidden: Tensor, cls_index: Tensor | None = None, layout: SequenceLayout | None = None) -> Tensor:
        """
        Args:
            hidden: (…, S, H); packed (T, H) with its layout.
            cls_index: (…) for "cls_index", the position within each sequence; its last one unless given.

        Returns:
            (…, H), or as many numbers as the projection has outputs.
        """
        picked = self._pick_packed(hidden, cls_index, layout) if isinstance(layout, Packed) else None
        if picked is None:
            picked = self._pick(hidden, cls_index)
        vector: Tensor = self.last_dropout(self.activation(self.summary(self.first_dropout(picked))))
        return vector

    def _pick(self, hidden: Tensor, cls_index: Tensor | None) -> Tensor:
        if self.summary_type == "mean":
            return hidden.mean(-2)
        if self.summary_type == "first":
            return hidden[..., 0, :]
        if self.summary_type == "last" or cls_index is None:
            return hidden[..., -1, :]
        if cls_index.shape != hidden.shape[:-2]:
            raise InputError(
                f"cls_index has shape {tuple(cls_index.shape)}, the sequences have {tuple(hidden.shape[:-2])}"
            )
        places = cls_index[..., None, None].expand(*cls_index.shape, 1, hidden.shape[-1])
        return hidden.gather(-2, places).squeeze(-2)

    def _pick_packed(self, hidden: Tensor, cls_index: Tensor | None, layout: Packed) -> Tensor:
        lengths = torch.tensor(layout.lengths, device=hidden.device)
        if self.summary_type == "mean":
            return layout.pad(hidden).sum(1) / lengths[:, None]
        if self.summary_type == "first":
            return layout.first_tokens(hidden)
        ends = lengths.cumsum(0)
        if self.summary_type == "last" or cls_index is None:
            return hidden[ends - 1]
        if cls_index.numel() != len(lengths):
            raise InputError(f"cls_index has {cls_index.numel()} places, the batch {len(lengths)} sequences")
        return hidden[ends - lengths + cls_index.flatten()]


def last_tokens(
    hidden: Tensor, input_ids: Tensor | None, pad_token_id: int | None, layout: SequenceLayout | None = None
) -> Tensor:
    """The last token of each text that is not padding, for heads of causal networks. (B, S, H) or (T, H) → (B, H).

    Padding cannot be seen in `inputs_embeds`; the last place counts there.

    Raises:
        InputError: several texts of token ids, and no `pad_token_id`.
    """
    if isinstance(layout, Packed):
        return hidden[torch.tensor(layout.lengths, device=hidden.device).cumsum(0) - 1]
    if input_ids is None or (pad_token_id is None and len(hidden) == 1):
        return hidden[:, -1]
    if pad_token_id is None:
        raise InputError(
            f"a batch of {len(hidden)} texts needs config.pad_token_id, to know where each ends; "
            "set it, or pass one text at a time"
        )
    places = torch.arange(input_ids.shape[1], device=input_ids.device)
    last = (places * (input_ids != pad_token_id)).amax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), last]


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
        self.dropout = Dropout(dropout)
        self.out_proj = nn.Linear(width, labels)

    def forward(self, vectors: Tensor) -> Tensor:
        vectors = self.dropout(self.activation(self.dense(self.dropout(vectors))))
        return cast(Tensor, self.out_proj(vectors))  # (B, C)
