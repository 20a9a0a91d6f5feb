"""How do rows of ids go through a network, and its outputs back to the rows?

In batches of tensors: end to end without padding, or filled up to one length.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from pretrained.errors import ConfigurationError
from pretrained.modeling import PreTrainedModel
from pretrained.nn.layout import Packed
from pretrained.runner.threads import spread

Row = Mapping[str, Any]
"""What one example is for a network: "input_ids", perhaps "token_type_ids" and labels, as plain lists and numbers.

Of multiple choice "input_ids" and "token_type_ids" hold a list for each choice.
"""

PER_TOKEN = ("input_ids", "token_type_ids", "attention_mask", "langs", "p_mask", "special_tokens_mask")
_POSITIONS = ("start_positions", "end_positions")
IGNORED = -100
_BATCH_TOKENS = 4096


@dataclass
class Batch:
    """Inputs of a model, and which rows they are."""

    inputs: dict[str, Any]
    places: list[int]
    """Where each row of the batch stood in what was given: packed batches are sorted by length."""
    mask: Tensor | None = None
    """(B, S) which tokens of a padded batch are the rows' own; some networks have no input for it."""

    @property
    def labels(self) -> Tensor | None:
        return self.inputs.get("labels")

    def to(self, device: torch.device) -> "Batch":
        moved = {name: v.to(device) if isinstance(v, Tensor) else v for name, v in self.inputs.items()}
        return Batch(moved, self.places, self.mask)


@dataclass(frozen=True)
class Collator:
    """Makes batches of rows.

    Args:
        packed: end to end, for networks whose family says that it can; else filled up.
        padding: name → what fills up, for the inputs that are not filled with 0.
        side: "right" or "left".
        unknown: inputs that the network does not have, such as token types.
    """

    packed: bool
    padding: Mapping[str, int]
    side: str = "right"
    unknown: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tokenizer: Any, model: PreTrainedModel, *, packed: bool) -> "Collator":
        """As the tokenizer fills up and the network reads."""
        pad = tokenizer.pad_token_id
        padding = {
            "input_ids": 0 if pad is None else pad,
            "token_type_ids": tokenizer.pad_token_type_id,
            "labels": IGNORED,
            "p_mask": 1,
        }
        known = inspect.signature(model.base_model.forward).parameters
        return cls(packed, padding, tokenizer.padding_side, frozenset(PER_TOKEN) - known.keys())

    def for_search(self) -> "Collator":
        """For heads that search spans: rows begin at place 0, for what is found are places of the batch."""
        return replace(self, packed=False, side="right", unknown=self.unknown - {"p_mask"})

    def __call__(self, rows: Sequence[Row]) -> Batch:
        rows = [{name: value for name, value in row.items() if name not in self.unknown} for row in rows]
        choices = len(rows[0]["input_ids"]) if _is_choice(rows[0]) else 0
        if choices:
            return self._choices(rows, choices)
        if not self.packed:
            inputs = self._padded(rows)
            mask = inputs["attention_mask"]
            for name in self.unknown & inputs.keys():
                del inputs[name]
            return Batch(inputs, list(range(len(rows))), mask)
        places = sorted(range(len(rows)), key=lambda place: len(rows[place]["input_ids"]), reverse=True)
        return Batch(_packed([rows[place] for place in places]), places)

    def _choices(self, rows: Sequence[Row], choices: int) -> Batch:
        """Every choice is a sequence of its own; the labels stay one a row."""
        if any(len(row["input_ids"]) != choices for row in rows):
            raise ConfigurationError("the rows of a batch have different numbers of choices")
        per_row = {name for name in rows[0] if name not in PER_TOKEN}
        single = [{n: v[at] for n, v in row.items() if n not in per_row} for row in rows for at in range(choices)]
        if self.packed:
            inputs = {**_packed(single), "num_choices": choices}
        else:
            inputs = {n: v.view(len(rows), choices, -1) for n, v in self._padded(single).items()}
        inputs |= {name: torch.tensor([row[name] for row in rows]) for name in per_row}
        return Batch(inputs, list(range(len(rows))))

    def _padded(self, rows: Sequence[Row]) -> dict[str, Any]:
        length = max(len(row["input_ids"]) for row in rows)
        if self.side == "left":
            rows = [_moved(row, length - len(row["input_ids"])) for row in rows]
        rows = [{"attention_mask": [1] * len(row["input_ids"]), **row} for row in rows]
        inputs = {}
        for name, value in rows[0].items():
            values = [row[name] for row in rows]
            if _per_token(name, value, rows[0]):
                fill = self.padding.get(name, 0)
                values = [self._filled(each, length, fill) for each in values]
            inputs[name] = torch.tensor(values)
        return inputs

    def _filled(self, values: list[int], length: int, fill: int) -> list[int]:
        missing = [fill] * (length - len(values))
        return [*missing, *values] if self.side == "left" else [*values, *missing]


