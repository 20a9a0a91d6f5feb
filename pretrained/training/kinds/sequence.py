"""Which class has a text or a pair, which classes, or which value?"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pretrained.errors import DataError
from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import outputs
from pretrained.training import metrics
from pretrained.training.data import Record, read_records
from pretrained.training.kinds.class_loss import class_loss
from pretrained.training.kinds.kind import Kind
from pretrained.training.loop import Loss, Rows
from pretrained.training.options import TrainingOptions
from pretrained.training.tasks import Column, Task


class Texts(Kind):
    """What the three kinds of text classification share: a text or a pair, and one head."""

    auto = "ForSequenceClassification"

    @staticmethod
    def read(path: Path, task: Task) -> list[Record]:
        records = read_records(path, task)
        _require(records, "text", task.text)
        _require(records, "pair", task.pair)
        return records

    def check_row(self, example: Record) -> None:
        super().check_row(example)
        if not example.text(self.task.text).strip():
            raise DataError(f"{example.where}: the text (column {self.task.text!r}) is empty")
        if self.task.pair is not None:
            example.text(self.task.pair)
        self._label(example)

    def is_labelled(self, example: Record) -> bool:
        return self._label(example) is not None

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        texts = [example.text(self.task.text) for example in examples]
        pairs = None if self.task.pair is None else [example.text(self.task.pair) for example in examples]
        rows = self._encoded(texts, pairs)
        labels = [self._label(example) for example in examples]
        return Rows(
            [row if label is None else {**row, "labels": label} for row, label in zip(rows, labels, strict=True)]
        )

    def predictions(self, model: PreTrainedModel, examples: Sequence[Record], rows: Rows) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{} for _ in examples]
        collate = self.collator(model)
        for place, (logits,) in outputs(model, rows.rows, collate, "logits"):
            example = examples[place]
            shown = {"text": example.text(self.task.text)}
            if self.task.pair is not None:
                shown["pair"] = example.text(self.task.pair)
            found[place] = {**shown, **self._said(logits), **self._wanted(example)}
        return found

    def _wanted(self, example: Record) -> dict[str, Any]:
        return {}

    def _label(self, example: Record) -> Any:
        """As the head wants it; None where the file has no label."""
        raise NotImplementedError

    def _said(self, logits: Tensor) -> dict[str, Any]:
        raise NotImplementedError

    def _raw(self, example: Record) -> Any:
        """What stands in the label's column; None without one (test files)."""
        column = self.task.label
        if column is None or (isinstance(column, str) and column not in example.values):
            return None
        value = example[column]
        return None if value is None or value == "" else value


class Classification(Texts):
    """One class a text."""

    @staticmethod
    def found_labels(examples: Sequence[Record], task: Task) -> tuple[str, ...]:
        if task.labels:
            return task.labels
        assert task.label is not None
        _require(examples, "label", task.label)
        found = {str(example[task.label]).strip() for example in examples if example[task.label] is not None}
        return _sorted({task.rename.get(label, label) for label in found})

    def check_training(self, examples: Sequence[Record]) -> None:
        present = {self._name(example) for example in examples}
        if len(present) == 1:
            raise DataError(
                f"{examples[0].path} has only one label, {present.pop()!r}; a class can be learned only beside another"
            )

    def _label(self, example: Record) -> int | None:
        name = self._name(example)
        if name is None:
            return None
        if name not in self.labels:
            raise DataError(
                f"{example.where}: the label {name!r} (column {self.task.label!r}) is not among those of the training "
                f"data: {', '.join(self.labels)}"
            )
        return self.labels.index(name)

    def _name(self, example: Record) -> str | None:
        raw = self._raw(example)
        return None if raw is None else self.task.rename.get(str(raw).strip(), str(raw).strip())

    def _said(self, logits: Tensor) -> dict[str, Any]:
        probabilities = logits.softmax(-1)
        best = int(probabilities.argmax())
        return {
            "label": self.labels[best],
            "score": float(probabilities[best]),
            "scores": dict(zip(self.labels, probabilities.tolist(), strict=True)),
        }

    def _wanted(self, example: Record) -> dict[str, Any]:
        name = self._name(example)
        return {} if name is None else {"wanted": name}

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        predicted = [row["label"] for row in predictions]
        wanted = [row["wanted"] for row in predictions]
        measures: dict[str, Callable[[], float]] = {
            "accuracy": lambda: metrics.accuracy(predicted, wanted),
            "f1": lambda: metrics.f1(predicted, wanted, self.labels[-1]),
            "f1_macro": lambda: metrics.f1_macro(predicted, wanted),
            "matthews": lambda: metrics.matthews(predicted, wanted),
        }
        losses = [-math.log(max(row["scores"][row["wanted"]], 1e-12)) for row in predictions]
        return {**{name: measures[name]() for name in self.task.metrics}, "loss": sum(losses) / max(1, len(losses))}

    def loss(self, options: TrainingOptions, rows: Rows) -> Loss | None:
        return class_loss(options, self.labels, [row["labels"] for row in rows.rows])


