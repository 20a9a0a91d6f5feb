"""What is GPT asked? GPT-2's tasks; only the network below and the name of its embedding differ."""

from pretrained.models.gpt2.heads_gpt2 import GPT2DoubleHeadsModel, GPT2ForSequenceClassification, GPT2LMHeadModel
from pretrained.models.openai_gpt.modeling_openai_gpt import OpenAIGPTModel, OpenAIGPTPreTrainedModel

_TIED = {"lm_head.weight": "transformer.tokens_embed.weight"}


class OpenAIGPTLMHeadModel(OpenAIGPTPreTrainedModel, GPT2LMHeadModel, base=OpenAIGPTModel):
    """Which token comes next?"""

    tied_weights = _TIED


class OpenAIGPTDoubleHeadsModel(OpenAIGPTPreTrainedModel, GPT2DoubleHeadsModel, base=OpenAIGPTModel):
    """Which token comes next, and which of C texts fits? Every input is (B, C, S)."""

    tied_weights = _TIED


class OpenAIGPTForSequenceClassification(OpenAIGPTPreTrainedModel, GPT2ForSequenceClassification, base=OpenAIGPTModel):
    """Which class has a text? Its last token is asked, because only that one has seen all the others."""
