"""What happens in a run? Data are read and checked, a model is trained, measured and saved, with a report."""

import contextlib
import hashlib
import json
import logging
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from pretrained import auto, registry
from pretrained.atomic import write_text
from pretrained.errors import ConfigurationError, DataError
from pretrained.hub.reference import parse
from pretrained.modeling import PreTrainedModel
from pretrained.quiet import quiet
from pretrained.runner.rows import position_limit
from pretrained.training import card, lora, optimization, report
from pretrained.training.data import Record, find_file, require_file
from pretrained.training.distributed import Processes
from pretrained.training.kinds import KINDS, Kind
from pretrained.training.kinds.language import Masked
from pretrained.training.loop import Goal, Rows, Trainer, TrainingState
from pretrained.training.recipe import FILE, Recipe
from pretrained.training.tasks import HIGHER_IS_WORSE, SPLITS, Task

logger = logging.getLogger("pretrained")

CHECKPOINTS, LOCK = "checkpoints", ".lock"
Report = Callable[[TrainingState, int], None]


@dataclass
class Result:
    """What a run gave; everything in it is also in the files of its folder."""

    recipe: Recipe
    folder: Path
    metrics: dict[str, dict[str, float]]
    """Split → metric → value."""
    state: TrainingState
    labels: tuple[str, ...]
    predictions: list[dict[str, Any]]
    """Of the dev split."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Data fingerprint, rows, parameters, seconds, versions."""
    warnings: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    """With several seeds: seed, metrics and warnings of each."""


def run(recipe: Recipe, *, overwrite: bool = False, progress: Report | None = None) -> Result:
    """As `pretrained.training.finetune`, of a recipe."""
    folder = Path(recipe.output)
    with Processes.of(recipe.training) as processes, contextlib.ExitStack() as held:
        if processes.first:
            _check_folder(folder, recipe, overwrite=overwrite)
            held.enter_context(_locked(folder))
        one = _Run(recipe, progress)  # finds what is wrong before anything is removed
        if processes.first:
            _begin_folder(folder, recipe, overwrite=overwrite)
        processes.wait()
        if recipe.seeds == 1:
            return one.result()
        del one  # its memory is for those of the seeds
        return _runs(recipe, progress)


def _runs(recipe: Recipe, progress: Report | None) -> Result:
    """One run a seed."""
    folder, results = Path(recipe.output), []
    for number in range(recipe.seeds):
        options = replace(recipe.training, seed=recipe.training.seed + number)
        own = replace(recipe, training=options, output=str(folder / f"seed-{options.seed}"), seeds=1)
        finished = _finished(own)
        if finished is None:
            Path(own.output).mkdir(parents=True, exist_ok=True)
            finished = _Run(own, progress).result()
        results.append(finished)
    return _best_of(results, recipe, folder)


# -- one run


@dataclass
class Prepared:
    """Everything that is needed before the first step; making it finds what is wrong with data and options."""

    kind: Kind
    model: PreTrainedModel
    examples: dict[str, list[Record]]
    files: dict[str, Path]


def prepare(recipe: Recipe, *, splits: Sequence[str] = ("train", "dev", "test")) -> Prepared:
    """Reads and checks the data, and loads tokenizer and model."""
    task = recipe.declaration
    kind_class = KINDS[task.kind]
    files = data_files(recipe, splits)
    examples = {split: kind_class.read(path, task) for split, path in files.items()}
    hub: dict[str, Any] = {} if recipe.revision is None else {"revision": recipe.revision}
    tokenizer = auto.AutoTokenizer.from_pretrained(recipe.model, **hub)
    config = auto.AutoConfig.from_pretrained(recipe.model, **hub)
    labels: tuple[str, ...] = ()
    if kind_class.needs_labels:
        source = examples.get("train")
        if source is not None:
            labels = kind_class.found_labels([row for row in source if not row.wrong], task)
        else:
            labels = _known_labels(config, task)
    kind = kind_class(task, tokenizer, labels, row_limit(recipe, tokenizer, config))
    if isinstance(kind, Masked):
        kind.whole_words, kind.seed = recipe.whole_words, recipe.training.seed
    for split, found in examples.items():
        if task.damaged:
            found[:] = _sound(kind, found, files[split])
        kind.check(found, labelled=split != "test")
    if "train" in examples:
        kind.check_training(examples["train"])
    model = _model(recipe, kind, config, hub)
    kind.check_model(model)
    return Prepared(kind, model, examples, files)


