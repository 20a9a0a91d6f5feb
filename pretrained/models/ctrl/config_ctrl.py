"""What shape is a CTRL?"""

from collections.abc import Mapping
from typing import ClassVar

from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError


class CTRLConfig(PretrainedConfig):
    """Sizes of a CTRL; the defaults are those of the one published."""

    model_type: ClassVar[str] = "ctrl"
    aliases: ClassVar[Mapping[str, str]] = {
        "max_position_embeddings": "n_positions",
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: int = 246534
    n_positions: int = 256
    n_ctx: int = 256
    n_embd: int = 1280
    dff: int = 8192
    n_layer: int = 48
    n_head: int = 16
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    layer_norm_epsilon: float = 1e-6
    initializer_range: float = 0.02
    summary_type: str = "cls_index"
    summary_use_proj: bool = True
    summary_activation: str | None = None
    summary_proj_to_labels: bool = True
    summary_first_dropout: float = 0.1

    def validate(self) -> None:
        self._require_positive("vocab_size", "n_positions", "n_embd", "n_head", "dff")
        self._require_divisible("n_embd", "n_head")
        if self.n_embd % 2:
            raise ConfigurationError(f"n_embd={self.n_embd} must be even: one half of a position are sines")
