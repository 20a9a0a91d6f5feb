"""What shape is a GPT?"""

from typing import ClassVar

from pretrained.errors import ConfigurationError
from pretrained.models.gpt2.config_gpt2 import GPT2Config

ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu", "swish": "silu", "silu": "silu"}
"""What `afn` names: its "gelu" is the tanh form."""


class OpenAIGPTConfig(GPT2Config):
    """Sizes of a GPT; the defaults are those of openai-gpt."""

    model_type: ClassVar[str] = "openai-gpt"

    vocab_size: int = 40478
    n_positions: int = 512
    n_ctx: int = 512
    afn: str = "gelu"
    predict_special_tokens: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        if self.afn not in ACTIVATIONS:
            raise ConfigurationError(f"afn={self.afn!r} is not known; it is one of {', '.join(ACTIVATIONS)}")