def _sound(kind: Kind, examples: Sequence[Record], path: Path) -> list[Record]:
    """Without those that cannot be used."""
    kept = []
    for example in examples:
        with contextlib.suppress(DataError):
            kind.check_row(example)
            kept.append(example)
    if len(kept) < len(examples):
        logger.warning("%s: %d broken rows, as published, are left out", path, len(examples) - len(kept))
    return kept


def _known_labels(config: Any, task: Task) -> tuple[str, ...]:
    """Those of a trained model; the task's published ones where the model has only numbers for them."""
    names = tuple(str(label) for label in config.id2label.values())
    unnamed = names == tuple(f"LABEL_{number}" for number in range(len(names)))
    return task.labels if unnamed and len(task.labels) == len(names) else names


def row_limit(recipe: Recipe, tokenizer: Any, config: Any) -> int:
    """Tokens of a row: what is asked for, or what the task says, and no more than the model takes."""
    family = registry.family(config.model_type)
    with torch.device("meta"):
        limit = position_limit(registry.load(family, family.models["Model"])(config))
    most = min(length for length in (tokenizer.model_max_length, limit) if length is not None)
    if recipe.max_length is not None and recipe.max_length > most:
        raise ConfigurationError(f"max_length={recipe.max_length}, and {recipe.model} takes rows of {most} tokens")
    found = int(min(recipe.max_length or recipe.declaration.max_length, most))
    special = tokenizer.num_special_tokens_to_add(pair=recipe.declaration.pair is not None)
    if found <= special:
        raise ConfigurationError(f"max_length={found} leaves no room for text beside {special} special tokens")
    return found


def data_files(recipe: Recipe, splits: Sequence[str] = ("train", "dev", "test")) -> dict[str, Path]:
    """Split → file. Beside training data, a test split is used where there is one."""
    folder, task = Path(recipe.data), recipe.declaration
    files: dict[str, Path] = {}
    for split in splits:
        named = getattr(recipe, f"{split}_file")
        if named is not None:
            path = Path(named) if Path(named).exists() else folder / named
            if not path.exists():
                raise DataError(f"there is no file {named}, nor {path}")
            files[split] = path
        elif split == "test" and "train" in splits:
            found = find_file(folder, task, split)
            if found is not None:
                files[split] = found
        else:
            files[split] = require_file(folder, task, split)
    return files


def _model(recipe: Recipe, kind: Kind, config: Any, hub: dict[str, Any]) -> PreTrainedModel:
    family = registry.family(config.model_type)
    if kind.auto not in family.models:
        heads = ", ".join(name for name in family.models if name != "Model")
        raise ConfigurationError(
            f"the task {recipe.task} needs a head {kind.auto}, and {recipe.model} ({config.model_type}) has none; it "
            f"has: {heads}"
        )
    head: Any = getattr(auto, f"AutoModel{kind.auto}").class_of(config)
    torch.manual_seed(recipe.training.seed)  # a new head starts from the seed
    if kind.labels:
        config.id2label = dict(enumerate(kind.labels))
        config.label2id = {label: number for number, label in enumerate(kind.labels)}
        problems = {"classification": "single_label_classification", "multi-label": "multi_label_classification"}
        config.problem_type = problems.get(kind.task.kind, config.problem_type)
    elif kind.task.kind == "regression":
        name = str(kind.task.label)
        config.id2label, config.label2id, config.problem_type = {0: name}, {name: 0}, "regression"
    if kind.auto == "ForSequenceClassification" and config.pad_token_id is None:
        config.pad_token_id = kind.tokenizer.pad_token_id
    with quiet():  # that the head is new goes without saying here
        model: PreTrainedModel = head.from_pretrained(
            recipe.model, config=config, ignore_mismatched_sizes=bool(kind.labels), **hub
        )
    return model


