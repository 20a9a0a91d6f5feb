"""How does BERT turn tokens into vectors? The bare network; its heads stand in heads_bert.py.

Module names are the tensor names of the published checkpoints: `LayerNorm` keeps its capitals for that.

Shapes: B batch, S sequence, H hidden, N heads, D head width, I intermediate. Between the modules a batch is
(B, S, H); packed, it is (T, H) with T tokens in all. Only the layout knows the difference.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames
from pretrained.errors import ConfigurationError, InputError
from pretrained.modeling import PreTrainedModel
from pretrained.models.bert.config_bert import BertConfig
from pretrained.models.bert.names_bert import TENSORFLOW_1
from pretrained.nn.activations import activation
from pretrained.nn.cache import KeyValueCache
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Padded, SequenceLayout, layer_head_masks
from pretrained.nn.outputs import BaseModelOutput, trail
from pretrained.nn.projections import Projections
from pretrained.nn.pruning import prune_linear
from pretrained.nn.recompute import run_layer


class BertEmbeddings(nn.Module):
    """Word + position + token type, normalised.

    Args:
        config: sizes.
        width: of the vectors; `hidden_size` unless given.
    """

    def __init__(self, config: BertConfig, width: int | None = None) -> None:
        super().__init__()
        width = config.hidden_size if width is None else width
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if position_ids is None:
            position_ids = self._counted(input_ids, words)
        # without token types every token is of type 0
        types = self.token_type_embeddings
        embeddings = words + (types.weight[0] if token_type_ids is None else types(token_type_ids))
        embeddings = embeddings + self.position_embeddings(position_ids)
        return cast(Tensor, self.dropout(self.LayerNorm(embeddings)))

    def _counted(self, input_ids: Tensor | None, words: Tensor) -> Tensor:
        """Positions for who calls this module alone: (S,) or (B, S)."""
        return torch.arange(words.shape[-2], device=words.device)


class BertSelfAttention(Projections):
    """Multi-head attention up to the joined heads; also the decoder's attention to an encoder's states."""

    def __init__(self, config: BertConfig, *, cross: bool = False) -> None:
        names = ("query", "key", "value")
        super().__init__(names, config.hidden_size // config.num_attention_heads, same_input=not cross)
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = config.attention_probs_dropout_prob
        self.causal = config.is_decoder

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        source: Tensor | None = None,
        head_mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
        layer_index: int = 0,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = self.project(hidden, source)  # (B, S, N, D)
        if cache is not None:
            key, value = cache.append(layer_index, key, value)
        return layout.attend(
            query,
            key,
            value,
            causal=self.causal and source is None,
            dropout=self.dropout if self.training else 0.0,
            head_mask=head_mask,
            output_attentions=output_attentions,
        )


class BertSelfOutput(nn.Module):
    """Joins the heads and adds what came in."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        return cast(Tensor, self.LayerNorm(self.dropout(self.dense(hidden)) + residual))


class BertAttention(nn.Module):
    def __init__(self, config: BertConfig, *, cross: bool = False) -> None:
        super().__init__()
        self.self = BertSelfAttention(config, cross=cross)
        self.output = BertSelfOutput(config)

    def forward(self, hidden: Tensor, layout: SequenceLayout, **options: Any) -> tuple[Tensor, Tensor | None]:
        context, probabilities = self.self(hidden, layout, **options)
        return self.output(context, hidden), probabilities

    def prune_heads(self, heads: set[int]) -> None:
        """Removes heads, numbered as before any pruning."""
        self.output.dense = prune_linear(self.output.dense, self.self.prune_projections(heads), dim=1)


class BertIntermediate(nn.Module):
    fused_activation = ("dense", "intermediate_act_fn")

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.intermediate_act_fn = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.intermediate_act_fn(self.dense(hidden)))  # (B, S, I)


class BertOutput(BertSelfOutput):
    """As after attention, from I features back to H."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.dense = nn.Linear(config.intermediate_size, config.hidden_size)


class BertLayer(nn.Module):
    """Attention, in a decoder also attention to the encoder, then two dense layers; a norm after each."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(config)
        if config.add_cross_attention:
            if not config.is_decoder:
                raise ConfigurationError("add_cross_attention=True needs is_decoder=True")
            self.crossattention = BertAttention(config, cross=True)
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config)

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        encoder: tuple[Tensor, SequenceLayout] | None = None,
        cache: KeyValueCache | None = None,
        layer_index: int = 0,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Returns the hidden states and, if asked for, the attention maps to itself and to the encoder."""
        hidden, probabilities = self.attention(hidden, layout, cache=cache, layer_index=layer_index, **options)
        cross = None
        if encoder is not None:
            states, cross_layout = encoder
            hidden, cross = self.crossattention(hidden, cross_layout, source=states, **options)
        return self.output(self.intermediate(hidden), hidden), probabilities, cross


class BertEncoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))
        self.gradient_checkpointing = config.gradient_checkpointing

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        head_mask: Tensor | None = None,
        output_hidden_states: bool = False,
        **options: Any,
    ) -> tuple[Sequence[Tensor], list[Tensor | None], list[Tensor | None]]:
        """Returns the hidden states, or only the last, the attention maps, and those to an encoder."""
        hidden_states = trail(hidden, whole=output_hidden_states)
        attentions: list[Tensor | None] = []
        cross_attentions: list[Tensor | None] = []
        for index, (layer, mask) in enumerate(
            zip(self.layer, layer_head_masks(head_mask, len(self.layer)), strict=True)
        ):
            hidden, probabilities, cross = run_layer(
                layer,
                hidden,
                layout,
                head_mask=mask,
                layer_index=index,
                recompute=self.gradient_checkpointing,
                **options,
            )
            hidden_states.append(hidden)
            attentions.append(probabilities)
            cross_attentions.append(cross)
        return hidden_states, attentions, cross_attentions


class BertPooler(nn.Module):
    """tanh of a dense layer over the first token, trained on next-sentence prediction."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first_tokens: Tensor) -> Tensor:
        return torch.tanh(self.dense(first_tokens))  # (B, H)


