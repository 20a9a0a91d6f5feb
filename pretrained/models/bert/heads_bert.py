"""What is BERT asked? One class per task: the bare network of modeling_bert.py below a head, and its loss.

Shapes: B batch, S sequence, H hidden, V vocabulary, C classes; packed, (T, …) stands for (B, S, …).
Every `forward` takes BertModel's inputs, by the same names, besides the labels.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.models.bert.config_bert import BertConfig
from pretrained.models.bert.modeling_bert import BertModel, BertPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.heads import answer_loss, flatten_choices
from pretrained.nn.layout import Padded, SequenceLayout
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.outputs import BaseModelOutput, PreTrainingOutput

_TIED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
NO_POOLER = (r"\w+\.pooler\..*",)


class BertPredictionHeadTransform(nn.Module):
    fused_activation = ("dense", "transform_act_fn")

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.transform_act_fn = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.LayerNorm(self.transform_act_fn(self.dense(hidden))))


class BertLMPredictionHead(nn.Module):
    """Scores the vocabulary for every token, with the word embedding as its matrix."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = BertPredictionHeadTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))  # published under this name and the decoder's

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.decoder(self.transform(hidden)))  # (B, S, V)


class BertOnlyMLMHead(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.predictions = BertLMPredictionHead(config)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.predictions(hidden))


