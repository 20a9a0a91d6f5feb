"""FlauBERT: Unsupervised Language Model Pre-training for French (Le et al., arXiv 1912.05372)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="flaubert",
    config="config_flaubert:FlaubertConfig",
    tokenizers=("tokenization_flaubert:FlaubertTokenizer",),
    models={
        "Model": "modeling_flaubert:FlaubertModel",
        "ForPreTraining": "heads_flaubert:FlaubertWithLMHeadModel",
        "ForMaskedLM": "heads_flaubert:FlaubertWithLMHeadModel",
        "ForSequenceClassification": "heads_flaubert:FlaubertForSequenceClassification",
        "ForMultipleChoice": "heads_flaubert:FlaubertForMultipleChoice",
        "ForTokenClassification": "heads_flaubert:FlaubertForTokenClassification",
        "ForQuestionAnswering": "heads_flaubert:FlaubertForQuestionAnsweringSimple",
    },
    classes=(
        "heads_flaubert:FlaubertForQuestionAnswering",
        "modeling_flaubert:FlaubertPreTrainedModel",
    ),
    config_keys=frozenset({"emb_dim", "n_langs", "sinusoidal_embeddings", "gelu_activation", "pre_norm", "layerdrop"}),
    tokens=frozenset({"<s>", "</s>", "<special0>", "<special9>"}),
    parent="xlm",
)
