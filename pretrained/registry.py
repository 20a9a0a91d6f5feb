"""Which families are there? The folders of `pretrained.models` and the packages that announce themselves.

A package of somebody else joins by an entry point in the group `pretrained.families` that names a `Family`.
"""

import importlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from pretrained import models
from pretrained.errors import ConfigurationError
from pretrained.family import Family

ENTRY_POINT_GROUP = "pretrained.families"


@cache
def built_in() -> dict[str, Family]:
    """model_type → family, for every folder of `pretrained.models` that holds code."""
    folders = sorted(path.parent.name for path in Path(models.__path__[0]).glob("*/__init__.py"))
    return _by_type(f"{models.__name__}.{folder}" for folder in folders)


@cache
def families() -> dict[str, Family]:
    """model_type → family, built in and installed; a built-in one cannot be replaced."""
    return _by_type(entry.module for entry in entry_points(group=ENTRY_POINT_GROUP)) | built_in()


def family(model_type: str) -> Family:
    """The family of a model_type.

    Raises:
        ConfigurationError: there is none; the message lists those there are.
    """
    found = built_in().get(model_type) or families().get(model_type)
    if found is None:
        raise ConfigurationError(
            f"model_type {model_type!r} is not an architecture of this version; it has: {', '.join(sorted(families()))}"
        )
    return found


def load(found: Family, target: str) -> type:
    """Imports what a declaration names, such as "config_bert:BertConfig"."""
    module, attribute = found.locate(target)
    loaded: type = getattr(importlib.import_module(module), attribute)
    return loaded


@cache
def public_names() -> dict[str, tuple[Family, str]]:
    """Public class name → (family, "file:Class")."""
    return {name: (found, target) for found in built_in().values() for name, target in found.public_names().items()}


def _by_type(modules: Iterable[str]) -> dict[str, Family]:
    found = {}
    for module in modules:
        declared: Family = importlib.import_module(module).FAMILY
        declared = replace(declared, module=module)
        found[declared.model_type] = declared
    return found
