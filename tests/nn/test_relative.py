"""Do distances, shifted scores and memories come out as defined? Against the definitions, one by one."""

import math

import pytest
import torch

from pretrained.errors import InputError
from pretrained.nn.relative import distance_scores, read_memories, sinusoids


def test_sinusoids():
    table = sinusoids(torch.tensor([3, 0, -2]), 6)
    for row, distance in enumerate((3, 0, -2)):
        for i in range(3):
            angle = distance / 10000 ** (2 * i / 6)
            assert math.isclose(table[row, i], math.sin(angle), abs_tol=1e-6)
            assert math.isclose(table[row, 3 + i], math.cos(angle), abs_tol=1e-6)


@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("batch_of_keys", [1, 2])
def test_distance_scores(ahead, batch_of_keys):
    length, keys = 3, 7
    query = torch.randn(2, length, 4, 5)
    distances = list(range(keys, -ahead - 1, -1))
    distance_keys = torch.randn(batch_of_keys, len(distances), 4, 5)
    scores = distance_scores(query, distance_keys, keys)
    assert scores.shape == (2, 4, length, keys)
    for i in range(length):
        for j in range(keys):
            distance = keys - length + i - j
            if distance >= -ahead + 1 or ahead == 0 <= distance:
                key = distance_keys[:, distances.index(distance)]
                torch.testing.assert_close(scores[:, :, i, j], (query[:, i] * key).sum(-1))


def test_memories():
    assert read_memories(None, layers=2, batch=3, width=4) == [None, None]
    memory = torch.randn(5, 3, 4)
    first, second = read_memories([memory, None], layers=2, batch=3, width=4)
    assert torch.equal(first, memory.transpose(0, 1))
    assert second is None
    with pytest.raises(InputError, match=r"mems\[0\] has shape \(5, 3, 4\).*batch of 2"):
        read_memories([memory], layers=1, batch=2, width=4)
    with pytest.raises(InputError, match="1 layers, the model has 2"):
        read_memories([memory], layers=2, batch=3, width=4)
