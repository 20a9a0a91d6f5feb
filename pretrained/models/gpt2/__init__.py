"""GPT-2: Language Models are Unsupervised Multitask Learners (Radford et al., OpenAI 2019)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="gpt2",
    config="config_gpt2:GPT2Config",
    tokenizers=("tokenization_gpt2:GPT2Tokenizer",),
    models={
        "Model": "modeling_gpt2:GPT2Model",
        "ForPreTraining": "heads_gpt2:GPT2LMHeadModel",
        "ForCausalLM": "heads_gpt2:GPT2LMHeadModel",
        "ForSequenceClassification": "heads_gpt2:GPT2ForSequenceClassification",
    },
    classes=("heads_gpt2:GPT2DoubleHeadsModel", "modeling_gpt2:GPT2PreTrainedModel"),
    aliases={"GPT2TokenizerFast": "GPT2Tokenizer"},
    config_keys=frozenset({"n_embd", "n_head", "n_layer"}),
    tensor_names=r"(.*\.)?wpe\.weight",
    tokens=frozenset({"<|endoftext|>"}),
)
