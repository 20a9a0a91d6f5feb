"""What is XLM asked? One class per task: the bare network of modeling_xlm.py below a head, and its loss.

Shapes: B batch, S sequence, H hidden, V vocabulary, C classes; packed, (T, …) stands for (B, S, …).
Every `forward` takes XLMModel's inputs, by the same names, besides the labels.
"""

from typing import Any, cast

from torch import Tensor, nn

from pretrained.models.xlm.config_xlm import XLMConfig
from pretrained.models.xlm.modeling_xlm import XLMModel, XLMPreTrainedModel
from pretrained.nn.heads import answer_loss, flatten_choices
from pretrained.nn.layout import Packed, SequenceLayout
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.span_search import SpanSearchOutput, SQuADHead
from pretrained.nn.summary import SequenceSummary

_TIED = {"pred_layer.proj.weight": "transformer.embeddings.weight"}
_NO_LM_HEAD = (r"pred_layer\..*",)  # a published XLM brings it; below a task head nobody misses it


class XLMPredLayer(nn.Module):
    """Scores the vocabulary for every token, with the word embedding as its matrix."""

    def __init__(self, config: XLMConfig) -> None:
        super().__init__()
        self.proj = nn.Linear(config.emb_dim, config.vocab_size)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.proj(hidden))  # (B, S, V)


class XLMWithLMHeadModel(XLMPreTrainedModel, base=XLMModel):
    """Which token stands behind each mask or, in a causal network, comes next?"""

    tied_weights = _TIED

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self._add_network()
        self.pred_layer = XLMPredLayer(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        return self.pred_layer.proj

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.pred_layer.proj = value

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S), not shifted: the token that each place shall predict; -100 does not count.

        Returns:
            HeadOutput: loss, logits (B, S, V).
        """
        out = self.transformer(*inputs, return_dict=True, **options)
        logits = self.pred_layer(out.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLMForSequenceClassification(XLMPreTrainedModel, base=XLMModel):
    """Which class, or with one label which value, has a text or a pair?"""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self._add_network()
        self.num_labels = config.num_labels
        self.sequence_summary = SequenceSummary(config)
        self.post_init()

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        layout: SequenceLayout | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B,) class numbers, values if there is one label, or (B, C) floats for several labels a text.

        Returns:
            HeadOutput: loss, logits (B, C).
        """
        out = self.transformer(*inputs, layout=layout, return_dict=True, **options)
        logits = self.sequence_summary(out.last_hidden_state, layout=layout)
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLMForMultipleChoice(XLMPreTrainedModel, base=XLMModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self._add_network()
        self.sequence_summary = SequenceSummary(config)
        self.logits_proj = nn.Linear(config.num_labels, 1)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        langs: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        num_choices: int | None = None,
        layout: SequenceLayout | None = None,
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
        num_choices, inputs = flatten_choices(
            num_choices,
            input_ids=input_ids,
            attention_mask=attention_mask,
            langs=langs,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        out = self.transformer(**inputs, layout=layout, return_dict=True, **options)
        logits = self.logits_proj(self.sequence_summary(out.last_hidden_state, layout=layout)).view(-1, num_choices)
        loss = None if labels is None else sequence_loss(logits, labels, "single_label_classification")
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLMForTokenClassification(XLMPreTrainedModel, base=XLMModel):
    """Which class has each token?"""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self._add_network()
        self.num_labels = config.num_labels
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.emb_dim, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *inputs: Any,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) class numbers; -100, and places that the mask leaves out, do not count.

        Returns:
            HeadOutput: loss, logits (B, S, C).
        """
        out = self.transformer(input_ids, attention_mask, *inputs, return_dict=True, **options)
        logits = self.classifier(self.dropout(out.last_hidden_state))
        loss = None if labels is None else token_loss(logits, labels, attention_mask)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLMForQuestionAnsweringSimple(XLMPreTrainedModel, base=XLMModel):
    """Where in the text does the answer start and end? Each scored by itself, as BERT does."""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self._add_network()
        self.num_labels = 2
        self.qa_outputs = nn.Linear(config.emb_dim, 2)
        self.post_init()

    def forward(
        self,
        *inputs: Any,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        layout: SequenceLayout | None = None,
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
        out = self.transformer(*inputs, layout=layout, return_dict=True, **options)
        starts, ends = self.qa_outputs(out.last_hidden_state).unbind(-1)
        loss = answer_loss(starts, ends, start_positions, end_positions, layout)
        return self._head_output(out, return_dict, start_logits=starts, end_logits=ends, loss=loss)


class XLMForQuestionAnswering(XLMPreTrainedModel, base=XLMModel):
    """Where is the answer, if there is one? Ends are scored for each likely start; see nn/span_search.py."""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLMConfig) -> None:
        super().__init__(config)
        self._add_network()
        self.qa_outputs = SQuADHead(config)
        self.post_init()

    def forward(
        self,
        *inputs: Any,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        is_impossible: Tensor | None = None,
        cls_index: Tensor | None = None,
        p_mask: Tensor | None = None,
        layout: SequenceLayout | None = None,
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
        out = self.transformer(*inputs, layout=layout, return_dict=True, **options)
        hidden = out.last_hidden_state
        scores = self.qa_outputs(
            layout.pad(hidden) if isinstance(layout, Packed) else hidden,  # padding is 0 either way
            start_positions=start_positions,
            end_positions=end_positions,
            cls_index=cls_index,
            is_impossible=is_impossible,
            p_mask=p_mask,
        )
        output = SpanSearchOutput(**scores, hidden_states=out.hidden_states, attentions=out.attentions)
        return self._returned(output, return_dict)
