"""How does CamemBERT turn tokens into vectors? As RoBERTa does, by the same tensor names: `roberta.…`."""

from pretrained.models.camembert.config_camembert import CamembertConfig
from pretrained.models.roberta.modeling_roberta import RobertaModel, RobertaPreTrainedModel


class CamembertPreTrainedModel(RobertaPreTrainedModel):
    """What CamemBERT's network and all its heads share."""

    config_class = CamembertConfig
    config: CamembertConfig


class CamembertModel(CamembertPreTrainedModel, RobertaModel):
    """The bare network (Martin et al., arXiv 1911.03894): a RoBERTa."""
