"""How is an optional package loaded? When it is needed first, and by its name when it is missing."""

import importlib
from typing import Any

from pretrained.errors import MissingDependencyError


def optional(module: str, *, package: str, purpose: str, extra: str = "", install: str = "") -> Any:
    """The module of an optional package.

    Args:
        package: what it is called in the package index.
        purpose: what needs it, as the beginning of a sentence.
        extra: the extra of this package that brings it.
        install: how else it is installed.

    Raises:
        MissingDependencyError: it is not installed, or does not import.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        install = install or f'pip install "pretrained[{extra}]"'
        raise MissingDependencyError(
            f"{purpose} needs the package {package}, which is not installed ({error}). To do: {install}"
        ) from error
