"""DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter (Sanh et al., arXiv 1910.01108)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="distilbert",
    config="config_distilbert:DistilBertConfig",
    tokenizers=("tokenization_distilbert:DistilBertTokenizer",),
    models={
        "Model": "modeling_distilbert:DistilBertModel",
        "ForPreTraining": "heads_distilbert:DistilBertForMaskedLM",
        "ForMaskedLM": "heads_distilbert:DistilBertForMaskedLM",
        "ForSequenceClassification": "heads_distilbert:DistilBertForSequenceClassification",
        "ForMultipleChoice": "heads_distilbert:DistilBertForMultipleChoice",
        "ForTokenClassification": "heads_distilbert:DistilBertForTokenClassification",
        "ForQuestionAnswering": "heads_distilbert:DistilBertForQuestionAnswering",
    },
    classes=("modeling_distilbert:DistilBertPreTrainedModel",),
    aliases={"DistilBertTokenizerFast": "DistilBertTokenizer"},
    config_keys=frozenset({"sinusoidal_pos_embds", "n_layers", "n_heads", "dim", "hidden_dim"}),
    tensor_names=r"(.*\.)?transformer\.layer\.\d+\.sa_layer_norm\..*",
    parent="bert",
    small={"hidden_dim": 48},
)
