"""What is XLNet asked? The layers of each task above the bare network; what a task does stands in pretrained/heads.py.

Every head returns `mems` besides, see `XLNetHeadOutput`.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.heads import (
    ForLanguageModeling,
    ForMultipleChoice,
    ForQuestionAnswering,
    ForSequenceClassification,
    ForSpanSearch,
    ForTokenClassification,
)
from pretrained.models.xlnet.modeling_xlnet import XLNetModel, XLNetPreTrainedModel
from pretrained.nn.layout import SequenceLayout
from pretrained.nn.outputs import BaseModelOutput
from pretrained.nn.span_search import PoolerAnswerClass, PoolerEndLogits, PoolerStartLogits, answer_spans
from pretrained.nn.summary import SequenceSummary

_TIED = {"lm_loss.weight": "transformer.word_embedding.weight"}
_NO_LM_HEAD = (r"lm_loss\..*",)  # a published XLNet brings it; below a task head nobody misses it


class XLNetLMHeadModel(XLNetPreTrainedModel, ForLanguageModeling, base=XLNetModel):
    """Which token stands at each target? With `target_mapping` and `perm_mask`, XLNet's own training task."""

    tied_weights = _TIED
    output_layer = "lm_loss"

    def _build(self) -> None:
        self._add_network()
        self.lm_loss = nn.Linear(self.config.d_model, self.config.vocab_size)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.lm_loss(hidden))

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past: Any = None,
        *,
        attention_mask: Tensor | None = None,
        use_cache: bool = True,
        **options: Any,
    ) -> dict[str, Any]:
        """A dummy stands where the next token will: it is the one target, it sees all others, and none sees it.

        The memories lack the last token, which was not known when they were made, and the one before it, which is
        computed again as published.
        """
        if past is not None:
            input_ids, past = input_ids[:, -2:], tuple(memory[:-2] for memory in past)
            if attention_mask is not None:  # of what is remembered, and of these two
                attention_mask = attention_mask[:, -len(past[0]) - 2 :]
        dummy = input_ids.new_zeros(len(input_ids), 1)
        input_ids = torch.cat([input_ids, dummy], 1)
        rows, length = input_ids.shape
        nobody = torch.zeros(rows, length, length, device=input_ids.device)
        nobody[..., -1] = 1.0
        target = torch.zeros(rows, 1, length, device=input_ids.device)
        target[..., -1] = 1.0
        if attention_mask is not None:
            attention_mask = torch.cat([attention_mask, attention_mask.new_ones(rows, 1)], 1)
        return options | {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "perm_mask": nobody,
            "target_mapping": target,
            "mems": past,
            "use_mems": use_cache,
        }

    def _reorder_cache(self, past: Any, beam_idx: Tensor) -> Any:
        return tuple(memory.index_select(1, beam_idx) for memory in past)


class _ScoresSummary(XLNetPreTrainedModel):
    """What the heads that read a whole sequence share."""

    optional_keys = _NO_LM_HEAD

    def _add_classifier(self, labels: int) -> None:
        self.sequence_summary = SequenceSummary(self.config)
        self.logits_proj = nn.Linear(self.config.d_model, labels)

    def _score(self, out: BaseModelOutput, layout: SequenceLayout) -> Tensor:
        return cast(Tensor, self.logits_proj(self.sequence_summary(out.last_hidden_state)))


class XLNetForSequenceClassification(_ScoresSummary, ForSequenceClassification, base=XLNetModel):
    """Which class, or with one label which value, has a text or a pair?"""

    def _build(self) -> None:
        self._add_network()
        self._add_classifier(self.config.num_labels)


class XLNetForMultipleChoice(_ScoresSummary, ForMultipleChoice, base=XLNetModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""

    per_token = (*ForMultipleChoice.per_token, "input_mask")

    def _build(self) -> None:
        self._add_network()
        self._add_classifier(1)

    def forward(self, *inputs: Any, labels: Tensor | None = None, **options: Any) -> Any:
        """
        Args:
            labels: (B,) the number of the right choice. How many there are is always seen: no batch is packed.

        Returns:
            XLNetHeadOutput: loss, logits (B, C), mems.
        """
        return super().forward(*inputs, labels=labels, num_choices=None, **options)


class XLNetForTokenClassification(XLNetPreTrainedModel, ForTokenClassification, base=XLNetModel):
    """Which class has each token?"""

    optional_keys = _NO_LM_HEAD

    def _build(self) -> None:
        self._add_network()
        self.classifier = nn.Linear(self.config.d_model, self.config.num_labels)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(hidden))


class XLNetForQuestionAnsweringSimple(XLNetPreTrainedModel, ForQuestionAnswering, base=XLNetModel):
    """Where in the text does the answer start and end? Each scored by itself, as BERT does."""

    optional_keys = _NO_LM_HEAD

    def _build(self) -> None:
        self._add_network()
        self.qa_outputs = nn.Linear(self.config.d_model, 2)

    def _score(self, hidden: Tensor) -> Tensor:
        return cast(Tensor, self.qa_outputs(hidden))


class XLNetForQuestionAnswering(XLNetPreTrainedModel, ForSpanSearch, base=XLNetModel):
    """Where is the answer, if there is one? Ends are scored for each likely start; see nn/span_search.py."""

    optional_keys = _NO_LM_HEAD
    tensorflow = None

    def _build(self) -> None:
        self.start_n_top = self.config.start_n_top
        self.end_n_top = self.config.end_n_top
        self._add_network()
        self.start_logits = PoolerStartLogits(self.config)
        self.end_logits = PoolerEndLogits(self.config)
        self.answer_class = PoolerAnswerClass(self.config)

    def _search(self, hidden: Tensor, **answers: Tensor | None) -> dict[str, Tensor]:
        return answer_spans(self, hidden, **answers)
