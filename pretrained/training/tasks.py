"""Which tasks are there, where do their published files keep text and labels, and what is measured?

A task is a declaration. What kind it is (`kinds`) says how its rows become inputs and how predictions are scored; the
columns say where to look; the rest is what people find in the paper that published the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pretrained.errors import ConfigurationError, did_you_mean

Column = str | int
"""A column by its name in the first line, or by its number from 0 (from the end: -1) where there is no such line."""

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to learn, and from which columns of which files."""

    name: str
    kind: str
    """"classification", "regression", "multi-label", "tokens", "answers", "choice", "masked" or "causal"."""
    about: str
    """One line: what is asked, and who published the data."""
    text: Column = "text"
    pair: Column | None = None
    label: Column | None = "label"
    labels: tuple[str, ...] = ()
    """In the published order; () for those found in the training file, sorted."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """What else the files call a label: {"contradictory": "contradiction"}."""
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Split → names that its file may have, the published one first; {language} stands for the option."""
    header: bool | None = None
    """Whether the first line names the columns; None to see by it."""
    unnamed: Mapping[str, int] = field(default_factory=dict)
    """Column name → number, for files without such a line."""
    also: Mapping[str, str] = field(default_factory=dict)
    """What other files of the task call a column → its name here."""
    language: str | None = None
    """Of tasks in several languages: the one to read, from files of its own or by their column "language"."""
    damaged: bool = False
    """Whether the published files have rows with missing columns; they are left out."""
    columns: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Of words and tags, by how many columns a line has, where that is another pair than text and label."""
    metrics: tuple[str, ...] = ("accuracy",)
    """The first one decides which result is the best."""
    epochs: float = 3
    max_length: int = 128
    learning_rate: float = 2e-5
    batch_size: int = 32


OWN = {
    "classification": ("accuracy", "f1_macro"),
    "multi-label": ("f1_micro", "f1_macro", "exact"),
    "regression": ("spearman", "pearson", "mean_squared_error"),
    "tokens": ("f1", "precision", "recall", "accuracy"),
}
"""Tasks of one's own data, whose columns come from options → what is measured."""


def _split(train: str, dev: str, test: str) -> dict[str, tuple[str, ...]]:
    return {"train": (train,), "dev": (dev,), "test": (test,)}


_TSV = {"train": ("train.tsv", "train.csv"), "dev": ("dev.tsv", "dev.csv"), "test": ("test.tsv", "test.csv")}


def _bio(*types: str) -> tuple[str, ...]:
    return ("O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI"))


def _classes(name: str, about: str, **more: Any) -> Task:
    """A class of a text or a pair."""
    found = {"labels": ("0", "1"), "files": _TSV, **more}
    return Task(name=name, kind="classification", about=about, **found)


def _names(name: str, about: str, *, label: int = -1, **more: Any) -> Task:
    """Names in text, a word and its tag a line."""
    found = {"metrics": OWN["tokens"], "learning_rate": 5e-5, **more}
    return Task(name=name, kind="tokens", about=about, text=0, label=label, **found)


def _answers(name: str, about: str, file: str, *, trial: tuple[str, ...] = (), max_length: int = 384) -> Task:
    """Questions in SQuAD's layout; "{}" in the files' name stands for the split."""
    files: dict[str, tuple[str, ...]] = {split: (file.format(split), f"{split}.json") for split in SPLITS}
    files["test"] = (*trial, *files["test"])
    return Task(
        name=name,
        kind="answers",
        about=about,
        text="question",
        pair="context",
        label=None,
        files=files,
        metrics=("f1", "exact"),
        epochs=2,
        max_length=max_length,
        learning_rate=3e-5,
        batch_size=12,
    )


_ENTAILMENT = ("entailment", "not_entailment")
_NLI = ("contradiction", "entailment", "neutral")
_ALSO_NLI = {"premise": "sentence1", "hypothesis": "sentence2", "hypo": "sentence2", "label": "gold_label"}
_CONLL = {
    "train": ("train.txt", "train.conll", "eng.train", "train.tsv", "train.json", "train"),
    "dev": ("dev.txt", "valid.txt", "dev.conll", "eng.testa", "dev.tsv", "dev.json", "testa", "dev"),
    "test": ("test.txt", "test.conll", "eng.testb", "test.tsv", "test.json", "testb", "test"),
}
_TEXTS = {
    "train": ("train.txt", "wiki.train.raw", "wiki.train.tokens"),
    "dev": ("dev.txt", "valid.txt", "wiki.valid.raw", "wiki.valid.tokens"),
    "test": ("test.txt", "wiki.test.raw", "wiki.test.tokens"),
}

