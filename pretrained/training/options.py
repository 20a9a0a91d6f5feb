"""How shall a model be trained? Every choice in one place, with the published values where nothing is said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pretrained.errors import ConfigurationError

OPTIMIZERS = ("adamw", "adafactor")
SCHEDULES = ("linear", "cosine", "cosine-restarts", "polynomial", "constant")
PRECISIONS = ("fp32", "bf16")
PARALLEL = ("ddp", "fsdp")


def option(default: Any, about: str) -> Any:
    """A field with its explanation, which the command line shows as well."""
    return field(default=default, metadata={"help": about})


@dataclass(kw_only=True)
class TrainingOptions:
    """The recipe of a training run.

    Raises:
        ConfigurationError: a value that cannot be; says which, and what can.
    """

    epochs: float = option(3.0, "How often the data are gone through; a part of an epoch counts too.")
    max_steps: int | None = option(None, "Optimizer steps, whatever `epochs` says.")
    batch_size: int = option(32, "Rows of one optimizer step, over all processes and parts.")
    accumulate: int = option(
        1, "In how many parts each process computes its rows of a step, one after the other: less memory, same result."
    )
    optimizer: str = option("adamw", '"adamw", or "adafactor", which needs less memory.')
    learning_rate: float = option(5e-5, "The highest rate, reached at the end of the warm-up.")
    schedule: str = option(
        "linear",
        "How the rate falls after the warm-up: linear, cosine, cosine-restarts, polynomial (squared); constant.",
    )
    warmup: float = option(
        0.1, "Steps in which the rate rises from 0: a share of all steps if below 1, else their number."
    )
    weight_decay: float = option(
        0.01, "Of AdamW (arXiv 1711.05101); biases and norms are left out, as published with BERT."
    )
    betas: tuple[float, float] = option((0.9, 0.999), "AdamW's memory of the gradient and of its square.")
    epsilon: float = option(1e-8, "Added by AdamW below the root.")
    max_grad_norm: float = option(1.0, "Longer gradients are scaled down to this length; 0 for never.")
    label_smoothing: float = option(0.0, "Share of the probability that is spread over all classes (arXiv 1512.00567).")
    class_weights: str | Sequence[float] | None = option(
        None, 'What a row counts by its class: numbers in the order of the labels, or "balanced".'
    )
    layer_decay: float = option(1.0, "Each layer learns by so much slower than the one above it (arXiv 1801.06146).")
    freeze: str = option("", 'What does not learn: "embeddings", layers by number, ranges of them: "embeddings,0-3".')
    lora: int = option(0, "Rank of low-rank adapters (arXiv 2106.09685); 0 trains the weights themselves.")
    lora_alpha: float = option(16.0, "What the adapters count, divided by their rank.")
    lora_dropout: float = option(0.0, "On the adapters' input.")
    lora_targets: str = option(
        "", "Ends of the names of the linear layers that get adapters; the attention's queries and values unless given."
    )
    precision: str = option(
        "fp32", "Of the products in the forward and backward pass; weights and sums are always float32."
    )
    gradient_checkpointing: bool = option(False, "Less memory for about a third more time.")
    packed: bool = option(True, "Batches without padding, where the network can.")
    parallel: str = option(
        "ddp", 'With several processes: "ddp" copies the model to each, "fsdp" shares it among them.'
    )
    seed: int = option(42, "Of new layers, of the order of the rows, of dropout and masks.")
    evaluate_every: int | None = option(None, "Steps between evaluations; after each epoch unless given.")
    save_every: int | None = option(None, "Steps between checkpoints to resume from; at each evaluation unless given.")
    patience: int | None = option(
        None, "Evaluations without a better result after which training stops; None for never."
    )
    threads: int | None = option(
        None, "Of torch; as many as it is set to unless given. Another number gives other roundings."
    )

    def __post_init__(self) -> None:
        self.betas = (float(self.betas[0]), float(self.betas[1]))
        if isinstance(self.class_weights, Sequence) and not isinstance(self.class_weights, str):
            self.class_weights = [float(weight) for weight in self.class_weights]
        positive = ("epochs", "batch_size", "accumulate", "learning_rate", "layer_decay", "lora_alpha", "epsilon")
        counts = ("max_steps", "evaluate_every", "save_every", "patience", "threads")
        for name in positive:
            self._check(name, lambda value: value > 0, "a number above 0")
        for name in counts:
            self._check(name, lambda value: value is None or value >= 1, "a whole number from 1")
        for name in ("weight_decay", "max_grad_norm", "warmup", "lora"):
            self._check(name, lambda value: value >= 0, "a number from 0")
        for name in ("label_smoothing", "lora_dropout"):
            self._check(name, lambda value: 0 <= value < 1, "a number from 0 to below 1")
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "parallel": PARALLEL}
        for name, allowed in choices.items():
            self._check(name, lambda value, allowed=allowed: value in allowed, f"one of {', '.join(allowed)}")
        if isinstance(self.class_weights, str) and self.class_weights != "balanced":
            raise ConfigurationError(
                f'class_weights={self.class_weights!r}; give "balanced" or a number for each class'
            )

    def _check(self, name: str, holds: Any, wanted: str) -> None:
        value = getattr(self, name)
        try:
            fits = holds(value) and not (isinstance(value, float) and not math.isfinite(value))
        except TypeError:
            fits = False
        if not fits:
            raise ConfigurationError(f"{name}={value!r} cannot be; it must be {wanted}")

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON and TOML can hold it."""
        return {**asdict(self), "betas": list(self.betas)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainingOptions":
        """The options of these names; another name raises ConfigurationError, with those that there are."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ConfigurationError(
                f"there is no training option {', '.join(unknown)}; there are: {', '.join(sorted(known))}"
            )
        return cls(**values)
