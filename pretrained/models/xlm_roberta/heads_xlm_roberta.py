"""What is XLM-RoBERTa asked? RoBERTa's tasks; only the configuration's class differs."""

from pretrained.models.roberta.heads_roberta import (
    RobertaForCausalLM,
    RobertaForMaskedLM,
    RobertaForMultipleChoice,
    RobertaForQuestionAnswering,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
)
from pretrained.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaModel, XLMRobertaPreTrainedModel


class XLMRobertaForMaskedLM(XLMRobertaPreTrainedModel, RobertaForMaskedLM, base=XLMRobertaModel):
    """Which token stands behind each <mask>?"""


class XLMRobertaForCausalLM(XLMRobertaPreTrainedModel, RobertaForCausalLM, base=XLMRobertaModel):
    """Which token comes next? The configuration must say `is_decoder=True`."""


class XLMRobertaForSequenceClassification(
    XLMRobertaPreTrainedModel, RobertaForSequenceClassification, base=XLMRobertaModel
):
    """Which class, or with one label which value, has a text or a pair?"""


class XLMRobertaForMultipleChoice(XLMRobertaPreTrainedModel, RobertaForMultipleChoice, base=XLMRobertaModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""


class XLMRobertaForTokenClassification(XLMRobertaPreTrainedModel, RobertaForTokenClassification, base=XLMRobertaModel):
    """Which class has each token?"""


class XLMRobertaForQuestionAnswering(XLMRobertaPreTrainedModel, RobertaForQuestionAnswering, base=XLMRobertaModel):
    """Where in the text does the answer start and end?"""