_ALL = (
    _classes(
        "cola",
        "Is the sentence grammatical? CoLA (Warstadt et al., arXiv 1805.12471), GLUE",
        text="sentence",
        unnamed={"sentence": 3, "label": 1},
        metrics=("matthews", "accuracy"),
    ),
    _classes(
        "sst2",
        "Is the film review positive? SST-2 (Socher et al., EMNLP 2013), GLUE",
        text="sentence",
        unnamed={"sentence": 0, "label": 1},
    ),
    _classes(
        "mrpc",
        "Do the sentences say the same? MRPC (Dolan and Brockett, IWP 2005), GLUE",
        text="#1 String",
        pair="#2 String",
        label="Quality",
        rename={"not_equivalent": "0", "equivalent": "1"},
        also={"sentence1": "#1 String", "sentence2": "#2 String", "label": "Quality"},
        files={
            "train": ("train.tsv", "msr_paraphrase_train.txt", "train.csv"),
            "dev": ("dev.tsv", "dev.csv"),
            "test": ("test.tsv", "msr_paraphrase_test.txt", "test.csv"),
        },
        metrics=("f1", "accuracy"),
    ),
    Task(
        name="stsb",
        kind="regression",
        about="How alike are the sentences, from 0 to 5? STS-B (Cer et al., SemEval 2017), GLUE",
        text="sentence1",
        pair="sentence2",
        label="score",
        files={
            "train": ("train.tsv", "sts-train.csv", "stsb-en-train.csv"),
            "dev": ("dev.tsv", "sts-dev.csv", "stsb-en-dev.csv"),
            "test": ("test.tsv", "sts-test.csv", "stsb-en-test.csv"),
        },
        unnamed={"sentence1": -3, "sentence2": -2, "score": -1},
        also={"label": "score"},
        metrics=("spearman", "pearson"),
    ),
    _classes(
        "qqp",
        "Do the questions ask the same? Quora question pairs, GLUE",
        text="question1",
        pair="question2",
        label="is_duplicate",
        also={"label": "is_duplicate"},
        damaged=True,
        metrics=("f1", "accuracy"),
    ),
    _classes(
        "mnli",
        "Does the first sentence entail the second? MultiNLI (Williams et al., arXiv 1704.05426), GLUE",
        text="sentence1",
        pair="sentence2",
        label="gold_label",
        labels=_NLI,
        also=_ALSO_NLI,
        files=_split("train.tsv", "dev_matched.tsv", "test_matched.tsv"),
    ),
    _classes(
        "mnli-mm",
        "MultiNLI, evaluated on texts of other kinds than those of the training",
        text="sentence1",
        pair="sentence2",
        label="gold_label",
        labels=_NLI,
        also=_ALSO_NLI,
        files=_split("train.tsv", "dev_mismatched.tsv", "test_mismatched.tsv"),
    ),
    _classes(
        "qnli",
        "Does the sentence answer the question? QNLI, made from SQuAD (arXiv 1804.07461), GLUE",
        text="question",
        pair="sentence",
        labels=_ENTAILMENT,
    ),
    _classes(
        "rte",
        "Does the first text entail the second? RTE 1, 2, 3 and 5 (arXiv 1804.07461), GLUE",
        text="sentence1",
        pair="sentence2",
        labels=_ENTAILMENT,
    ),
    _classes(
        "wnli",
        "Is the pronoun resolved right? WNLI (Levesque et al., KR 2012), GLUE",
        text="sentence1",
        pair="sentence2",
        epochs=5,
    ),
    _classes(
        "xnli",
        "Entailment in 15 languages, one by --language (Conneau et al., arXiv 1809.05053)",
        text="sentence1",
        pair="sentence2",
        label="gold_label",
        labels=_NLI,
        rename={"contradictory": "contradiction"},
        also=_ALSO_NLI,
        language="en",
        files={
            "train": (
                "XNLI-MT-1.0/multinli/multinli.train.{language}.tsv",
                "multinli/multinli.train.{language}.tsv",
                "multinli.train.{language}.tsv",
            ),
            "dev": ("XNLI-1.0/xnli.dev.tsv", "xnli.dev.tsv"),
            "test": ("XNLI-1.0/xnli.test.tsv", "xnli.test.tsv"),
        },
    ),
    _classes(
        "chnsenticorp",
        "Is the Chinese review positive? ChnSentiCorp (Tan and Zhang 2008)",
        text="text_a",
        max_length=256,
    ),
    _classes(
        "lcqmc",
        "Do the Chinese questions ask the same? LCQMC (Liu et al., COLING 2018)",
        text="text_a",
        pair="text_b",
        files={split: (*names, names[0].replace(".tsv", ".txt")) for split, names in _TSV.items()},
        unnamed={"text_a": 0, "text_b": 1, "label": 2},
    ),
    _names(
        "conll2003",
        "Persons, places, organisations in news (Tjong Kim Sang and De Meulder, CoNLL 2003); any column file",
        files=_CONLL,
    ),
    _names(
        "wnut17",
        "New and rare names in posts (Derczynski et al., W-NUT 2017)",
        label=1,
        labels=_bio("corporation", "creative-work", "group", "location", "person", "product"),
        files={
            "train": ("wnut17train.conll", *_CONLL["train"]),
            "dev": ("emerging.dev.conll", *_CONLL["dev"]),
            "test": ("emerging.test.annotated", *_CONLL["test"]),
        },
    ),
    _names(
        "germeval",
        "Names in German news and Wikipedia (Benikova et al., GermEval 2014); the outer layer",
        labels=_bio(*(f"{kind}{ending}" for kind in ("LOC", "ORG", "OTH", "PER") for ending in ("", "deriv", "part"))),
        columns={4: (1, 2)},  # number, word, outer tag, inner tag
        files={split: (f"{split}.txt", f"NER-de-{split}.tsv") for split in SPLITS},
    ),
    _names(
        "msra-ner",
        "Names in Chinese news, a character a line (Levow, SIGHAN 2006)",
        files={split: (f"msra_{split}_bio", *names) for split, names in _CONLL.items()},
    ),
    _answers(
        "squad", "Where in the text is the answer? SQuAD 1.1 (Rajpurkar et al., arXiv 1606.05250)", "{}-v1.1.json"
    ),
    _answers(
        "squad2",
        "Where is the answer, if there is one? SQuAD 2.0 (Rajpurkar et al., arXiv 1806.03822)",
        "{}-v2.0.json",
    ),
    _answers(
        "cmrc2018",
        "Where in the Chinese text is the answer? (Cui et al., EMNLP 2019)",
        "cmrc2018_{}.json",
        trial=("cmrc2018_trial.json",),
        max_length=512,
    ),
    Task(
        name="swag",
        kind="choice",
        header=True,
        about="Which ending follows? SWAG (Zellers et al., arXiv 1808.05326)",
        files={
            "train": ("train.csv", "train.json", "train.jsonl"),
            "dev": ("val.csv", "dev.csv", "dev.json", "dev.jsonl", "val.json"),
            "test": ("test.csv", "test.json", "test.jsonl"),
        },
        max_length=80,
        learning_rate=5e-5,
        batch_size=16,
    ),
    Task(
        name="race",
        kind="choice",
        header=True,
        about="Which answer is right, of English exams? RACE (Lai et al., arXiv 1704.04683)",
        files={"train": ("train",), "dev": ("dev",), "test": ("test",)},
        max_length=512,
        learning_rate=1e-5,
        batch_size=16,
        epochs=4,
    ),
    Task(
        name="masked-lm",
        kind="masked",
        about="Which words were hidden? Plain text, 15 % of it masked (arXiv 1810.04805)",
        label=None,
        files=_TEXTS,
        metrics=("perplexity",),
        max_length=512,
        learning_rate=5e-5,
        batch_size=8,
    ),
    Task(
        name="causal-lm",
        kind="causal",
        about="Which token comes next? Plain text",
        label=None,
        files=_TEXTS,
        metrics=("perplexity",),
        max_length=512,
        learning_rate=5e-5,
        batch_size=8,
    ),
)

