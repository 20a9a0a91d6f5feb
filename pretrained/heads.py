"""What does each task ask a network? One class per task: its forward pass and its loss, the same for all families.

A family's class names the task and the family, and says only what differs: in `_build` its layers, with the published
names, and in `_score` how they turn what the bare network returns into logits:

    class XLMForTokenClassification(XLMPreTrainedModel, ForTokenClassification, base=XLMModel):

Every `forward` takes the inputs of the bare network, by position or name, besides the labels.

Shapes: B batch, S sequence, H hidden, V vocabulary, C choices or classes; packed, (T, …) stands for (B, S, …).
"""

from typing import Any, ClassVar

from torch import Tensor

from pretrained.config import PretrainedConfig
from pretrained.modeling import PreTrainedModel
from pretrained.nn.inputs import flatten_choices
from pretrained.nn.layout import Packed, Padded, SequenceLayout
from pretrained.nn.losses import answer_loss, sequence_loss, token_loss
from pretrained.nn.outputs import BaseModelOutput
from pretrained.nn.span_search import SpanSearchOutput
from pretrained.nn.summary import last_tokens


class Head(PreTrainedModel):
    """A bare network with layers above it: what the tasks below share, and heads that only one family has."""

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self._build()
        self.post_init()

    def _build(self) -> None:
        """Adds the network, by `_add_network`, and the head's own layers."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it is made of")


class ForSequenceClassification(Head):
    """Which class, or with one label which value, has a text or a pair?"""

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        """Of what the network returned → (B, C)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B,) class numbers, values if there is one label, or (B, C) floats for several labels a text.

        Returns:
            HeadOutput: loss, logits (B, C).
        """
        given = self._named(inputs, options)
        out = self.base_model(**given, return_dict=True)
        logits = self._score(out, given.get("layout") or Padded())
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class ForLastTokenClassification(Head):
    """Which class has a text? Its last token is asked: in a causal network, only that one has seen all the others."""

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels

    def _score(self, vectors: Tensor) -> Tensor:
        """(B, H) → (B, C)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B,) class numbers, values if there is one label, or (B, C) floats for several labels a text.

        Returns:
            HeadOutput: loss, logits (B, C).

        Raises:
            InputError: several texts, and no `pad_token_id` in the configuration that would tell where each ends.
        """
        given = self._named(inputs, options)
        out = self.base_model(**given, return_dict=True)
        last = last_tokens(out.last_hidden_state, given.get("input_ids"), self.config.pad_token_id, given.get("layout"))
        logits = self._score(last)
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class ForMultipleChoice(Head):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    per_token: ClassVar[tuple[str, ...]] = (
        "input_ids",
        "attention_mask",
        "token_type_ids",
        "position_ids",
        "inputs_embeds",
    )
    """The network's inputs that have an entry for each token, so the choices of a batch become rows there."""

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        """Of what the network returned for the choices as rows → (B·C, 1)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        num_choices: int | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B,) the number of the right choice.
            num_choices: C, where it cannot be seen: in a packed batch, whose sequences are the choices in order.

        Returns:
            HeadOutput: loss, logits (B, C).
        """
        given = self._named(inputs, options)
        choices = {name: given.pop(name) for name in self.per_token if name in given}
        num_choices, rows = flatten_choices(num_choices, **choices)
        out = self.base_model(**rows, **given, return_dict=True)
        logits = self._score(out, given.get("layout") or Padded()).view(-1, num_choices)
        loss = None if labels is None else sequence_loss(logits, labels, "single_label_classification")
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class ForTokenClassification(Head):
    """Which class has each token?"""

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels

    def _score(self, hidden: Tensor) -> Tensor:
        """(B, S, H) → (B, S, C)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S) class numbers; -100, and places that the mask leaves out, do not count.

        Returns:
            HeadOutput: loss, logits (B, S, C).
        """
        given = self._named(inputs, options)
        out = self.base_model(**given, return_dict=True)
        logits = self._score(out.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels, given.get("attention_mask"))
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class ForQuestionAnswering(Head):
    """Where in the text does the answer start and end? Each scored by itself."""

    num_labels = 2

    def _score(self, hidden: Tensor) -> Tensor:
        """(B, S, H) → (B, S, 2): start and end."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self,
        *inputs: Any,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            start_positions, end_positions: (B,) the answer's first and last token; positions outside the text
                do not count.

        Returns:
            HeadOutput: loss, start_logits (B, S), end_logits (B, S).
        """
        given = self._named(inputs, options)
        out = self.base_model(**given, return_dict=True)
        starts, ends = self._score(out.last_hidden_state).unbind(-1)
        loss = answer_loss(starts, ends, start_positions, end_positions, given.get("layout"))
        return self._head_output(out, return_dict, start_logits=starts, end_logits=ends, loss=loss)


