"""What is ALBERT asked? The layers of each task above the bare network; what a task does stands in pretrained/heads.py.

Shapes: B batch, S sequence, E embedding, H hidden, V vocabulary; packed, (T, …) stands for (B, S, …).
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.heads import (
    ForMaskedLM,
    ForMultipleChoice,
    ForQuestionAnswering,
    ForSequenceClassification,
    ForTokenClassification,
    Head,
)
from pretrained.models.albert.config_albert import AlbertConfig
from pretrained.models.albert.modeling_albert import AlbertModel, AlbertPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.losses import sequence_loss, token_loss
from pretrained.nn.outputs import BaseModelOutput, ModelOutput

_TIED = {
    "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
    "predictions.decoder.bias": "predictions.bias",
}
_OUTPUT_LAYER = "predictions.decoder"
_NO_POOLER = (r"albert\.pooler\..*",)


class AlbertForPreTrainingOutput(ModelOutput):
    """ALBERT's two pre-training heads."""

    loss: Tensor | None  # ()
    prediction_logits: Tensor  # (B, S, V)
    sop_logits: Tensor  # (B, 2); 0: the two texts are in order
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class AlbertMLMHead(nn.Module):
    """Scores the vocabulary for every token: back to E features, then the word embedding as the matrix."""

    fused_activation = ("dense", "activation")

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.activation = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.embedding_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))  # published under this name and the decoder's

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.decoder(self.LayerNorm(self.activation(self.dense(hidden)))))  # (B, S, V)


class AlbertSOPHead(nn.Module):
    """Are the two texts in order? Class 0: yes."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dropout = Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(pooled)))  # (B, 2)


class AlbertForPreTraining(AlbertPreTrainedModel, Head, base=AlbertModel):
    """Masked tokens and sentence order, the two tasks that ALBERT was trained on."""

    tied_weights = _TIED
    output_layer = _OUTPUT_LAYER

    def _build(self) -> None:
        self._add_network()
        self.predictions = AlbertMLMHead(self.config)
        self.sop_classifier = AlbertSOPHead(self.config)

    def forward(
        self,
        *inputs: Any,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> Any:
        """
        Args:
            labels: (B, S) the masked tokens, -100 elsewhere.
            sentence_order_label: (B,) 0 if the texts are in order, 1 if they were swapped.

        Returns:
            AlbertForPreTrainingOutput: loss if both labels are given, prediction_logits (B, S, V), sop_logits (B, 2).
        """
        out = self.base_model(*inputs, return_dict=True, **options)
        scores = self.predictions(out.last_hidden_state)
        order = self.sop_classifier(out.pooler_output)
        loss = None
        if labels is not None and sentence_order_label is not None:
            loss = token_loss(scores, labels) + sequence_loss(order, sentence_order_label)
        output = AlbertForPreTrainingOutput(
            loss=loss,
            prediction_logits=scores,
            sop_logits=order,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )
        return self._returned(output, return_dict)


class AlbertForMaskedLM(AlbertPreTrainedModel, ForMaskedLM, base=AlbertModel):
    """Which token stands behind each [MASK]?"""

    tied_weights = _TIED
    output_layer = _OUTPUT_LAYER
    optional_keys = _NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.predictions = AlbertMLMHead(self.config)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.predictions(hidden))


class AlbertForSequenceClassification(AlbertPreTrainedModel, ForSequenceClassification, base=AlbertModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def _build(self) -> None:
        self._add_network()
        self.dropout = Dropout(self.config.classifier_dropout_prob)
        self.classifier = nn.Linear(self.config.hidden_size, self.config.num_labels)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(out.pooler_output)))


class AlbertForMultipleChoice(AlbertPreTrainedModel, ForMultipleChoice, base=AlbertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    def _build(self) -> None:
        self._add_network()
        self.dropout = Dropout(self.config.classifier_dropout_prob)
        self.classifier = nn.Linear(self.config.hidden_size, 1)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(out.pooler_output)))


class AlbertForTokenClassification(AlbertPreTrainedModel, ForTokenClassification, base=AlbertModel):
    """Which class has each token?"""

    optional_keys = _NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.dropout = Dropout(self.config.classifier_dropout_prob)
        self.classifier = nn.Linear(self.config.hidden_size, self.config.num_labels)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(hidden)))


class AlbertForQuestionAnswering(AlbertPreTrainedModel, ForQuestionAnswering, base=AlbertModel):
    """Where in the text does the answer start and end?"""

    optional_keys = _NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.qa_outputs = nn.Linear(self.config.hidden_size, 2)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.qa_outputs(hidden))
