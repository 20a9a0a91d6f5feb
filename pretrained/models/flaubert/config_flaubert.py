"""What shape is a FlauBERT? An XLM with two keys more."""

from typing import ClassVar

from pretrained.errors import ConfigurationError
from pretrained.models.xlm.config_xlm import XLMConfig


class FlaubertConfig(XLMConfig):
    """Sizes of a FlauBERT; the defaults are XLM's."""

    model_type: ClassVar[str] = "flaubert"

    layerdrop: float = 0.0  # probability that a training step leaves out a layer
    pre_norm: bool = False  # each norm stands before its layer, not after it

    def validate(self) -> None:
        super().validate()
        if not 0 <= self.layerdrop < 1:
            raise ConfigurationError(f"layerdrop={self.layerdrop} is a probability below 1")
