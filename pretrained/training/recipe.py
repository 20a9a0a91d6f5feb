"""What exactly shall be run? Task, model, data and options: one TOML file, so that a run can be repeated."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pretrained.atomic import write_text
from pretrained.errors import ConfigurationError
from pretrained.training.options import TrainingOptions, option
from pretrained.training.tasks import Task, task

FILE = "finetune.toml"


@dataclass(kw_only=True)
class Recipe:
    """Everything that a run depends on: task, model, the folder of the data, the folder of the result, and how."""

    task: str
    model: str
    data: str
    output: str
    train_file: str | None = option(None, "Training file, instead of the published name in the data folder.")
    dev_file: str | None = option(None, "File to measure on between epochs, likewise.")
    test_file: str | None = option(None, "File to measure on at the end, likewise.")
    text_column: str | None = option(
        None, "Column of the text, by its name in the first line; of words and tags, by its number from 0."
    )
    pair_column: str | None = option(None, "Column of the second text of a pair.")
    label_column: str | None = option(None, "Column of the label.")
    language: str = option("en", "Of tasks in several languages (XNLI).")
    max_length: int | None = option(None, "Tokens of a row; as the task says unless given.")
    whole_words: bool = option(False, "Masked language modelling hides whole words; Chinese ones as jieba finds them.")
    seeds: int = option(1, "Runs, with this many seeds from --seed on; the best one is the result.")
    revision: str | None = option(None, "Branch, tag or commit of the model.")
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def __post_init__(self) -> None:
        self.data, self.output = os.path.expanduser(self.data), os.path.expanduser(self.output)
        if self.seeds < 1 or (self.max_length is not None and self.max_length < 2):
            raise ConfigurationError(f"seeds={self.seeds} and max_length={self.max_length} must be positive numbers")

    @classmethod
    def of(cls, task: str, model: str, data: str | Path, output: str | Path, **more: Any) -> "Recipe":
        """A recipe whose training options, where none are given, are the task's published ones.

        Args:
            **more: other fields; `options` are `TrainingOptions`, or a dict of those that differ from the published.
        """
        options = more.pop("options", None)
        made = cls.from_dict({**more, "task": task, "model": model, "data": str(data), "output": str(output)})
        if isinstance(options, TrainingOptions):
            made.training = options
        else:
            published = made.declaration
            own = {name: getattr(published, name) for name in ("epochs", "learning_rate", "batch_size")}
            made.training = TrainingOptions.from_dict({**own, **(options or {})})
        return made

    @property
    def declaration(self) -> Task:
        """The task, with the columns of this run."""
        columns = {name: getattr(self, name) for name in ("text_column", "pair_column", "label_column")}
        return task(self.task, language=self.language, **columns)

    def to_dict(self) -> dict[str, Any]:
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "training"}
        return {**own, "training": self.training.to_dict()}

    def to_toml(self) -> str:
        lines = [f"# Repeat this run: pretrained finetune --config {FILE} --output FOLDER", ""]
        tables = [("", self.to_dict())]
        tables.append(("training", tables[0][1].pop("training")))
        for name, values in tables:
            if name:
                lines += ["", f"[{name}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """As TOML."""
        write_text(path, self.to_toml())

    @classmethod
    def read(cls, path: Path, **overrides: Any) -> "Recipe":
        """From TOML; what is given by name counts instead.

        Raises:
            ConfigurationError: no TOML, or a key that no recipe has; with those that there are.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path} cannot be read as TOML: {error}") from error
        return cls.from_dict(values, **overrides)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> "Recipe":
        known = {each.name for each in fields(cls)}
        values = {**values, **overrides}
        if unknown := sorted(values.keys() - known):
            raise ConfigurationError(f"a recipe has no {', '.join(unknown)}; it has: {', '.join(sorted(known))}")
        missing = [name for name in ("task", "model", "data", "output") if not values.get(name)]
        if missing:
            raise ConfigurationError(f"a recipe needs {', '.join(missing)}")
        options = values.get("training", {})
        if not isinstance(options, TrainingOptions):
            options = TrainingOptions.from_dict(options)
        return cls(**{**values, "training": options})


def _toml(value: Any) -> str:
    """Strings, numbers, truth values and lists look alike in TOML and JSON; but TOML wants DEL escaped, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
