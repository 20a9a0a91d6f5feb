"""What is minimised where classes count unequally, or no label is wholly trusted?"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pretrained.errors import ConfigurationError
from pretrained.runner.rows import IGNORED, Batch
from pretrained.training.loop import Loss
from pretrained.training.options import TrainingOptions


def class_loss(options: TrainingOptions, names: Sequence[str], labels: Sequence[int]) -> Loss | None:
    """Cross entropy with the smoothing and the weights of the options; None where they ask for neither.

    Args:
        names: of the classes.
        labels: of everything that is learned from.
    """
    weights = _weights(options.class_weights, names, labels)
    if weights is None and not options.label_smoothing:
        return None

    def loss(output: Any, batch: Batch) -> Tensor:
        logits: Tensor = output.logits.flatten(0, -2)
        assert batch.labels is not None
        wanted = batch.labels.flatten()
        own = None if weights is None else weights.to(logits.device, logits.dtype)
        total = F.cross_entropy(
            logits, wanted, weight=own, label_smoothing=options.label_smoothing, reduction="sum", ignore_index=IGNORED
        )
        # by what was labelled, not by its weight: parts of a step then add up to the step
        return total / (wanted != IGNORED).sum()

    return loss


def _weights(asked: str | Sequence[float] | None, names: Sequence[str], labels: Sequence[int]) -> Tensor | None:
    if asked is None:
        return None
    if asked == "balanced":
        counts = torch.bincount(torch.tensor(labels), minlength=len(names))
        return len(labels) / (len(names) * counts.clamp(min=1).double())
    if len(asked) != len(names):
        raise ConfigurationError(
            f"class_weights has {len(asked)} numbers, the task {len(names)} labels: {', '.join(names)}"
        )
    return torch.tensor([float(weight) for weight in asked], dtype=torch.float64)
