"""How does a pretrained model become a model for a task? One call; torch is imported when it is made."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pretrained.training.options import TrainingOptions
from pretrained.training.recipe import Recipe

if TYPE_CHECKING:
    from pretrained.training.loop import TrainingState
    from pretrained.training.run import Result


def finetune(
    task: str,
    model: str,
    data: str | Path,
    output: str | Path,
    *,
    options: TrainingOptions | dict[str, Any] | None = None,
    overwrite: bool = False,
    progress: "Callable[[TrainingState, int], None] | None" = None,
    **recipe: Any,
) -> "Result":
    """Trains a pretrained model on a task, and saves it with its metrics, predictions and a report.

    A run that was killed goes on where it was when the same call is made again, and ends with the same weights.

    Args:
        task: a published one, or "classification", "multi-label", "regression" or "tokens" for your own data.
        model: any way to name a model, see `pretrained.resolve`.
        data: the folder with the task's files.
        output: the folder of the result; new, empty, or of the same run, unfinished.
        options: how to train: all of it, or a dict of what shall differ from the task's published values.
        overwrite: remove all that the output folder holds, if it is an earlier run's and nothing is wrong with data,
            model and options.
        progress: called after every step with the state and the number of steps.
        **recipe: other fields of `Recipe`: columns, files, `max_length`, `seeds`, …

    Returns:
        The result; with several seeds, of the best one.

    Raises:
        DataError: the data are not as the task expects; with file and line.
        ConfigurationError: options that contradict each other, a folder that is not empty, or one that holds the data,
            the model or the current folder.
    """
    from pretrained.training.run import run

    made = Recipe.of(task, model, data, output, options=options, **recipe)
    return run(made, overwrite=overwrite, progress=progress)


def evaluate(
    task: str, model: str, data: str | Path, *, split: str = "dev", **recipe: Any
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The metrics of a model on a task's data, and what it says to each row.

    Args:
        task: a published one, or "classification", "multi-label", "regression" or "tokens" for your own data.
        model: one that was trained on the task, such as the folder that `finetune` wrote.
        data: the folder with the task's files.
        split: "train", "dev" or "test".
        **recipe: other fields of `Recipe`: columns, files, `max_length`, …

    Raises:
        DataError: the data are not as the task expects, have labels that the model does not know, or no such split.
    """
    from pretrained.training.run import measure

    return measure(Recipe.of(task, model, data, "-", **recipe), split)
