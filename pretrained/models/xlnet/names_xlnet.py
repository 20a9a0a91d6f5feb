"""How do other frameworks call XLNet's tensors?"""

from pretrained.checkpoints import Rename

_LAYER = r"model/transformer/layer_(\d+)"

TENSORFLOW_1 = (
    Rename(r"model/transformer/word_embedding/lookup_table", "transformer.word_embedding.weight"),
    Rename(r"model/transformer/mask_emb/mask_emb", "transformer.mask_emb"),
    # [H, N, D] on both sides: turned back after the rule for kernels
    Rename(_LAYER + r"/rel_attn/([qkvor])/weight", r"transformer.layer.\1.rel_attn.\2", transpose=True),
    Rename(_LAYER + r"/(rel_attn|ff)/LayerNorm/(\w+)", r"transformer.layer.\1.\2.layer_norm.\3"),
    Rename(_LAYER + r"/ff/(layer_[12])/(\w+)", r"transformer.layer.\1.ff.\2.\3"),
    # One tensor for all layers, as every published model has them (`untie_r`): [layers, N, D], [layers, 2, N, D]
    Rename(r"model/transformer/(r_[rsw]_bias|seg_embed)", r"transformer.layer.{}.rel_attn.\1", unstack=True),
    Rename(r"model/lm_loss/bias", "lm_loss.bias"),
    Rename(r"model/sequnece_summary/summary/(\w+)", r"sequence_summary.summary.\1"),  # spelt so by its authors
    Rename(r"model/(?:regression|classification)_\w+/logit/(\w+)", r"logits_proj.\1"),
)
