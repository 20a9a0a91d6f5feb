"""How does DistilBERT turn tokens into vectors? Half of BERT's layers, no token types, no pooler.

Shapes: B batch, S sequence, H hidden (`dim`), N heads, D head width, I intermediate (`hidden_dim`). Between the
modules a batch is (B, S, H); packed, it is (T, H) with T tokens in all. Only the layout knows the difference.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from torch import Tensor, nn

from pretrained.checkpoints import TensorFlowNames
from pretrained.modeling import PreTrainedModel
from pretrained.models.distilbert.config_distilbert import DistilBertConfig
from pretrained.nn.dropout import Dropout
from pretrained.nn.init import init_normal
from pretrained.nn.inputs import batch_axes, check_length, check_rows, out_of_range
from pretrained.nn.layout import Padded, SequenceLayout, layer_head_masks
from pretrained.nn.outputs import BaseModelOutput, trail
from pretrained.nn.positions import SinusoidalPositions
from pretrained.nn.recompute import run_layer
from pretrained.nn.transformer import FeedForward, SelfAttention

NORM_EPS = 1e-12  # in every published DistilBERT; no key of the configuration says it


class DistilBertEmbeddings(nn.Module):
    """Word + position, normalised."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.dim, padding_idx=config.pad_token_id)
        positions = SinusoidalPositions if config.sinusoidal_pos_embds else nn.Embedding
        self.position_embeddings = positions(config.max_position_embeddings, config.dim)
        self.LayerNorm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.dropout = Dropout(config.dropout)

    def forward(self, input_ids: Tensor | None, position_ids: Tensor, inputs_embeds: Tensor | None = None) -> Tensor:
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        return cast(Tensor, self.dropout(self.LayerNorm(words + self.position_embeddings(position_ids))))


class DistilBertLayer(nn.Module):
    """Attention, then two dense layers; a norm after each."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config.dim, config.n_heads, dropout=config.attention_dropout)
        self.sa_layer_norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.ffn = FeedForward(config.dim, config.hidden_dim, act=config.activation, dropout=config.dropout)
        self.output_layer_norm = nn.LayerNorm(config.dim, eps=NORM_EPS)

    def forward(self, hidden: Tensor, layout: SequenceLayout, **options: Any) -> tuple[Tensor, Tensor | None]:
        attended, probabilities = self.attention(hidden, layout, **options)
        hidden = self.sa_layer_norm(attended + hidden)
        return self.output_layer_norm(self.ffn(hidden) + hidden), probabilities


class DistilBertTransformer(nn.Module):
    """The stack of layers."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(DistilBertLayer(config) for _ in range(config.n_layers))
        self.gradient_checkpointing = False

    def forward(
        self,
        hidden: Tensor,
        layout: SequenceLayout,
        *,
        head_mask: Tensor | None,
        output_attentions: bool,
        output_hidden_states: bool,
    ) -> tuple[Sequence[Tensor], list[Tensor | None]]:
        """Returns the hidden states, what came in first, and the attention maps."""
        hidden_states = trail(hidden, whole=output_hidden_states)
        attentions: list[Tensor | None] = []
        for layer, mask in zip(self.layer, layer_head_masks(head_mask, len(self.layer)), strict=True):
            hidden, probabilities = run_layer(
                layer,
                hidden,
                layout,
                head_mask=mask,
                output_attentions=output_attentions,
                recompute=self.gradient_checkpointing,
            )
            hidden_states.append(hidden)
            attentions.append(probabilities)
        return hidden_states, attentions


class DistilBertPreTrainedModel(PreTrainedModel):
    """What DistilBERT's network and all its heads share."""

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    tensorflow = TensorFlowNames(shared=("vocab_projector", "distilbert/embeddings"))
    flax_classes = frozenset(
        {
            "DistilBertModel",
            "DistilBertForMaskedLM",
            "DistilBertForSequenceClassification",
            "DistilBertForMultipleChoice",
            "DistilBertForTokenClassification",
            "DistilBertForQuestionAnswering",
        }
    )
    config: DistilBertConfig

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, SinusoidalPositions):
            module.fill()
        else:
            init_normal(module, self.config.initializer_range)


class DistilBertModel(DistilBertPreTrainedModel):
    """The bare network (Sanh et al., arXiv 1910.01108)."""

    input_layer = "embeddings.word_embeddings"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.embeddings = DistilBertEmbeddings(config)
        self.transformer = DistilBertTransformer(config)
        self._prune_heads(config.pruned_heads)
        self.post_init()

    def _attentions(self) -> Iterable[Any]:
        return [layer.attention for layer in self.transformer.layer]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        position_ids: Tensor | None = None,
        layout: SequenceLayout | None = None,
    ) -> Any:
        """Runs the network.

        Args:
            input_ids: (B, S) token numbers; packed (T,).
            attention_mask: (B, S) or (B, S, S), 1 for tokens to look at, 0 for padding.
            head_mask: (N,) or (layers, N), 0 silences a head.
            inputs_embeds: (B, S, H) instead of `input_ids`.
            position_ids: (B, S) or (1, S); counted from 0 unless given.
            layout: `Packed(lengths)` for a batch without padding; padded as the mask says unless given.

        Returns:
            BaseModelOutput: (last_hidden_state (B, S, H), …).

        Raises:
            InputError: inputs that do not fit the model or each other.
        """
        config = self.config
        output_attentions, output_hidden_states = self._options(output_attentions, output_hidden_states)
        given = batch_axes(input_ids, inputs_embeds)
        if layout is None:
            check_rows(given, attention_mask=attention_mask)
            layout = Padded(attention_mask)
        if position_ids is None:
            position_ids = layout.positions(given.shape[-1], given.device)
            check_length(position_ids, layout, config.max_position_embeddings)
        try:
            hidden = self.embeddings(input_ids, position_ids, inputs_embeds)
        except IndexError:
            raise out_of_range(
                input_ids=(input_ids, config.vocab_size), position_ids=(position_ids, config.max_position_embeddings)
            ) from None
        hidden_states, attentions = self.transformer(
            hidden,
            layout,
            head_mask=head_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        output = BaseModelOutput(
            last_hidden_state=hidden_states[-1],
            pooler_output=None,
            past_key_values=None,
            cross_attentions=None,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )
        return self._returned(output, return_dict)
