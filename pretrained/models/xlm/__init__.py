"""XLM: Cross-lingual Language Model Pretraining (Lample & Conneau, arXiv 1901.07291)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="xlm",
    config="config_xlm:XLMConfig",
    tokenizers=("tokenization_xlm:XLMTokenizer",),
    models={
        "Model": "modeling_xlm:XLMModel",
        "ForPreTraining": "heads_xlm:XLMWithLMHeadModel",
        "ForCausalLM": "heads_xlm:XLMWithLMHeadModel",
        "ForMaskedLM": "heads_xlm:XLMWithLMHeadModel",
        "ForSequenceClassification": "heads_xlm:XLMForSequenceClassification",
        "ForMultipleChoice": "heads_xlm:XLMForMultipleChoice",
        "ForTokenClassification": "heads_xlm:XLMForTokenClassification",
        "ForQuestionAnswering": "heads_xlm:XLMForQuestionAnsweringSimple",
    },
    classes=(
        "heads_xlm:XLMForQuestionAnswering",
        "modeling_xlm:XLMPreTrainedModel",
    ),
    config_keys=frozenset({"emb_dim", "n_langs", "sinusoidal_embeddings", "gelu_activation"}),
    tensor_names=r"(.*\.)?attentions\.\d+\.q_lin\..*",
    tokens=frozenset({"<s>", "</s>", "<special0>", "<special9>"}),
)
