"""Transformer-XL: Attentive Language Models Beyond a Fixed-Length Context (Dai et al., arXiv 1901.02860)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="transfo-xl",
    config="config_transfo_xl:TransfoXLConfig",
    tokenizers=("tokenization_transfo_xl:TransfoXLTokenizer",),
    models={
        "Model": "modeling_transfo_xl:TransfoXLModel",
        "ForPreTraining": "heads_transfo_xl:TransfoXLLMHeadModel",
        "ForCausalLM": "heads_transfo_xl:TransfoXLLMHeadModel",
        "ForSequenceClassification": "heads_transfo_xl:TransfoXLForSequenceClassification",
    },
    classes=(
        "modeling_transfo_xl:TransfoXLPreTrainedModel",
        "adaptive_transfo_xl:AdaptiveEmbedding",
    ),
    config_keys=frozenset({"cutoffs", "div_val", "d_embed", "proj_share_all_but_first"}),
    tensor_names=r"(.*\.)?layers\.\d+\.dec_attn\..*",
    tokens=frozenset({"<eos>", "<unk>"}),
    packed=False,
    small={"cutoffs": [10, 25], "d_embed": 16, "div_val": 2, "d_head": 8, "d_inner": 48, "mem_len": 6},
)
