"""What shape is an XLM-RoBERTa? A RoBERTa's."""

from typing import ClassVar

from pretrained.models.roberta.config_roberta import RobertaConfig


class XLMRobertaConfig(RobertaConfig):
    """Sizes of an XLM-RoBERTa. The published ones have vocab_size 250002, max_position_embeddings 514,
    type_vocab_size 1 and layer_norm_eps 1e-5; the defaults are BERT's.
    """

    model_type: ClassVar[str] = "xlm-roberta"
