"""What does one layer of an XLNet do? Attention over contents, distances and segments, in one or two streams.

The content stream knows every token; the query stream knows where the tokens to predict stand, not what they
are. Both have the same weights and look at the contents.

Shapes: B batch, S sequence, M memory, K = M + S keys, H hidden, N heads, D head width, P distances, T targets.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrained.models.xlnet.config_xlnet import XLNetConfig
from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import Padded
from pretrained.nn.relative import distance_scores


@dataclass(frozen=True)
class Surroundings:
    """What all layers ask about the tokens around a token."""

    distances: Tensor  # (B or 1, P, H) sinusoids from distance K down
    other_segment: Tensor | None  # (B, 1, S, K) true where query and key belong to different segments
    hidden_from_content: Tensor | None  # (B or 1, 1, S, K) true where a token may not look
    hidden_from_query: Tensor | None  # the same without knowing oneself
    target_mapping: Tensor | None  # (B, T, S) which tokens are to be predicted


class XLNetRelativeAttention(nn.Module):
    """Attention with the scores of Transformer-XL and one more term for segments; its matrices are (H, N, D)."""

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        hidden, heads, width = config.d_model, config.n_head, config.d_head
        self.scale = width**-0.5
        for name in ("q", "k", "v", "o", "r"):
            self.register_parameter(name, nn.Parameter(torch.empty(hidden, heads, width)))
        for name in ("r_r_bias", "r_s_bias", "r_w_bias"):
            self.register_parameter(name, nn.Parameter(torch.empty(heads, width)))
        self.seg_embed = nn.Parameter(torch.empty(2, heads, width))
        self.layer_norm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.dropout)

    q: nn.Parameter
    k: nn.Parameter
    v: nn.Parameter
    o: nn.Parameter
    r: nn.Parameter
    r_r_bias: nn.Parameter
    r_s_bias: nn.Parameter
    r_w_bias: nn.Parameter

    def forward(
        self,
        content: Tensor,
        query: Tensor | None,
        around: Surroundings,
        memory: Tensor | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | tuple[Tensor, Tensor] | None]:
        """
        Args:
            content: (B, S, H).
            query: (B, T, H), the second stream.
            memory: (B, M, H) what this layer saw before.

        Returns:
            Both streams, and the attention maps of both, or of the only one.
        """
        source = content if memory is None else torch.cat([memory, content], 1)
        keys = self._heads(source, self.k), self._heads(source, self.v), self._heads(around.distances, self.r)
        options = around.other_segment, head_mask, output_attentions

        context, maps = self._attend(self._heads(content, self.q), *keys, around.hidden_from_content, *options)
        joined = self._join(context, content)
        if query is None:
            return joined, None, maps

        mapping = around.target_mapping
        assert mapping is not None
        targets = torch.einsum("btnd,bts->bsnd", self._heads(query, self.q), mapping)  # to where they stand
        context, query_maps = self._attend(targets, *keys, around.hidden_from_query, *options)
        both = (maps, query_maps) if maps is not None and query_maps is not None else None
        return joined, self._join(mapping @ context, query), both

    def _heads(self, states: Tensor, matrix: Tensor) -> Tensor:
        """(B, S, H) → (B, S, N, D)"""
        return (states @ matrix.flatten(1)).view(*states.shape[:-1], *matrix.shape[1:])

    def _attend(
        self,
        query: Tensor,  # (B, S, N, D)
        key: Tensor,  # (B, K, N, D)
        value: Tensor,
        distance_keys: Tensor,  # (B or 1, P, N, D)
        hidden: Tensor | None,
        other_segment: Tensor | None,
        head_mask: Tensor | None,
        output_attentions: bool,
    ) -> tuple[Tensor, Tensor | None]:
        bias = distance_scores(query + self.r_r_bias, distance_keys, key.shape[1])  # (B, N, S, K)
        if other_segment is not None:
            scores = torch.einsum("bsnd,cnd->bnsc", query + self.r_s_bias, self.seg_embed)
            same, other = scores.unsqueeze(-2).unbind(-1)  # (B, N, S, 1) each
            bias = bias + torch.where(other_segment, other, same)
        bias = bias * self.scale
        if hidden is not None:
            bias = bias.masked_fill(hidden, torch.finfo(bias.dtype).min)
        return Padded(bias).attend(
            query + self.r_w_bias,
            key,
            value,
            dropout=self.dropout.p if self.training else 0.0,
            scale=self.scale,
            head_mask=head_mask,
            output_attentions=output_attentions,
        )

    def _join(self, context: Tensor, residual: Tensor) -> Tensor:
        """(B, S, N·D) → (B, S, H)"""
        joined = F.linear(context, self.o.flatten(1))
        normed: Tensor = self.layer_norm(self.dropout(joined) + residual)
        return normed


class XLNetFeedForward(nn.Module):
    fused_activation = ("layer_1", "activation_function")

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_eps)
        self.layer_1 = nn.Linear(config.d_model, config.d_inner)
        self.layer_2 = nn.Linear(config.d_inner, config.d_model)
        self.dropout = Dropout(config.dropout)
        self.activation_function = activation(config.ff_activation)

    def forward(self, states: Tensor) -> Tensor:
        inner = self.dropout(self.activation_function(self.layer_1(states)))
        normed: Tensor = self.layer_norm(self.dropout(self.layer_2(inner)) + states)
        return normed


class XLNetLayer(nn.Module):
    """Attention, then two dense layers, of each stream; a norm after each."""

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        self.rel_attn = XLNetRelativeAttention(config)
        self.ff = XLNetFeedForward(config)

    def forward(
        self,
        content: Tensor,
        query: Tensor | None,
        around: Surroundings,
        memory: Tensor | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | tuple[Tensor, Tensor] | None]:
        content, query, maps = self.rel_attn(content, query, around, memory, head_mask, output_attentions)
        return self.ff(content), None if query is None else self.ff(query), maps
