"""How does GPT-2 turn tokens into vectors? The bare network; its heads stand in heads_gpt2.py.

Module names are the tensor names of the published checkpoints.

Shapes: B batch, S sequence, H hidden, N heads, D head width, I inner. Between the modules a batch is
(B, S, H); packed, it is (T, H) with T tokens in all. Only the layout knows the difference.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames
from pretrained.errors import InputError
from pretrained.modeling import PreTrainedModel
from pretrained.models.gpt2.config_gpt2 import GPT2Config
from pretrained.models.gpt2.names_gpt2 import TENSORFLOW_1
from pretrained.nn.activations import activation
from pretrained.nn.cache import KeyValueCache
from pretrained.nn.conv1d import Conv1D, prune_conv1d
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Padded, SequenceLayout, layer_head_masks
from pretrained.nn.outputs import BaseModelOutput, trail
from pretrained.nn.pruning import keep_rows
from pretrained.nn.recompute import run_layer


class GPT2Attention(nn.Module):
    """Causal attention, one matrix for query, key and value; or, with `cross`, attention to an encoder's states."""

    def __init__(self, config: GPT2Config, layer_index: int = 0, *, cross: bool = False) -> None:
        super().__init__()
        width = config.n_embd
        self.head_width = width // config.n_head
        self.layer_index = layer_index
        self.cross = cross
        if cross:
            self.c_attn = Conv1D(2 * width, width)  # key and value
            self.q_attn = Conv1D(width, width)
        else:
            self.c_attn = Conv1D(3 * width, width)
        self.c_proj = Conv1D(width, width)
        self.attn_dropout = config.attn_pdrop
        self.resid_dropout = Dropout(config.resid_pdrop)
        self.pruned_heads: set[int] = set()
        # two keys that came after the first GPT-2s
        self.scale = self.head_width**-0.5 if getattr(config, "scale_attn_weights", True) else 1.0
        if getattr(config, "scale_attn_by_inverse_layer_idx", False):
            self.scale /= layer_index + 1

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        source: Tensor | None = None,
        cache: KeyValueCache | None = None,
        head_mask: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if self.cross:
            query = self.q_attn(hidden).unflatten(-1, (-1, self.head_width))  # (B, S, N, D)
            key, value = self.c_attn(source).unflatten(-1, (2, -1, self.head_width)).unbind(-3)
        else:
            query, key, value = self.c_attn(hidden).unflatten(-1, (3, -1, self.head_width)).unbind(-3)
            if cache is not None:
                key, value = cache.append(self.layer_index, key, value)
        context, probabilities = layout.attend(
            query,
            key,
            value,
            causal=not self.cross,
            scale=self.scale,
            dropout=self.attn_dropout if self.training else 0.0,
            head_mask=head_mask,
            output_attentions=output_attentions,
        )
        return self.resid_dropout(self.c_proj(context)), probabilities

    def prune_heads(self, heads: set[int]) -> None:
        """Removes heads, numbered as before any pruning."""
        left = self.c_proj.in_features
        keep = keep_rows(heads, self.pruned_heads, left // self.head_width, self.head_width)
        self.c_attn = prune_conv1d(self.c_attn, torch.cat([keep, keep + left, keep + 2 * left]), dim=1)
        self.c_proj = prune_conv1d(self.c_proj, keep, dim=0)
        self.pruned_heads |= heads


class GPT2MLP(nn.Module):
    fused_activation = ("c_fc", "act")

    def __init__(self, config: GPT2Config, inner: int, act: str) -> None:
        super().__init__()
        self.c_fc = Conv1D(inner, config.n_embd)
        self.c_proj = Conv1D(config.n_embd, inner)
        self.act = activation(act)
        self.dropout = Dropout(config.resid_pdrop)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.dropout(self.c_proj(self.act(self.c_fc(hidden)))))  # (B, S, I) inside


