"""How does XLM turn tokens into vectors? The bare network; its heads stand in heads_xlm.py.

The modules of a layer stand in four lists, because that is how the tensors of published checkpoints are named.

Shapes: B batch, S sequence, H hidden, N heads, D head width. Between the modules a batch is (B, S, H); packed, it
is (T, H) with T tokens in all. Only the layout knows the difference.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames
from pretrained.errors import InputError
from pretrained.modeling import PreTrainedModel
from pretrained.models.xlm.config_xlm import XLMConfig
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Padded, SequenceLayout, layer_head_masks
from pretrained.nn.outputs import BaseModelOutput, trail
from pretrained.nn.positions import SinusoidalPositions
from pretrained.nn.recording import is_recording
from pretrained.nn.transformer import FeedForward, SelfAttention


class XLMPreTrainedModel(PreTrainedModel):
    """What XLM's network and all its heads share."""

    config_class = XLMConfig
    base_model_prefix = "transformer"
    tensorflow: ClassVar[TensorFlowNames | None] = TensorFlowNames(
        rules=(Rename(r"pred_layer/proj/(bias)", r"pred_layer_._proj/\1"),),
        shared=("pred_layer_._proj", "transformer/embeddings"),
    )
    config: XLMConfig

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, SinusoidalPositions):
            module.fill()
        else:
            embeds = isinstance(module, nn.Embedding)
            init_normal(module, self.config.embed_init_std if embeds else self.config.init_std)


class XLMModel(XLMPreTrainedModel):
    """The bare network (Lample & Conneau, arXiv 1901.07291): an encoder, or with `causal` one that looks back only."""

    input_layer = "embeddings"

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        width, layers = config.emb_dim, range(config.n_layers)
        positions = SinusoidalPositions if config.sinusoidal_embeddings else nn.Embedding
        self.position_embeddings = positions(config.max_position_embeddings, width)
        if config.n_langs > 1 and config.use_lang_emb:
            self.lang_embeddings = nn.Embedding(config.n_langs, width)
        self.embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_index)
        self.layer_norm_emb = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.dropout)
        self.attentions = nn.ModuleList(
            SelfAttention(width, config.n_heads, dropout=config.attention_dropout, causal=config.causal) for _ in layers
        )
        self.layer_norm1 = nn.ModuleList(nn.LayerNorm(width, eps=config.layer_norm_eps) for _ in layers)
        self.ffns = nn.ModuleList(
            FeedForward(width, 4 * width, act="gelu" if config.gelu_activation else "relu", dropout=config.dropout)
            for _ in layers
        )
        self.layer_norm2 = nn.ModuleList(nn.LayerNorm(width, eps=config.layer_norm_eps) for _ in layers)
        self._prune_heads(config.pruned_heads)
        self.post_init()

    def _attentions(self) -> Iterable[Any]:
        return self.attentions

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        langs: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        lengths: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        layout: SequenceLayout | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers; packed (T,).
            attention_mask: (B, S), 1 for tokens, 0 for padding. Unless it or `lengths` is given, as many tokens of a
                row count as are not the padding token. A causal network looks at all that came before, even padding.
            langs: (B, S) the number of each token's language; without it no language is added.
            token_type_ids: (B, S) tokens whose embeddings are added.
            position_ids: (B, S) or (1, S); counted from 0 unless given.
            lengths: (B,) how many tokens each row begins with.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`.
            layout: `Packed(lengths)` for a batch without padding; padded as the mask says unless given.

        Returns:
            BaseModelOutput: (last_hidden_state (B, S, H), …), 0 where padding stands.

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)
        mask = None
        if layout is None:
            check_rows(given, token_type_ids=token_type_ids)
            mask = _mask(given, attention_mask, lengths, None if input_ids is None else config.pad_index)
            layout = Padded(None if config.causal else mask)
        if langs is not None and langs.shape != given.shape:
            raise InputError(f"langs has shape {tuple(langs.shape)}, the batch has {tuple(given.shape)}")
        if position_ids is None:
            position_ids = layout.positions(given.shape[-1], given.device)
            check_length(position_ids, layout, config.max_position_embeddings)
        try:
            hidden = self._embed(input_ids, inputs_embeds, langs, token_type_ids, position_ids)
        except IndexError:
            raise out_of_range(
                input_ids=(input_ids, config.vocab_size),
                langs=(langs, config.n_langs),
                token_type_ids=(token_type_ids, config.vocab_size),
                position_ids=(position_ids, config.max_position_embeddings),
            ) from None

        keep = None if mask is None else mask[..., None].to(hidden.dtype)
        hidden = hidden if keep is None else hidden * keep
        states = trail(hidden, whole=output_hidden_states)
        attentions: list[Any] = []
        masks = layer_head_masks(head_mask, len(self.attentions))
        for index in self._layers_to_run():
            hidden, probabilities = self._layer(
                index, hidden, layout, head_mask=masks[index], output_attentions=output_attentions
            )
            hidden = hidden if keep is None else hidden * keep
            states.append(hidden)
            attentions.append(probabilities)
        output = BaseModelOutput(
            last_hidden_state=hidden,
            pooler_output=None,
            past_key_values=None,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=None,
        )
        return self._returned(output, return_dict)

    def _embed(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        langs: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor,
    ) -> Tensor:
        words = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        hidden = words + self.position_embeddings(position_ids)
        if langs is not None and hasattr(self, "lang_embeddings"):
            hidden = hidden + self.lang_embeddings(langs)
        if token_type_ids is not None:
            hidden = hidden + self.embeddings(token_type_ids)
        return cast(Tensor, self.dropout(self.layer_norm_emb(hidden)))

    def _layers_to_run(self) -> Iterable[int]:
        return range(len(self.attentions))

    def _layer(
        self, index: int, hidden: Tensor, layout: SequenceLayout, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        """Attention, then two dense layers; a norm after each."""
        context, probabilities = self.attentions[index](hidden, layout, **options)
        hidden = self.layer_norm1[index](hidden + self.dropout(context))
        return self.layer_norm2[index](hidden + self.ffns[index](hidden)), probabilities


def _mask(given: Tensor, attention_mask: Tensor | None, lengths: Tensor | None, pad_index: int | None) -> Tensor | None:
    """(B, S), 0 for padding; None where it is known that there is none."""
    rows, length = given.shape
    if attention_mask is not None:
        if attention_mask.shape != given.shape:
            raise InputError(
                f"attention_mask has shape {tuple(attention_mask.shape)}, the batch has {tuple(given.shape)}"
            )
        mask = attention_mask
    else:
        if lengths is None:
            if pad_index is None:
                return None
            lengths = (given != pad_index).sum(1)
        elif lengths.shape != (rows,) or (not is_recording() and int(lengths.max()) > length):
            raise InputError(
                f"lengths has shape {tuple(lengths.shape)} and goes up to {int(lengths.max())}; "
                f"the batch has {rows} rows of {length} tokens"
            )
        mask = torch.arange(length, device=given.device) < lengths[:, None]
    # asking an accelerator would make it wait
    return None if mask.device.type == "cpu" and not is_recording() and bool(mask.all()) else mask
