"""How does CTRL turn tokens into vectors? The bare network; its head stands in heads_ctrl.py.

Module names are the tensor names of the published checkpoint.

Shapes: B batch, S sequence, H hidden, N heads, D head width. Between the modules a batch is (B, S, H);
packed, it is (T, H) with T tokens in all. Only the layout knows the difference.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames
from pretrained.modeling import PreTrainedModel
from pretrained.models.ctrl.config_ctrl import CTRLConfig
from pretrained.nn.cache import KeyValueCache
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Padded, SequenceLayout, layer_head_masks
from pretrained.nn.linear import Linear
from pretrained.nn.outputs import BaseModelOutput, trail
from pretrained.nn.projections import Projections
from pretrained.nn.pruning import prune_linear

_NORM_EPS = 1e-6  # of the norms inside the layers; the configuration's is that of the last one


class CTRLAttention(Projections):
    """Causal attention. It has no dropout of its own."""

    def __init__(self, config: CTRLConfig, layer_index: int = 0) -> None:
        super().__init__(("Wq", "Wk", "Wv"), config.n_embd // config.n_head)
        self.layer_index = layer_index
        self.Wq = Linear(config.n_embd, config.n_embd)
        self.Wk = Linear(config.n_embd, config.n_embd)
        self.Wv = Linear(config.n_embd, config.n_embd)
        self.dense: nn.Linear = Linear(config.n_embd, config.n_embd)

    def forward(
        self, hidden: Tensor, layout: SequenceLayout, *, cache: KeyValueCache | None = None, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = self.project(hidden)  # (B, S, N, D)
        if cache is not None:
            key, value = cache.append(self.layer_index, key, value)
        context, probabilities = layout.attend(query, key, value, causal=True, **options)
        return self.dense(context), probabilities

    def prune_heads(self, heads: set[int]) -> None:
        """Removes heads, numbered as before any pruning."""
        self.dense = prune_linear(self.dense, self.prune_projections(heads), dim=1)


class CTRLLayer(nn.Module):
    """Attention, then two dense layers; a norm before each."""

    def __init__(self, config: CTRLConfig, layer_index: int = 0) -> None:
        super().__init__()
        self.multi_head_attention = CTRLAttention(config, layer_index)
        self.ffn = nn.Sequential(Linear(config.n_embd, config.dff), nn.ReLU(), Linear(config.dff, config.n_embd))
        self.layernorm1 = nn.LayerNorm(config.n_embd, eps=_NORM_EPS)
        self.layernorm2 = nn.LayerNorm(config.n_embd, eps=_NORM_EPS)
        self.dropout1 = Dropout(config.resid_pdrop)
        self.dropout2 = Dropout(config.resid_pdrop)

    def forward(self, hidden: Tensor, layout: SequenceLayout, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Returns the hidden states and, if asked for, the attention map."""
        attended, probabilities = self.multi_head_attention(self.layernorm1(hidden), layout, **options)
        hidden = hidden + self.dropout1(attended)
        return hidden + self.dropout2(self.ffn(self.layernorm2(hidden))), probabilities


class CTRLPreTrainedModel(PreTrainedModel):
    """What CTRL's network and its head share."""

    config_class = CTRLConfig
    base_model_prefix = "transformer"
    tensorflow = TensorFlowNames(
        rules=(
            Rename(r"transformer/w/weight", r"transformer/w/embeddings"),
            Rename(r"lm_head/bias", r"lm_head/bias", rank=2),
        )
    )
    config: CTRLConfig

    def _init_weights(self, module: nn.Module) -> None:
        init_normal(module, self.config.initializer_range)


class CTRLModel(CTRLPreTrainedModel):
    """The bare network (Keskar et al., arXiv 1909.05858): a causal decoder with positions that are not trained.

    Args:
        config: sizes.
    """

    input_layer = "w"

    def __init__(self, config: CTRLConfig) -> None:
        super().__init__(config)
        self.w = nn.Embedding(config.vocab_size, config.n_embd)
        self.dropout = Dropout(config.embd_pdrop)
        self.h = nn.ModuleList(CTRLLayer(config, index) for index in range(config.n_layer))
        self.layernorm = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self._prune_heads(config.pruned_heads)
        self.post_init()

    def _attentions(self) -> Iterable[Any]:
        return [layer.multi_head_attention for layer in self.h]

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        layout: SequenceLayout | None = None,
        past: Any | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers, the first one a control code; packed (T,).
            past_key_values: what an earlier call returned; `input_ids` then holds only the new tokens. `past` is
                its 2.x name.
            attention_mask: (B, S) or (B, S, S), 1 for tokens to look at, 0 for padding; with cached keys the
                last axis covers them too.
            token_type_ids: (B, S) tokens whose vectors are added.
            position_ids: (B, S) or (1, S); counted from 0 unless given.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`.
            use_cache: whether to return keys and values; as the configuration says unless given.
            layout: `Packed(lengths)` for a batch without padding; padded as the mask says unless given.

        Returns:
            BaseModelOutput: (last_hidden_state (B, S, H), past_key_values, …). The last of the hidden states is
            the normalised one.

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)
        past_key_values = past if past_key_values is None else past_key_values
        wanted = config.use_cache if use_cache is None else use_cache
        cache = KeyValueCache.of(past_key_values) if layout is None and (wanted or past_key_values) else None
        if layout is None:
            check_rows(given, attention_mask=attention_mask, token_type_ids=token_type_ids)
            layout = Padded(attention_mask, causal=True, past_length=cache.length if cache else 0)
        if position_ids is None:
            position_ids = layout.positions(given.shape[-1], given.device)
        check_length(position_ids, layout, config.n_positions)
        try:
            words = self.w(input_ids) if inputs_embeds is None else inputs_embeds
            if token_type_ids is not None:
                words = words + self.w(token_type_ids)
        except IndexError:
            raise out_of_range(
                input_ids=(input_ids, config.vocab_size), token_type_ids=(token_type_ids, config.vocab_size)
            ) from None
        hidden = self.dropout(words * math.sqrt(config.n_embd) + _sinusoids(position_ids, words))

        hidden_states = trail(hidden, whole=output_hidden_states)
        attentions = []
        for layer, mask in zip(self.h, layer_head_masks(head_mask, len(self.h)), strict=True):
            hidden, probabilities = layer(
                hidden, layout, cache=cache, head_mask=mask, output_attentions=output_attentions
            )
            hidden_states.append(hidden)
            attentions.append(probabilities)
        hidden = hidden_states[-1] = self.layernorm(hidden)
        output = BaseModelOutput(
            last_hidden_state=hidden,
            past_key_values=cache if wanted else None,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )
        return self._returned(output, return_dict)


def _sinusoids(position_ids: Tensor, like: Tensor) -> Tensor:
    """(…) → (…, H): the sines of all frequencies, then their cosines (Vaswani et al., arXiv 1706.03762)."""
    width = like.shape[-1]
    columns = torch.arange(0, width, 2, dtype=torch.float32, device=like.device)
    angles = position_ids[..., None] * (1 / 10000 ** (columns / width))
    return torch.cat([angles.sin(), angles.cos()], -1).to(like.dtype)
