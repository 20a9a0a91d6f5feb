"""RoBERTa: A Robustly Optimized BERT Pretraining Approach (Liu et al., arXiv 1907.11692)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="roberta",
    config="config_roberta:RobertaConfig",
    tokenizers=("tokenization_roberta:RobertaTokenizer",),
    models={
        "Model": "modeling_roberta:RobertaModel",
        "ForPreTraining": "heads_roberta:RobertaForMaskedLM",
        "ForCausalLM": "heads_roberta:RobertaForCausalLM",
        "ForMaskedLM": "heads_roberta:RobertaForMaskedLM",
        "ForSequenceClassification": "heads_roberta:RobertaForSequenceClassification",
        "ForMultipleChoice": "heads_roberta:RobertaForMultipleChoice",
        "ForTokenClassification": "heads_roberta:RobertaForTokenClassification",
        "ForQuestionAnswering": "heads_roberta:RobertaForQuestionAnswering",
    },
    classes=("modeling_roberta:RobertaPreTrainedModel",),
    aliases={"RobertaTokenizerFast": "RobertaTokenizer"},
    parent="bert",
    tensor_names=r"(.*\.)?roberta\.encoder\.layer\..*|encoder\.layer\.\d+\.attention\.self\..*",
    tokens=frozenset({"<s>", "</s>", "<mask>"}),
)
