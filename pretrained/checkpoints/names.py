"""How did other frameworks, other years or wrapping programs call a tensor?

A stage is a list of `Rename` rules. Each key is seen once by a stage: the one rule that matches it whole applies,
and no rule sees what another made. Two rules that match the same key are a mistake in the table, and raise.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pretrained.errors import CheckpointError

MAX_NAME = 512  # a tensor's name; nested modules reach about 100 characters

# What DataParallel, DistributedDataParallel and torch.compile put before every name.
_WRAPPERS = ("module.", "_orig_mod.")


@dataclass(frozen=True)
class Rename:
    r"""One rule: keys that `pattern` matches from end to end are called `target`.

    `Rename(r"(.*)\.kernel", r"\1.weight", transpose=True)` also turns [in, out] into [out, in].
    A target of None says: known, and not needed.
    """

    pattern: str
    target: str | None
    transpose: bool = False
    rank: int | None = None
    """Axes of the published tensor; leading axes of length 1 above that are dropped: [1, out] becomes [out]."""
    unstack: bool = False
    """The first axis counts the layers: it is cut, and `{}` in the target is the number of the layer."""

    def __post_init__(self) -> None:
        re.compile(self.pattern)

    def matches(self, key: str) -> bool:
        return re.fullmatch(self.pattern, key) is not None

    def apply(self, key: str) -> str | None:
        """The published name of a key that the rule matches."""
        match = re.fullmatch(self.pattern, key)
        return match.expand(self.target) if match is not None and self.target is not None else None


# Names that the library itself once wrote. `gamma` and `beta` were the names inside a LayerNorm and only there:
# elsewhere they are names that people gave to parameters of their own.
_LAYER_NORM = r"(.*(?:LayerNorm|layer_norm|layernorm)[^.]*(?:\.\d+)?)"
HISTORICAL = (
    Rename(_LAYER_NORM + r"\.gamma", r"\1.weight"),
    Rename(_LAYER_NORM + r"\.beta", r"\1.bias"),
    Rename(r"(?:.*\.)?position_ids", None),  # 0, 1, 2 …, saved by the releases 3.0 to 4.30
)


@dataclass(frozen=True)
class Vocabulary:
    """How one framework names tensors, for every architecture: the separators first, then one stage of rules."""

    rules: Sequence[Rename]
    separate: Callable[[str], str] = str
    """Turns a name with the framework's separators into a dotted one: "layer_._0/kernel:0" → "layer.0.kernel"."""


TORCH = Vocabulary(HISTORICAL)


def find_rule(key: str, stage: Sequence[Rename]) -> Rename | None:
    """The one rule of the stage that matches the key."""
    found = [rule for rule in stage if rule.matches(key)]
    if len(found) > 1:
        patterns = " and ".join(repr(rule.pattern) for rule in found)
        raise CheckpointError(f"the rules {patterns} both match {key!r}; a key may have only one translation.")
    return found[0] if found else None


def historical_name(key: str) -> str | None:
    """The name of today; None for what is known and not needed."""
    rule = find_rule(key, HISTORICAL)
    return key if rule is None else rule.apply(key)


def wrapper_prefix(keys: Collection[str]) -> str:
    """What a wrapping program put before every key, such as "module."; "" when any key is without it."""
    prefix = ""
    while keys:
        found = next((name for name in _WRAPPERS if all(key.startswith(prefix + name) for key in keys)), None)
        if found is None:
            break
        prefix += found
    return prefix
