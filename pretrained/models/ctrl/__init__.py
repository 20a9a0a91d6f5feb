"""CTRL: A Conditional Transformer Language Model for Controllable Generation (Keskar et al., arXiv 1909.05858)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="ctrl",
    config="config_ctrl:CTRLConfig",
    tokenizers=("tokenization_ctrl:CTRLTokenizer",),
    models={
        "Model": "modeling_ctrl:CTRLModel",
        "ForPreTraining": "heads_ctrl:CTRLLMHeadModel",
        "ForCausalLM": "heads_ctrl:CTRLLMHeadModel",
    },
    classes=("modeling_ctrl:CTRLPreTrainedModel",),
    config_keys=frozenset({"dff", "n_embd", "n_head", "n_layer", "n_positions"}),
    tensor_names=r"(.*\.)?multi_head_attention\.Wq\..*",
    tokens=frozenset({"Horror", "Relationships", "Wikipedia"}),
)
