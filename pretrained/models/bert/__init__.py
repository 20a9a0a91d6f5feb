"""BERT: Pre-training of Deep Bidirectional Transformers (Devlin et al., arXiv 1810.04805)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="bert",
    config="config_bert:BertConfig",
    tokenizers=("tokenization_bert:BertTokenizer", "tokenization_bert_japanese:BertJapaneseTokenizer"),
    models={
        "Model": "modeling_bert:BertModel",
        "ForPreTraining": "heads_bert:BertForPreTraining",
        "ForCausalLM": "heads_bert:BertLMHeadModel",
        "ForMaskedLM": "heads_bert:BertForMaskedLM",
        "ForNextSentencePrediction": "heads_bert:BertForNextSentencePrediction",
        "ForSequenceClassification": "heads_bert:BertForSequenceClassification",
        "ForMultipleChoice": "heads_bert:BertForMultipleChoice",
        "ForTokenClassification": "heads_bert:BertForTokenClassification",
        "ForQuestionAnswering": "heads_bert:BertForQuestionAnswering",
    },
    classes=(
        "modeling_bert:BertPreTrainedModel",
        "modeling_bert:BertEmbeddings",
        "modeling_bert:BertEncoder",
        "modeling_bert:BertLayer",
        "modeling_bert:BertPooler",
        "tokenization_bert_japanese:CharacterTokenizer",
        "tokenization_bert_japanese:MecabTokenizer",
    ),
    config_keys=frozenset({"hidden_size", "intermediate_size", "type_vocab_size", "max_position_embeddings"}),
    tensor_names=r"(.*\.)?bert\.encoder\.layer\..*|encoder\.layer\.\d+\.attention\.self\..*",
    tokens=frozenset({"[UNK]", "[CLS]", "[SEP]"}),
    aliases={"BertTokenizerFast": "BertTokenizer"},
)
