"""What is inside a layer of XLM, and of DistilBERT, which took over its names?

Shapes: B batch, S sequence, H hidden, N heads, D head width; packed, (T, …) stands for (B, S, …).
"""

from typing import cast

from torch import Tensor, nn

from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.pruning import keep_rows, prune_linear


class SelfAttention(nn.Module):
    """Multi-head attention with the layer that joins the heads (Vaswani et al., arXiv 1706.03762, section 3.2).

    Args:
        width: H.
        heads: N.
        dropout: of the probabilities.
        causal: whether a token looks only at what came before.
    """

    same_input = ("q_lin", "k_lin", "v_lin")

    def __init__(self, width: int, heads: int, *, dropout: float, causal: bool = False) -> None:
        super().__init__()
        self.head_width = width // heads
        self.dropout = dropout
        self.causal = causal
        self.q_lin = nn.Linear(width, width)
        self.k_lin = nn.Linear(width, width)
        self.v_lin = nn.Linear(width, width)
        self.out_lin = nn.Linear(width, width)
        self.pruned_heads: set[int] = set()

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = (
            projection(hidden).unflatten(-1, (-1, self.head_width))  # (B, S, N, D)
            for projection in (self.q_lin, self.k_lin, self.v_lin)
        )
        context, probabilities = layout.attend(
            query,
            key,
            value,
            causal=self.causal,
            dropout=self.dropout if self.training else 0.0,
            head_mask=head_mask,
            output_attentions=output_attentions,
        )
        return self.out_lin(context), probabilities

    def prune_heads(self, heads: set[int]) -> None:
        """Removes heads, numbered as before any pruning."""
        keep = keep_rows(heads, self.pruned_heads, self.q_lin.out_features // self.head_width, self.head_width)
        for name in ("q_lin", "k_lin", "v_lin"):
            setattr(self, name, prune_linear(getattr(self, name), keep, dim=0))
        self.out_lin = prune_linear(self.out_lin, keep, dim=1)
        self.pruned_heads |= heads


class FeedForward(nn.Module):
    """Two dense layers for each token by itself.

    Args:
        width: H.
        inner: features between the two.
        act: name of the activation between them.
        dropout: of the result.
    """

    fused_activation = ("lin1", "activation")

    def __init__(self, width: int, inner: int, *, act: str, dropout: float) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, inner)
        self.activation = activation(act)
        self.lin2 = nn.Linear(inner, width)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.dropout(self.lin2(self.activation(self.lin1(hidden)))))
