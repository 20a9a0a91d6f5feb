"""How does ALBERT turn tokens into vectors? As BERT does, with narrow embeddings and layers used many times.

Shapes: B batch, S sequence, E embedding, H hidden, N heads, D head width, I intermediate. Between the modules a
batch is (B, S, H); packed, it is (T, H) with T tokens in all. Only the layout knows the difference.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from torch import Tensor, nn

from pretrained.checkpoints import Rename, TensorFlowNames
from pretrained.modeling import PreTrainedModel
from pretrained.models.albert.config_albert import AlbertConfig
from pretrained.models.albert.names_albert import TENSORFLOW_1
from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Padded, SequenceLayout, layer_head_masks
from pretrained.nn.outputs import BaseModelOutput, trail
from pretrained.nn.projections import Projections
from pretrained.nn.pruning import prune_linear
from pretrained.nn.recompute import run_layer


class AlbertEmbeddings(nn.Module):
    """Word + position + token type, of width E, normalised."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        width = config.embedding_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        types = self.token_type_embeddings
        # without token types every token is of type 0
        words = words + (types.weight[0] if token_type_ids is None else types(token_type_ids))
        return cast(Tensor, self.dropout(self.LayerNorm(words + self.position_embeddings(position_ids))))


class AlbertAttention(Projections):
    """Multi-head attention; the heads are joined and what came in is added."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(("query", "key", "value"), config.hidden_size // config.num_attention_heads)
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.attention_dropout = config.attention_probs_dropout_prob
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.output_dropout = Dropout(config.hidden_dropout_prob)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

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
            dropout=self.attention_dropout if self.training else 0.0,
            head_mask=head_mask,
            output_attentions=output_attentions,
        )
        return self.LayerNorm(hidden + self.output_dropout(self.dense(context))), probabilities

    def prune_heads(self, heads: set[int]) -> None:
        """Removes heads, numbered as before any pruning."""
        self.dense = prune_linear(self.dense, self.prune_projections(heads), dim=1)


class AlbertLayer(nn.Module):
    """Attention, then two dense layers; a norm after each."""

    fused_activation = ("ffn", "activation")

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.attention = AlbertAttention(config)
        self.ffn = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config.hidden_act)
        self.ffn_output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.full_layer_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor, layout: SequenceLayout, **options: Any) -> tuple[Tensor, Tensor | None]:
        hidden, probabilities = self.attention(hidden, layout, **options)
        changed = self.ffn_output(self.activation(self.ffn(hidden)))
        return self.full_layer_layer_norm(changed + hidden), probabilities


class AlbertLayerGroup(nn.Module):
    """Layers with weights of their own, which are repeated together."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.albert_layers = nn.ModuleList(AlbertLayer(config) for _ in range(config.inner_group_num))


