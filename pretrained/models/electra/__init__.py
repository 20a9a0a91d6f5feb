"""ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators (Clark et al., arXiv 2003.10555)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="electra",
    config="config_electra:ElectraConfig",
    tokenizers=("tokenization_electra:ElectraTokenizer",),
    models={
        "Model": "modeling_electra:ElectraModel",
        "ForPreTraining": "heads_electra:ElectraForPreTraining",
        "ForMaskedLM": "heads_electra:ElectraForMaskedLM",
        "ForSequenceClassification": "heads_electra:ElectraForSequenceClassification",
        "ForMultipleChoice": "heads_electra:ElectraForMultipleChoice",
        "ForTokenClassification": "heads_electra:ElectraForTokenClassification",
        "ForQuestionAnswering": "heads_electra:ElectraForQuestionAnswering",
    },
    classes=("modeling_electra:ElectraPreTrainedModel",),
    aliases={"ElectraTokenizerFast": "ElectraTokenizer"},
    parent="bert",
    small={"embedding_size": 12},
    tensor_names=r"(.*\.)?electra\.encoder\.layer\..*|encoder\.layer\.\d+\.attention\.self\..*",
)
