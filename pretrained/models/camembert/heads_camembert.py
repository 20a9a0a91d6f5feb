"""What is CamemBERT asked? RoBERTa's tasks; only the configuration's class differs."""

from pretrained.models.camembert.modeling_camembert import CamembertModel, CamembertPreTrainedModel
from pretrained.models.roberta.heads_roberta import (
    RobertaForCausalLM,
    RobertaForMaskedLM,
    RobertaForMultipleChoice,
    RobertaForQuestionAnswering,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
)


class CamembertForMaskedLM(CamembertPreTrainedModel, RobertaForMaskedLM, base=CamembertModel):
    """Which token stands behind each <mask>?"""


class CamembertForCausalLM(CamembertPreTrainedModel, RobertaForCausalLM, base=CamembertModel):
    """Which token comes next? The configuration must say `is_decoder=True`."""


class CamembertForSequenceClassification(
    CamembertPreTrainedModel, RobertaForSequenceClassification, base=CamembertModel
):
    """Which class, or with one label which value, has a text or a pair?"""


class CamembertForMultipleChoice(CamembertPreTrainedModel, RobertaForMultipleChoice, base=CamembertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""


class CamembertForTokenClassification(CamembertPreTrainedModel, RobertaForTokenClassification, base=CamembertModel):
    """Which class has each token?"""


class CamembertForQuestionAnswering(CamembertPreTrainedModel, RobertaForQuestionAnswering, base=CamembertModel):
    """Where in the text does the answer start and end?"""
