"""What is XLM asked? The layers of each task above the bare network; what a task does stands in pretrained/heads.py."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.errors import ConfigurationError
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
from pretrained.nn.dropout import Dropout
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

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past: Any = None,
        *,
        attention_mask: Tensor | None = None,
        langs: Tensor | None = None,
        use_cache: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """A mask stands where the next token will. XLM keeps no memory: each step reads the whole text."""
        config, rows = self.config, len(input_ids)
        if config.mask_token_id is None:
            raise ConfigurationError("XLM writes at a mask, and config.mask_token_id is not set")
        input_ids = torch.cat([input_ids, input_ids.new_full((rows, 1), config.mask_token_id)], 1)
        if attention_mask is not None:
            attention_mask = torch.cat([attention_mask, attention_mask.new_ones(rows, 1)], 1)
            options["position_ids"] = (attention_mask.cumsum(-1) - 1).clamp_(min=0)
        else:
            attention_mask = torch.ones_like(input_ids)
        if langs is not None:
            langs = torch.cat([langs, langs[:, -1:].expand(-1, input_ids.shape[1] - langs.shape[1])], 1)
        elif config.lang_id is not None:
            langs = torch.full_like(input_ids, config.lang_id)
        return options | {"input_ids": input_ids, "attention_mask": attention_mask, "langs": langs}


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
        self.dropout = Dropout(self.config.dropout)
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
    tensorflow = None

    def _build(self) -> None:
        self._add_network()
        self.qa_outputs = SQuADHead(self.config)

    def _search(self, hidden: Tensor, **answers: Tensor | None) -> dict[str, Tensor]:
        return cast(dict[str, Tensor], self.qa_outputs(hidden, **answers))