class _Run:
    """The run of one seed. Making it reads and checks everything, and writes nothing."""

    def __init__(self, recipe: Recipe, progress: Report | None) -> None:
        self._begun = time.monotonic()
        self._recipe, self._folder = recipe, Path(recipe.output)
        self._prepared = prepare(recipe)
        kind, model, examples = self._prepared.kind, self._prepared.model, self._prepared.examples
        options = recipe.training
        if options.lora:
            adapters = {"rank": options.lora, "alpha": options.lora_alpha, "dropout": options.lora_dropout}
            lora.add_adapters(model, **adapters, targets=options.lora_targets)  # type: ignore[arg-type]
        optimization.freeze(model, options.freeze)
        model.to(Processes().device)
        rows = {split: kind.rows(found, training=split == "train") for split, found in examples.items()}
        metric = kind.task.metrics[0]
        self._rows = rows
        self._trainer = Trainer(
            model,
            rows["train"],
            kind.collator(model, packed=options.packed),
            options,
            self._folder / CHECKPOINTS,
            fingerprint=fingerprint(self._prepared.files.values()),
            evaluate=lambda trained: _measure(kind, trained, examples["dev"], rows["dev"])[0],
            goal=Goal(metric, metric not in HIGHER_IS_WORSE),
            loss=kind.loss(options, rows["train"]),
            report=progress,
        )

    def result(self) -> Result:
        """Trains, from the last checkpoint if there is one, measures and saves."""
        recipe, folder, rows, trainer = self._recipe, self._folder, self._rows, self._trainer
        kind, examples = self._prepared.kind, self._prepared.examples
        state = trainer.train()
        model = trainer.model
        if recipe.training.lora:
            if Processes().first:
                lora.save_adapters(model, folder / "adapter", name=recipe.model)
            lora.merge_adapters(model)
        metrics: dict[str, dict[str, float]] = {}
        metrics["dev"], predictions = _measure(kind, model, examples["dev"], rows["dev"])
        if "test" in examples and all(map(kind.is_labelled, examples["test"])):
            metrics["test"], _ = _measure(kind, model, examples["test"], rows["test"])
        facts = {
            "seconds": round(time.monotonic() - self._begun, 1),
            "steps": state.step,
            "fingerprint": trainer.fingerprint,
            "files": {split: str(path) for split, path in self._prepared.files.items()},
            "rows": {split: len(found) for split, found in examples.items()},
            "parameters": model.num_parameters(),
            "architecture": type(model).__name__,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        }
        warnings = _degenerate(kind, predictions)
        result = Result(recipe, folder, metrics, state, kind.labels, predictions, facts, warnings)
        if Processes().first:
            model.save_pretrained(folder)
            kind.tokenizer.save_pretrained(folder)
            _write_result(result)
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return result


def measure(recipe: Recipe, split: str) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """As `pretrained.training.evaluate`, of a recipe."""
    if split not in SPLITS:
        raise DataError(f"there is no split {split!r}; data have the splits {', '.join(SPLITS)}")
    prepared = prepare(recipe, splits=(split,))
    kind, examples = prepared.kind, prepared.examples[split]
    loaded = prepared.model.load_report
    if loaded is not None and (loaded.missing or loaded.mismatched):
        raise ConfigurationError(
            f"{recipe.model} has no trained head for {recipe.task}: {type(prepared.model).__name__} misses "
            f"{', '.join([*loaded.missing, *(name for name, *_ in loaded.mismatched)][:5])}. Train one: "
            f"pretrained finetune --task {recipe.task} --model {recipe.model} --data {recipe.data} --output FOLDER"
        )
    prepared.model.to(Processes().device)
    kind.check(examples, labelled=True)
    return _measure(kind, prepared.model, examples, kind.rows(examples, training=False))


