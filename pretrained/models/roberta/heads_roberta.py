"""What is RoBERTa asked? BERT's tasks, without the pairs of its pre-training and with two heads of its own.

Shapes: B batch, S sequence, H hidden, V vocabulary, C classes; packed, (T, …) stands for (B, S, …).
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.heads import ForMaskedLM, ForSequenceClassification
from pretrained.models.bert.heads_bert import (
    NO_POOLER,
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertLMHeadModel,
    classifier_dropout,
)
from pretrained.models.roberta.config_roberta import RobertaConfig
from pretrained.models.roberta.modeling_roberta import RobertaModel, RobertaPreTrainedModel
from pretrained.nn.activations import activation
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.outputs import BaseModelOutput
from pretrained.nn.summary import DenseClassifier

_TIED = {
    "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
    "lm_head.decoder.bias": "lm_head.bias",
}


class RobertaLMHead(nn.Module):
    """Scores the vocabulary for every token, with the word embedding as its matrix."""

    fused_activation = ("dense", "activation")

    def __init__(self, config: RobertaConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation("gelu")  # whatever `hidden_act` is
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))  # published under this name and the decoder's

    def forward(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.decoder(self.layer_norm(self.activation(self.dense(hidden)))))  # (B, S, V)


class _ScoresTokens(RobertaPreTrainedModel):
    """What the masked and the causal language model have instead of BERT's layers."""

    tied_weights = _TIED
    output_layer = "lm_head.decoder"
    optional_keys = NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.lm_head = RobertaLMHead(self.config)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.lm_head(hidden))


class RobertaForMaskedLM(_ScoresTokens, ForMaskedLM, base=RobertaModel):
    """Which token stands behind each <mask>?"""


class RobertaForCausalLM(_ScoresTokens, BertLMHeadModel, base=RobertaModel):
    """Which token comes next? RoBERTa as a causal decoder; the configuration must say `is_decoder=True`."""

    def prepare_inputs_for_generation(self, input_ids: Tensor, past: Any = None, **options: Any) -> dict[str, Any]:
        """Positions count from after the padding's own."""
        inputs = super().prepare_inputs_for_generation(input_ids, past, **options)
        if "position_ids" in inputs:
            inputs["position_ids"] = inputs["position_ids"] + (self.config.pad_token_id or 0) + 1
        return inputs


class RobertaForSequenceClassification(RobertaPreTrainedModel, ForSequenceClassification, base=RobertaModel):
    """Which class, or with one label which value, has a text or a pair? Unlike BERT's, it has no pooler below."""

    optional_keys = NO_POOLER

    def _build(self) -> None:
        self._add_network(add_pooling_layer=False)
        self.classifier = DenseClassifier(
            self.config.hidden_size, self.config.num_labels, dropout=classifier_dropout(self.config), act="tanh"
        )

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.classifier(layout.first_tokens(out.last_hidden_state)))


class RobertaForMultipleChoice(RobertaPreTrainedModel, BertForMultipleChoice, base=RobertaModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""


class RobertaForTokenClassification(RobertaPreTrainedModel, BertForTokenClassification, base=RobertaModel):
    """Which class has each token?"""


class RobertaForQuestionAnswering(RobertaPreTrainedModel, BertForQuestionAnswering, base=RobertaModel):
    """Where in the text does the answer start and end?"""
