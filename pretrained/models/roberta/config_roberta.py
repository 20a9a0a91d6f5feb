"""What shape is a RoBERTa? A BERT's, with other numbers for the special tokens."""

from typing import ClassVar

from pretrained.errors import ConfigurationError
from pretrained.models.bert.config_bert import BertConfig


class RobertaConfig(BertConfig):
    """Sizes of a RoBERTa. The published ones have vocab_size 50265, max_position_embeddings 514 (512 tokens,
    counted from `pad_token_id` + 1), type_vocab_size 1 and layer_norm_eps 1e-5; the defaults are BERT's.
    """

    model_type: ClassVar[str] = "roberta"

    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | None = 2

    def validate(self) -> None:
        super().validate()
        if self.pad_token_id is None:
            raise ConfigurationError(f"{type(self).__name__} needs a pad_token_id: positions are counted from it")
        if self.max_position_embeddings <= self.pad_token_id + 1:
            raise ConfigurationError(
                f"max_position_embeddings={self.max_position_embeddings} leaves no position for a token: "
                f"the first one is pad_token_id + 1 = {self.pad_token_id + 1}"
            )
