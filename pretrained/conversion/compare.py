"""Are two models the same, tensor by tensor, whatever their formats?"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pretrained.checkpoints import Checkpoint
from pretrained.checkpoints.tensor_bytes import PIECE, digest
from pretrained.conversion.opened import Opened, by_class


@dataclass(frozen=True)
class Row:
    """One tensor of two models; a side that does not have it has neither shape nor type."""

    name: str
    status: str
    """"equal" (the values are), "different", or "missing" on one side."""
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    dtypes: tuple[torch.dtype | None, torch.dtype | None]
    difference: float | None = None
    """The largest absolute difference of two values, where shapes agree."""


def compare(one: Opened, other: Opened) -> Iterator[Row]:
    """Compares tensor after tensor, under the names of the class of the first model (or of the second, if only it
    has one). A weight that the class ties to another one is there when that one is."""
    model = one.model if one.model is not None else other.model
    sides: list[Checkpoint] = [one.published, other.published]
    ties: dict[str, str] = {}
    if model is not None:
        sides = [by_class(side, model) for side in sides]
        ties = model._ties()
    held = [side.keys() for side in sides]
    for name in dict.fromkeys((*held[0], *held[1])):
        keys = [name if name in names else ties.get(name) if ties.get(name) in names else None for names in held]
        shapes = [None if key is None else side.shape(key) for side, key in zip(sides, keys, strict=True)]
        dtypes = [None if key is None else side.dtype(key) for side, key in zip(sides, keys, strict=True)]
        status, difference = "missing", None
        if keys[0] is not None and keys[1] is not None:
            status = "different"
            if shapes[0] == shapes[1]:
                difference = _difference(sides[0], keys[0], sides[1], keys[1])
                status = "equal" if difference == 0 else "different"
        yield Row(name, status, (shapes[0], shapes[1]), (dtypes[0], dtypes[1]), difference)


def _difference(one: Checkpoint, key: str, other: Checkpoint, other_key: str) -> float:
    """The largest absolute difference; NaN where only one side has a number. Two NaN are equal."""
    same_type = one.dtype(key) == other.dtype(other_key)
    # Most are equal: then one tensor at a time is in memory.
    if same_type and digest(one.tensor(key, copy=True)) == digest(other.tensor(other_key, copy=True)):
        return 0.0
    ours, theirs = one.tensor(key).reshape(-1), other.tensor(other_key).reshape(-1)
    largest = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(ours), PIECE // 8):
        a, b = (_wide(side[start : start + PIECE // 8]) for side in (ours, theirs))
        distance = (a - b).abs()
        distance[(a == b) | (a.isnan() & b.isnan())] = 0  # also two infinities
        largest = torch.maximum(largest, distance.max())  # NaN stays
    return float(largest)


def _wide(part: torch.Tensor) -> torch.Tensor:
    return part.to(torch.complex128 if part.is_complex() else torch.float64)
