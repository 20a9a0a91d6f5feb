"""What does an architecture offer?

A `Family` is the one declaration a model folder makes. It holds names only, as `"file:Class"`
strings relative to the folder, so reading it imports neither torch nor the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Family:
    """One architecture: its pillars, where they live, and how it may be run."""

    model_type: str
    """The `model_type` of its config.json, such as "xlm-roberta"."""

    config: str
    """The configuration, such as "config_bert:BertConfig"."""

    tokenizers: tuple[str, ...]
    """Tokenizer classes, the one that AutoTokenizer picks first. A class may stand under several names."""

    models: Mapping[str, str]
    """Auto class ending → model class: {"Model": …, "ForMaskedLM": …}. "Model" is the bare network."""

    classes: tuple[str, ...] = ()
    """Further public classes and functions: building blocks, or models that no Auto class picks."""

    aliases: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Second published names: {"BertTokenizerFast": "BertTokenizer"}."""

    config_keys: frozenset[str] = frozenset()
    """Keys that tell a configuration without `model_type` (2018 and 2019) as this family's."""

    tensor_names: str = ""
    """A regular expression of tensors' published names that tell weights as this family's, with and without the
    prefix of the bare network; unless given, that of the parent."""

    tokens: frozenset[str] = frozenset()
    """Tokens that tell a vocabulary without a configuration as this family's."""

    parent: str | None = None
    """The model_type of the one family whose classes this one may share."""

    packed: bool = True
    """Whether the network can run on a packed batch. False: attention is not dense per sequence."""

    small: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    """Further values of a configuration that is quick to build, for the contract tests."""

    module: str = ""
    """The package the strings are relative to; filled in by the registry."""

    def locate(self, target: str) -> tuple[str, str]:
        """Turns "file:Class" into (importable module, attribute)."""
        file, _, attribute = target.partition(":")
        return f"{self.module}.{file}", attribute

    def public_names(self) -> dict[str, str]:
        """Public name → "file:Class", for every class that the package exports for this family."""
        targets = (self.config, *self.tokenizers, *self.models.values(), *self.classes)
        names = {target.partition(":")[2]: target for target in targets}
        return names | {alias: names[original] for alias, original in self.aliases.items()}
