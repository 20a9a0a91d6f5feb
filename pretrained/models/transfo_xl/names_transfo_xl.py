"""How do other frameworks call Transformer-XL's tensors?"""

from pretrained.checkpoints import Rename

_LAYER = r"transformer/layer_(\d+)"

TENSORFLOW_1 = (
    Rename(r"transformer/adaptive_embed/cutoff_(\d+)/lookup_table", r"transformer.word_emb.emb_layers.\1.weight"),
    Rename(r"transformer/adaptive_embed/cutoff_(\d+)/proj_W", r"transformer.word_emb.emb_projs.\1", transpose=True),
    Rename(r"transformer/adaptive_softmax/cutoff_0/cluster_W", "crit.cluster_weight"),
    Rename(r"transformer/adaptive_softmax/cutoff_0/cluster_b", "crit.cluster_bias"),
    Rename(r"transformer/adaptive_softmax/cutoff_(\d+)/b", r"crit.out_layers.\1.bias"),
    Rename(r"transformer/adaptive_softmax/cutoff_(\d+)/lookup_table", r"crit.out_layers.\1.weight"),
    Rename(r"transformer/adaptive_softmax/cutoff_(\d+)/proj", r"crit.out_projs.\1", transpose=True),
    Rename(_LAYER + r"/rel_attn/(qkv|o|r)/weight", r"transformer.layers.\1.dec_attn.\2_net.weight"),
    Rename(_LAYER + r"/rel_attn/LayerNorm/(\w+)", r"transformer.layers.\1.dec_attn.layer_norm.\2"),
    Rename(_LAYER + r"/ff/layer_1/(\w+)", r"transformer.layers.\1.pos_ff.CoreNet.0.\2"),
    Rename(_LAYER + r"/ff/layer_2/(\w+)", r"transformer.layers.\1.pos_ff.CoreNet.3.\2"),
    Rename(_LAYER + r"/ff/LayerNorm/(\w+)", r"transformer.layers.\1.pos_ff.layer_norm.\2"),
    # One tensor for all layers, as the published models have them (`untie_r`): [layers, N, D]
    Rename(r"transformer/(r_[rw]_bias)", r"transformer.layers.{}.dec_attn.\1", unstack=True),
)
