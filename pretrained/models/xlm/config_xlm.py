"""What shape is an XLM?"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError

_TWO_NAMES = tuple((f"{token}_index", f"{token}_token_id") for token in ("bos", "eos", "pad"))


class XLMConfig(PretrainedConfig):
    """Sizes of an XLM; the defaults are those of xlm-mlm-en-2048 (facebookresearch/XLM).

    A special token is known by the name of XLM, such as `pad_index`, and that of the library, `pad_token_id`.
    Giving one of them sets both.
    """

    model_type: ClassVar[str] = "xlm"
    aliases: ClassVar[Mapping[str, str]] = {
        "n_words": "vocab_size",
        "hidden_size": "emb_dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }

    vocab_size: int = 30145
    emb_dim: int = 2048
    n_layers: int = 12
    n_heads: int = 16
    dropout: float = 0.1
    attention_dropout: float = 0.1
    gelu_activation: bool = True  # False: ReLU
    sinusoidal_embeddings: bool = False  # a fixed table of positions instead of a learned one
    causal: bool = False
    asm: bool = False
    n_langs: int = 1
    use_lang_emb: bool = True
    max_position_embeddings: int = 512
    embed_init_std: float = 2048**-0.5
    layer_norm_eps: float = 1e-12
    init_std: float = 0.02
    bos_index: int = 0
    eos_index: int = 1
    pad_index: int = 2
    unk_index: int = 3
    mask_index: int = 5
    is_encoder: bool = True
    summary_type: str = "first"
    summary_use_proj: bool = True
    summary_activation: str | None = None
    summary_proj_to_labels: bool = True
    summary_first_dropout: float = 0.1
    start_n_top: int = 5
    end_n_top: int = 5
    mask_token_id: int | None = 0
    lang_id: int = 0
    pad_token_id: int | None = 2
    bos_token_id: int | None = 0
    eos_token_id: int | None = 1

    def _normalise(self, values: Mapping[str, Any]) -> None:
        super()._normalise(values)
        for index, token_id in _TWO_NAMES:
            if index not in values and values.get(token_id) is not None:
                setattr(self, index, values[token_id])
            elif token_id not in values or getattr(self, token_id) is None:
                setattr(self, token_id, getattr(self, index))

    def to_diff_dict(self) -> dict[str, Any]:
        """As for every configuration; but a name that is left out would be taken from the other one."""
        return super().to_diff_dict() | {index: getattr(self, index) for index, _ in _TWO_NAMES}

    def validate(self) -> None:
        self._require_positive(
            "vocab_size", "emb_dim", "n_heads", "n_langs", "max_position_embeddings", "start_n_top", "end_n_top"
        )
        self._require_divisible("emb_dim", "n_heads")
        if self.sinusoidal_embeddings and self.emb_dim % 2:
            raise ConfigurationError(f"sinusoidal_embeddings need an even emb_dim, got {self.emb_dim}")
        if not 0 <= self.pad_index < self.vocab_size:
            raise ConfigurationError(f"pad_index={self.pad_index} is outside a vocabulary of {self.vocab_size}")
        if self.asm:
            raise ConfigurationError(
                "asm=True asks for an adaptive softmax, which no published XLM has and this version does not run; "
                "set asm=False"
            )
        if not self.is_encoder:
            raise ConfigurationError(
                "is_encoder=False: an XLM can be run as an encoder only; causal=True looks back only"
            )
