"""What shape is a Transformer-XL?"""

import dataclasses
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError


class TransfoXLConfig(PretrainedConfig):
    """Sizes of a Transformer-XL; the defaults are those of transfo-xl-wt103.

    The vocabulary is sorted by frequency and cut into clusters. Cluster i is embedded in `d_embed / div_val**i`
    features. `tie_projs` says for each cluster whether input and output share the projection to `d_model`;
    unless given, it follows from `proj_share_all_but_first`.
    """

    model_type: ClassVar[str] = "transfo-xl"
    aliases: ClassVar[Mapping[str, str]] = {
        "n_token": "vocab_size",
        "hidden_size": "d_model",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
        "tie_weight": "tie_word_embeddings",
    }
    max_position_embeddings: ClassVar[int] = -1  # there is no table of positions, so no longest sequence

    vocab_size: int = 267735
    cutoffs: list[int] = dataclasses.field(default_factory=lambda: [20000, 40000, 200000])  # where clusters end
    d_model: int = 1024
    d_embed: int = 1024
    n_head: int = 16
    d_head: int = 64
    d_inner: int = 4096
    div_val: int = 4
    pre_lnorm: bool = False  # each norm stands before its layer, not after it
    n_layer: int = 18
    mem_len: int = 1600  # states that a memory keeps, from the first call on; 0: no memory
    clamp_len: int = 1000  # distances beyond this one count as this one; -1: none do
    same_length: bool = True  # every token looks at `mem_len` keys
    proj_share_all_but_first: bool = True
    attn_type: int = 0
    sample_softmax: int = -1
    adaptive: bool = True
    dropout: float = 0.1
    dropatt: float = 0.0
    untie_r: bool = True  # each layer has position biases of its own
    init: str = "normal"
    init_range: float = 0.01
    proj_init_std: float = 0.01
    init_std: float = 0.02
    layer_norm_epsilon: float = 1e-5
    eos_token_id: int | None = 0

    def validate(self) -> None:
        self._require_positive("vocab_size", "d_model", "d_embed", "n_head", "d_head", "d_inner", "div_val")
        if self.d_model % 2:
            raise ConfigurationError(f"d_model={self.d_model} must be even, for as many sines as cosines")
        ends = [0, *self.cutoffs, self.vocab_size]
        if any(end <= start for start, end in pairwise(ends)):
            raise ConfigurationError(f"cutoffs={self.cutoffs} must rise and stay below vocab_size={self.vocab_size}")
        if self.d_embed // self.div_val ** len(self.cutoffs) < 1:
            raise ConfigurationError(
                f"d_embed={self.d_embed} leaves no features for cluster {len(self.cutoffs)}: "
                f"it is divided by div_val={self.div_val} for each"
            )
        if not hasattr(self, "tie_projs"):
            self.tie_projs = [False] + [self.proj_share_all_but_first] * len(self.cutoffs)
        if len(self.tie_projs) != len(self.cutoffs) + 1:
            raise ConfigurationError(
                f"tie_projs={self.tie_projs} must have one entry for each of {len(self.cutoffs) + 1} clusters"
            )
        if self.attn_type != 0:
            raise ConfigurationError(f"attn_type={self.attn_type}: only 0, the relative attention, was ever published")
        if self.sample_softmax > 0:
            raise ConfigurationError(
                f"sample_softmax={self.sample_softmax}: the softmax over all tokens, -1, is the only one"
            )
        if self.mem_len < 0 or (self.same_length and not self.mem_len):
            raise ConfigurationError(
                f"mem_len={self.mem_len} with same_length={self.same_length} leaves a token no key to look at; "
                "to do without memory, set mem_len=0 and same_length=False"
            )
