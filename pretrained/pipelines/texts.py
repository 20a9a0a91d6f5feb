"""Which class has a text or a pair?"""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from pretrained.errors import InputError
from pretrained.pipelines.base import Pipeline


class TextClassificationPipeline(Pipeline):
    """One text or a list → [{"label", "score"}], one for each text; with `return_all_scores` a list of them for each.

    A pair is {"text": …, "text_pair": …}. Scores are probabilities: of one class among all, or, with one label or
    where labels do not exclude each other (`problem_type`), of each label by itself.

    Options: `return_all_scores`, or `top_k` for so many of the best.
    """

    auto = "ForSequenceClassification"
    defaults: ClassVar[Mapping[str, Any]] = {"return_all_scores": False, "top_k": None}

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        pairs = [_pair(place, each) for place, each in enumerate(inputs)]
        second = [pair for _, pair in pairs if pair is not None]
        if second and len(second) < len(pairs):
            raise InputError(f"{len(second)} of {len(pairs)} inputs are pairs; give only pairs, or none")
        rows, _ = self._rows([text for text, _ in pairs], second or None)
        found = [self._scores(logits) for (logits,) in self._run(rows, "logits")]
        if options["return_all_scores"]:
            return found
        ranked = [sorted(each, key=lambda answer: -float(answer["score"])) for each in found]
        if options["top_k"] is not None:
            return [each[: options["top_k"]] for each in ranked]
        return [each[0] for each in ranked]

    def _scores(self, logits: Tensor) -> list[dict[str, Any]]:
        config = self.model.config
        single = len(logits) == 1 or config.problem_type == "multi_label_classification"
        scores = logits.sigmoid() if single else logits.softmax(-1)
        scores = logits if config.problem_type == "regression" else scores
        return [{"label": config.id2label[place], "score": score} for place, score in enumerate(scores.tolist())]

    def _single(self, answers: list[Any]) -> Any:
        return answers


def _pair(place: int, given: Any) -> tuple[str, str | None]:
    if isinstance(given, str):
        return given, None
    if isinstance(given, Mapping) and isinstance(given.get("text"), str):
        pair = given.get("text_pair")
        if pair is None or isinstance(pair, str):
            return given["text"], pair
    raise InputError(f'input {place} must be a str or {{"text": …, "text_pair": …}}, got {type(given).__name__}')
