"""Which of these labels fits a text, by a model that never learned them? One that knows what follows from what."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from pretrained.errors import InputError
from pretrained.pipelines.base import Pipeline
from pretrained.pipelines.texts import TextClassificationPipeline

logger = logging.getLogger("pretrained")


class ZeroShotClassificationPipeline(Pipeline):
    """Text and labels → {"sequence", "labels", "scores"}, the likeliest label first; a list of texts → a list.

    Each label makes a hypothesis, and the model says whether the text entails it (Yin et al., arXiv 1909.00161).

    Options:
        candidate_labels: a list, or one text with commas.
        hypothesis_template: holds {} for the label.
        multi_class: each label by itself, where several may fit; `multi_label` is its later name.
    """

    auto = TextClassificationPipeline.auto
    trained_by = "mnli"
    at_once = 64  # each with every label
    defaults: ClassVar[Mapping[str, Any]] = {
        "candidate_labels": None,
        "hypothesis_template": "This example is {}.",
        "multi_class": False,
        "multi_label": None,
    }

    def __call__(self, sequences: Any, candidate_labels: Any = None, /, **options: Any) -> Any:
        """See the class.

        Raises:
            InputError: no labels, or a template that has no place for them.
        """
        if candidate_labels is not None:
            options["candidate_labels"] = candidate_labels
        return super().__call__(sequences, **options)

    @property
    def entailment_id(self) -> int:
        """Which of the model's labels says "entails"."""
        for label, place in self.model.config.label2id.items():
            if str(label).lower().startswith("entail"):
                return int(place)
        logger.warning(
            "no label of %s begins with 'entail' (%s), so its last one is taken for it",
            type(self.model).__name__,
            ", ".join(map(str, self.model.config.label2id)),
        )
        return self.model.config.num_labels - 1

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        labels = _labels(options["candidate_labels"])
        hypotheses = [_hypothesis(options["hypothesis_template"], label) for label in labels]
        several = options["multi_class"] if options["multi_label"] is None else options["multi_label"]
        texts = self._texts(inputs)
        pairs = [(text, hypothesis) for text in texts for hypothesis in hypotheses]
        rows, _ = self._rows([text for text, _ in pairs], [guess for _, guess in pairs], truncation="only_first")
        logits = torch.stack([found for (found,) in self._run(rows, "logits")]).view(len(texts), len(labels), -1)
        entails = self.entailment_id
        if several or len(labels) == 1:
            contradicts = 0 if entails else -1
            scores = logits[..., [contradicts, entails]].softmax(-1)[..., 1]
        else:
            scores = logits[..., entails].softmax(-1)
        return [_ranked(text, labels, row) for text, row in zip(texts, scores.tolist(), strict=True)]


def _labels(given: Any) -> list[str]:
    labels = [part.strip() for part in given.split(",")] if isinstance(given, str) else list(given or ())
    if not labels or not all(isinstance(label, str) and label for label in labels):
        raise InputError(f"candidate_labels must be a list of texts, or one with commas; got {given!r}")
    return labels


def _hypothesis(template: str, label: str) -> str:
    try:
        found = template.format(label)
    except (LookupError, ValueError):  # other names, numbers or braces
        found = template
    if found == template:
        raise InputError(f"hypothesis_template={template!r} has no {{}} for the label, and nothing else in braces")
    return found


def _ranked(text: str, labels: Sequence[str], scores: Sequence[float]) -> dict[str, Any]:
    order = sorted(range(len(labels)), key=lambda place: -scores[place])
    return {"sequence": text, "labels": [labels[at] for at in order], "scores": [scores[at] for at in order]}
