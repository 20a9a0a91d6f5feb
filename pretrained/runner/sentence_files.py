"""What do the files of sentence-transformers say about pooling, length, case, projection and prompt?

`modules.json` lists what follows on the network; each module has a folder. A model without it has token vectors
only, and the caller chooses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pretrained.checkpoints import open_checkpoint
from pretrained.errors import ConfigurationError, ModelFileNotFoundError, UnsupportedFormatError
from pretrained.hub import ModelFiles, WeightFiles
from pretrained.runner.pooling import POOLINGS

_LENGTH_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "Tanh": torch.tanh,
    "Identity": lambda x: x,
    "ReLU": torch.relu,
    "GELU": nn.GELU(),
    "Sigmoid": torch.sigmoid,
}


@dataclass(frozen=True)
class Projection:
    """A dense layer over the pooled vectors."""

    weight: Tensor  # (out, in)
    bias: Tensor | None
    activation: Callable[[Tensor], Tensor]

    def __call__(self, vectors: Tensor) -> Tensor:
        return self.activation(nn.functional.linear(vectors, self.weight, self.bias))

    def to(self, device: torch.device) -> "Projection":
        bias = None if self.bias is None else self.bias.to(device)
        return Projection(self.weight.to(device), bias, self.activation)


@dataclass
class SentenceFiles:
    """How a model turns texts into sentence vectors, as far as its files say."""

    pooling: str = "mean"
    normalize: bool = False
    max_length: int | None = None
    lower_case: bool = False
    prompt: str = ""
    """Put before each text."""
    projections: list[Projection] = field(default_factory=list)


def read(files: ModelFiles) -> SentenceFiles:
    """Reads them; a model that has none is pooled by the mean.

    Raises:
        UnsupportedFormatError: a module that this version does not run; says which.
        ConfigurationError: a file contradicts itself.
    """
    found = SentenceFiles()
    modules = files.json("modules.json")
    if modules is None:
        return found
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ConfigurationError(f"{files.name}: modules.json must be a list of objects; got {modules!r}")
    _read_text_options(files, found)
    for module in modules:
        kind, path = str(module.get("type", "")).rpartition(".")[2], str(module.get("path", ""))
        if kind in ("Normalize", "Dense") and found.normalize:
            raise UnsupportedFormatError(f"{files.name}: modules.json has {kind} after Normalize, which is not run")
        if kind == "Pooling":
            found.pooling = _pooling(files, path)
        elif kind == "Dense":
            found.projections.append(_projection(files, path))
        elif kind == "Normalize":
            found.normalize = True
        elif kind not in ("Transformer", "Dropout"):
            raise UnsupportedFormatError(
                f"{files.name}: modules.json asks for {module.get('type')!r}, which is not run; those that are: "
                "Transformer, Pooling, Dense, Dropout, Normalize. The network alone loads by AutoModel"
            )
    return found


def _read_text_options(files: ModelFiles, found: SentenceFiles) -> None:
    for name in _LENGTH_FILES:
        options = files.json(name)
        if isinstance(options, dict):
            length = options.get("max_seq_length")
            found.max_length = int(length) if length else None
            found.lower_case = bool(options.get("do_lower_case"))
            break
    options = files.json("config_sentence_transformers.json")
    if isinstance(options, dict) and options.get("default_prompt_name") is not None:
        name, prompts = options["default_prompt_name"], options.get("prompts") or {}
        if name not in prompts:
            raise ConfigurationError(
                f"{files.name}: config_sentence_transformers.json names {name!r} as the prompt to use, "
                f"and has only {sorted(prompts)}"
            )
        found.prompt = str(prompts[name])


def _module_config(files: ModelFiles, path: str) -> dict[str, Any]:
    name = f"{path}/config.json"
    config = files.json(name)
    if not isinstance(config, dict):
        raise ModelFileNotFoundError(
            f"{files.name}: modules.json names the folder {path!r}, and {files.root / name} is not there. "
            "To do: bring the folder from where the model was published"
        )
    return config


def _pooling(files: ModelFiles, path: str) -> str:
    config = _module_config(files, path)
    named = config.get("pooling_mode")
    flagged = [kind for flag, kind in _POOLING_FLAGS.items() if config.get(flag)]
    kinds = flagged or ["mean"] if named is None else [named] if isinstance(named, str) else list(named)
    if len(kinds) != 1 or kinds[0] not in POOLINGS:
        raise UnsupportedFormatError(
            f"{files.name}: {path}/config.json asks for pooling by {' and '.join(map(str, kinds))}; "
            f"one of these is run: {', '.join(POOLINGS)}. Pass pooling= to choose one"
        )
    return str(kinds[0])


def _projection(files: ModelFiles, path: str) -> Projection:
    config = _module_config(files, path)
    activation = str(config.get("activation_function") or "Identity").rpartition(".")[2]
    if activation not in _ACTIVATIONS or config.get("use_residual"):
        what = "a residual connection" if activation in _ACTIVATIONS else f"the activation {activation!r}"
        raise UnsupportedFormatError(f"{files.name}: {path}/config.json asks for {what}, which is not run")
    formats = {"safetensors": "model.safetensors", "pytorch": "pytorch_model.bin"}
    found = {kind: weights for kind, name in formats.items() if (weights := files.get(f"{path}/{name}")) is not None}
    if not found:
        raise ModelFileNotFoundError(
            f"{files.name}: {files.root / path} has neither model.safetensors nor pytorch_model.bin. "
            "To do: bring one of them from where the model was published"
        )
    kind, weights = next(iter(found.items()))
    tensors = open_checkpoint(WeightFiles(kind, (weights,)))
    bias = tensors.tensor("linear.bias").float() if "linear.bias" in tensors.keys() else None
    return Projection(tensors.tensor("linear.weight").float(), bias, _ACTIVATIONS[activation])
