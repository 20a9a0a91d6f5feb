"""XLM-RoBERTa: Unsupervised Cross-lingual Representation Learning at Scale (Conneau et al., arXiv 1911.02116)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="xlm-roberta",
    config="config_xlm_roberta:XLMRobertaConfig",
    tokenizers=("tokenization_xlm_roberta:XLMRobertaTokenizer",),
    models={
        "Model": "modeling_xlm_roberta:XLMRobertaModel",
        "ForPreTraining": "heads_xlm_roberta:XLMRobertaForMaskedLM",
        "ForCausalLM": "heads_xlm_roberta:XLMRobertaForCausalLM",
        "ForMaskedLM": "heads_xlm_roberta:XLMRobertaForMaskedLM",
        "ForSequenceClassification": "heads_xlm_roberta:XLMRobertaForSequenceClassification",
        "ForMultipleChoice": "heads_xlm_roberta:XLMRobertaForMultipleChoice",
        "ForTokenClassification": "heads_xlm_roberta:XLMRobertaForTokenClassification",
        "ForQuestionAnswering": "heads_xlm_roberta:XLMRobertaForQuestionAnswering",
    },
    classes=("modeling_xlm_roberta:XLMRobertaPreTrainedModel",),
    parent="roberta",
    aliases={"XLMRobertaTokenizerFast": "XLMRobertaTokenizer"},
)
