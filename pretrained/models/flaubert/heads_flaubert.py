"""What is FlauBERT asked? XLM's tasks, over FlauBERT's network."""

from pretrained.models.flaubert.modeling_flaubert import FlaubertModel, FlaubertPreTrainedModel
from pretrained.models.xlm.heads_xlm import (
    XLMForMultipleChoice,
    XLMForQuestionAnswering,
    XLMForQuestionAnsweringSimple,
    XLMForSequenceClassification,
    XLMForTokenClassification,
    XLMWithLMHeadModel,
)


class FlaubertWithLMHeadModel(FlaubertPreTrainedModel, XLMWithLMHeadModel, base=FlaubertModel):
    """Which token stands behind each mask?"""


class FlaubertForSequenceClassification(FlaubertPreTrainedModel, XLMForSequenceClassification, base=FlaubertModel):
    """Which class, or with one label which value, has a text or a pair?"""


class FlaubertForMultipleChoice(FlaubertPreTrainedModel, XLMForMultipleChoice, base=FlaubertModel):
    """Which of C texts fits? Every input is (B, C, S); one score each."""


class FlaubertForTokenClassification(FlaubertPreTrainedModel, XLMForTokenClassification, base=FlaubertModel):
    """Which class has each token?"""


class FlaubertForQuestionAnsweringSimple(FlaubertPreTrainedModel, XLMForQuestionAnsweringSimple, base=FlaubertModel):
    """Where in the text does the answer start and end? Each scored by itself, as BERT does."""


class FlaubertForQuestionAnswering(FlaubertPreTrainedModel, XLMForQuestionAnswering, base=FlaubertModel):
    """Where is the answer, if there is one? Ends are scored for each likely start."""
