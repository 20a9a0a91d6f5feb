"""How is a model trained? Step by step: forward, backward, clip, update; so that a killed run goes on where it was.

Nothing depends on how often a run was interrupted: the order of the rows comes from seed and epoch, dropout from
seed and step, and a checkpoint holds the rest. The same seed on the same machine gives the same numbers.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from pretrained.errors import ConfigurationError
from pretrained.modeling import PreTrainedModel
from pretrained.runner.heap import keep_freed_memory
from pretrained.runner.rows import Batch, Collator, Row
from pretrained.runner.threads import torch_threads
from pretrained.training import checkpointing, optimization
from pretrained.training.distributed import Processes
from pretrained.training.options import TrainingOptions

Evaluate = Callable[[PreTrainedModel], Mapping[str, float]]
Loss = Callable[[Any, Batch], Tensor]
_PRIME = 1_000_003  # keeps the chances of a step apart from those of the next


@dataclass
class Rows:
    """The rows to learn from; `at_epoch` gives other versions of them, where a task wants that (masks)."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    def at_epoch(self, epoch: int) -> Sequence[Row]:
        return self.rows

    def weight(self, row: Row) -> float:
        """How much a row counts in the mean loss of a step: the loss of a model is the mean over this many."""
        return 1.0


@dataclass
class TrainingState:
    """Where a run is, beside the weights and the optimizer."""

    step: int = 0
    seed: int = 0
    loss_sum: float = 0.0
    """Since the last entry of the history."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Rows of {"step", "epoch", "loss", "learning_rate", "gradient_norm"}, and of {"step", "epoch", "metrics"}."""
    best: float | None = None
    best_step: int = 0
    without_gain: int = 0
    """Evaluations since the best one."""


@dataclass(frozen=True)
class Goal:
    """Which result is the best one."""

    metric: str
    higher_is_better: bool = True

    def better(self, new: float, old: float | None) -> bool:
        if math.isnan(new):
            return False
        return old is None or (new > old if self.higher_is_better else new < old)


