"""Which of several texts fits?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import outputs
from pretrained.training import metrics
from pretrained.training.data import Record
from pretrained.training.kinds.kind import Kind
from pretrained.training.layouts import read_choices
from pretrained.training.loop import Rows
from pretrained.training.tasks import Task


class Choice(Kind):
    """A context and its endings; the network scores each pair."""

    auto = "ForMultipleChoice"
    needs_labels = False

    @staticmethod
    def read(path: Path, task: Task) -> list[Record]:
        return read_choices(path, task)

    def problems(self, examples: Sequence[Record], *, labelled: bool) -> Iterator[str]:
        yield from super().problems(examples, labelled=labelled)
        counts = [(example.where, len(example["choices"])) for example in examples if not example.wrong]
        for where, count in counts:
            if count != counts[0][1]:
                yield f"{where}: {count} choices, where the first row has {counts[0][1]}"

    def is_labelled(self, example: Record) -> bool:
        return example["label"] is not None

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        contexts = [example["context"] for example in examples for _ in example["choices"]]
        encoded = iter(self._encoded(contexts, [each for example in examples for each in example["choices"]]))
        rows = []
        for example in examples:
            choices = [next(encoded) for _ in example["choices"]]
            row: dict[str, Any] = {name: [choice[name] for choice in choices] for name in choices[0]}
            rows.append(row if example["label"] is None else {**row, "labels": example["label"]})
        return Rows(rows)

    def predictions(self, model: PreTrainedModel, examples: Sequence[Record], rows: Rows) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{} for _ in examples]
        collate = self.collator(model)
        for place, (logits,) in outputs(model, rows.rows, collate, "logits"):
            example, probabilities = examples[place], logits.softmax(-1)
            best = int(probabilities.argmax())
            row = {"context": example["context"], "choice": best, "text": example["choices"][best]}
            row |= {"score": float(probabilities[best]), "scores": probabilities.tolist()}
            found[place] = row if example["label"] is None else {**row, "wanted": example["label"]}
        return found

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        predicted, wanted = ([row[name] for row in predictions] for name in ("choice", "wanted"))
        return {"accuracy": metrics.accuracy(predicted, wanted)}
