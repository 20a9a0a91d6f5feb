"""What shape is a GPT-2?"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pretrained.config import PretrainedConfig


class GPT2Config(PretrainedConfig):
    """Sizes of a GPT-2; the defaults are those of the smallest one, gpt2."""

    model_type: ClassVar[str] = "gpt2"
    aliases: ClassVar[Mapping[str, str]] = {
        "max_position_embeddings": "n_positions",
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
        "n_vocab": "vocab_size",
    }

    vocab_size: int = 50257
    n_positions: int = 1024
    n_ctx: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None  # width between the two dense layers; None: 4 · n_embd
    activation_function: str = "gelu_new"
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    summary_type: str = "cls_index"
    summary_use_proj: bool = True
    summary_activation: str | None = None
    summary_proj_to_labels: bool = True
    summary_first_dropout: float = 0.1
    bos_token_id: int | None = 50256
    eos_token_id: Any = 50256  # a number, or several
    gradient_checkpointing: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **options: Any) -> Any:
        """Takes OpenAI's hparams.json too, where the longest text stands as `n_ctx` alone."""
        if "n_vocab" in values and "n_ctx" in values:
            values = {"n_positions": values["n_ctx"], **values}
        return super().from_dict(values, **options)

    def validate(self) -> None:
        self._require_positive("vocab_size", "n_positions", "n_embd", "n_head")
        self._require_divisible("n_embd", "n_head")
