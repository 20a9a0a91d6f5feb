"""Which tensors does a model have, under the names of its class, and which class is that?"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from re import search
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
    if head is not None and head not in registry.public_names():
        raise ConfigurationError(
            f"{head!r} is no class of this version; those of models are listed in docs/families.md"
        )
    if head is not None and config is None:
        files.require("config.json")  # raises, saying what is there instead
    if family is None or config is None:
        kind = None if family is None else registry.load(family, family.models["Model"])
        return Opened(files, published(raw, getattr(kind, "renames", ())), None)
    settings: Any = registry.load(family, family.config)
    settings = settings.from_files(files)
    for said in [head] if head is not None else config.get("architectures") or ():
        # TensorFlow's and Flax's classes of one model are called as PyTorch's are, with the framework before
        plain = next(
            (plain for plain in (said, said.removeprefix("TF"), said.removeprefix("Flax")) if _is_model(plain)), ""
        )
        if plain:
            return Opened(files, *_built(registry.load(*registry.public_names()[plain]), settings, raw))
    tensors, model = min(_candidates(family, settings, raw), key=lambda candidate: _misfit(*candidate))
    return Opened(files, tensors, model, [f"by the names of its tensors it is a {type(model).__name__}"])


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


def _is_model(name: str) -> bool:
    found = registry.public_names().get(name)
    return found is not None and found[1] in found[0].models.values()


def _built(kind: Any, config: Any, raw: Checkpoint) -> tuple[Checkpoint, PreTrainedModel]:
    with torch.device("meta"), Unfilled():
        return published(raw, kind.renames), kind(config)


def _candidates(family: Family, config: Any, raw: Checkpoint) -> Iterator[tuple[Checkpoint, PreTrainedModel]]:
    """Every class of the family; of classes with the same tensors, first the one that reads as the model does."""
    tasks = sorted(family.models, key=lambda task: task == "ForCausalLM" and not config.is_decoder)
    for target in dict.fromkeys(family.models[task] for task in tasks):
        yield _built(registry.load(family, target), config, raw)


def _misfit(tensors: Checkpoint, model: PreTrainedModel) -> tuple[int, int]:
    """How many tensors have no place in the model, and how many of the model's are not there."""
    expected = model.state_dict()
    names, unexpected = match_names(expected, tensors.keys(), model.base_model_prefix)
    return len(list(_that_count(unexpected, model))), len(
        [name for name in _that_count(expected.keys() - names.keys(), model) if name not in model._ties()]
    )


def _that_count(names: Any, model: PreTrainedModel) -> Iterator[str]:
    return (name for name in names if not any(search(pattern, name) for pattern in model.optional_keys))
