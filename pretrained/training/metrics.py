"""How good are predictions? The published measure of each task.

Numbers in [0, 1] or [-1, 1], not per cent. Tests compare them with scikit-learn, SciPy and seqeval.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pretrained.decoding.entities import entities

Floats = npt.NDArray[np.float64]


# -- classes


def accuracy(predicted: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The share of rows that are right."""
    return float(sum(p == w for p, w in zip(predicted, wanted, strict=True)) / max(1, len(wanted)))


def precision_recall_f1(right: int, predicted: int, wanted: int) -> tuple[float, float, float]:
    """Of counts; 0 where there is nothing to divide by."""
    precision = right / predicted if predicted else 0.0
    recall = right / wanted if wanted else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


def f1(predicted: Sequence[Any], wanted: Sequence[Any], positive: Any) -> float:
    """Of one class."""
    right = sum(p == w == positive for p, w in zip(predicted, wanted, strict=True))
    return precision_recall_f1(right, sum(p == positive for p in predicted), sum(w == positive for w in wanted))[2]


def f1_macro(predicted: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The mean of all classes that were predicted or wanted."""
    classes = {*predicted, *wanted}
    return sum(f1(predicted, wanted, each) for each in classes) / max(1, len(classes))


def matthews(predicted: Sequence[Any], wanted: Sequence[Any]) -> float:
    """Matthews' correlation, of two classes or more (Gorodkin 2004); 0 where either has one class only."""
    classes = sorted({*predicted, *wanted}, key=str)
    place = {each: number for number, each in enumerate(classes)}
    table = np.zeros((len(classes), len(classes)))
    for p, w in zip(predicted, wanted, strict=True):
        table[place[w], place[p]] += 1
    total, right = table.sum(), np.trace(table)
    by_prediction, by_truth = table.sum(0), table.sum(1)
    above = right * total - by_prediction @ by_truth
    below = np.sqrt(total**2 - by_prediction @ by_prediction) * np.sqrt(total**2 - by_truth @ by_truth)
    return float(above / below) if below else 0.0


def multi_label(predicted: Sequence[set[str]], wanted: Sequence[set[str]]) -> dict[str, float]:
    """Sets of labels a row: F1 over all labels, its mean over labels, and the share of sets that are right."""
    labels = set().union(*predicted, *wanted)
    counts = {
        label: (
            sum(label in p and label in w for p, w in zip(predicted, wanted, strict=True)),
            sum(label in p for p in predicted),
            sum(label in w for w in wanted),
        )
        for label in labels
    }
    totals = [sum(count[at] for count in counts.values()) for at in range(3)]
    means = [precision_recall_f1(*count)[2] for count in counts.values()]
    return {
        "f1_micro": precision_recall_f1(*totals)[2],
        "f1_macro": sum(means) / max(1, len(means)),
        "exact": accuracy(predicted, wanted),
    }


# -- values


def pearson(predicted: Sequence[float], wanted: Sequence[float]) -> float:
    """Linear correlation; 0 where either does not vary."""
    first, second = np.asarray(predicted, np.float64), np.asarray(wanted, np.float64)
    first, second = first - first.mean(), second - second.mean()
    below = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / below) if below else 0.0


def spearman(predicted: Sequence[float], wanted: Sequence[float]) -> float:
    """Correlation of the ranks; equal values share the mean of their ranks."""
    return pearson(_ranks(predicted).tolist(), _ranks(wanted).tolist())


def _ranks(values: Sequence[float]) -> Floats:
    _, inverse, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean: Floats = (ends - (counts - 1) / 2)[inverse]
    return mean


def mean_squared_error(predicted: Sequence[float], wanted: Sequence[float]) -> float:
    return float(np.mean((np.asarray(predicted, np.float64) - np.asarray(wanted, np.float64)) ** 2))


# -- entities


def entity_scores(predicted: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> dict[str, float]:
    """Entities that are right in type and both ends, as the CoNLL tasks count; and the share of tags that are right."""
    found = {(row, *entity) for row, tags in enumerate(predicted) for entity in entities(tags)}
    true = {(row, *entity) for row, tags in enumerate(wanted) for entity in entities(tags)}
    precision, recall, harmonic = precision_recall_f1(len(found & true), len(found), len(true))
    tags = [(p, w) for ps, ws in zip(predicted, wanted, strict=True) for p, w in zip(ps, ws, strict=True)]
    return {
        "f1": harmonic,
        "precision": precision,
        "recall": recall,
        "accuracy": accuracy([p for p, _ in tags], [w for _, w in tags]),
    }


# -- answers

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII_PUNCTUATION = set(string.punctuation)


def normal_answer(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, single blanks: what the SQuAD scorer compares."""
    text = "".join(character for character in text.lower() if character not in _ASCII_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def squad_exact(predicted: str, wanted: str) -> float:
    return float(normal_answer(predicted) == normal_answer(wanted))


def squad_f1(predicted: str, wanted: str) -> float:
    """Of the words that both have; where either has none, whether both have none."""
    first, second = normal_answer(predicted).split(), normal_answer(wanted).split()
    if not first or not second:
        return float(first == second)
    shared = sum((Counter(first) & Counter(second)).values())
    return precision_recall_f1(shared, len(first), len(second))[2]


def cmrc_exact(predicted: str, wanted: str) -> float:
    return float(_units(predicted, "") == _units(wanted, ""))


def cmrc_f1(predicted: str, wanted: str) -> float:
    """Of the longest stretch that both share, of Chinese characters and of words in other scripts."""
    first, second = _units(predicted, " "), _units(wanted, " ")
    return precision_recall_f1(_longest_shared(first, second), len(first), len(second))[2]


def _units(text: str, separator: str) -> list[str]:
    """Characters of Chinese, words of other scripts (or, with no separator, all characters); no punctuation."""
    kept = "".join(" " if _is_mark(character) else character for character in text.lower().strip())
    if not separator:
        return list(kept.replace(" ", ""))
    return re.findall(r"[\u4e00-\u9fa5]|[^\s\u4e00-\u9fa5]+", kept)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS" or character in _ASCII_PUNCTUATION


def _longest_shared(first: Sequence[str], second: Sequence[str]) -> int:
    longest, before = 0, [0] * (len(second) + 1)
    for one in first:
        now = [0] * (len(second) + 1)
        for at, other in enumerate(second, 1):
            if one == other:
                now[at] = before[at - 1] + 1
                longest = max(longest, now[at])
        before = now
    return longest
