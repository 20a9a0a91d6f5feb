"""What shape is an ALBERT?"""

from typing import ClassVar

from pretrained.config import PretrainedConfig


class AlbertConfig(PretrainedConfig):
    """Sizes of an ALBERT; the defaults are those of albert-xxlarge-v1.

    `num_hidden_layers` counts what a token goes through: so many calls of the `num_hidden_groups` groups, one
    group after the other. A group is `inner_group_num` layers with weights of their own.
    """

    model_type: ClassVar[str] = "albert"

    vocab_size: int = 30000
    embedding_size: int = 128
    hidden_size: int = 4096
    num_hidden_layers: int = 12
    num_hidden_groups: int = 1
    num_attention_heads: int = 64
    intermediate_size: int = 16384
    inner_group_num: int = 1
    hidden_act: str = "gelu_new"
    hidden_dropout_prob: float = 0
    attention_probs_dropout_prob: float = 0
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    classifier_dropout_prob: float = 0.1
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | None = 3

    def validate(self) -> None:
        self._require_positive(
            "vocab_size",
            "embedding_size",
            "hidden_size",
            "num_hidden_groups",
            "num_attention_heads",
            "intermediate_size",
            "inner_group_num",
            "max_position_embeddings",
        )
        self._require_divisible("hidden_size", "num_attention_heads")
