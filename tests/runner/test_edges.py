"""Do fast copies hold at the edges, in every precision: odd lengths, odd texts, any order of many?"""

import csv
import random
from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch

from pretrained import Encoder, Packed, optimize, registry
from pretrained.errors import InputError
from pretrained.runner import quantize
from pretrained.runner.rows import position_limit
from tests.runner.small import PRECISIONS, NumberTokenizer, small_model

FAMILIES = [name for name, family in registry.families().items() if family.packed]
# the smallest layers that are computed in 8 bits
SIZES = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "max_position_embeddings": 514}
# length of the difference to the plain model, as a share of its output's; see test_optimize
TOLERANCE = {"fp32": 1e-5, "bf16": 0.1, "int8": 0.2}
# of the whole batch, as one sequence, and beside others
LENGTHS = [[512, 511, 2, 2, 1], [1], [2], [511]]


@cache
def model_of(family):
    return small_model(family, **SIZES)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_lengths(family, precision):
    model = model_of(family)
    fast = optimize(model, precision=precision)
    torch.manual_seed(4)
    for lengths in LENGTHS:
        ids = torch.randint(10, 60, (sum(lengths),))
        with torch.inference_mode():
            rows = [model(row[None]).last_hidden_state[0] for row in ids.split(lengths)]
            packed = fast(ids, layout=Packed(lengths)).last_hidden_state.float()
        for expected, found in zip(rows, packed.split(lengths), strict=True):
            assert found.isfinite().all()
            assert (found - expected).norm() <= TOLERANCE[precision] * expected.norm(), len(expected)


def error_of(model, ids):
    try:
        model(ids)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_more_tokens_than_positions(family, precision):
    """What the plain model says, the fast one says too; an encoder cuts the text."""
    model = small_model(family)  # with 40 positions, if it counts them
    fast = optimize(model, precision=precision)
    ids = torch.full((1, 41), 20)
    said = [error_of(each, ids) for each in (model, fast)]
    assert said[0] == said[1]
    assert (said[0] is None) is (position_limit(model) is None)
    vector = Encoder(model, tokenizer=NumberTokenizer(), precision=precision, max_length=30).encode("20 " * 60)
    expected = Encoder(model, tokenizer=NumberTokenizer(), precision=precision).encode("20 " * 28)
    np.testing.assert_array_equal(vector, expected)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_odd_texts(minilm, precision):
    encoder = Encoder(minilm, precision=precision, deterministic=True, max_length=16)
    assert encoder.encode([]).shape == (0, 384)
    texts = ["", " \n", "\0\ufffd\U0010ffff", "a", "x" * 1_000_000, "the cat " * 125_000]
    vectors = encoder.encode(texts)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts[:4], vectors, strict=False):
        np.testing.assert_array_equal(encoder.encode(text), vector)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_ten_thousand_texts_in_any_order(precision):
    """To the last bit, shuffled and in batches of two sizes, on one thread and on two."""
    drawn = np.random.default_rng(3)
    texts = [" ".join(map(str, drawn.integers(10, 60, drawn.integers(0, 12)))) for _ in range(10_000)]
    options = {"tokenizer": NumberTokenizer(), "precision": precision, "deterministic": True}
    expected = Encoder(model_of("bert"), **options, threads=1).encode(texts)
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    shuffled = [texts[place] for place in order]
    for threads, batch_tokens in ((2, None), (1, 333)):
        encoder = Encoder(model_of("bert"), **options, threads=threads, batch_tokens=batch_tokens)
        assert np.array_equal(encoder.encode(shuffled), expected[order])


@pytest.mark.skipif(not quantize.available(), reason="no 8-bit products")
def test_8_bits_rank_pairs_as_well_as_32(minilm, shared_data):
    """Spearman's correlation with people, on pairs of STS-B: within 0.3 points of a hundred."""
    stats = pytest.importorskip("scipy.stats")
    with (shared_data / "tasks" / "stsb" / "stsb-en-dev.csv").open(encoding="utf-8", newline="") as lines:
        one, other, points = zip(*islice(csv.reader(lines), 0, 1500, 8), strict=True)
    found = []
    for precision in ("fp32", "int8"):
        vectors = Encoder(minilm, precision=precision).encode([*one, *other])
        cosines = (vectors[: len(one)] * vectors[len(one) :]).sum(1)
        found.append(stats.spearmanr(cosines, np.array(points, np.float32)).statistic)
    assert found[0] > 0.8
    assert abs(found[0] - found[1]) <= 0.003
