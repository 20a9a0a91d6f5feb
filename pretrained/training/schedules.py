"""How fast does a model learn in each step? The published schedules, under their published names.

`get_linear_schedule_with_warmup(optimizer, warmup, steps)` and its kin go with any torch optimizer.
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

Factor = Callable[[int], float]
"""Step, counted from 0 → what the learning rate is multiplied by."""


def constant(steps: int, warmup: int = 0) -> Factor:
    return _warm(warmup, lambda step: 1.0)


def linear(steps: int, warmup: int = 0) -> Factor:
    return _warm(warmup, lambda step: max(0.0, (steps - step) / max(1, steps - warmup)))


def cosine(steps: int, warmup: int = 0, cycles: float = 0.5) -> Factor:
    """Half a wave with 0.5 cycles: from the highest rate to 0 (arXiv 1608.03983)."""

    def factor(step: int) -> float:
        return max(0.0, 0.5 * (1.0 + math.cos(2.0 * math.pi * cycles * _progress(step, warmup, steps))))

    return _warm(warmup, factor)


def cosine_with_restarts(steps: int, warmup: int = 0, cycles: int = 1) -> Factor:
    """The rate jumps back to the highest at the start of each cycle."""

    def factor(step: int) -> float:
        progress = _progress(step, warmup, steps)
        return 0.0 if progress >= 1.0 else 0.5 * (1.0 + math.cos(math.pi * (cycles * progress % 1.0)))

    return _warm(warmup, factor)


def polynomial(steps: int, warmup: int = 0, power: float = 1.0, last: float = 0.0) -> Factor:
    """`last` is what is left at the end, as a share of the highest rate."""

    def factor(step: int) -> float:
        left = 1.0 - min(1.0, _progress(step, warmup, steps))
        return last + (1.0 - last) * math.pow(left, power)

    return _warm(warmup, factor)


def _warm(warmup: int, after: Factor) -> Factor:
    return lambda step: step / warmup if step < warmup else after(step)


def _progress(step: int, warmup: int, steps: int) -> float:
    return (step - warmup) / max(1, steps - warmup)


SCHEDULES: dict[str, Callable[[int, int], Factor]] = {
    "linear": linear,
    "cosine": cosine,
    "cosine-restarts": cosine_with_restarts,
    "polynomial": lambda steps, warmup: polynomial(steps, warmup, power=2.0),
    "constant": constant,
}


def get_constant_schedule(optimizer: Optimizer, last_epoch: int = -1) -> LambdaLR:
    return LambdaLR(optimizer, constant(0), last_epoch)


def get_constant_schedule_with_warmup(optimizer: Optimizer, num_warmup_steps: int, last_epoch: int = -1) -> LambdaLR:
    return LambdaLR(optimizer, constant(0, num_warmup_steps), last_epoch)


def get_linear_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1
) -> LambdaLR:
    return LambdaLR(optimizer, linear(num_training_steps, num_warmup_steps), last_epoch)


def get_cosine_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> LambdaLR:
    return LambdaLR(optimizer, cosine(num_training_steps, num_warmup_steps, num_cycles), last_epoch)


def get_cosine_with_hard_restarts_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1, last_epoch: int = -1
) -> LambdaLR:
    return LambdaLR(optimizer, cosine_with_restarts(num_training_steps, num_warmup_steps, num_cycles), last_epoch)


def get_polynomial_decay_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    lr_end: float = 1e-7,
    power: float = 1.0,
    last_epoch: int = -1,
) -> LambdaLR:
    """`lr_end` is a rate, not a share of one."""
    last = lr_end / float(optimizer.defaults["lr"])
    return LambdaLR(optimizer, polynomial(num_training_steps, num_warmup_steps, power, last), last_epoch)
