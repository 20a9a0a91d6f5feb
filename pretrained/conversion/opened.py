"""Which tensors does a model have, under the names of its class, and which class is that?"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from pretrained import registry
from pretrained.checkpoints import Checkpoint, Origin, Renamed, open_checkpoint, published
from pretrained.choice import choose_family
from pretrained.errors import ConfigurationError, ModelFileNotFoundError
from pretrained.family import Family
from pretrained.hub import ModelFiles, resolve, split_options
from pretrained.loading import Unfilled, match_names
from pretrained.modeling import PreTrainedModel


@dataclass(frozen=True)
class Opened:
    """A model whose tensors are there, one by one, when they are asked for."""

    files: ModelFiles
    published: Checkpoint
    """The tensors under their published names."""
    model: PreTrainedModel | None
    """The model on the meta device; None when nothing tells its class."""
    notes: list[str] = field(default_factory=list)

    @property
    def checkpoint(self) -> Checkpoint:
        """The tensors under the names of the class; what has no place in it keeps its published name."""
        return self.published if self.model is None else by_class(self.published, self.model)


def open_model(name: str | os.PathLike[str], *, head: str | None = None, **options: Any) -> Opened:
    """Opens a model in any format that is read.

    Args:
        name: any way to name a model, see `pretrained.resolve`.
        head: the class, such as "BertForMaskedLM"; unless given, what `architectures` of the configuration says, else
            the class of the family that the names of the tensors fit best.
        **options: hub options.

    Raises:
        ModelNotFoundError, ModelFileNotFoundError, CorruptFileError: there is no such model, or it cannot be read.
        ConfigurationError: `head` is no class of this version.
    """
    hub_options, unknown = split_options(options)
    if unknown:
        raise TypeError(f"open_model got {sorted(unknown)}, which are no hub options")
    files = resolve(name, **hub_options)
    raw = open_checkpoint(files.weights())
    config = files.config()
    family = _family(files, config)
    asked = None if head is None else _model_class(head)
    if head is not None and asked is None:
        raise ConfigurationError(f"{head!r} is no model of this version; docs/families.md lists those there are")
    if head is not None and config is None:
        files.require("config.json")  # raises, saying what is there instead
    if family is None or config is None:
        kind = None if family is None else registry.load(family, family.models["Model"])
        note = "no configuration tells the class of the model; its tensors keep the names that they have"
        return Opened(files, published(raw, getattr(kind, "renames", ())), None, [note])
    settings: Any = registry.load(family, family.config)
    if asked is not None and not issubclass(settings, asked.config_class):
        raise ConfigurationError(
            f"{head!r} is no class of the family {family.model_type}, which {files.name} belongs to: "
            f"{', '.join(target.partition(':')[2] for target in dict.fromkeys(family.models.values()))}"
        )
    settings = settings.from_files(files)
    for said in [head] if head is not None else config.get("architectures") or ():
        if (known := _model_class(str(said))) is not None:
            return Opened(files, *_built(known, settings, raw))
    tensors, model = min(_candidates(family, settings, raw), key=lambda candidate: _misfit(*candidate))
    return Opened(
        files, tensors, model, [f"by the names and shapes of its tensors its class is {type(model).__name__}"]
    )


def by_class(tensors: Checkpoint, model: PreTrainedModel) -> Checkpoint:
    """The tensors under the names of the model's class: with or without the prefix of its bare network."""
    names, _ = match_names(model.state_dict(), tensors.keys(), model.base_model_prefix)
    place = {key: name for name, key in names.items()}
    named = {place.get(key, key): Origin(key) for key in tensors.keys()}
    for target, source in model._ties().items():
        if target in named and source not in named:  # one of the two names is enough, and it is that of the source
            named[source] = named.pop(target)
    return Renamed(tensors, named)


def _family(files: ModelFiles, config: Mapping[str, Any] | None) -> Family | None:
    try:
        return choose_family(files, config).family
    except (ConfigurationError, ModelFileNotFoundError):
        return None  # a model of another library: its tensors are read all the same


def _model_class(name: str) -> type[PreTrainedModel] | None:
    """The model of this name; TensorFlow's and Flax's classes are called as PyTorch's, with the framework before."""
    for plain in (name, name.removeprefix("TF"), name.removeprefix("Flax")):
        if plain in registry.public_names():
            found = registry.load(*registry.public_names()[plain])
            return found if isinstance(found, type) and issubclass(found, PreTrainedModel) else None
    return None


def _built(kind: Any, config: Any, raw: Checkpoint) -> tuple[Checkpoint, PreTrainedModel]:
    with torch.device("meta"), Unfilled():
        return published(raw, kind.renames), kind(config)


def _candidates(family: Family, config: Any, raw: Checkpoint) -> Iterator[tuple[Checkpoint, PreTrainedModel]]:
    """Every class of the family; of classes with the same tensors, first the one that reads as the model does."""
    tasks = sorted(family.models, key=lambda task: task == "ForCausalLM" and not config.is_decoder)
    for target in dict.fromkeys(family.models[task] for task in tasks):
        yield _built(registry.load(family, target), config, raw)


def _misfit(tensors: Checkpoint, model: PreTrainedModel) -> tuple[int, int]:
    """How many tensors have no place in the model or another shape, and how many of the model's are not there."""
    expected = model.state_dict()
    names, unexpected = match_names(expected, tensors.keys(), model.base_model_prefix)
    unexpected += [name for name, key in names.items() if tensors.shape(key) != tuple(expected[name].shape)]
    missing = [name for name in expected if name not in names and name not in model._ties()]
    silent = re.compile("|".join(f"(?:{pattern})" for pattern in model.optional_keys) or r"(?!)")
    return sum(not silent.search(name) for name in unexpected), sum(not silent.search(name) for name in missing)
