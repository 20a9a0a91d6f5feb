"""How long does fine-tuning take, and how good is what comes out, beside Transformers in a plain PyTorch loop?

    python benchmarks/finetune.py --data SST-2                     two epochs, three seeds, fp32 and bf16
    python benchmarks/finetune.py --data SST-2 --quick             200 rows, one seed: whether it runs
    python benchmarks/finetune.py --data STS-B --task stsb         or --task wnut17

Both sides have one recipe: the same ids, order of rows, groups of AdamW, warm-up, clipping and seeds; new heads start
from numbers of their own. They run one after the other for each seed and precision; steps are timed apart from
evaluation. Ratios are their seconds by ours, within a seed; the median is shown.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from encode import machine, minilm

from pretrained.runner.rows import IGNORED
from pretrained.training import Recipe, metrics, optimization
from pretrained.training.kinds import Kind
from pretrained.training.loop import Rows, Trainer, TrainingState
from pretrained.training.run import Prepared, prepare

HEADS = {
    "classification": transformers.AutoModelForSequenceClassification,
    "regression": transformers.AutoModelForSequenceClassification,
    "tokens": transformers.AutoModelForTokenClassification,
}
OURS, THEIRS = "pretrained", "transformers"


class Timed(Trainer):
    """Adds up the seconds of its steps."""

    seconds = 0.0

    def _step(self, *arguments: Any) -> float:
        begin = time.perf_counter()
        norm = super()._step(*arguments)
        self.seconds += time.perf_counter() - begin
        return norm


def ours(recipe: Recipe, prepared: Prepared, rows: Mapping[str, Rows], folder: Path) -> dict[str, Any]:
    """Steps and evaluation of `pretrained`, as `pretrained finetune` runs them."""
    kind, model, options = prepared.kind, prepared.model, recipe.training
    evaluation = 0.0

    def evaluate(trained: Any) -> dict[str, float]:
        nonlocal evaluation
        begin = time.perf_counter()
        found = kind.scores(kind.predictions(trained, prepared.examples["dev"], rows["dev"]))
        evaluation += time.perf_counter() - begin
        return found

    trainer = Timed(model, rows["train"], kind.collator(model), options, folder, evaluate=evaluate)
    trainer.goal = type(trainer.goal)(kind.task.metrics[0])
    state: TrainingState = trainer.train()
    last = [row["metrics"] for row in state.history if "metrics" in row][-1]
    return {"seconds": trainer.seconds / options.epochs, "evaluation": evaluation / options.epochs, "dev": last}


def theirs(recipe: Recipe, kind: Kind, rows: Mapping[str, Rows]) -> dict[str, Any]:
    """A plain loop with the model of Transformers, padded to the longest row of a batch."""
    options = recipe.training
    torch.manual_seed(options.seed)
    count = max(1, len(kind.labels))
    model = HEADS[kind.task.kind].from_pretrained(minilm(), num_labels=count).train()
    train = rows["train"].rows
    plain = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    held = {id(p) for p in plain}
    decayed = [p for p in model.parameters() if id(p) not in held]
    groups = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, betas=options.betas, eps=options.epsilon)
    steps = math.ceil(len(train) / options.batch_size) * int(options.epochs)
    warmup = optimization.warmup_steps(options.warmup, steps)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, warmup, steps)
    seconds = evaluation = 0.0
    found: dict[str, float] = {}
    for epoch in range(int(options.epochs)):
        order = torch.randperm(
            len(train), generator=torch.Generator().manual_seed(options.seed * 1_000_003 + epoch)
        ).tolist()
        begin = time.perf_counter()
        for start in range(0, len(order), options.batch_size):
            batch = padded([train[place] for place in order[start : start + options.batch_size]])
            with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
                loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.max_grad_norm)
            optimizer.step()
            schedule.step()
        seconds += time.perf_counter() - begin
        begin = time.perf_counter()
        found = their_scores(model.eval(), kind, rows["dev"].rows)
        evaluation += time.perf_counter() - begin
        model.train()
    return {"seconds": seconds / options.epochs, "evaluation": evaluation / options.epochs, "dev": found}


def padded(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    columns: dict[str, list[Any]] = {"attention_mask": []}
    for row in rows:
        missing = longest - len(row["input_ids"])
        columns["attention_mask"].append([1] * len(row["input_ids"]) + [0] * missing)
        for name, value in row.items():
            fill = IGNORED if name == "labels" else 0
            columns.setdefault(name, []).append([*value, *[fill] * missing] if isinstance(value, list) else value)
    return {name: torch.tensor(values) for name, values in columns.items()}


@torch.inference_mode()
def their_scores(model: Any, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]["input_ids"]))
    logits: list[Any] = [None] * len(rows)
    for start in range(0, len(order), 32):
        places = order[start : start + 32]
        batch = padded([{k: v for k, v in rows[place].items() if k != "labels"} for place in places])
        for place, found in zip(places, model(**batch).logits, strict=True):
            logits[place] = found
    wanted = [row["labels"] for row in rows]
    if kind.task.kind == "regression":
        values = [float(each) for each in logits]
        return {"spearman": metrics.spearman(values, wanted), "pearson": metrics.pearson(values, wanted)}
    if kind.task.kind == "classification":
        return {"accuracy": metrics.accuracy([int(each.argmax()) for each in logits], wanted)}
    said: list[list[str]] = []
    true: list[list[str]] = []
    for each, labels in zip(logits, wanted, strict=True):
        counted = [at for at, label in enumerate(labels) if label != IGNORED]
        said.append([kind.labels[int(each[at].argmax())] for at in counted])
        true.append([kind.labels[labels[at]] for at in counted])
    return metrics.entity_scores(said, true)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder with the task's files")
    parser.add_argument("--task", choices=("sst2", "stsb", "wnut17"), default="sst2")
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--quick", action="store_true", help="200 rows, one epoch, one seed")
    parser.add_argument("--json", action="store_true", help="every run, for other programs")
    asked = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()  # that the head is new goes without saying
    torch.set_num_threads(asked.threads)
    if asked.quick:
        asked.epochs, asked.seeds = 1, 1

    runs: list[dict[str, Any]] = []
    for seed in range(42, 42 + asked.seeds):
        for precision in asked.precision:
            options = {"epochs": asked.epochs, "batch_size": 32, "learning_rate": asked.learning_rate, "seed": seed}
            recipe = Recipe.of(asked.task, str(minilm()), asked.data, "-", options={**options, "precision": precision})
            prepared = prepare(recipe, splits=("train", "dev"))
            if asked.quick:
                prepared.examples = {split: found[:200] for split, found in prepared.examples.items()}
            rows = {
                split: prepared.kind.rows(found, training=split == "train")
                for split, found in prepared.examples.items()
            }
            with tempfile.TemporaryDirectory() as folder:
                found = {
                    OURS: ours(recipe, prepared, rows, Path(folder)),
                    THEIRS: theirs(recipe, prepared.kind, rows),
                }
            for library, values in found.items():
                runs.append({"library": library, "precision": precision, "seed": seed, **values})
                if asked.json:
                    print(json.dumps(runs[-1]))
    if asked.json:
        print(json.dumps(machine()))
        return
    count = {split: len(each) for split, each in rows.items()}
    print(f"{asked.task}: {count['train']} rows, {count['dev']} of dev; {asked.epochs} epochs, {asked.seeds} seeds")
    metric = recipe.declaration.metrics[0]
    for precision in asked.precision:
        table = {
            name: [r for r in runs if (r["library"], r["precision"]) == (name, precision)] for name in (OURS, THEIRS)
        }
        for name, each in table.items():
            scores = [run["dev"][metric] for run in each]
            spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
            print(
                f"  {precision} {name:13} {statistics.median(run['seconds'] for run in each):7.1f} s an epoch, "
                f"{statistics.median(run['evaluation'] for run in each):6.1f} s of evaluation, "
                f"{metric} {statistics.fmean(scores):.4f} ± {spread:.4f}"
            )
        for what in ("seconds", "evaluation"):
            ratios = [b[what] / a[what] for a, b in zip(table[OURS], table[THEIRS], strict=True)]
            print(f"  {precision} {what}: ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")


if __name__ == "__main__":
    main()
