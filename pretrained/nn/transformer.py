"""What is inside a layer of XLM, and of DistilBERT, which took over its names?

Shapes: B batch, S sequence, H hidden, N heads, D head width; packed, (T, …) stands for (B, S, …).
"""

from typing import cast

from torch import Tensor, nn

from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.projections import Projections
from pretrained.nn.pruning import prune_linear


class SelfAttention(Projections):
    """Multi-head attention with the layer that joins the heads (Vaswani et al., arXiv 1706.03762, section 3.2).

    Args:
        width: H.
        heads: N.
        dropout: of the probabilities.
        causal: whether a token looks only at what came before.
    """

    def __init__(self, width: int, heads: int, *, dropout: float, causal: bool = False) -> None:
        super().__init__(("q_lin", "k_lin", "v_lin"), width // heads)
        self.dropout = dropout
        self.causal = causal
        self.q_lin = nn.Linear(width, width)
        self.k_lin = nn.Linear(width, width)
        self.v_lin = nn.Linear(width, width)
        self.out_lin = nn.Linear(width, width)

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = self.project(hidden)  # (B, S, N, D)
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
        self.out_lin = prune_linear(self.out_lin, self.prune_projections(heads), dim=1)


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
