"""CamemBERT: a Tasty French Language Model (Martin et al., arXiv 1911.03894)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="camembert",
    config="config_camembert:CamembertConfig",
    tokenizers=("tokenization_camembert:CamembertTokenizer",),
    models={
        "Model": "modeling_camembert:CamembertModel",
        "ForPreTraining": "heads_camembert:CamembertForMaskedLM",
        "ForCausalLM": "heads_camembert:CamembertForCausalLM",
        "ForMaskedLM": "heads_camembert:CamembertForMaskedLM",
        "ForSequenceClassification": "heads_camembert:CamembertForSequenceClassification",
        "ForMultipleChoice": "heads_camembert:CamembertForMultipleChoice",
        "ForTokenClassification": "heads_camembert:CamembertForTokenClassification",
        "ForQuestionAnswering": "heads_camembert:CamembertForQuestionAnswering",
    },
    classes=("modeling_camembert:CamembertPreTrainedModel",),
    parent="roberta",
    aliases={"CamembertTokenizerFast": "CamembertTokenizer"},
)