class BertOnlyNSPHead(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.seq_relationship = nn.Linear(config.hidden_size, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        return cast(Tensor, self.seq_relationship(pooled))  # (B, 2)


class BertPreTrainingHeads(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.predictions = BertLMPredictionHead(config)
        self.seq_relationship = nn.Linear(config.hidden_size, 2)

    def forward(self, hidden: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        return self.predictions(hidden), self.seq_relationship(pooled)


class BertHead(BertPreTrainedModel):
    """What all heads share: each says in `_build` what it is made of, and most in `_score` what they compute.

    A family of BERT's kind whose heads differ says these two anew; the rest of a task stays as it is here.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self._build()
        self.post_init()

    def _build(self) -> None:
        """Adds the network and the head's own layers."""
        raise NotImplementedError

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        """The logits, from what the network returned."""
        raise NotImplementedError


class _ScoresVocabulary(BertHead):
    """What the heads with `cls.predictions` share: the ties, and where the scoring layer is."""

    tied_weights = _TIED

    def get_output_embeddings(self) -> nn.Linear:
        return cast(nn.Linear, self.cls.predictions.decoder)  # type: ignore[union-attr]

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.cls.predictions.decoder = value  # type: ignore[union-attr]


class BertForPreTraining(_ScoresVocabulary, base=BertModel):
    """Masked tokens and next sentence, the two tasks that BERT was trained on."""

    def _build(self) -> None:
        self._add_network(pooler=True)
        self.cls = BertPreTrainingHeads(self.config)

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        masked_lm_labels: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) the masked tokens, -100 elsewhere; `masked_lm_labels` is the 2.x name.
            next_sentence_label: (B,) 0 if the second text follows the first, 1 if it is a random one.

        Returns:
            PreTrainingOutput: loss if both labels are given, prediction_logits (B, S, V),
            seq_relationship_logits (B, 2).
        """
        out = self.base_model(*inputs, return_dict=True, **options)
        scores, relationship = self.cls(out.last_hidden_state, out.pooler_output)
        labels = masked_lm_labels if labels is None else labels
        loss = None
        if labels is not None and next_sentence_label is not None:
            loss = token_loss(scores, labels) + sequence_loss(relationship, next_sentence_label)
        output = PreTrainingOutput(
            loss=loss,
            prediction_logits=scores,
            seq_relationship_logits=relationship,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
        return self._returned(output, return_dict)


class _ScoresTokens(_ScoresVocabulary):
    """What the masked and the causal language model share: all but the loss."""

    optional_keys = NO_POOLER

    def _build(self) -> None:
        self._add_network(pooler=False)
        self.cls = BertOnlyMLMHead(self.config)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.cls(out.last_hidden_state))  # (B, S, V)


class BertForMaskedLM(_ScoresTokens, base=BertModel):
    """Which token stands behind each [MASK]?"""

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        masked_lm_labels: Tensor | None = None,
        layout: SequenceLayout | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) the masked tokens, -100 elsewhere; `masked_lm_labels` is the 2.x name.

        Returns:
            HeadOutput: loss, logits (B, S, V).
        """
        out = self.base_model(*inputs, layout=layout, return_dict=True, **options)
        logits = self._score(out, layout or Padded())
        labels = masked_lm_labels if labels is None else labels
        loss = None if labels is None else token_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class BertLMHeadModel(_ScoresTokens, base=BertModel):
    """Which token comes next? BERT as a causal decoder; the configuration must say `is_decoder=True`."""

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
            labels: (B, S) usually `input_ids` themselves, not shifted; -100 where nothing is to be predicted.

        Returns:
            HeadOutput: loss, logits (B, S, V), past_key_values.
        """
        if labels is not None:
            options["use_cache"] = False
        out = self.base_model(*inputs, layout=layout, return_dict=True, **options)
        logits = self._score(out, layout or Padded())
        loss = None if labels is None else token_loss(logits, (layout or Padded()).next_tokens(labels))
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class BertForNextSentencePrediction(BertHead, base=BertModel):
    """Does the second text of a pair follow the first? Class 0: yes."""

    def _build(self) -> None:
        self._add_network(pooler=True)
        self.cls = BertOnlyNSPHead(self.config)

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B,) 0 or 1; `next_sentence_label` is the 2.x name.

        Returns:
            HeadOutput: loss, logits (B, 2).
        """
        out = self.base_model(*inputs, return_dict=True, **options)
        logits = self.cls(out.pooler_output)
        labels = next_sentence_label if labels is None else labels
        return self._head_output(
            out, return_dict, logits=logits, loss=None if labels is None else sequence_loss(logits, labels)
        )


class BertForSequenceClassification(BertHead, base=BertModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def _build(self) -> None:
        self.num_labels = self.config.num_labels
        self._add_network(pooler=True)
        self.dropout = nn.Dropout(classifier_dropout(self.config))
        self.classifier: nn.Module = nn.Linear(self.config.hidden_size, self.config.num_labels)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(out.pooler_output)))  # (B, C)

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
        out = self.base_model(*inputs, layout=layout, return_dict=True, **options)
        logits = self._score(out, layout or Padded())
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class BertForMultipleChoice(BertHead, base=BertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    def _build(self) -> None:
        self._add_network(pooler=True)
        self.dropout = nn.Dropout(classifier_dropout(self.config))
        self.classifier = nn.Linear(self.config.hidden_size, 1)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(out.pooler_output)))  # (B·C, 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
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
        num_choices, rows = flatten_choices(
            num_choices,
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        out = self.base_model(**rows, head_mask=head_mask, layout=layout, return_dict=True, **options)
        logits = self._score(out, layout or Padded()).view(-1, num_choices)
        loss = None if labels is None else sequence_loss(logits, labels, "single_label_classification")
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class BertForTokenClassification(BertHead, base=BertModel):
    """Which class has each token?"""

    optional_keys = NO_POOLER

    def _build(self) -> None:
        self.num_labels = self.config.num_labels
        self._add_network(pooler=False)
        self.dropout = nn.Dropout(classifier_dropout(self.config))
        self.classifier = nn.Linear(self.config.hidden_size, self.config.num_labels)

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
        out = self.base_model(input_ids, attention_mask, *inputs, return_dict=True, **options)
        logits = self.classifier(self.dropout(out.last_hidden_state))
        loss = None if labels is None else token_loss(logits, labels, attention_mask)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class BertForQuestionAnswering(BertHead, base=BertModel):
    """Where in the text does the answer start and end?"""

    optional_keys = NO_POOLER

    def _build(self) -> None:
        self.num_labels = 2
        self._add_network(pooler=False)
        self.qa_outputs = nn.Linear(self.config.hidden_size, 2)

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
        out = self.base_model(*inputs, layout=layout, return_dict=True, **options)
        starts, ends = self.qa_outputs(out.last_hidden_state).unbind(-1)
        loss = answer_loss(starts, ends, start_positions, end_positions, layout)
        return self._head_output(out, return_dict, start_logits=starts, end_logits=ends, loss=loss)


def classifier_dropout(config: BertConfig) -> float:
    """The dropout rate of the heads that classify."""
    rate = config.classifier_dropout
    return config.hidden_dropout_prob if rate is None else rate
