"""Which class has a text or a pair?"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from pretrained.errors import ConfigurationError, InputError
from pretrained.pipelines.base import Pipeline

_BEST = "the best one"


class TextClassificationPipeline(Pipeline):
    """One text or a list → [{"label", "score"}], one for each text.

    With `top_k` each text gives a list of them. A pair is {"text": …, "text_pair": …}. Scores are probabilities: of one
    class among all, or, with one label or where labels do not exclude each other (`problem_type`), of each by itself.

    Options:
        top_k: so many of the best; None for all of them.
        return_all_scores: all of them in the order of the labels, as a list for each text.
        function_to_apply: "softmax", "sigmoid" or "none", instead of what the configuration says.
    """

    auto = "ForSequenceClassification"
    defaults: ClassVar[Mapping[str, Any]] = {"return_all_scores": False, "top_k": _BEST, "function_to_apply": None}
    counts = ("top_k",)
    trained_by = "classification"

    def __call__(self, inputs: Any, /, **options: Any) -> Any:
        """See the class."""
        answers = super().__call__(inputs, **options)
        alone = isinstance(inputs, str | Mapping)
        return answers[0] if alone and "top_k" in options and not options.get("return_all_scores") else answers

    @classmethod
    def _checked(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        if (function := options.get("function_to_apply")) not in (None, *_FUNCTIONS):
            raise ConfigurationError(
                f"function_to_apply={function!r} is not known; choose one of: {', '.join(_FUNCTIONS)}"
            )
        return super()._checked(options)

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        pairs = [_pair(place, each) for place, each in enumerate(inputs)]
        second = [pair for _, pair in pairs if pair is not None]
        if second and len(second) < len(pairs):
            raise InputError(f"{len(second)} of {len(pairs)} inputs are pairs; give only pairs, or none")
        rows, _ = self._rows([text for text, _ in pairs], second or None)
        found = [self._scores(logits, options["function_to_apply"]) for (logits,) in self._run(rows, "logits")]
        if options["return_all_scores"]:
            return found
        ranked = [sorted(each, key=lambda answer: -float(answer["score"])) for each in found]
        if options["top_k"] == _BEST:
            return [each[0] for each in ranked]
        return [each[: options["top_k"]] for each in ranked]

    def _scores(self, logits: Tensor, function: str | None) -> list[dict[str, Any]]:
        config = self.model.config
        if function is None:
            single = len(logits) == 1 or config.problem_type == "multi_label_classification"
            function = "none" if config.problem_type == "regression" else "sigmoid" if single else "softmax"
        scores = _FUNCTIONS[function](logits)
        return [{"label": config.id2label[place], "score": score} for place, score in enumerate(scores.tolist())]

    def _single(self, answers: list[Any]) -> Any:
        return answers


_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(-1),
    "sigmoid": torch.sigmoid,
    "none": lambda logits: logits,
}


def _pair(place: int, given: Any) -> tuple[str, str | None]:
    if isinstance(given, str):
        return given, None
    if isinstance(given, Mapping) and isinstance(given.get("text"), str):
        pair = given.get("text_pair")
        if pair is None or isinstance(pair, str):
            return given["text"], pair
    raise InputError(f'input {place} must be a str or {{"text": …, "text_pair": …}}, got {type(given).__name__}')
