"""What shape is a DistilBERT?"""

from collections.abc import Mapping
from typing import ClassVar

from pretrained.config import PretrainedConfig


class DistilBertConfig(PretrainedConfig):
    """Sizes of a DistilBERT; the defaults are those of distilbert-base-uncased."""

    model_type: ClassVar[str] = "distilbert"
    aliases: ClassVar[Mapping[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }

    vocab_size: int = 30522
    max_position_embeddings: int = 512
    sinusoidal_pos_embds: bool = False  # positions are fixed sines and cosines instead of trained vectors
    n_layers: int = 6
    n_heads: int = 12
    dim: int = 768
    hidden_dim: int = 3072
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation: str = "gelu"
    initializer_range: float = 0.02
    qa_dropout: float = 0.1
    seq_classif_dropout: float = 0.2
    pad_token_id: int | None = 0

    def validate(self) -> None:
        self._require_positive("vocab_size", "max_position_embeddings", "n_heads", "dim", "hidden_dim")
        self._require_divisible("dim", "n_heads")
