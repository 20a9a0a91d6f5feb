"""Are the data fit to train on? What is in them, and what is wrong with which row."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pretrained import auto
from pretrained.errors import DataError
from pretrained.training.data import Record
from pretrained.training.kinds import KINDS, Kind
from pretrained.training.recipe import Recipe
from pretrained.training.run import data_files, row_limit

_BINS = 12


@dataclass
class Split:
    """What was found in one file."""

    path: Path
    rows: int
    labels: dict[str, int] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    """Tokens of each row, special ones included, before anything is cut off; of language modelling, of each line."""
    too_long: int = 0
    """Rows that are cut at `max_length`, or read in several windows."""
    duplicates: int = 0
    """Rows whose text stands further up."""
    shared: int = 0
    """Rows whose text is in the training data too."""
    bad: list[str] = field(default_factory=list)
    """What is wrong with which row."""

    def histogram(self) -> list[tuple[str, int]]:
        """("33–64", rows) by length."""
        if not self.lengths:
            return []
        width = max(1, -(-(max(self.lengths) + 1) // _BINS))
        counts = Counter(length // width for length in self.lengths)
        return [(f"{n * width}–{(n + 1) * width - 1}", counts[n]) for n in range(min(counts), max(counts) + 1)]


def check_data(recipe: Recipe) -> dict[str, Split]:
    """Split → what is in it. Needs a model's tokenizer, and trains nothing.

    Raises:
        DataError: a file is missing, or cannot be read at all.
    """
    task = recipe.declaration
    kind_class = KINDS[task.kind]
    files = data_files(recipe)
    examples = {split: kind_class.read(path, task) for split, path in files.items()}
    sound = {split: [row for row in rows if not row.wrong] for split, rows in examples.items()}
    hub: dict[str, Any] = {} if recipe.revision is None else {"revision": recipe.revision}
    tokenizer = auto.AutoTokenizer.from_pretrained(recipe.model, **hub)
    labels = kind_class.found_labels(sound["train"], task) if kind_class.needs_labels else ()
    limit = row_limit(recipe, tokenizer, auto.AutoConfig.from_pretrained(recipe.model, **hub))
    kind = kind_class(task, tokenizer, labels, limit)
    known = set(_texts(kind, sound["train"]))
    found = {}
    for split, rows in sound.items():
        texts = list(_texts(kind, rows))
        lengths = [len(ids) for ids in _tokens(kind, rows)]
        found[split] = Split(
            files[split],
            rows=len(examples[split]),
            labels=dict(_labels(kind, rows).most_common()),
            lengths=lengths,
            too_long=sum(length > limit for length in lengths),
            duplicates=len(texts) - len(set(texts)),
            shared=0 if split == "train" else sum(text in known for text in texts),
            bad=list(kind.problems(examples[split], labelled=split != "test")),
        )
    try:
        kind.check_training(sound["train"])
    except DataError as error:
        found["train"].bad.append(str(error))
    return found


def _texts(kind: Kind, rows: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """What makes a row the same as another."""
    task = kind.task
    for row in rows:
        if task.kind in ("masked", "causal"):
            yield from ((line,) for line in row["text"])
        elif task.kind == "tokens":
            yield tuple(row["words"])
        elif task.kind == "choice":
            yield (row["context"], *row["choices"])
        else:
            columns = (task.text,) if task.pair is None else (task.text, task.pair)
            yield tuple(str(row[column]) for column in columns)


def _tokens(kind: Kind, rows: Sequence[Record]) -> list[list[int]]:
    """The ids of each row, nothing cut off."""
    if kind.task.kind == "tokens":
        encoded = kind.tokenizer([list(row["words"]) for row in rows], is_split_into_words=True, verbose=False)
        ids: list[list[int]] = encoded["input_ids"]
        return ids
    texts = list(_texts(kind, rows))
    if kind.task.kind == "choice":
        texts = [(context, longest) for context, *choices in texts for longest in [max(choices, key=len)]]
    first = [text[0] for text in texts]
    second = [text[1] for text in texts] if texts and len(texts[0]) > 1 else None
    return kind.tokenizer.encode_ragged(first, pairs=second) if first else []


def _labels(kind: Kind, rows: Sequence[Record]) -> Counter[str]:
    """How often each label, tag or answer occurs."""
    task = kind.task
    counts: Counter[str] = Counter()
    for row in rows:
        if task.kind == "tokens":
            counts.update(row["tags"])
        elif task.kind == "answers":
            counts["answerable" if row["answers"] else "no answer"] += 1
        elif task.kind == "choice":
            counts[str(row["label"])] += 1
        elif task.kind == "multi-label":
            counts.update(_wanted(kind, row))
        elif task.kind == "classification" and task.label in row.values:
            value = str(row.values[task.label]).strip()  # type: ignore[index]
            counts[task.rename.get(value, value)] += 1
    return counts


def _wanted(kind: Any, row: Record) -> list[str]:
    try:
        wanted: list[str] = kind._wanted(row).get("wanted", [])
        return wanted
    except DataError:
        return []  # said among the bad rows
