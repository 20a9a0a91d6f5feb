"""What shape is a CamemBERT? A RoBERTa's."""

from typing import ClassVar

from pretrained.models.roberta.config_roberta import RobertaConfig


class CamembertConfig(RobertaConfig):
    """Sizes of a CamemBERT. The published one has vocab_size 32005, max_position_embeddings 514,
    type_vocab_size 1 and layer_norm_eps 1e-5; the defaults are BERT's.
    """

    model_type: ClassVar[str] = "camembert"