class ForSpanSearch(Head):
    """Where is the answer, if there is one? Ends are scored for each likely start; see nn/span_search.py."""

    def _search(self, hidden: Tensor, **answers: Tensor | None) -> dict[str, Tensor]:
        """As `answer_spans`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self,
        *inputs: Any,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        is_impossible: Tensor | None = None,
        cls_index: Tensor | None = None,
        p_mask: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            start_positions, end_positions: (B,) the answer's first and last token.
            is_impossible: (B,) 1 for questions without an answer; needs `cls_index` to count.
            cls_index: (B,) the position of the classification token; the last one unless given.
            p_mask: (B, S) 1 where no answer can be: question, special tokens, padding. Of a packed batch as well.

        Returns:
            SpanSearchOutput: the loss if both positions are given, else the best spans.
        """
        given = self._named(inputs, options)
        out = self.base_model(**given, return_dict=True)
        hidden, layout = out.last_hidden_state, given.get("layout")
        scores = self._search(
            layout.pad(hidden) if isinstance(layout, Packed) else hidden,  # padding is 0 either way
            start_positions=start_positions,
            end_positions=end_positions,
            cls_index=cls_index,
            is_impossible=is_impossible,
            p_mask=p_mask,
        )
        output = SpanSearchOutput(
            **scores, mems=out.get("mems"), hidden_states=out.hidden_states, attentions=out.attentions
        )
        return self._returned(output, return_dict)


class ForLanguageModeling(Head):
    """Which token stands at each place?"""

    def _score(self, hidden: Tensor) -> Tensor:
        """(B, S, H) → (B, S, V)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S), not shifted: the token that each place (or target) shall predict; -100 does not count.

        Returns:
            HeadOutput: loss, logits (B, S, V).
        """
        out = self.base_model(**self._named(inputs, options), return_dict=True)
        logits = self._score(out.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class ForMaskedLM(ForLanguageModeling):
    """Which token stands behind each mask?"""

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, masked_lm_labels: Tensor | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S) the masked tokens, -100 elsewhere; `masked_lm_labels` is the 2.x name.

        Returns:
            HeadOutput: loss, logits (B, S, V).
        """
        return super().forward(*inputs, labels=masked_lm_labels if labels is None else labels, **options)


class ForCausalLM(Head):
    """Which token comes next?"""

    def _score(self, hidden: Tensor) -> Tensor:
        """(B, S, H) → (B, S, V)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it scores")

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) usually `input_ids` themselves, not shifted; -100 where nothing is to be predicted.
            logits_to_keep: score only so many of the last tokens of each row, for who needs no others; 0 scores all.

        Returns:
            HeadOutput: loss, logits (B, S, V), past_key_values.
        """
        given = self._named(inputs, options)
        out = self.base_model(**given, return_dict=True)
        hidden = out.last_hidden_state
        logits = self._score(hidden[:, -logits_to_keep:] if logits_to_keep else hidden)
        layout = given.get("layout") or Padded()
        loss = None if labels is None else token_loss(logits, layout.next_tokens(labels))
        return self._head_output(out, return_dict, logits=logits, loss=loss)