class BertPreTrainedModel(PreTrainedModel):
    """What BERT's network and all its heads share."""

    config_class = BertConfig
    base_model_prefix = "bert"
    tensorflow = TensorFlowNames(
        rules=(
            Rename(r"cls/(predictions/(?!decoder).*)", r"mlm___cls/\1"),
            Rename(r"cls/(seq_relationship/.*)", r"nsp___cls/\1"),
        ),
        shared=("mlm___cls", "bert/embeddings"),
    )
    renames = TENSORFLOW_1
    flax_classes = frozenset(
        {
            "BertModel",
            "BertForMaskedLM",
            "BertForSequenceClassification",
            "BertForMultipleChoice",
            "BertForTokenClassification",
            "BertForQuestionAnswering",
            "BertForPreTraining",
            "BertForNextSentencePrediction",
            "BertLMHeadModel",
        }
    )
    config: BertConfig

    def _init_weights(self, module: nn.Module) -> None:
        init_normal(module, self.config.initializer_range)


class BertModel(BertPreTrainedModel):
    """The bare network (Devlin et al., arXiv 1810.04805): an encoder, or with `is_decoder` a causal decoder.

    Args:
        config: sizes.
        add_pooling_layer: False leaves out the pooler; heads that do not use it do so.
    """

    input_layer = "embeddings.word_embeddings"

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self._add_embeddings()
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None
        self._prune_heads(config.pruned_heads)
        self.post_init()

    def _add_embeddings(self) -> None:
        self.embeddings = BertEmbeddings(self.config)

    def _position_ids(self, input_ids: Tensor | None, given: Tensor, layout: SequenceLayout) -> Tensor:
        """Positions where the caller gave none: (1, S), packed (T,). given: (B, S), the axes of the batch."""
        positions = layout.positions(given.shape[-1], given.device)
        check_length(positions, layout, self.config.max_position_embeddings)
        return positions

    def _embed(self, *inputs: Tensor | None) -> Tensor:
        """What the first layer reads, (B, S, H). inputs: those of the embeddings, in their order."""
        return cast(Tensor, self.embeddings(*inputs))

    def _attentions(self) -> Iterable[Any]:
        return [layer.attention for layer in self.encoder.layer]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        layout: SequenceLayout | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers; packed (T,).
            attention_mask: (B, S) or (B, S, S), 1 for tokens to look at, 0 for padding; with cached keys the
                last axis covers them too.
            token_type_ids: (B, S), 0 for the first text of a pair, 1 for the second; zeros unless given.
            position_ids: (B, S) or (1, S); counted from 0 unless given.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`.
            encoder_hidden_states: (B, S of the encoder, H), for a decoder with cross attention.
            encoder_attention_mask: (B, S of the encoder).
            past_key_values: what an earlier call returned; `input_ids` then holds only the new tokens.
            use_cache: whether a decoder returns its keys and values; as the configuration says unless given.
            layout: `Packed(lengths)` for a batch without padding; padded as the mask says unless given.

        Returns:
            BaseModelOutput: (last_hidden_state (B, S, H), pooler_output (B, H), …).

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)

        cache = None
        wants_cache = config.use_cache if use_cache is None else use_cache
        if self.encoder.gradient_checkpointing and self.training:
            wants_cache = False  # a layer that is computed again would append its keys twice
        if config.is_decoder and layout is None and (past_key_values or wants_cache):
            cache = KeyValueCache.of(past_key_values)
        if layout is None:
            check_rows(given, attention_mask=attention_mask, token_type_ids=token_type_ids)
            layout = Padded(attention_mask, causal=config.is_decoder, past_length=cache.length if cache else 0)
        encoder = None
        if encoder_hidden_states is not None:
            if not config.add_cross_attention:
                raise InputError("encoder_hidden_states need a model with is_decoder=True and add_cross_attention=True")
            encoder = encoder_hidden_states, Padded(encoder_attention_mask)

        if position_ids is None:
            position_ids = self._position_ids(input_ids, given, layout)
        try:
            hidden = self._embed(input_ids, token_type_ids, position_ids, inputs_embeds)
        except IndexError:
            raise out_of_range(
                input_ids=(input_ids, config.vocab_size),
                token_type_ids=(token_type_ids, config.type_vocab_size),
                position_ids=(position_ids, config.max_position_embeddings),
            ) from None

        hidden_states, attentions, cross_attentions = self.encoder(
            hidden,
            layout,
            head_mask=head_mask,
            encoder=encoder,
            cache=cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        hidden = hidden_states[-1]
        output = BaseModelOutput(
            last_hidden_state=hidden,
            pooler_output=self.pooler(layout.first_tokens(hidden)) if self.pooler is not None else None,
            past_key_values=cache,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            cross_attentions=tuple(cross_attentions) if output_attentions and encoder is not None else None,
        )
        return self._returned(output, return_dict)
