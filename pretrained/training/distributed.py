"""Which part of the work is this process's? torchrun starts several; alone, everything is."""

import contextlib
import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from pretrained.runner.rows import Row
from pretrained.training import state
from pretrained.training.options import TrainingOptions


class Processes:
    """The processes of a run, as torchrun announces them in the environment.

    `with Processes.of(options)` joins the group, and leaves it if it was this that joined.
    """

    def __init__(self, parallel: str = "ddp") -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.shared = parallel == "fsdp" and self.count > 1
        self._joined = False
        self._skeleton: nn.Module | None = None

    @classmethod
    def of(cls, options: TrainingOptions) -> "Processes":
        return cls(options.parallel)

    @property
    def device(self) -> torch.device:
        """Each process on a machine has a GPU of its own."""
        return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu")

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def __enter__(self) -> Self:
        if self.count > 1 and not dist.is_initialized():
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            dist.init_process_group("cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo")
            self._joined = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._joined:
            dist.destroy_process_group()
            self._joined = False

    # -- the model

    def wrap(self, model: nn.Module) -> nn.Module:
        """What to call in a step in place of the model, so that gradients are gathered."""
        if self.count == 1:
            return model
        if self.shared:
            from torch.distributed.fsdp import fully_shard

            self._skeleton = _without_memory(model)
            fully_shard(model)
            return model
        return DistributedDataParallel(model, find_unused_parameters=True)

    def unwrap(self, model: nn.Module) -> nn.Module:
        """The whole model; where it was shared, a plain one with all the weights. Every process must ask."""
        if self._skeleton is None:
            return model
        weights, _ = self.whole_state(model, None)
        state.fill(self._skeleton, weights)
        return self._skeleton

    @contextlib.contextmanager
    def gathering(self, network: nn.Module, *, last: bool) -> Iterator[None]:
        """Gradients are exchanged in the last part of a step only."""
        if isinstance(network, DistributedDataParallel) and not last:
            with network.no_sync():
                yield
        else:
            if self.shared:
                network.set_requires_gradient_sync(last)  # type: ignore[operator]
            yield

    # -- the rows

    def share(self, rows: Sequence[Row], parts: int) -> Iterator[Sequence[Row]]:
        """This process's rows of a step, in as many parts as each process has; a part may be empty."""
        pieces = self.count * parts
        for number in range(self.rank * parts, (self.rank + 1) * parts):
            part = rows[len(rows) * number // pieces : len(rows) * (number + 1) // pieces]
            if part or self.count > 1:
                yield part

    # -- between steps

    def sum(self, value: float) -> float:
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total)

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()

    def whole_state(self, model: nn.Module, optimizer: Optimizer | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """(weights, moments) as one process alone would have them; every process must ask."""
        weights = state.learned_weights(model)
        moments = state.optimizer_state(model, optimizer) if optimizer is not None else {}
        if self.shared:
            weights, moments = (
                {name: value.full_tensor() if hasattr(value, "full_tensor") else value for name, value in held.items()}
                for held in (weights, moments)
            )
        return weights, moments

    def put_state(
        self,
        model: nn.Module,
        optimizer: Optimizer | None,
        weights: Mapping[str, Tensor],
        moments: Mapping[str, Tensor],
    ) -> None:
        """The opposite of `whole_state`."""
        if self.shared:
            weights, moments = _shared_like(model, weights), _shared_like(model, moments)
        state.put_weights(model, weights)
        if optimizer is not None:
            state.put_optimizer_state(model, optimizer, moments)


def _without_memory(model: nn.Module) -> nn.Module:
    """A copy whose parameters have shapes only."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    return copy.deepcopy(model, memo)


def _shared_like(model: nn.Module, whole: Mapping[str, Tensor]) -> dict[str, Any]:
    """Each tensor shared among the processes as the parameter that it belongs to is."""
    from torch.distributed.tensor import distribute_tensor

    parameters: dict[str, Any] = dict(model.named_parameters())
    shared = {}
    for key, value in whole.items():
        like = parameters.get(key.rpartition(":")[2])
        if like is not None and value.dim() > 0 and hasattr(like, "device_mesh"):
            value = distribute_tensor(value, like.device_mesh, like.placements)
        shared[key] = value
    return shared
