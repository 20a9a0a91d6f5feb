"""What shape is a BERT?"""

from typing import ClassVar

from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError


class BertConfig(PretrainedConfig):
    """Sizes of a BERT; the defaults are those of bert-base-uncased (google-research/bert)."""

    model_type: ClassVar[str] = "bert"

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    gradient_checkpointing: bool = False
    classifier_dropout: float | None = None  # of the classification heads; None: hidden_dropout_prob

    def validate(self) -> None:
        self._require_positive(
            "vocab_size", "hidden_size", "num_attention_heads", "intermediate_size", "max_position_embeddings"
        )
        self._require_divisible("hidden_size", "num_attention_heads")
        kind = getattr(self, "position_embedding_type", "absolute")
        if kind not in ("absolute", None):
            raise ConfigurationError(
                f"position_embedding_type={kind!r}: only 'absolute' positions, those of every BERT published by "
                "Google and of the 3.5 era, can be run; relative ones came with a later variant"
            )
