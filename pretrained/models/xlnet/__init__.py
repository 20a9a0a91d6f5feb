"""XLNet: Generalized Autoregressive Pretraining for Language Understanding (Yang et al., arXiv 1906.08237)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="xlnet",
    config="config_xlnet:XLNetConfig",
    tokenizers=("tokenization_xlnet:XLNetTokenizer",),
    models={
        "Model": "modeling_xlnet:XLNetModel",
        "ForPreTraining": "heads_xlnet:XLNetLMHeadModel",
        "ForCausalLM": "heads_xlnet:XLNetLMHeadModel",
        "ForSequenceClassification": "heads_xlnet:XLNetForSequenceClassification",
        "ForMultipleChoice": "heads_xlnet:XLNetForMultipleChoice",
        "ForTokenClassification": "heads_xlnet:XLNetForTokenClassification",
        "ForQuestionAnswering": "heads_xlnet:XLNetForQuestionAnsweringSimple",
    },
    classes=(
        "heads_xlnet:XLNetForQuestionAnswering",
        "modeling_xlnet:XLNetPreTrainedModel",
    ),
    config_keys=frozenset({"d_inner", "ff_activation", "untie_r"}),
    tensor_names=r"(.*\.)?layer\.\d+\.rel_attn\..*",
    tokens=frozenset({"<sep>", "<cls>", "<eop>", "<eod>"}),
    packed=False,
    small={"d_inner": 48},
    aliases={"XLNetTokenizerFast": "XLNetTokenizer"},
)
