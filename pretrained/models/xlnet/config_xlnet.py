"""What shape is an XLNet?"""

from collections.abc import Mapping
from typing import ClassVar

from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError


class XLNetConfig(PretrainedConfig):
    """Sizes of an XLNet; the defaults are those of xlnet-large-cased, with the memory of release 3.5.

    `use_cache` says whether a call outside training returns memories; a training step does only if asked to.
    """

    model_type: ClassVar[str] = "xlnet"
    aliases: ClassVar[Mapping[str, str]] = {
        "n_token": "vocab_size",
        "hidden_size": "d_model",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
        "use_mems_eval": "use_cache",
    }
    max_position_embeddings: ClassVar[int] = -1  # there is no table of positions, so no longest sequence

    vocab_size: int = 32000
    d_model: int = 1024
    n_layer: int = 24
    n_head: int = 16
    d_inner: int = 4096
    ff_activation: str = "gelu"
    untie_r: bool = True  # each layer has position biases of its own, as all published models do
    attn_type: str = "bi"  # "bi" looks both ways, "uni" only back
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    dropout: float = 0.1
    mem_len: int | None = 512  # states that a memory keeps; None or 0: all
    reuse_len: int | None = None  # of the new states, only so many first ones enter the memory
    bi_data: bool = False  # the second half of a batch is read backwards
    clamp_len: int = -1  # distances beyond this one count as this one; -1: none do
    same_length: bool = False  # "uni" only: every token looks back equally far
    summary_type: str = "last"
    summary_use_proj: bool = True
    summary_activation: str | None = "tanh"
    summary_last_dropout: float = 0.1
    start_n_top: int = 5
    end_n_top: int = 5
    pad_token_id: int | None = 5
    bos_token_id: int | None = 1
    eos_token_id: int | None = 2

    def validate(self) -> None:
        self._require_positive("vocab_size", "d_model", "n_head", "d_inner", "start_n_top", "end_n_top")
        if self.d_model % self.n_head or self.d_model % 2:
            raise ConfigurationError(
                f"d_model={self.d_model} must be even, and divisible among n_head={self.n_head} heads"
            )
        width = getattr(self, "d_head", None)
        if width not in (None, self.d_model // self.n_head):
            raise ConfigurationError(
                f"d_head={width} contradicts d_model={self.d_model} and n_head={self.n_head}, "
                f"which make it {self.d_model // self.n_head}"
            )
        self.d_head = self.d_model // self.n_head
        if self.attn_type not in ("bi", "uni"):
            raise ConfigurationError(f"attn_type={self.attn_type!r} is not known; it is 'bi' or 'uni'")
