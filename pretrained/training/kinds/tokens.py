"""Which tag has each word? The first piece of a word is asked, and answers for the word."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pretrained.errors import DataError
from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import IGNORED, Row, outputs
from pretrained.training import metrics
from pretrained.training.data import Record
from pretrained.training.kinds.class_loss import class_loss
from pretrained.training.kinds.kind import Kind
from pretrained.training.layouts import read_words
from pretrained.training.loop import Loss, Rows
from pretrained.training.options import TrainingOptions
from pretrained.training.tasks import Task


class TokenRows(Rows):
    """Rows that count by their labelled words."""

    def weight(self, row: Row) -> float:
        return float(sum(label != IGNORED for label in row["labels"]))


class Tokens(Kind):
    """A tag a word, as in the CoNLL tasks."""

    auto = "ForTokenClassification"

    @staticmethod
    def read(path: Path, task: Task) -> list[Record]:
        return read_words(path, task)

    @staticmethod
    def found_labels(examples: Sequence[Record], task: Task) -> tuple[str, ...]:
        return task.labels or tuple(sorted({tag for example in examples for tag in example["tags"]}))

    def check_row(self, example: Record) -> None:
        super().check_row(example)
        if unknown := sorted({*example["tags"]}.difference(self.labels)):
            raise DataError(
                f"{example.where}: the tag {unknown[0]!r} is not among those of the training data: "
                f"{', '.join(self.labels)}"
            )

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        numbers = {label: number for number, label in enumerate(self.labels)}
        rows = []
        for inputs, words, example in zip(*self._pieces(examples), examples, strict=True):
            tags = example["tags"]
            labels = [IGNORED if word is None else numbers.get(tags[word], IGNORED) for word in words]
            rows.append({**inputs, "labels": labels})
        return TokenRows(rows)

    def _pieces(self, examples: Sequence[Record]) -> tuple[list[dict[str, list[int]]], list[list[int | None]]]:
        """The rows, and of each piece the word that it is the first of."""
        encoded = self.tokenizer(
            [list(example["words"]) for example in examples],
            is_split_into_words=True,
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
            verbose=False,
        )
        names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
        rows, firsts = [], []
        for row in range(len(examples)):
            rows.append({name: encoded[name][row] for name in names})
            seen: set[int] = set()
            own: list[int | None] = []
            for word in encoded.word_ids(row):
                own.append(None if word in seen else word)
                if word is not None:
                    seen.add(word)
            firsts.append(own)
        return rows, firsts

    def predictions(self, model: PreTrainedModel, examples: Sequence[Record], rows: Rows) -> list[dict[str, Any]]:
        """A tag for each word; words behind `max_length`, and words that leave no piece, are outside: O."""
        found: list[dict[str, Any]] = [{} for _ in examples]
        _, firsts = self._pieces(examples)
        collate = self.collator(model)
        outside = "O" if "O" in self.labels else self.labels[0]
        for place, (logits,) in outputs(model, rows.rows, collate, "logits", per_token=True):
            example = examples[place]
            tags, scores = [outside] * len(example["words"]), [0.0] * len(example["words"])
            surest, best = logits.softmax(-1).max(-1)
            for word, score, label in zip(firsts[place], surest.tolist(), best.tolist(), strict=True):
                if word is not None:
                    tags[word], scores[word] = self.labels[label], round(score, 4)
            found[place] = {
                "words": list(example["words"]), "tags": tags, "scores": scores, "wanted": list(example["tags"]),
            }  # fmt: skip
        return found

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        found = metrics.entity_scores([row["tags"] for row in predictions], [row["wanted"] for row in predictions])
        return {name: found[name] for name in self.task.metrics}

    def loss(self, options: TrainingOptions, rows: Rows) -> Loss | None:
        labels = [label for row in rows.rows for label in row["labels"] if label != IGNORED]
        return class_loss(options, self.labels, labels)
