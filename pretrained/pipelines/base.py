"""What do all pipelines share? A tokenizer, a fast copy of a model, and rows that run in batches without padding."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from pretrained import auto, registry
from pretrained.config import PretrainedConfig
from pretrained.errors import ConfigurationError, InputError, did_you_mean
from pretrained.hub import split_options
from pretrained.modeling import PreTrainedModel
from pretrained.runner import passes
from pretrained.runner.devices import find_device
from pretrained.runner.optimize import passes_for
from pretrained.runner.rows import Collator, Row, outputs, position_limit
from pretrained.runner.threads import torch_threads

logger = logging.getLogger("pretrained")

# Heads that know one task alone; those of language models may be each other's.
_OF_ONE_TASK = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
)


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
    counts: ClassVar[tuple[str, ...]] = ()
    """Options that are at least 1."""
    trained_by: ClassVar[str | None] = None
    """The task of `pretrained finetune` that trains the head."""
    at_once: ClassVar[int] = 256
    """So many of an iterator's inputs are read before they are answered; `batch_size=` says otherwise."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        *,
        task: str = "",
        device: int | str | torch.device | None = -1,
        precision: str = "fp32",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        if threads is not None and threads < 1:
            raise ConfigurationError(f"threads={threads} must be at least 1")
        self.task = task
        self.tokenizer = tokenizer
        self.device = find_device(device)
        self.threads = threads
        self.model = model.to(self.device).eval()
        own = (model.config.task_specific_params or {}).get(task, {})
        known = {name: value for name, value in own.items() if name in self.defaults}
        self.options = {**self.defaults, **known, **self._checked(options)}
        self._fast: Any = passes.rewritten(model, passes_for(precision, self.device), device=self.device)
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
        device: int | str | torch.device | None,
        precision: str,
        threads: int | None,
        options: Mapping[str, Any],
    ) -> Self:
        """Of a model by name, or of a loaded one."""
        hub, own = split_options(options)
        cls._checked(own)  # before any time is spent
        find_device(device)
        if revision is not None:
            hub["revision"] = revision
        if isinstance(model, PreTrainedModel):
            loaded = model
            if tokenizer is None:
                raise ConfigurationError(
                    "a loaded model does not know its tokenizer; pass tokenizer=, an object or the name of the model"
                )
        else:
            loaded = cls._load_model(model, config, hub)
            cls._warn_of_an_untrained_head(loaded, os.fspath(model), task)
            tokenizer = model if tokenizer is None else tokenizer
        cls.check_model(loaded, task)
        if isinstance(tokenizer, str | os.PathLike):
            tokenizer = auto.AutoTokenizer.from_pretrained(tokenizer, **hub)
        elif isinstance(tokenizer, tuple):  # a name, and options of its own
            tokenizer = auto.AutoTokenizer.from_pretrained(tokenizer[0], **tokenizer[1])
        return cls(loaded, tokenizer, task=task, device=device, precision=precision, threads=threads, **own)

    @classmethod
    def _load_model(cls, name: str | os.PathLike[str], config: Any, hub: Mapping[str, Any]) -> PreTrainedModel:
        head: Any = getattr(auto, f"Auto{cls.auto}" if cls.auto == "Model" else f"AutoModel{cls.auto}")
        loaded: PreTrainedModel = head.from_pretrained(name, config=config, **hub)
        return loaded

    @classmethod
    def check_model(cls, model: PreTrainedModel, task: str) -> None:
        """Raises ConfigurationError if the model has another head than the task needs."""
        offered = registry.family(model.config.model_type).models
        wanted = offered.get(cls.auto, "").partition(":")[2]
        if type(model).__name__ != wanted:
            needed = wanted or f"a head that {model.config.model_type} does not have"
            raise ConfigurationError(f"the task {task} needs {needed}, got {type(model).__name__}")

    @classmethod
    def _warn_of_an_untrained_head(cls, model: PreTrainedModel, name: str, task: str) -> None:
        """Says what to do about a head whose values are not in the files, or were trained for another task."""
        report = model.load_report
        if cls.trained_by is None or report is None:
            return
        base = f"{model.base_model_prefix}."
        saved = ", ".join(map(str, model.config.architectures or ()))
        another = cls.auto not in saved and any(head in saved for head in _OF_ONE_TASK)
        if not another and all(key.startswith(base) for key in report.missing):
            return
        logger.warning(
            "%s was not trained for the task %s (its configuration names %s), so its answers mean nothing. Name a "
            "model that was, or train this one: pretrained finetune --task %s --model %s --data FOLDER --output FOLDER",
            name,
            task,
            saved or "no head",
            cls.trained_by,
            name,
        )

    def __call__(self, inputs: Any, /, **options: Any) -> Any:
        """The answer to one input, the answers to a list of them, or an iterator over the answers to an iterator's.

        Of an iterator, `batch_size` inputs are read and answered at a time, so that it may be as long as it likes.

        Raises:
            InputError: inputs of another type; says which.
            TypeError: an option that the pipeline does not have.
        """
        chosen = {**self.options, **self._checked(options)}
        if isinstance(inputs, Iterator):
            return self._stream(inputs, chosen)
        if isinstance(inputs, list | tuple):
            return self._answers(list(inputs), chosen) if inputs else []
        return self._single(self._answers([inputs], chosen))

    def _stream(self, inputs: Iterable[Any], chosen: Mapping[str, Any]) -> Iterator[Any]:
        """One answer an input, in their order."""
        source, first = iter(inputs), 0
        size = chosen.get("batch_size") or self.at_once
        while part := list(islice(source, size)):
            try:
                answers = self._answers(part, chosen)
            except InputError as error:
                if not first:
                    raise
                raise InputError(f"after {first} inputs were answered: {error}") from error
            yield from answers
            first += len(part)

    def predict(self, inputs: Any) -> Any:
        """As a call: the name that scikit-learn's estimators have."""
        return self(inputs)

    transform = predict

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Writes model and tokenizer to a folder."""
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

    @classmethod
    def _checked(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options, if the pipeline has them all."""
        known = (*cls.defaults, "batch_size")
        if unknown := sorted(options.keys() - set(known)):
            also = did_you_mean(unknown[0], known)
            raise TypeError(f"{cls.__name__} has no option {', '.join(unknown)}{also}; it has: {', '.join(known)}")
        for name in ("batch_size", *cls.counts):
            value = options.get(name)
            if isinstance(value, int) and value < 1:
                raise InputError(f"{name}={value} must be at least 1")
        return dict(options)

    @staticmethod
    def _texts(inputs: Sequence[Any]) -> list[str]:
        for place, text in enumerate(inputs):
            if not isinstance(text, str):
                raise InputError(
                    f"input {place} must be a str, got {type(text).__name__}; give several texts as a list"
                )
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

    def _run(
        self,
        rows: Sequence[Row],
        *names: str,
        per_token: bool = False,
        keep: Callable[[int, list[Tensor]], list[Tensor]] | None = None,
        **limits: int,
    ) -> list[list[Tensor]]:
        """The outputs of each row, in the order of the rows; the options are those of `runner.rows.outputs`."""
        found: list[list[Tensor]] = [[] for _ in rows]
        with torch_threads(self.threads) as threads:
            workers = threads if self.device.type == "cpu" else 1
            done = outputs(
                self._fast, rows, self._collate, *names, per_token=per_token, threads=workers, keep=keep, **limits
            )
            for place, values in done:
                found[place] = values
        return found