TASKS = {task.name: task for task in _ALL}
_ALIASES = {
    "sst-2": "sst2",
    "sts-b": "stsb",
    "conll": "conll2003",
    "squad1": "squad",
    "squad1.1": "squad",
    "squad2.0": "squad2",
    "mlm": "masked-lm",
    "clm": "causal-lm",
    "msra": "msra-ner",
    "cmrc": "cmrc2018",
    "germeval14": "germeval",
}
"""What else people call them."""

HIGHER_IS_WORSE = frozenset({"loss", "perplexity", "mean_squared_error"})


def task(
    name: str,
    *,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
    language: str = "en",
) -> Task:
    """The task of this name; columns that are given take the place of the published ones.

    Raises:
        ConfigurationError: there is no such task; names those that are near.
    """
    key = name.lower()
    found = TASKS.get(_ALIASES.get(key, key))
    if found is None and key in OWN:
        found = Task(name=key, kind=key, about="Your own data", metrics=OWN[key], files=_own_files(key))
        if key == "tokens":
            found = replace(found, text=0, label=-1)
    if found is None:
        raise ConfigurationError(
            f"there is no task {name!r}{did_you_mean(key, [*TASKS, *_ALIASES, *OWN])}. "
            f"Published tasks: {', '.join(TASKS)}. For your own data: {', '.join(OWN)}."
        )
    given: dict[str, Any] = {"text": text_column, "pair": pair_column, "label": label_column}
    if found.kind == "tokens":
        given = {what: _number(what, column) for what, column in given.items()}
    if found.language is not None:
        found = replace(found, language=language)
    return replace(found, **{name: column for name, column in given.items() if column is not None})


def _number(what: str, column: str | None) -> int | None:
    """Of a file of words, whose columns have no names."""
    if column is None:
        return None
    try:
        return int(column)
    except ValueError:
        raise ConfigurationError(
            f"{what}_column={column!r}: the columns of words and tags have numbers: 0 for the first, -1 for the last"
        ) from None


def _own_files(kind: str) -> dict[str, tuple[str, ...]]:
    """The names that people give: train.csv, dev.jsonl, validation.parquet; words and tags are no tables."""
    also = {"train": ("train", "training"), "dev": ("dev", "valid", "validation", "val", "eval"), "test": ("test",)}
    words = (".txt", ".conll", ".tsv", ".jsonl", ".json")
    endings = words if kind == "tokens" else (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt")
    return {split: tuple(f"{stem}{ending}" for stem in stems for ending in endings) for split, stems in also.items()}