class GPT2Block(nn.Module):
    """Attention, in a decoder also attention to the encoder, then two dense layers; a norm before each."""

    def __init__(self, config: GPT2Config, layer_index: int = 0) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = GPT2Attention(config, layer_index)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        if config.add_cross_attention:
            self.crossattention = GPT2Attention(config, layer_index, cross=True)
            self.ln_cross_attn = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = GPT2MLP(config, config.n_inner or 4 * config.n_embd, config.activation_function)

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        encoder: tuple[Tensor, SequenceLayout] | None = None,
        cache: KeyValueCache | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Returns the hidden states and, if asked for, the attention maps to itself and to the encoder."""
        attended, probabilities = self.attn(self.ln_1(hidden), layout, cache=cache, **options)
        hidden = hidden + attended
        cross = None
        if encoder is not None:
            states, cross_layout = encoder
            attended, cross = self.crossattention(self.ln_cross_attn(hidden), cross_layout, source=states, **options)
            hidden = hidden + attended
        return hidden + self.mlp(self.ln_2(hidden)), probabilities, cross


class GPT2PreTrainedModel(PreTrainedModel):
    """What GPT-2's network and all its heads share."""

    config_class = GPT2Config
    base_model_prefix = "transformer"
    tensorflow = TensorFlowNames(rules=(Rename(r"transformer/wte/weight", r"transformer/wte/embeddings"),))
    flax_classes = frozenset({"GPT2Model", "GPT2LMHeadModel"})
    config: GPT2Config
    # the triangle of ones and the number for hidden places, saved as buffers
    renames = (Rename(r"(?:.*\.)?h\.\d+\.(?:cross)?att(?:n|ention)\.(?:masked_)?bias", None), *TENSORFLOW_1)

    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        init_normal(module, std)
        if isinstance(module, Conv1D):
            nn.init.normal_(module.weight, std=std)


class GPT2Model(GPT2PreTrainedModel):
    """The bare network (Radford et al., OpenAI 2019): a causal decoder.

    Args:
        config: sizes.
    """

    input_layer = "wte"

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.drop = Dropout(config.embd_pdrop)
        self.gradient_checkpointing = config.gradient_checkpointing
        self._add_layers()
        self._prune_heads(config.pruned_heads)
        self.post_init()

    def _add_layers(self) -> None:
        config = self.config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.h = nn.ModuleList(GPT2Block(config, index) for index in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)

    def _position_table(self) -> nn.Embedding:
        return self.wpe

    def _last_norm(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.ln_f(hidden))

    def _attentions(self) -> Iterable[Any]:
        return [block.attn for block in self.h]

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        layout: SequenceLayout | None = None,
        past: Any | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers; packed (T,).
            past_key_values: what an earlier call returned; `input_ids` then holds only the new tokens. `past` is
                its 2.x name.
            attention_mask: (B, S) or (B, S, S), 1 for tokens to look at, 0 for padding; with cached keys the
                last axis covers them too.
            token_type_ids: (B, S) tokens whose vectors are added, such as those of two speakers.
            position_ids: (B, S) or (1, S); counted from 0 unless given.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`.
            encoder_hidden_states: (B, S of the encoder, H), for a model with `add_cross_attention`.
            encoder_attention_mask: (B, S of the encoder).
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
        recompute = self.gradient_checkpointing and self.training
        cache = None
        wanted = config.use_cache if use_cache is None else use_cache
        if layout is None and not recompute and (wanted or past_key_values):
            cache = KeyValueCache.of(past_key_values)
        if layout is None:
            check_rows(given, attention_mask=attention_mask, token_type_ids=token_type_ids)
            layout = Padded(attention_mask, causal=True, past_length=cache.length if cache else 0)
        encoder = None
        if encoder_hidden_states is not None:
            if not config.add_cross_attention:
                raise InputError("encoder_hidden_states need a model with add_cross_attention=True")
            encoder = encoder_hidden_states, Padded(encoder_attention_mask)

        if position_ids is None:
            position_ids = layout.positions(given.shape[-1], given.device)
            check_length(position_ids, layout, config.n_positions)
        words = self.get_input_embeddings()
        try:
            hidden = words(input_ids) if inputs_embeds is None else inputs_embeds
            hidden = hidden + self._position_table()(position_ids)
            if token_type_ids is not None:
                hidden = hidden + words(token_type_ids)
        except IndexError:
            raise out_of_range(
                input_ids=(input_ids, config.vocab_size),
                token_type_ids=(token_type_ids, config.vocab_size),
                position_ids=(position_ids, config.n_positions),
            ) from None
        hidden = self.drop(hidden)

        hidden_states = trail(hidden, whole=output_hidden_states)
        attentions, cross_attentions = [], []
        for block, mask in zip(self.h, layer_head_masks(head_mask, len(self.h)), strict=True):
            hidden, probabilities, cross = run_layer(
                block,
                hidden,
                layout,
                encoder=encoder,
                cache=cache,
                head_mask=mask,
                output_attentions=output_attentions,
                recompute=recompute,
            )
            hidden_states.append(hidden)
            attentions.append(probabilities)
            cross_attentions.append(cross)
        hidden = hidden_states[-1] = self._last_norm(hidden)
        output = BaseModelOutput(
            last_hidden_state=hidden,
            past_key_values=cache if wanted else None,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=tuple(cross_attentions) if output_attentions and encoder is not None else None,
        )
        return self._returned(output, return_dict)
