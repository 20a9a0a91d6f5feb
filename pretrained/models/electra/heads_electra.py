"""What is ELECTRA asked? Which tokens were replaced (the discriminator), what was masked (the generator), BERT's tasks.

Shapes: B batch, S sequence, E embedding, V vocabulary, C classes; packed, (T, …) stands for (B, S, …).
"""

from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from pretrained.heads import ForMaskedLM, ForMultipleChoice, ForSequenceClassification, Head
from pretrained.models.bert.heads_bert import BertForQuestionAnswering, BertForTokenClassification, classifier_dropout
from pretrained.models.electra.config_electra import ElectraConfig
from pretrained.models.electra.modeling_electra import ElectraModel, ElectraPreTrainedModel
from pretrained.models.electra.names_electra import GENERATOR_TENSORFLOW_1
from pretrained.nn.activations import activation
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.outputs import BaseModelOutput
from pretrained.nn.summary import DenseClassifier, SequenceSummary

_TIED = {"generator_lm_head.weight": "electra.embeddings.word_embeddings.weight"}


class ElectraDiscriminatorPredictions(nn.Module):
    """One score for each token: above 0, it was replaced."""

    fused_activation = ("dense", "activation")

    def __init__(self, config: ElectraConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.dense_prediction = nn.Linear(config.hidden_size, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.dense_prediction(self.activation(self.dense(hidden))).squeeze(-1))  # (B, S)


class ElectraGeneratorPredictions(nn.Module):
    """Back to E features, for the word embedding to score."""

    fused_activation = ("dense", "activation")

    def __init__(self, config: ElectraConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.activation = activation("gelu")  # whatever `hidden_act` is
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.LayerNorm(self.activation(self.dense(hidden))))  # (B, S, E)


class ElectraForPreTraining(ElectraPreTrainedModel, Head, base=ElectraModel):
    """The discriminator: which tokens were replaced by a generator?"""

    def _build(self) -> None:
        self._add_network()
        self.discriminator_predictions = ElectraDiscriminatorPredictions(self.config)

    def forward(
        self, *inputs: Any, labels: Tensor | None = None, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """
        Args:
            labels: (B, S) 1 where a token was replaced, 0 elsewhere; places that the mask leaves out do not count.

        Returns:
            HeadOutput: loss, logits (B, S).
        """
        given = self._named(inputs, options)
        attention_mask = given.get("attention_mask")
        out = self.base_model(**given, return_dict=True)
        logits = self.discriminator_predictions(out.last_hidden_state)
        loss = None
        if labels is not None:
            scores = logits
            if attention_mask is not None and attention_mask.shape == labels.shape:
                scores, labels = logits[attention_mask == 1], labels[attention_mask == 1]
            loss = F.binary_cross_entropy_with_logits(scores, labels.to(scores.dtype))
        return self._head_output(out, return_dict, logits=logits, loss=loss)


class ElectraForMaskedLM(ElectraPreTrainedModel, ForMaskedLM, base=ElectraModel):
    """The generator: which token stands behind each [MASK]?"""

    renames = GENERATOR_TENSORFLOW_1
    tied_weights = _TIED
    output_layer = "generator_lm_head"

    def _build(self) -> None:
        self._add_network()
        self.generator_predictions = ElectraGeneratorPredictions(self.config)
        self.generator_lm_head = nn.Linear(self.config.embedding_size, self.config.vocab_size)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.generator_lm_head(self.generator_predictions(hidden)))


class ElectraForSequenceClassification(ElectraPreTrainedModel, ForSequenceClassification, base=ElectraModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def _build(self) -> None:
        self._add_network()
        self.classifier = DenseClassifier(
            self.config.hidden_size, self.config.num_labels, dropout=classifier_dropout(self.config), act="gelu"
        )

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(layout.first_tokens(out.last_hidden_state)))


class ElectraForMultipleChoice(ElectraPreTrainedModel, ForMultipleChoice, base=ElectraModel):
    """Which of C texts fits? Every input is (B, C, S); one score each, of a summary instead of BERT's pooler."""

    def _build(self) -> None:
        self._add_network()
        self.sequence_summary = SequenceSummary(self.config)
        self.classifier = nn.Linear(self.config.hidden_size, 1)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(self.sequence_summary(out.last_hidden_state, layout=layout)))


class ElectraForTokenClassification(ElectraPreTrainedModel, BertForTokenClassification, base=ElectraModel):
    """Which class has each token?"""


class ElectraForQuestionAnswering(ElectraPreTrainedModel, BertForQuestionAnswering, base=ElectraModel):
    """Where in the text does the answer start and end?"""