def _measure(
    kind: Kind, model: PreTrainedModel, examples: Sequence[Record], rows: Rows
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    predictions = kind.predictions(model, examples, rows)
    return kind.scores(predictions), predictions


def _degenerate(kind: Kind, predictions: Sequence[dict[str, Any]]) -> list[str]:
    """A run that says the same to everything has learned nothing."""
    said = {str(row.get("label", row.get("choice", ""))) for row in predictions}
    if kind.task.kind == "classification" and len(said) == 1 and len(predictions) > 1:
        return [f"degenerate run: every prediction is {said.pop()!r}. Try a lower learning_rate or another seed"]
    if kind.task.kind == "tokens" and not any(tag != "O" for row in predictions for tag in row["tags"]):
        return ["degenerate run: no word was given a tag. Train longer or with a higher learning_rate"]
    return []


def fingerprint(paths: Any) -> str:
    """SHA-256 over the files that a run reads."""
    total = hashlib.sha256()
    for path in paths:
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                with each.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


# -- folders


def _check_folder(folder: Path, recipe: Recipe, *, overwrite: bool) -> None:
    """Refuses an output folder that is not new, empty, of the same run or, to be overwritten, of another one."""
    if folder.is_file():
        raise ConfigurationError(f"{folder} is a file; --output names a folder")
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not held - {FILE, LOCK}:  # a recipe alone is of a run that ended before its first step
        return
    if overwrite or FILE not in held:
        _check_removal(folder, recipe)
        return
    before = Recipe.read(folder / FILE)
    if before.to_dict() != recipe.to_dict():
        raise ConfigurationError(
            f"{folder} is of another run ({_differences(before, recipe)}). Choose another folder, or --overwrite "
            "to remove it"
        )
    if "metrics.json" in held:
        raise ConfigurationError(f"{folder} holds the result of this very run. --overwrite runs it again")


def _check_removal(folder: Path, recipe: Recipe) -> None:
    """Refuses a folder that is no earlier run's, or that holds what this run reads."""
    needed = [("the current folder", Path.cwd()), ("the data", Path(recipe.data))]
    needed += [("the data", path) for path in data_files(recipe).values()]
    if (model := parse(recipe.model).path) is not None:
        needed.append(("the model", model))
    for what, path in needed:
        around = (path.resolve(), *path.resolve().parents)
        if any(each.exists() and each.samefile(folder) for each in around):
            raise ConfigurationError(
                f"--output {folder} is, or holds, {what} ({path}), and a result would take its place. Choose another "
                "folder"
            )
    if not (folder / FILE).is_file():
        raise ConfigurationError(
            f"{folder} is not empty, and of no earlier run: it holds no {FILE}. Nothing in it is removed, not even by "
            "--overwrite. Choose another folder, or remove this one by hand"
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """No other run goes into the folder meanwhile. The system takes the lock away when the process ends, anyhow."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(
            f"another run goes into {folder} at this moment. Wait for its end, or choose another folder"
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):  # on Windows the file goes with the lock
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def _begin_folder(folder: Path, recipe: Recipe, *, overwrite: bool) -> None:
    """Removes what is to be overwritten; the recipe, by which the folder is known, is replaced at last."""
    for path in folder.iterdir() if overwrite else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (FILE, LOCK):
            path.unlink()
    recipe.write(folder / FILE)


def _differences(before: Recipe, now: Recipe) -> str:
    old, new = ({**r.to_dict(), **r.training.to_dict(), "training": None} for r in (before, now))
    return ", ".join(f"{name}: {old.get(name)!r} → {new[name]!r}" for name in new if old.get(name) != new[name])


def _write_result(result: Result) -> None:
    folder = result.folder
    lines = (json.dumps(row, ensure_ascii=False) for row in result.predictions)
    write_text(folder / "predictions.jsonl", "\n".join(lines) + "\n")
    write_text(folder / "report.html", report.html(result))
    write_text(folder / "README.md", card.markdown(result))
    content = {
        "metrics": result.metrics,
        "facts": result.facts,
        "warnings": result.warnings,
        "labels": list(result.labels),
        "best_step": result.state.best_step,
        "history": result.state.history,
        "runs": result.runs,
    }
    write_text(folder / "metrics.json", json.dumps(content, indent=1) + "\n")  # the last: it says that all is there


def _finished(recipe: Recipe) -> Result | None:
    """The result of a seed that is done already."""
    folder = Path(recipe.output)
    if not (folder / "metrics.json").is_file():
        return None
    content = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    state = TrainingState(step=content["facts"]["steps"], history=content["history"], best_step=content["best_step"])
    predictions = [json.loads(line) for line in lines]
    labels = tuple(content["labels"])
    return Result(recipe, folder, content["metrics"], state, labels, predictions, content["facts"], content["warnings"])


def _best_of(results: Sequence[Result], recipe: Recipe, folder: Path) -> Result:
    """The best run's files in the folder itself, with mean and spread over all runs."""
    metric = recipe.declaration.metrics[0]
    goal = Goal(metric, metric not in HIGHER_IS_WORSE)
    best = results[0]
    for result in results[1:]:
        if goal.better(result.metrics["dev"][metric], best.metrics["dev"][metric]):
            best = result
    runs: list[dict[str, Any]] = [
        {"seed": result.recipe.training.seed, "metrics": result.metrics, "warnings": result.warnings}
        for result in results
    ]
    if Processes().first:
        for path in best.folder.iterdir():
            if path.is_file() and path.name not in (FILE, "metrics.json"):
                shutil.copy2(path, folder / path.name)
            elif path.is_dir():
                shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
    warnings = [f"seed {each['seed']}: {text}" for each in runs for text in each["warnings"]]
    found = replace(best, recipe=recipe, folder=folder, runs=runs, warnings=warnings)
    if Processes().first:
        _write_result(found)
    return found


def spread(runs: Sequence[dict[str, Any]], split: str = "dev") -> dict[str, tuple[float, float]]:
    """Metric → (mean, standard deviation) over the seeds."""
    names = runs[0]["metrics"].get(split, {})
    values = {name: [each["metrics"][split][name] for each in runs] for name in names}
    return {name: (statistics.fmean(found), statistics.stdev(found)) for name, found in values.items()}
