"""Metrics equal those of scikit-learn, SciPy and seqeval."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as peer

from pretrained.training import metrics
from pretrained.training.kinds.answers import Answers
from pretrained.training.tasks import TASKS

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)
TAGS = st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-B"])


@given(PAIRS)
def test_classes(pairs: list[tuple[int, int]]) -> None:
    predicted, wanted = [p for p, _ in pairs], [w for _, w in pairs]
    assert metrics.accuracy(predicted, wanted) == pytest.approx(peer.accuracy_score(wanted, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metrics.matthews(predicted, wanted) == pytest.approx(peer.matthews_corrcoef(wanted, predicted))
        one = peer.f1_score([w == 1 for w in wanted], [p == 1 for p in predicted], zero_division=0)
        assert metrics.f1(predicted, wanted, 1) == pytest.approx(one)
        macro = peer.f1_score(wanted, predicted, average="macro", zero_division=0)
        assert metrics.f1_macro(predicted, wanted) == pytest.approx(macro)


@given(st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("abc"))), min_size=1, max_size=20))
def test_sets_of_labels(pairs: list[tuple[set[str], set[str]]]) -> None:
    predicted, wanted = [p for p, _ in pairs], [w for _, w in pairs]
    labels = sorted(set().union(*predicted, *wanted))
    found = metrics.multi_label(predicted, wanted)
    if len(labels) > 1:  # the peer takes a single column for two classes
        one, other = ([[label in row for label in labels] for row in rows] for rows in (wanted, predicted))
        for name in ("micro", "macro"):
            expected = peer.f1_score(np.array(one), np.array(other), average=name, zero_division=0)
            assert found[f"f1_{name}"] == pytest.approx(expected)
    assert found["exact"] == sum(p == w for p, w in pairs) / len(pairs)


@given(st.lists(st.tuples(st.floats(-5, 5, width=32), st.integers(0, 5)), min_size=2, max_size=30))
def test_values(pairs: list[tuple[float, float]]) -> None:
    predicted, wanted = [p for p, _ in pairs], [float(w) for _, w in pairs]
    assert metrics.mean_squared_error(predicted, wanted) == pytest.approx(peer.mean_squared_error(wanted, predicted))
    if np.std(predicted) > 1e-3 and np.std(wanted) > 0:
        assert metrics.pearson(predicted, wanted) == pytest.approx(stats.pearsonr(predicted, wanted)[0], abs=1e-6)
        assert metrics.spearman(predicted, wanted) == pytest.approx(stats.spearmanr(predicted, wanted)[0], abs=1e-9)


@given(st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=12), min_size=1, max_size=6))
def test_entities(rows: list[list[tuple[str, str]]]) -> None:
    from seqeval import metrics as seqeval

    predicted, wanted = [[p for p, _ in row] for row in rows], [[w for _, w in row] for row in rows]
    found = metrics.entity_scores(predicted, wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["f1"] == pytest.approx(seqeval.f1_score(wanted, predicted))
        assert found["precision"] == pytest.approx(seqeval.precision_score(wanted, predicted))
        assert found["recall"] == pytest.approx(seqeval.recall_score(wanted, predicted))
        assert found["accuracy"] == pytest.approx(seqeval.accuracy_score(wanted, predicted))


@pytest.mark.parametrize(
    ("predicted", "wanted", "exact", "f1"),
    [
        ("the Paris", "Paris!", 1, 1),
        ("in Paris", "Paris", 0, 2 / 3),
        ("", "", 1, 1),
        ("London", "", 0, 0),
        ("The, A AN", "", 1, 1),  # articles and marks only: nothing is left
        ("10th and 11th centuries", "the 10th century", 0, 2 * (1 / 4) * (1 / 2) / (1 / 4 + 1 / 2)),
        ("naïve café", "Naïve  CAFÉ", 1, 1),
        ("U.S.", "the US", 1, 1),
        ("state-of-the-art", "state of the art", 0, 0),  # marks go first, so one word is left of it
        ("A. N. Other", "N Other", 1, 1),  # "a" is an article once its mark has gone
        ("Ana Theon", "Ana", 0, 2 / 3),  # articles inside of words stay
        ("$5", "5", 1, 1),
        ("“Paris”", "Paris", 0, 0),  # only ASCII's marks go
        ("巴黎。", "巴黎", 0, 0),
        ("new\u00a0york\u3000city", "New York\n City", 1, 1),  # blanks of every script
        ("cafe\u0301", "café", 0, 0),  # nothing is composed
        ("paris paris", "paris", 0, 2 * (1 / 2) * 1 / (1 / 2 + 1)),  # a word counts as often as both have it
        ("the", "a", 1, 1),
    ],
)
def test_answers_as_the_squad_scorer_counts(predicted: str, wanted: str, exact: float, f1: float) -> None:
    assert metrics.squad_exact(predicted, wanted) == exact
    assert metrics.squad_f1(predicted, wanted) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("predicted", "wanted", "exact", "f1"),
    [
        ("北京。", "北京", 1, 1),
        ("在北京", "北京", 0, 2 * (2 / 3) / (2 / 3 + 1)),
        ("上海", "北京", 0, 0),
        ("北京 2008 年", "2008 年", 0, 2 * (2 / 4) / (2 / 4 + 1)),
    ],
)
def test_answers_as_the_cmrc_scorer_counts(predicted: str, wanted: str, exact: float, f1: float) -> None:
    assert metrics.cmrc_exact(predicted, wanted) == exact
    assert metrics.cmrc_f1(predicted, wanted) == pytest.approx(f1)


def said(answer: str, wanted: list[str], *, best: str = "", no_answer: float = 0.0) -> dict[str, Any]:
    return {"answer": answer, "best": best or answer, "wanted": wanted, "no_answer_score": no_answer}


def scores(task: str, *rows: dict[str, Any]) -> dict[str, float]:
    return Answers(TASKS[task], None).scores(rows)


def test_the_best_of_several_answers_counts() -> None:
    found = scores("squad", said("in Paris", ["Paris", "the city of Paris", "in paris!"]), said("x y", ["x", "y z"]))
    assert found == {"exact": 0.5, "f1": pytest.approx((1 + 2 / 3) / 2)}


def test_questions_without_an_answer() -> None:
    """As the scorer of SQuAD 2.0: none is right where none is wanted, and F1 is 0 or 1 there."""
    rows = [
        said("Paris", ["Paris"], no_answer=-3.0),
        said("", ["Rome"], best="Rome", no_answer=1.0),
        said("", [], best="Oslo", no_answer=2.0),
        said("Bonn", [], no_answer=-1.0),
        said("", ["the", "!"], best="Bern", no_answer=3.0),  # nothing is left of them: none is wanted, in effect
    ]
    found = scores("squad2", *rows)
    assert found["exact"] == found["f1"] == pytest.approx(3 / 5)
    assert found["unanswerable_exact"] == 0.5
    assert found["answerable_f1"] == pytest.approx(2 / 3)


def test_the_best_threshold_is_found_as_published() -> None:
    """Answers are given up to a score: each step adds what its answer earns, or takes away a right silence."""
    rows = [
        said("", ["Rome"], best="Rome", no_answer=0.5),
        said("Paris", ["Paris"], no_answer=-2.0),
        said("", [], best="Oslo", no_answer=1.0),
        said("", ["Bern"], best="Bonn", no_answer=0.7),
    ]
    found = scores("squad2", *rows)
    assert (found["best_exact"], found["best_exact_threshold"]) == (3 / 4, 0.5)
    assert (found["best_f1"], found["best_f1_threshold"]) == (3 / 4, 0.5)
    silent = scores("squad2", said("x", ["y"], no_answer=-1.0), said("", [], best="z", no_answer=1.0))
    assert (silent["best_exact"], silent["best_exact_threshold"]) == (0.5, 0.0)  # no answer at all is as good
