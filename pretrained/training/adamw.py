"""What did `AdamW` do in the library that BERT was fine-tuned with? Also without the correction of the bias.

Training here uses torch's own AdamW, which is faster and does the same with the correction; this class is for code
that was written for the published one.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from pretrained.errors import ConfigurationError


class AdamW(Optimizer):
    """Adam with decay of the weights themselves (arXiv 1711.05101), by the published names and defaults.

    Args:
        params: parameters, or groups of them.
        lr, betas, eps, weight_decay: as published; the decay is scaled by the rate, and comes after the step.
        correct_bias: False leaves out Adam's correction of its first steps, as the TensorFlow code of BERT does.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        correct_bias: bool = True,
    ) -> None:
        if lr < 0 or eps < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ConfigurationError(
                f"AdamW: lr={lr}, betas={betas}, eps={eps}; expected lr, eps ≥ 0 and betas in [0, 1)"
            )
        values = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "correct_bias": correct_bias}
        super().__init__(params, values)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; gives what `closure`, which computes the gradients, returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        first, second = group["betas"]
        state["step"] += 1
        state["exp_avg"].lerp_(parameter.grad, 1.0 - first)
        state["exp_avg_sq"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1.0 - second)
        rate = group["lr"]
        if group["correct_bias"]:
            rate *= math.sqrt(1.0 - second ** state["step"]) / (1.0 - first ** state["step"])
        parameter.addcdiv_(state["exp_avg"], state["exp_avg_sq"].sqrt().add_(group["eps"]), value=-rate)
        parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
