"""What does every kind of task know? How examples become rows, what scores mean, and how good they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pretrained import registry
from pretrained.errors import ConfigurationError, DataError
from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import Collator
from pretrained.training.data import Record
from pretrained.training.loop import Loss, Rows
from pretrained.training.options import TrainingOptions
from pretrained.training.tasks import Task


@dataclass
class Kind:
    """One task with one tokenizer.

    Args:
        task: which columns, which labels.
        tokenizer: of the model.
        labels: in the order of the model's outputs; () for tasks without.
        max_length: tokens of a row at most.
    """

    task: Task
    tokenizer: Any
    labels: tuple[str, ...] = ()
    max_length: int = 128

    auto: ClassVar[str]
    """The ending of the Auto class whose head it needs: "ForSequenceClassification"."""
    needs_labels: ClassVar[bool] = True

    @staticmethod
    def read(path: Path, task: Task) -> list[Record]:
        """The examples of a file."""
        raise NotImplementedError

    @staticmethod
    def found_labels(examples: Sequence[Record], task: Task) -> tuple[str, ...]:
        """The labels of training examples, sorted; () for kinds without."""
        return ()

    def check(self, examples: Sequence[Record], *, labelled: bool) -> None:
        """Raises DataError for the first example that cannot be used, and says how many there are.

        Args:
            labelled: whether one without a label, as published test files have them, cannot.
        """
        problems = list(self.problems(examples, labelled=labelled))
        if not problems:
            return
        more = len(problems) - 1
        raise DataError(problems[0] + (f" (and {more:,} more bad rows; check-data names them)" if more else ""))

    def problems(self, examples: Sequence[Record], *, labelled: bool) -> Iterator[str]:
        """What is wrong with each example that cannot be used, with file and line."""
        for example in examples:
            try:
                self.check_row(example)
                if labelled and not self.is_labelled(example):
                    hint = "" if self.task.label in example.values else ". --label-column names another column"
                    raise DataError(f"{example.where}: no label (column {self.task.label!r}){hint}")
            except DataError as error:
                yield str(error)

    def check_row(self, example: Record) -> None:
        """Raises DataError if the example by itself cannot be used."""
        if example.wrong:
            raise DataError(example.wrong)

    def is_labelled(self, example: Record) -> bool:
        return True

    def check_training(self, examples: Sequence[Record]) -> None:
        """Raises DataError if nothing can be learned from the training examples as a whole."""

    def check_model(self, model: PreTrainedModel) -> None:
        """Raises ConfigurationError if the model cannot learn this."""

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        """What the network reads; with labels where the examples have them."""
        raise NotImplementedError

    def predictions(self, model: PreTrainedModel, examples: Sequence[Record], rows: Rows) -> list[dict[str, Any]]:
        """What the model says to each example, as JSON can hold it, with what was wanted where that is known."""
        raise NotImplementedError

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """The metrics of the task."""
        raise NotImplementedError

    def loss(self, options: TrainingOptions, rows: Rows) -> Loss | None:
        """Another loss than the head's own, where the options ask for one."""
        for name in ("label_smoothing", "class_weights"):
            if getattr(options, name):
                raise ConfigurationError(f"{name} counts for classes of texts or words, and {self.task.name} has none")
        return None

    def collator(self, model: PreTrainedModel, *, packed: bool = True) -> Collator:
        """Batches without padding, where the network can and it is wished."""
        return Collator.of(self.tokenizer, model, packed=packed and registry.family(model.config.model_type).packed)

    # -- shared by the kinds

    def _encoded(self, texts: list[str], pairs: list[str] | None = None) -> list[dict[str, list[int]]]:
        """Texts, or pairs of them, as rows without padding."""
        if not texts:
            return []
        encoded = self.tokenizer(
            texts, pairs, truncation=True, max_length=self.max_length, return_attention_mask=False, verbose=False
        )
        names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
        return [{name: encoded[name][row] for name in names} for row in range(len(texts))]