@dataclass
class Trainer:
    """One training run of one model.

    Args:
        model: holds the best weights at the end if there is `evaluate`, else the last ones.
        rows: what to learn from.
        collate: makes batches.
        options: the recipe.
        folder: holds the checkpoints; a run that finds one of the same recipe goes on from there.
        fingerprint: what the run depends on besides the recipe: data, model. A checkpoint of another is refused.
        evaluate: gives the metrics of the model as it is; called between steps.
        goal: which of them says what is best.
        loss: of the model's output and the batch; the model's own unless given.
        report: called with the state after every step.
    """

    model: PreTrainedModel
    rows: Rows
    collate: Collator
    options: TrainingOptions
    folder: Path
    fingerprint: str = ""
    evaluate: Evaluate | None = None
    goal: Goal = field(default_factory=lambda: Goal("loss", higher_is_better=False))
    loss: Loss | None = None
    report: Callable[[TrainingState, int], None] | None = None

    def __post_init__(self) -> None:
        if not len(self.rows):
            raise ConfigurationError("there are no rows to train on")
        self.steps_per_epoch = -(-len(self.rows) // self.options.batch_size)
        asked = self.options.max_steps or math.ceil(self.options.epochs * self.steps_per_epoch)
        self.steps = max(1, asked)
        self.log_every = max(1, min(10, self.steps // 20))
        self.state = TrainingState(seed=self.options.seed)
        self._ordered: tuple[int, list[int]] = (-1, [])

    def train(self) -> TrainingState:
        """Trains to the end, from the last checkpoint if there is one.

        Raises:
            ConfigurationError: the folder holds a checkpoint of another recipe or other data, or the loss is no number.
        """
        options, model = self.options, self.model
        keep_freed_memory()
        with Processes.of(options) as processes, torch_threads(options.threads):
            numbers = optimization.layer_numbers(model)
            if options.gradient_checkpointing:
                model.gradient_checkpointing_enable()
            network = processes.wrap(model)
            optimizer = optimization.make_optimizer(model, options, numbers)
            schedule = optimization.make_schedule(optimizer, options, self.steps)
            store = checkpointing.Store(self.folder, self._identity(), processes)
            self.state = store.load(model, optimizer, schedule, TrainingState) or self.state
            while self.state.step < self.steps and not self._exhausted():
                norm = self._step(network, optimizer, processes)
                rate = float(schedule.get_last_lr()[0])
                schedule.step()
                self.state.step += 1
                self._record(rate, norm)
                evaluated = self._is_due(options.evaluate_every)
                if evaluated:
                    self._evaluate(store)
                if evaluated or (options.save_every and self.state.step % options.save_every == 0):
                    store.save(model, optimizer, schedule, self.state)
                if self.report is not None and processes.first:
                    self.report(self.state, self.steps)
            store.load_best(model)
            self.model = cast(PreTrainedModel, processes.unwrap(model)).eval()
        return self.state

    # -- one step

    def _step(self, network: nn.Module, optimizer: torch.optim.Optimizer, processes: Processes) -> float:
        """Forward, backward and update for the rows of one step; the length of the gradient."""
        options = self.options
        epoch, at = divmod(self.state.step, self.steps_per_epoch)
        places = self._order(epoch)[at * options.batch_size : (at + 1) * options.batch_size]
        version = self.rows.at_epoch(epoch)
        rows = [version[place] for place in places]
        whole = sum(self.rows.weight(row) for row in rows)
        torch.manual_seed((options.seed * _PRIME + self.state.step) * _PRIME + processes.rank)
        network.train()
        optimizer.zero_grad(set_to_none=True)
        parts = list(processes.share(rows, options.accumulate))
        total = 0.0
        for number, part in enumerate(parts):
            share = sum(self.rows.weight(row) for row in part) / whole if whole else 0.0
            with processes.gathering(network, last=number == len(parts) - 1):
                # a process without rows takes part with one that does not count: the others wait for its gradients
                batch = self.collate(part or rows[:1]).to(self.model.device)
                with self._autocast():
                    output = network(**batch.inputs, return_dict=True)
                    loss = self._loss(output, batch) if share else _nothing(output)
                torch.autograd.backward(loss * (share * processes.count))
            total += float(loss.detach()) * share
        total = processes.sum(total)
        if not math.isfinite(total):
            raise ConfigurationError(
                f"the loss of step {self.state.step + 1} is {total}: the run diverged. The last checkpoint is in "
                f"{self.folder}; start anew with a lower learning_rate (now {options.learning_rate})"
            )
        self.state.loss_sum += total
        norm = optimization.clip(self.model.parameters(), options.max_grad_norm)
        optimizer.step()
        return norm

    def _loss(self, output: Any, batch: Batch) -> Tensor:
        if self.loss is not None:
            return self.loss(output, batch)
        found: Tensor = output.loss
        return found

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        wanted = self.options.precision == "bf16"
        return torch.autocast(self.model.device.type, torch.bfloat16) if wanted else contextlib.nullcontext()

    def _order(self, epoch: int) -> list[int]:
        """The places of the rows in the order of this epoch."""
        if self._ordered[0] != epoch:
            chance = torch.Generator().manual_seed(self.options.seed * _PRIME + epoch)
            self._ordered = (epoch, torch.randperm(len(self.rows), generator=chance).tolist())
        return self._ordered[1]

    # -- between steps

    def _is_due(self, every: int | None) -> bool:
        """Whether it is time after this step: every so many steps, else at the end of an epoch; and at the very end."""
        step = self.state.step
        return step == self.steps or step % (every or self.steps_per_epoch) == 0

    def _exhausted(self) -> bool:
        patience = self.options.patience
        return patience is not None and self.state.without_gain >= patience

    def _record(self, rate: float, norm: float) -> None:
        state = self.state
        last = next((row["step"] for row in reversed(state.history) if "loss" in row), 0)
        if state.step % self.log_every == 0 or state.step == self.steps:
            loss = state.loss_sum / (state.step - last)
            entry = {"loss": loss, "learning_rate": rate, "gradient_norm": norm}
            state.history.append({"step": state.step, "epoch": state.step / self.steps_per_epoch, **entry})
            state.loss_sum = 0.0

    def _evaluate(self, store: checkpointing.Store) -> None:
        if self.evaluate is None:
            return
        state = self.state
        self.model.eval()
        metrics = dict(self.evaluate(self.model))
        if self.goal.metric not in metrics:
            raise ConfigurationError(f"the evaluation gives {sorted(metrics)}, and not the goal {self.goal.metric!r}")
        state.history.append({"step": state.step, "epoch": state.step / self.steps_per_epoch, "metrics": metrics})
        if self.goal.better(metrics[self.goal.metric], state.best):
            state.best, state.best_step, state.without_gain = metrics[self.goal.metric], state.step, 0
            store.save_best(self.model)
        else:
            state.without_gain += 1

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must agree in."""
        return {"options": self.options.to_dict(), "rows": len(self.rows), "fingerprint": self.fingerprint}


def _nothing(output: Any) -> Tensor:
    """0, with gradients of 0: rows without any label have no mean."""
    logits: Tensor = next(value for value in output.values() if torch.is_tensor(value) and value.is_floating_point())
    return logits.nan_to_num().sum() * 0.0
