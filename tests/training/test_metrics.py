"""Metrics equal those of scikit-learn, SciPy and seqeval."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as peer

from pretrained.training import metrics

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
