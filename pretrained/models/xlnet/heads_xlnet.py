"""What is XLNet asked? One class per task: the bare network of modeling_xlnet.py below a head, and its loss.

Shapes: B batch, S sequence, T targets, H hidden, V vocabulary, C classes.
Every `forward` takes XLNetModel's inputs, by the same names, besides the labels.
"""

from typing import Any

from torch import Tensor, nn

from pretrained.models.xlnet.config_xlnet import XLNetConfig
from pretrained.models.xlnet.modeling_xlnet import XLNetModel, XLNetPreTrainedModel
from pretrained.nn.heads import answer_loss, flatten_choices
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.span_search import (
    PoolerAnswerClass,
    PoolerEndLogits,
    PoolerStartLogits,
    SpanSearchOutput,
    answer_spans,
)
from pretrained.nn.summary import SequenceSummary

_TIED = {"lm_loss.weight": "transformer.word_embedding.weight"}
_NO_LM_HEAD = (r"lm_loss\..*",)  # a published XLNet brings it; below a task head nobody misses it


class XLNetLMHeadModel(XLNetPreTrainedModel, base=XLNetModel):
    """Which token stands at each target? With `target_mapping` and `perm_mask`, XLNet's own training task."""

    tied_weights = _TIED

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.transformer = XLNetModel(config)
        self.lm_loss = nn.Linear(config.d_model, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        return self.lm_loss

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.lm_loss = value

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S), with targets (B, T), not shifted: the token at each place; -100 does not count.

        Returns:
            XLNetHeadOutput: loss, logits (B, S or T, V), mems.
        """
        out = self.transformer(*inputs, return_dict=True, **options)
        logits = self.lm_loss(out.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLNetForSequenceClassification(XLNetPreTrainedModel, base=XLNetModel):
    """Which class, or with one label which value, has a text or a pair?"""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.transformer = XLNetModel(config)
        self.sequence_summary = SequenceSummary(config)
        self.logits_proj = nn.Linear(config.d_model, config.num_labels)
        self.post_init()

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B,) class numbers, values if there is one label, or (B, C) floats for several labels a text.

        Returns:
            XLNetHeadOutput: loss, logits (B, C), mems.
        """
        out = self.transformer(*inputs, return_dict=True, **options)
        logits = self.logits_proj(self.sequence_summary(out.last_hidden_state))
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLNetForMultipleChoice(XLNetPreTrainedModel, base=XLNetModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.transformer = XLNetModel(config)
        self.sequence_summary = SequenceSummary(config)
        self.logits_proj = nn.Linear(config.d_model, 1)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        input_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B,) the number of the right choice.

        Returns:
            XLNetHeadOutput: loss, logits (B, C), mems.
        """
        choices, inputs = flatten_choices(
            None,
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            input_mask=input_mask,
            inputs_embeds=inputs_embeds,
        )
        out = self.transformer(**inputs, return_dict=True, **options)
        logits = self.logits_proj(self.sequence_summary(out.last_hidden_state)).view(-1, choices)
        loss = None if labels is None else sequence_loss(logits, labels, "single_label_classification")
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLNetForTokenClassification(XLNetPreTrainedModel, base=XLNetModel):
    """Which class has each token?"""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.transformer = XLNetModel(config)
        self.classifier = nn.Linear(config.d_model, config.num_labels)
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
            XLNetHeadOutput: loss, logits (B, S, C), mems.
        """
        out = self.transformer(input_ids, attention_mask, *inputs, return_dict=True, **options)
        logits = self.classifier(out.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels, attention_mask)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class XLNetForQuestionAnsweringSimple(XLNetPreTrainedModel, base=XLNetModel):
    """Where in the text does the answer start and end? Each scored by itself, as BERT does."""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.num_labels = 2
        self.transformer = XLNetModel(config)
        self.qa_outputs = nn.Linear(config.d_model, 2)
        self.post_init()

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
            XLNetHeadOutput: loss, start_logits (B, S), end_logits (B, S), mems.
        """
        out = self.transformer(*inputs, return_dict=True, **options)
        starts, ends = self.qa_outputs(out.last_hidden_state).unbind(-1)
        loss = answer_loss(starts, ends, start_positions, end_positions, None)
        return self._head_output(out, return_dict, start_logits=starts, end_logits=ends, loss=loss)


class XLNetForQuestionAnswering(XLNetPreTrainedModel, base=XLNetModel):
    """Where is the answer, if there is one? Ends are scored for each likely start; see nn/span_search.py."""

    optional_keys = _NO_LM_HEAD

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__(config)
        self.start_n_top = config.start_n_top
        self.end_n_top = config.end_n_top
        self.transformer = XLNetModel(config)
        self.start_logits = PoolerStartLogits(config)
        self.end_logits = PoolerEndLogits(config)
        self.answer_class = PoolerAnswerClass(config)
        self.post_init()

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
            p_mask: (B, S) 1 where no answer can be: question, special tokens, padding.

        Returns:
            SpanSearchOutput: the loss if both positions are given, else the best spans.
        """
        out = self.transformer(*inputs, return_dict=True, **options)
        scores = answer_spans(
            self,
            out.last_hidden_state,
            start_positions=start_positions,
            end_positions=end_positions,
            cls_index=cls_index,
            is_impossible=is_impossible,
            p_mask=p_mask,
        )
        output = SpanSearchOutput(**scores, mems=out.mems, hidden_states=out.hidden_states, attentions=out.attentions)
        return self._returned(output, return_dict)
