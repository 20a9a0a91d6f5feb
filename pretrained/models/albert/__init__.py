"""ALBERT: A Lite BERT for Self-supervised Learning of Language Representations (Lan et al., arXiv 1909.11942)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="albert",
    config="config_albert:AlbertConfig",
    tokenizers=("tokenization_albert:AlbertTokenizer",),
    models={
        "Model": "modeling_albert:AlbertModel",
        "ForPreTraining": "heads_albert:AlbertForPreTraining",
        "ForMaskedLM": "heads_albert:AlbertForMaskedLM",
        "ForSequenceClassification": "heads_albert:AlbertForSequenceClassification",
        "ForMultipleChoice": "heads_albert:AlbertForMultipleChoice",
        "ForTokenClassification": "heads_albert:AlbertForTokenClassification",
        "ForQuestionAnswering": "heads_albert:AlbertForQuestionAnswering",
    },
    classes=("modeling_albert:AlbertPreTrainedModel",),
    config_keys=frozenset({"embedding_size", "hidden_size", "num_hidden_groups", "inner_group_num", "type_vocab_size"}),
    tensor_names=r"(.*\.)?encoder\.albert_layer_groups\..*",
    tokens=frozenset({"[CLS]", "[SEP]", "[MASK]", "<unk>", "<pad>"}),
    small={"embedding_size": 12},
    aliases={"AlbertTokenizerFast": "AlbertTokenizer"},
)
