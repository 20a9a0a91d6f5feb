"""What is BERT asked? The layers of each task above the bare network; what a task does stands in pretrained/heads.py.

Shapes: B batch, S sequence, H hidden, V vocabulary; packed, (T, …) stands for (B, S, …).
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.heads import (
    ForCausalLM,
    ForMaskedLM,
    ForMultipleChoice,
    ForQuestionAnswering,
    ForSequenceClassification,
    ForTokenClassification,
    Head,
)
from pretrained.models.bert.config_bert import BertConfig
from pretrained.models.bert.modeling_bert import BertModel, BertPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.outputs import BaseModelOutput, PreTrainingOutput

_TIED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
_OUTPUT_LAYER = "cls.predictions.decoder"
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


class BertForPreTraining(BertPreTrainedModel, Head, base=BertModel):
    """Masked tokens and next sentence, the two tasks that BERT was trained on."""

    tied_weights = _TIED
    output_layer = _OUTPUT_LAYER

    def _build(self) -> None:
        self._add_network()
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


class _ScoresTokens(BertPreTrainedModel):
    """What the masked and the causal language model share."""

    tied_weights = _TIED
    output_layer = _OUTPUT_LAYER
    optional_keys = NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(self.config)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.cls(hidden))


class BertForMaskedLM(_ScoresTokens, ForMaskedLM, base=BertModel):
    """Which token stands behind each [MASK]?"""


class BertLMHeadModel(_ScoresTokens, ForCausalLM, base=BertModel):
    """Which token comes next? BERT as a causal decoder; the configuration must say `is_decoder=True`."""

    def forward(self, *inputs: Any, labels: Tensor | None = None, **options: Any) -> Any:
        """
        Args:
            labels: (B, S) usually `input_ids` themselves, not shifted; -100 where nothing is to be predicted.

        Returns:
            HeadOutput: loss, logits (B, S, V), past_key_values unless there are labels.
        """
        if labels is not None:
            options["use_cache"] = False
        return super().forward(*inputs, labels=labels, logits_to_keep=0, **options)


class BertForNextSentencePrediction(BertPreTrainedModel, Head, base=BertModel):
    """Does the second text of a pair follow the first? Class 0: yes."""

    def _build(self) -> None:
        self._add_network()
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
        loss = None if labels is None else sequence_loss(logits, labels)
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class BertForSequenceClassification(BertPreTrainedModel, ForSequenceClassification, base=BertModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def _build(self) -> None:
        self._add_network()
        self.dropout = Dropout(classifier_dropout(self.config))
        self.classifier = nn.Linear(self.config.hidden_size, self.config.num_labels)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(out.pooler_output)))


class BertForMultipleChoice(BertPreTrainedModel, ForMultipleChoice, base=BertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    def _build(self) -> None:
        self._add_network()
        self.dropout = Dropout(classifier_dropout(self.config))
        self.classifier = nn.Linear(self.config.hidden_size, 1)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(out.pooler_output)))


class BertForTokenClassification(BertPreTrainedModel, ForTokenClassification, base=BertModel):
    """Which class has each token?"""

    optional_keys = NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.dropout = Dropout(classifier_dropout(self.config))
        self.classifier = nn.Linear(self.config.hidden_size, self.config.num_labels)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(hidden)))


class BertForQuestionAnswering(BertPreTrainedModel, ForQuestionAnswering, base=BertModel):
    """Where in the text does the answer start and end?"""

    optional_keys = NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.qa_outputs = nn.Linear(self.config.hidden_size, 2)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.qa_outputs(hidden))


def classifier_dropout(config: BertConfig) -> float:
    """The dropout rate of the heads that classify."""
    rate = config.classifier_dropout
    return config.hidden_dropout_prob if rate is None else rate
