"""What do all pipelines share? A tokenizer, a fast copy of a model, and rows that run in batches without padding."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from pretrained import auto, registry
from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError, InputError
from pretrained.hub import split_options
from pretrained.modeling import PreTrainedModel
from pretrained.runner import passes
from pretrained.runner.rows import Collator, Row, outputs, position_limit


class Pipeline:
    """Texts to answers, for one task.

    Attributes:
        model: as it was loaded; what runs is a rewritten copy of it.
        tokenizer: of the model.
        device: where the network runs.
        options: of every call, unless the call says otherwise.
    """

    auto: ClassVar[str]
    """Ending of the Auto class with the head that it needs."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    """Options of a call, and their values."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        *,
        task: str = "",
        device: int | str | torch.device = -1,
        **options: Any,
    ) -> None:
        self.task = task
        self.tokenizer = tokenizer
        self.device = _device(device)
        self.model = model.to(self.device).eval()
        own = (model.config.task_specific_params or {}).get(task, {})
        known = {name: value for name, value in own.items() if name in self.defaults}
        self.options = {**self.defaults, **known, **self._checked(options)}
        self._fast = passes.rewritten(model, device=self.device)
        packed = registry.family(model.config.model_type).packed
        self._collate = Collator.of(tokenizer, model, packed=packed)

    @classmethod
    def load(
        cls,
        task: str,
        model: str | os.PathLike[str] | PreTrainedModel,
        *,
        config: str | os.PathLike[str] | PretrainedConfig | None,
        tokenizer: Any,
        revision: str | None,
        device: int | str | torch.device,
        options: Mapping[str, Any],
    ) -> Self:
        """Of a model by name, or of a loaded one."""
        hub, own = split_options(options)
        if revision is not None:
            hub["revision"] = revision
        if isinstance(model, PreTrainedModel):
            loaded = model
            if tokenizer is None:
                raise ConfigurationError(
                    "a loaded model does not know its tokenizer; pass tokenizer=, an object or the name of the model"
                )
        else:
            head: Any = getattr(auto, f"Auto{cls.auto}" if cls.auto == "Model" else f"AutoModel{cls.auto}")
            loaded = head.from_pretrained(model, config=config, **hub)
            tokenizer = model if tokenizer is None else tokenizer
        cls.check_model(loaded, task)
        if isinstance(tokenizer, str | os.PathLike):
            tokenizer = auto.AutoTokenizer.from_pretrained(tokenizer, **hub)
        elif isinstance(tokenizer, tuple):  # a name, and options of its own
            tokenizer = auto.AutoTokenizer.from_pretrained(tokenizer[0], **tokenizer[1])
        return cls(loaded, tokenizer, task=task, device=device, **own)

    @classmethod
    def check_model(cls, model: PreTrainedModel, task: str) -> None:
        """Raises ConfigurationError if the model has another head than the task needs."""
        offered = registry.family(model.config.model_type).models
        wanted = offered.get(cls.auto, "").partition(":")[2]
        if type(model).__name__ != wanted:
            needed = wanted or f"a head that {model.config.model_type} does not have"
            raise ConfigurationError(f"the task {task} needs {needed}, got {type(model).__name__}")

    def __call__(self, inputs: Any, /, **options: Any) -> Any:
        """The answer to one input, or the answers to a list of them.

        Raises:
            InputError: inputs of another type; says which.
            TypeError: an option that the pipeline does not have.
        """
        chosen = {**self.options, **self._checked(options)}
        if isinstance(inputs, list | tuple):
            return self._answers(list(inputs), chosen) if inputs else []
        return self._single(self._answers([inputs], chosen))

    def predict(self, inputs: Any) -> Any:
        """As a call: the name that scikit-learn's estimators have."""
        return self(inputs)

    transform = predict

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Writes model and tokenizer to a folder."""
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(save_directory)
        self.tokenizer.save_pretrained(save_directory)

    @contextlib.contextmanager
    def device_placement(self) -> Iterator[None]:
        """New tensors are made on the pipeline's device."""
        with self.device if self.device.type != "cpu" else contextlib.nullcontext():
            yield

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.model).__name__}, device={self.device})"

    # -- what a pipeline says itself

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        """One answer an input."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it answers")

    def _single(self, answers: list[Any]) -> Any:
        """What a single input gives, of the list with its answer."""
        return answers[0]

    # -- shared by the pipelines

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        if unknown := sorted(options.keys() - self.defaults.keys()):
            raise TypeError(
                f"{type(self).__name__} has no option {', '.join(unknown)}; "
                f"it has: {', '.join(self.defaults) or 'none'}"
            )
        return dict(options)

    def _texts(self, inputs: Sequence[Any]) -> list[str]:
        for place, text in enumerate(inputs):
            if not isinstance(text, str):
                raise InputError(f"input {place} must be a str, got {type(text).__name__}")
        return list(inputs)

    @property
    def max_length(self) -> int | None:
        """Tokens of a row at most; None if any number."""
        limits = [self.tokenizer.model_max_length, position_limit(self.model)]
        known = [int(limit) for limit in limits if limit is not None and 0 < limit < 10**9]
        return min(known, default=None)

    def _rows(self, texts: list[str], pairs: list[str] | None = None, **options: Any) -> tuple[list[Row], Any]:
        """Rows without padding, cut at `max_length`, and the encoding that they came from."""
        encoded = self.tokenizer(
            texts,
            pairs,
            **{"truncation": self.max_length is not None, "max_length": self.max_length, "verbose": False, **options},
        )
        names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
        return [{name: encoded[name][row] for name in names} for row in range(len(encoded["input_ids"]))], encoded

    def _run(self, rows: Sequence[Row], *names: str, per_token: bool = False) -> list[list[Tensor]]:
        """The outputs of each row, in the order of the rows."""
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        found: list[list[Tensor]] = [[] for _ in rows]
        for place, values in outputs(self._fast, rows, self._collate, *names, per_token=per_token, threads=threads):
            found[place] = values
        return found


def _device(device: int | str | torch.device) -> torch.device:
    if isinstance(device, int):
        return torch.device("cpu" if device < 0 else f"cuda:{device}")
    return torch.device(device)
