"""What is DistilBERT asked? The layers of each task above the bare network; what a task does: pretrained/heads.py."""

from typing import cast

from torch import Tensor, nn

from pretrained.heads import (
    ForMaskedLM,
    ForMultipleChoice,
    ForQuestionAnswering,
    ForSequenceClassification,
    ForTokenClassification,
)
from pretrained.models.distilbert.modeling_distilbert import NORM_EPS, DistilBertModel, DistilBertPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.dropout import Dropout
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.outputs import BaseModelOutput

_TIED = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}


class DistilBertForMaskedLM(DistilBertPreTrainedModel, ForMaskedLM, base=DistilBertModel):
    """Which token stands behind each [MASK]?"""

    tied_weights = _TIED
    output_layer = "vocab_projector"
    fused_activation = ("vocab_transform", "activation")

    def _build(self) -> None:
        config = self.config
        self._add_network()
        self.vocab_transform = nn.Linear(config.dim, config.dim)
        self.activation = activation(config.activation)
        self.vocab_layer_norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.vocab_projector = nn.Linear(config.dim, config.vocab_size)

    def _score(self, hidden: Tensor) -> Tensor:
        hidden = self.vocab_layer_norm(self.activation(self.vocab_transform(hidden)))
        return cast(Tensor, self.vocab_projector(hidden))


class _ClassifiesFirstToken(DistilBertPreTrainedModel):
    """What the heads that read a whole sequence share: dense, ReLU and classifier over the first token."""

    fused_activation = ("pre_classifier", "activation")

    def _add_classifier(self, labels: int) -> None:
        self.pre_classifier = nn.Linear(self.config.dim, self.config.dim)
        self.activation = activation("relu")
        self.dropout = Dropout(self.config.seq_classif_dropout)
        self.classifier = nn.Linear(self.config.dim, labels)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        first = layout.first_tokens(out.last_hidden_state)
        return cast(Tensor, self.classifier(self.dropout(self.activation(self.pre_classifier(first)))))


class DistilBertForSequenceClassification(_ClassifiesFirstToken, ForSequenceClassification, base=DistilBertModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def _build(self) -> None:
        self._add_network()
        self._add_classifier(self.config.num_labels)


class DistilBertForMultipleChoice(_ClassifiesFirstToken, ForMultipleChoice, base=DistilBertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    def _build(self) -> None:
        self._add_network()
        self._add_classifier(1)


class DistilBertForTokenClassification(DistilBertPreTrainedModel, ForTokenClassification, base=DistilBertModel):
    """Which class has each token?"""

    def _build(self) -> None:
        self._add_network()
        self.dropout = Dropout(self.config.dropout)
        self.classifier = nn.Linear(self.config.dim, self.config.num_labels)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(hidden)))


class DistilBertForQuestionAnswering(DistilBertPreTrainedModel, ForQuestionAnswering, base=DistilBertModel):
    """Where in the text does the answer start and end?"""

    def _build(self) -> None:
        self._add_network()
        self.dropout = Dropout(self.config.qa_dropout)
        self.qa_outputs = nn.Linear(self.config.dim, 2)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.qa_outputs(self.dropout(hidden)))
