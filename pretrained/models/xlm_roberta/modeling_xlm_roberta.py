"""How does XLM-RoBERTa turn tokens into vectors? As RoBERTa does, by the same tensor names: `roberta.…`."""

from pretrained.models.roberta.modeling_roberta import RobertaModel, RobertaPreTrainedModel
from pretrained.models.xlm_roberta.config_xlm_roberta import XLMRobertaConfig


class XLMRobertaPreTrainedModel(RobertaPreTrainedModel):
    """What XLM-RoBERTa's network and all its heads share."""

    config_class = XLMRobertaConfig
    flax_classes = frozenset(
        {
            "XLMRobertaModel",
            "XLMRobertaForMaskedLM",
            "XLMRobertaForSequenceClassification",
            "XLMRobertaForMultipleChoice",
            "XLMRobertaForTokenClassification",
            "XLMRobertaForQuestionAnswering",
            "XLMRobertaForCausalLM",
        }
    )
    config: XLMRobertaConfig


class XLMRobertaModel(XLMRobertaPreTrainedModel, RobertaModel):
    """The bare network (Conneau et al., arXiv 1911.02116): a RoBERTa."""
