"""What shape is an ELECTRA? A BERT's, with embeddings of their own width."""

from typing import ClassVar

from pretrained.models.bert.config_bert import BertConfig


class ElectraConfig(BertConfig):
    """Sizes of an ELECTRA; the defaults are those of google/electra-small-discriminator.

    The `summary_*` keys belong to the head for multiple choice, see `pretrained.nn.summary`.
    """

    model_type: ClassVar[str] = "electra"

    embedding_size: int = 128
    hidden_size: int = 256
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    summary_type: str = "first"
    summary_use_proj: bool = True
    summary_activation: str | None = "gelu"
    summary_last_dropout: float = 0.1

    def validate(self) -> None:
        super().validate()
        self._require_positive("embedding_size")