class MultiLabel(Texts):
    """Any number of classes a text. Labels stand in one column, between commas, semicolons or bars, or as a list."""

    @staticmethod
    def found_labels(examples: Sequence[Record], task: Task) -> tuple[str, ...]:
        assert task.label is not None
        _require(examples, "label", task.label)
        return task.labels or _sorted(set().union(*(_set(example[task.label]) for example in examples)))

    def check_training(self, examples: Sequence[Record]) -> None:
        if examples and not self.labels:
            raise DataError(f"{examples[0].path}: no row has a label in the column {self.task.label!r}; one needs some")

    def _label(self, example: Record) -> list[float] | None:
        raw = self._raw(example)
        if raw is None and (self.task.label is None or self.task.label not in example.values):
            return None
        chosen = _set(raw)
        if unknown := sorted(chosen - set(self.labels)):
            raise DataError(f"{example.where}: unknown labels {', '.join(unknown)}; known: {', '.join(self.labels)}")
        return [float(label in chosen) for label in self.labels]

    def _said(self, logits: Tensor) -> dict[str, Any]:
        probabilities = logits.sigmoid().tolist()
        chosen = [label for label, score in zip(self.labels, probabilities, strict=True) if score >= 0.5]
        return {"labels": chosen, "scores": dict(zip(self.labels, probabilities, strict=True))}

    def _wanted(self, example: Record) -> dict[str, Any]:
        wanted = self._label(example)
        if wanted is None:
            return {}
        return {"wanted": [label for label, value in zip(self.labels, wanted, strict=True) if value]}

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        found = metrics.multi_label(
            [set(row["labels"]) for row in predictions], [set(row["wanted"]) for row in predictions]
        )
        return {name: found[name] for name in self.task.metrics}


class Regression(Texts):
    """One number a text."""

    needs_labels: ClassVar[bool] = False

    def _label(self, example: Record) -> float | None:
        raw = self._raw(example)
        if raw is None:
            return None
        try:
            value = float(raw)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"{example.where}: {raw!r} (column {self.task.label!r}) is no number")
        return value

    def _said(self, logits: Tensor) -> dict[str, Any]:
        return {"value": float(logits.reshape(-1)[0])}

    def _wanted(self, example: Record) -> dict[str, Any]:
        value = self._label(example)
        return {} if value is None else {"wanted": value}

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        predicted = [row["value"] for row in predictions]
        wanted = [row["wanted"] for row in predictions]
        measures = {
            "pearson": metrics.pearson,
            "spearman": metrics.spearman,
            "mean_squared_error": metrics.mean_squared_error,
        }
        return {name: measures[name](predicted, wanted) for name in self.task.metrics}


def _require(records: Sequence[Record], what: str, column: Column | None) -> None:
    """Raises DataError if no row has the column: then the file calls it otherwise."""
    sound = [record for record in records if not record.wrong]
    if column is None or not sound or any(column in record.values for record in sound):
        return
    there = ", ".join(map(str, sound[0].values))
    raise DataError(
        f"{sound[0].path} has no column {column!r}; its columns are: {there}. Name the one that holds the {what}: "
        f"--{what}-column"
    )


def _set(value: Any) -> set[str]:
    if isinstance(value, list | tuple):
        return {str(each).strip() for each in value} - {""}
    text = "" if value is None else str(value)
    for separator in ("|", ";", ","):
        if separator in text:
            return {part.strip() for part in text.split(separator) if part.strip()}
    return {text.strip()} - {""}


def _sorted(labels: set[str]) -> tuple[str, ...]:
    """Numbers by their value, others by the alphabet."""
    labels = labels - {""}
    if all(label.removeprefix("-").isdecimal() for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))