def _moved(row: Row, places: int) -> Row:
    """With what points at a token pointing so many places further."""
    return {**row, **{name: row[name] + places for name in _POSITIONS if name in row}}


def _packed(rows: Sequence[Row]) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for name, value in rows[0].items():
        values = [row[name] for row in rows]
        per_token = _per_token(name, value, rows[0])
        inputs[name] = torch.tensor([*chain.from_iterable(values)]) if per_token else torch.tensor(values)
    return {**inputs, "layout": Packed([len(row["input_ids"]) for row in rows])}


def _is_choice(row: Row) -> bool:
    ids = row["input_ids"]
    return bool(ids) and isinstance(ids[0], list)


def _per_token(name: str, value: Any, row: Row) -> bool:
    """Whether an input has an entry for each token. Labels have, unless they are numbers or one a class."""
    if name == "labels":
        return isinstance(value, list) and not any(isinstance(each, float) for each in value)
    return name in PER_TOKEN


def position_limit(model: nn.Module) -> int | None:
    """How many tokens the model has positions for; None if any number."""
    table = getattr(model.config, "max_position_embeddings", None)
    if table is None or table < 1:
        return None
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # families that count from after the padding's position (RoBERTa) have so many fewer
            return int(table) if module.padding_idx is None else int(table) - module.padding_idx - 1
    return int(table)


def outputs(
    model: nn.Module,
    rows: Sequence[Row],
    collate: Collator,
    *names: str,
    per_token: bool = False,
    threads: int = 1,
    batch_tokens: int = _BATCH_TOKENS,
    keep: Callable[[int, list[Tensor]], list[Tensor]] | None = None,
) -> Iterator[tuple[int, list[Tensor]]]:
    """(place of a row, its outputs in the order of their names) in any order of rows.

    Outputs that have an entry a token are given without padding. With `threads`, so many batches run side by side.

    Args:
        batch_tokens: of a batch at most, unless a single row has more.
        keep: (place of a row, its outputs) → what is wanted of them, where they are too large to wait for their turn.
    """
    device = next(model.parameters()).device

    def run(places: list[int]) -> list[tuple[int, list[Tensor]]]:
        with torch.inference_mode():
            batch = collate([_unlabelled(rows[place]) for place in places]).to(device)
            found = model(**batch.inputs, return_dict=True)
            values = [found[name].float().cpu() for name in names]
        kept = []
        for at, place in enumerate(batch.places):
            own = [_own(value, batch, at) if per_token else value[at] for value in values]
            kept.append((places[place], own if keep is None else keep(places[place], own)))
        return kept

    training = model.training
    model.eval()
    try:
        for results in spread(run, list(batches(rows, batch_tokens)), threads):
            yield from results
    finally:
        model.train(training)


def _unlabelled(row: Row) -> Row:
    hidden = ("labels", "start_positions", "end_positions", "is_impossible")
    return {name: value for name, value in row.items() if name not in hidden}


def _length(row: Row) -> int:
    ids = row["input_ids"]
    return sum(map(len, ids)) if ids and isinstance(ids[0], list) else len(ids)


def batches(rows: Sequence[Row], batch_tokens: int = _BATCH_TOKENS) -> Iterator[list[int]]:
    """Places of rows of like length, as many as fit."""
    batch: list[int] = []
    held = 0
    for place in sorted(range(len(rows)), key=lambda place: _length(rows[place]), reverse=True):
        if batch and held + _length(rows[place]) > batch_tokens:
            yield batch
            batch, held = [], 0
        batch.append(place)
        held += _length(rows[place])
    if batch:
        yield batch


def _own(value: Tensor, batch: Batch, row: int) -> Tensor:
    """The entries of a row's own tokens."""
    layout = batch.inputs.get("layout")
    if isinstance(layout, Packed):
        start = sum(layout.lengths[:row])
        return value[start : start + layout.lengths[row]]
    return value[row] if batch.mask is None else value[row][batch.mask[row].bool()]
