"""Which vectors does the network give the tokens of a text?"""

from collections.abc import Mapping
from typing import Any

from pretrained.pipelines.base import Pipeline


class FeatureExtractionPipeline(Pipeline):
    """One text → [1][tokens][hidden]; a list of texts → [texts][tokens][hidden], without padding.

    For vectors of whole texts, and for many texts, `pretrained.Encoder` is made.
    """

    auto = "Model"

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        rows, _ = self._rows(self._texts(inputs))
        return [hidden.tolist() for (hidden,) in self._run(rows, "last_hidden_state", per_token=True)]

    def _single(self, answers: list[Any]) -> Any:
        return answers