class AlbertTransformer(nn.Module):
    """From E to H features, then `num_hidden_layers` calls of the groups."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.embedding_hidden_mapping_in = nn.Linear(config.embedding_size, config.hidden_size)
        self.albert_layer_groups = nn.ModuleList(AlbertLayerGroup(config) for _ in range(config.num_hidden_groups))
        self.calls = config.num_hidden_layers
        self.gradient_checkpointing = False

    def layers(self) -> Iterator[tuple[int, AlbertLayer]]:
        """(number of the call, layer), in the order in which a token meets them."""
        for call in range(self.calls):
            # division as published: where the groups do not divide the calls, rounding decides for some of them
            group = self.albert_layer_groups[int(call / (self.calls / len(self.albert_layer_groups)))]
            for layer in cast(AlbertLayerGroup, group).albert_layers:
                yield call, cast(AlbertLayer, layer)

    def forward(
        self,
        embeddings: Tensor,
        layout: SequenceLayout,
        *,
        head_mask: Tensor | None,
        output_attentions: bool,
        output_hidden_states: bool,
    ) -> tuple[Sequence[Tensor], list[Tensor | None]]:
        """Returns the hidden states, what the first layer read first, and the attention maps."""
        hidden = self.embedding_hidden_mapping_in(embeddings)
        hidden_states = trail(hidden, whole=output_hidden_states)
        attentions: list[Tensor | None] = []
        masks = layer_head_masks(head_mask, self.calls)
        for call, layer in self.layers():
            hidden, probabilities = run_layer(
                layer,
                hidden,
                layout,
                head_mask=masks[call],
                output_attentions=output_attentions,
                recompute=self.gradient_checkpointing,
            )
            hidden_states.append(hidden)
            attentions.append(probabilities)
        return hidden_states, attentions


class AlbertPreTrainedModel(PreTrainedModel):
    """What ALBERT's network and all its heads share."""

    config_class = AlbertConfig
    base_model_prefix = "albert"
    tensorflow = TensorFlowNames(
        rules=(Rename(r"predictions/decoder/bias", r"predictions/decoder/bias"),),
        shared=("predictions", "albert/embeddings"),
    )
    renames = TENSORFLOW_1
    flax_classes = frozenset(
        {
            "AlbertModel",
            "AlbertForMaskedLM",
            "AlbertForSequenceClassification",
            "AlbertForMultipleChoice",
            "AlbertForTokenClassification",
            "AlbertForQuestionAnswering",
            "AlbertForPreTraining",
        }
    )
    config: AlbertConfig

    def _init_weights(self, module: nn.Module) -> None:
        init_normal(module, self.config.initializer_range)


class AlbertModel(AlbertPreTrainedModel):
    """The bare network (Lan et al., arXiv 1909.11942).

    Args:
        config: sizes.
        add_pooling_layer: False leaves out the pooler; heads that do not use it do so.
    """

    input_layer = "embeddings.word_embeddings"

    def __init__(self, config: AlbertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = AlbertEmbeddings(config)
        self.encoder = AlbertTransformer(config)
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size) if add_pooling_layer else None
        self._prune_heads(config.pruned_heads)
        self.post_init()

    def _attentions(self) -> Iterable[Any]:
        """Those with weights of their own, counted through all groups."""
        return [layer.attention for group in self.encoder.albert_layer_groups for layer in group.albert_layers]  # type: ignore[union-attr]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
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
            attention_mask: (B, S) or (B, S, S), 1 for tokens to look at, 0 for padding.
            token_type_ids: (B, S), 0 for the first text of a pair, 1 for the second; zeros unless given.
            position_ids: (B, S) or (1, S); counted from 0 unless given.
            head_mask: (N,) or (`num_hidden_layers`, N), 0 silences a head.
            inputs_embeds: (B, S, E) instead of `input_ids`.
            layout: `Packed(lengths)` for a batch without padding; padded as the mask says unless given.

        Returns:
            BaseModelOutput: (last_hidden_state (B, S, H), pooler_output (B, H), …).

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)
        if layout is None:
            check_rows(given, attention_mask=attention_mask, token_type_ids=token_type_ids)
            layout = Padded(attention_mask)
        if position_ids is None:
            position_ids = layout.positions(given.shape[-1], given.device)
            check_length(position_ids, layout, config.max_position_embeddings)
        try:
            embeddings = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds)
        except IndexError:
            raise out_of_range(
                input_ids=(input_ids, config.vocab_size),
                token_type_ids=(token_type_ids, config.type_vocab_size),
                position_ids=(position_ids, config.max_position_embeddings),
            ) from None
        hidden_states, attentions = self.encoder(
            embeddings,
            layout,
            head_mask=head_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        hidden = hidden_states[-1]
        output = BaseModelOutput(
            last_hidden_state=hidden,
            pooler_output=None if self.pooler is None else self.pooler(layout.first_tokens(hidden)).tanh(),
            past_key_values=None,
            cross_attentions=None,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )
        return self._returned(output, return_dict)
