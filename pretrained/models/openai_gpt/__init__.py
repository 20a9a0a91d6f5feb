"""OpenAI GPT: Improving Language Understanding by Generative Pre-Training (Radford et al., OpenAI 2018)."""

from pretrained.family import Family

FAMILY = Family(
    model_type="openai-gpt",
    config="config_openai_gpt:OpenAIGPTConfig",
    tokenizers=("tokenization_openai_gpt:OpenAIGPTTokenizer",),
    models={
        "Model": "modeling_openai_gpt:OpenAIGPTModel",
        "ForPreTraining": "heads_openai_gpt:OpenAIGPTLMHeadModel",
        "ForCausalLM": "heads_openai_gpt:OpenAIGPTLMHeadModel",
        "ForSequenceClassification": "heads_openai_gpt:OpenAIGPTForSequenceClassification",
    },
    classes=("heads_openai_gpt:OpenAIGPTDoubleHeadsModel", "modeling_openai_gpt:OpenAIGPTPreTrainedModel"),
    aliases={"OpenAIGPTTokenizerFast": "OpenAIGPTTokenizer"},
    config_keys=frozenset({"afn", "n_embd", "n_head", "n_layer", "n_positions"}),
    tensor_names=r"(.*\.)?positions_embed\.weight",
    tokens=frozenset({"the</w>"}),
    parent="gpt2",
)
