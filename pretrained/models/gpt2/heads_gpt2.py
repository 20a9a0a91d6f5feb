"""What is GPT-2 asked? The layers of each task above the bare network; what a task does stands in pretrained/heads.py.

Shapes: B batch, S sequence, H hidden, V vocabulary, C choices; packed, (T, …) stands for (B, S, …).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from pretrained.generation import causal_inputs
from pretrained.heads import ForCausalLM, ForLastTokenClassification, Head
from pretrained.models.gpt2.modeling_gpt2 import GPT2Model, GPT2PreTrainedModel
from pretrained.nn.inputs import flatten_choices
from pretrained.nn.layout import Packed, Padded, SequenceLayout
from pretrained.nn.linear import Linear
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.outputs import ModelOutput
from pretrained.nn.summary import SequenceSummary


class DoubleHeadsOutput(ModelOutput):
    """A causal language model with a second head that chooses among texts."""

    loss: Tensor | None  # () of the language model
    mc_loss: Tensor | None  # () of the choice
    logits: Tensor  # (B, C, S, V)
    mc_logits: Tensor  # (B, C)
    past_key_values: Any | None
    hidden_states: tuple[Tensor, ...] | None  # of the choices as rows: (B·C, S, H)
    attentions: tuple[Tensor, ...] | None


class _ScoresVocabulary(GPT2PreTrainedModel):
    """What the heads with `lm_head` share: the tie, and where the scoring layer is."""

    tied_weights: ClassVar[Mapping[str, str]] = {"lm_head.weight": "transformer.wte.weight"}
    output_layer = "lm_head"
    lm_head: nn.Linear

    def _add_lm_head(self) -> None:
        self.lm_head = Linear(self.config.n_embd, self.config.vocab_size, bias=False)

    def prepare_inputs_for_generation(self, input_ids: Tensor, past: Any = None, **options: Any) -> dict[str, Any]:
        return causal_inputs(input_ids, past, **options)


class GPT2LMHeadModel(_ScoresVocabulary, ForCausalLM, base=GPT2Model):
    """Which token comes next?"""

    def _build(self) -> None:
        self._add_network()
        self._add_lm_head()

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.lm_head(hidden))

    def prepare_inputs_for_generation(self, input_ids: Tensor, past: Any = None, **options: Any) -> dict[str, Any]:
        return causal_inputs(input_ids, past, **options) | {"logits_to_keep": 1}


class GPT2DoubleHeadsModel(_ScoresVocabulary, Head, base=GPT2Model):
    """Which token comes next, and which of C texts fits? Every input is (B, C, S)."""

    def _build(self) -> None:
        self._add_network()
        self._add_lm_head()
        self.multiple_choice_head = SequenceSummary(self.config, labels=1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        mc_token_ids: Tensor | None = None,
        labels: Tensor | None = None,
        mc_labels: Tensor | None = None,
        lm_labels: Tensor | None = None,
        num_choices: int | None = None,
        layout: SequenceLayout | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            mc_token_ids: (B, C) the place in each text that the choice is read from; its last one unless given.
            labels: (B, C, S) usually `input_ids` themselves, not shifted; `lm_labels` is the 2.x name.
            mc_labels: (B,) the number of the right choice.
            num_choices: C, where it cannot be seen: in a packed batch, whose sequences are the choices in order.

        Returns:
            DoubleHeadsOutput: loss, mc_loss, logits (B, C, S, V), mc_logits (B, C), past_key_values.
        """
        num_choices, rows = flatten_choices(
            num_choices,
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        out = self.base_model(layout=layout, return_dict=True, **rows, **options)
        hidden = out.last_hidden_state
        scores = self.lm_head(hidden)
        places = None if mc_token_ids is None else mc_token_ids.flatten()
        choice = self.multiple_choice_head(hidden, places, layout).view(-1, num_choices)
        labels = lm_labels if labels is None else labels
        if labels is not None and layout is None:
            labels = labels.flatten(0, -2)
        output = DoubleHeadsOutput(
            loss=None if labels is None else token_loss(scores, (layout or Padded()).next_tokens(labels)),
            mc_loss=None if mc_labels is None else sequence_loss(choice, mc_labels, "single_label_classification"),
            logits=scores if isinstance(layout, Packed) else scores.unflatten(0, (-1, num_choices)),
            mc_logits=choice,
            past_key_values=out.past_key_values,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
        return self._returned(output, return_dict)


class GPT2ForSequenceClassification(GPT2PreTrainedModel, ForLastTokenClassification, base=GPT2Model):
    """Which class has a text? Its last token is asked, because only that one has seen all the others."""

    optional_keys = (r"lm_head\..*",)

    def _build(self) -> None:
        self._add_network()
        self.score = nn.Linear(self.config.n_embd, self.config.num_labels, bias=False)

    def _score(self, vectors: Tensor) -> Tensor:
        return cast(Tensor, self.score(vectors))
