"""What is XLM asked? The layers of each task above the bare network; what a task does stands in pretrained/heads.py."""

from typing import cast

from torch import Tensor, nn

from pretrained.heads import (
    ForLanguageModeling,
    ForMultipleChoice,
    ForQuestionAnswering,
    ForSequenceClassification,
    ForSpanSearch,
    ForTokenClassification,
)
from pretrained.models.xlm.config_xlm import XLMConfig
from pretrained.models.xlm.modeling_xlm import XLMModel, XLMPreTrainedModel
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.outputs import BaseModelOutput
from pretrained.nn.span_search import SQuADHead
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


class XLMWithLMHeadModel(XLMPreTrainedModel, ForLanguageModeling, base=XLMModel):
    """Which token stands behind each mask or, in a causal network, comes next?"""

    tied_weights = _TIED
    output_layer = "pred_layer.proj"

    def _build(self) -> None:
        self._add_network()
        self.pred_layer = XLMPredLayer(self.config)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.pred_layer(hidden))


class XLMForSequenceClassification(XLMPreTrainedModel, ForSequenceClassification, base=XLMModel):
    """Which class, or with one label which value, has a text or a pair?"""

    optional_keys = _NO_LM_HEAD

    def _build(self) -> None:
        self._add_network()
        self.sequence_summary = SequenceSummary(self.config)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.sequence_summary(out.last_hidden_state, layout=layout))


class XLMForMultipleChoice(XLMPreTrainedModel, ForMultipleChoice, base=XLMModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    optional_keys = _NO_LM_HEAD
    per_token = (*ForMultipleChoice.per_token, "langs")

    def _build(self) -> None:
        self._add_network()
        self.sequence_summary = SequenceSummary(self.config)
        self.logits_proj = nn.Linear(self.config.num_labels, 1)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.logits_proj(self.sequence_summary(out.last_hidden_state, layout=layout)))


class XLMForTokenClassification(XLMPreTrainedModel, ForTokenClassification, base=XLMModel):
    """Which class has each token?"""

    optional_keys = _NO_LM_HEAD

    def _build(self) -> None:
        self._add_network()
        self.dropout = nn.Dropout(self.config.dropout)
        self.classifier = nn.Linear(self.config.emb_dim, self.config.num_labels)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.dropout(hidden)))


class XLMForQuestionAnsweringSimple(XLMPreTrainedModel, ForQuestionAnswering, base=XLMModel):
    """Where in the text does the answer start and end? Each scored by itself, as BERT does."""

    optional_keys = _NO_LM_HEAD

    def _build(self) -> None:
        self._add_network()
        self.qa_outputs = nn.Linear(self.config.emb_dim, 2)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.qa_outputs(hidden))


class XLMForQuestionAnswering(XLMPreTrainedModel, ForSpanSearch, base=XLMModel):
    """Where is the answer, if there is one? Ends are scored for each likely start; see nn/span_search.py."""

    optional_keys = _NO_LM_HEAD

    def _build(self) -> None:
        self._add_network()
        self.qa_outputs = SQuADHead(self.config)

    def _search(self, hidden: Tensor, **answers: Tensor | None) -> dict[str, Tensor]:
        return cast(dict[str, Tensor], self.qa_outputs(hidden, **answers))
