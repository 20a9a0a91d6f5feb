"""How does FlauBERT differ from XLM? Its norms may come first, and training may leave out layers."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from pretrained.models.flaubert.config_flaubert import FlaubertConfig
from pretrained.models.xlm.modeling_xlm import XLMModel, XLMPreTrainedModel
from pretrained.nn.layout import SequenceLayout


class FlaubertPreTrainedModel(XLMPreTrainedModel):
    """What FlauBERT's network and all its heads share."""

    config_class = FlaubertConfig
    config: FlaubertConfig


class FlaubertModel(FlaubertPreTrainedModel, XLMModel):
    """The bare network (Le et al., arXiv 1912.05372)."""

    def _layers_to_run(self) -> Iterable[int]:
        """With `layerdrop`, a training step runs a random part of the layers (Fan et al., arXiv 1909.11556)."""
        layers = super()._layers_to_run()
        if not self.training or not self.config.layerdrop:
            return layers
        return [layer for layer in layers if float(torch.rand(())) >= self.config.layerdrop]

    def _layer(
        self, index: int, hidden: Tensor, layout: SequenceLayout, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        if not self.config.pre_norm:
            return super()._layer(index, hidden, layout, **options)
        context, probabilities = self.attentions[index](self.layer_norm1[index](hidden), layout, **options)
        hidden = hidden + self.dropout(context)
        return hidden + self.ffns[index](self.layer_norm2[index](hidden)), probabilities
