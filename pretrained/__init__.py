"""Pretrained transformer language models: found, read, tokenized, run.

    from pretrained import BertModel, BertTokenizer

Importing this module imports no class and no torch: each public name is loaded when it is first used.
"""

import importlib
import importlib.util
import sys
from typing import Any

__version__ = "0.1.0.dev0"

# public name → the module that defines it; the classes of the families are added by the registry
_NAMES = {
    name: module
    for module, names in {
        "pretrained.auto": (
            "AutoConfig",
            "AutoTokenizer",
            "AutoModel",
            "AutoModelForPreTraining",
            "AutoModelForCausalLM",
            "AutoModelForMaskedLM",
            "AutoModelForNextSentencePrediction",
            "AutoModelForSequenceClassification",
            "AutoModelForMultipleChoice",
            "AutoModelForTokenClassification",
            "AutoModelForQuestionAnswering",
            "AutoModelWithLMHead",
        ),
        "pretrained.config": ("CONFIG_NAME", "PretrainedConfig"),
        "pretrained.errors": (
            "PretrainedError",
            "ModelNotFoundError",
            "ModelFileNotFoundError",
            "CorruptFileError",
            "UnsafeFileError",
            "UnsupportedFormatError",
            "CheckpointError",
            "ConfigurationError",
            "TokenizationError",
            "InputError",
            "DataError",
            "MissingDependencyError",
        ),
        "pretrained.family": ("Family",),
        "pretrained.hub": ("resolve", "ModelFiles"),
        "pretrained.loading": ("LoadReport",),
        "pretrained.modeling": ("PreTrainedModel", "WEIGHTS_NAME"),
        "pretrained.nn.layout": ("Packed", "Padded"),
        "pretrained.nn.outputs": ("ModelOutput",),
        "pretrained.pipelines": ("pipeline",),
        "pretrained.runner": ("Encoder",),
        "pretrained.runner.optimize": ("optimize",),
        "pretrained.training.adamw": ("AdamW",),
        "pretrained.training.schedules": (
            "get_constant_schedule",
            "get_constant_schedule_with_warmup",
            "get_cosine_schedule_with_warmup",
            "get_cosine_with_hard_restarts_schedule_with_warmup",
            "get_linear_schedule_with_warmup",
            "get_polynomial_decay_schedule_with_warmup",
        ),
        "pretrained.training.seeding": ("set_seed",),
        "pretrained.tokenization": (
            "AddedToken",
            "BasicTokenizer",
            "BatchEncoding",
            "PreTrainedTokenizer",
            "WordpieceTokenizer",
            "whitespace_tokenize",
        ),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name == "__all__":
        return sorted(__dir__())
    elif name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        registry = _registry()
        if name not in registry.public_names():
            # `from pretrained import …` hides the message of an AttributeError, and suggests nothing before Python 3.12
            importing = sys._getframe(1).f_code.co_name == "_handle_fromlist"
            if importing and importlib.util.find_spec(f"{__name__}.{name}") is None:
                raise ImportError(_unknown(name), name=__name__)
            raise AttributeError(_unknown(name))
        value = registry.load(*registry.public_names()[name])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*_NAMES, *_registry().public_names(), "__version__"]


def _registry() -> Any:
    return importlib.import_module("pretrained.registry")  # `from pretrained import …` would ask __getattr__ first


def _unknown(name: str) -> str:
    hints = importlib.import_module("pretrained.hints")
    return str(hints.unknown_name(name, __dir__()))
