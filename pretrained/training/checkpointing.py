"""How does a run survive being killed? By checkpoints that are whole or not there: safetensors and JSON, no pickles.

A checkpoint is a folder `step-N` that gets its name when everything in it is written. The one before is removed after
that, so a full disk or a kill at any moment leaves one to go on from.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pretrained.atomic import write_text
from pretrained.errors import ConfigurationError, CorruptFileError
from pretrained.training.distributed import Processes

_WEIGHTS, _OPTIMIZER, _STATE = "model.safetensors", "optimizer.safetensors", "state.json"


class Store:
    """The checkpoints of one run.

    Args:
        folder: holds them; made when the first is written.
        identity: recipe and data. A checkpoint of another is refused, for it would go on as neither.
        processes: of several, the first one writes.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], processes: Processes) -> None:
        self.folder = folder
        self.identity = json.loads(json.dumps(identity))
        self.processes = processes

    # -- to go on

    def save(self, model: nn.Module, optimizer: Optimizer, schedule: LRScheduler, state: Any) -> None:
        """Writes everything that the next step depends on."""
        weights, moments = self.processes.whole_state(model, optimizer)
        if self.processes.first:
            self._clean()
            final = self.folder / f"step-{state.step:08}"
            temporary = self.folder / f".{final.name}"
            facts = {
                "identity": self.identity,
                "schedule": schedule.state_dict()["last_epoch"],
                "state": asdict(state),
            }
            with self._writing(temporary):
                temporary.mkdir()
                _write(weights, temporary / _WEIGHTS)
                _write(moments, temporary / _OPTIMIZER)
                write_text(temporary / _STATE, json.dumps(facts, indent=1))
                before = self._complete()
                temporary.rename(final)
                _sync(self.folder)
            for folder in before:
                if folder != final:
                    shutil.rmtree(folder)
        self.processes.wait()

    def load(self, model: nn.Module, optimizer: Optimizer, schedule: LRScheduler, kind: type[Any]) -> Any:
        """Puts the last checkpoint into model, optimizer and schedule, and gives its state; None if there is none."""
        complete = self._complete()
        if not complete:
            return None
        folder = complete[-1]
        facts = _read(folder / _STATE)
        self._check(facts["identity"], folder)
        weights, moments = load_file(folder / _WEIGHTS), load_file(folder / _OPTIMIZER)
        self.processes.put_state(model, optimizer, weights, moments)
        schedule.last_epoch = facts["schedule"]
        rates = _rates(schedule)
        schedule.load_state_dict({**schedule.state_dict(), "_last_lr": rates})
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        return kind(**facts["state"])

    def _check(self, identity: Mapping[str, Any], folder: Path) -> None:
        if identity == self.identity:
            return
        before, now = identity.get("options", {}), self.identity.get("options", {})
        changed = [f"{name}: {before.get(name)!r} → {now[name]!r}" for name in now if before.get(name) != now[name]]
        what = ", ".join(changed) or "the data or the model"
        raise ConfigurationError(
            f"{folder} is of a run with another recipe ({what}), so this run cannot go on from it. "
            f"Repeat that recipe, choose another output folder, or remove the checkpoints: rm -r {self.folder}"
        )

    def _complete(self) -> list[Path]:
        """The whole checkpoints, the last one at the end."""
        return sorted(path for path in self.folder.glob("step-*") if (path / _STATE).is_file())

    @contextlib.contextmanager
    def _writing(self, temporary: Path) -> Iterator[None]:
        """What cannot be written, on a full disk above all, is taken away; what was there before stays."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.unlink(missing_ok=True)
            complete = self._complete()
            kept = f"{complete[-1]} is whole" if complete else "there is none before it"
            raise OSError(
                f"a checkpoint could not be written to {self.folder} ({error}); {kept}. "
                "Make room and give the same command again: the run goes on from there"
            ) from error

    def _clean(self) -> None:
        """Removes what a killed run left half written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob(".step-*"):
            shutil.rmtree(path)

    # -- the best weights so far

    def save_best(self, model: nn.Module) -> None:
        weights, _ = self.processes.whole_state(model, None)
        if self.processes.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / ".best.safetensors"
            with self._writing(temporary):
                _write(weights, temporary)
                temporary.replace(self.folder / "best.safetensors")
        self.processes.wait()

    def load_best(self, model: nn.Module) -> None:
        best = self.folder / "best.safetensors"
        if best.is_file():
            self.processes.put_state(model, None, load_file(best), {})


def _rates(schedule: LRScheduler) -> list[float]:
    """The rates of the next step."""
    return [
        base * factor(schedule.last_epoch)
        for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)  # type: ignore[attr-defined]
    ]


def _write(tensors: Mapping[str, Tensor], path: Path) -> None:
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)
    _sync(path)


def _sync(path: Path) -> None:
    """Makes sure that a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return facts
    except ValueError as error:
        raise CorruptFileError(f"{path} is no JSON ({error}); remove its folder to go on from scratch") from error
