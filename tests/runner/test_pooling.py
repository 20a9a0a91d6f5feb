"""Does a packed batch pool to what each text would by itself?"""

import pytest
import torch

from pretrained.nn.layout import Packed
from pretrained.runner.pooling import POOLINGS, pool, pool_segments

LENGTHS = [4, 4, 3, 1, 1, 7]

EXPECTED = {
    "mean": lambda text: text.mean(0),
    "cls": lambda text: text[0],
    "max": lambda text: text.max(0).values,
    "mean_sqrt_len_tokens": lambda text: text.sum(0) / len(text) ** 0.5,
    "weightedmean": lambda text: sum((n + 1) * row for n, row in enumerate(text)) / sum(range(1, len(text) + 1)),
    "lasttoken": lambda text: text[-1],
}


def test_every_kind_is_tested():
    assert POOLINGS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_text_by_itself(kind):
    torch.manual_seed(0)
    hidden = torch.randn(sum(LENGTHS), 6)
    expected = torch.stack([EXPECTED[kind](text) for text in hidden.split(LENGTHS)])
    torch.testing.assert_close(pool(hidden, Packed(LENGTHS), kind), expected)
    filled = torch.cat([hidden, torch.full((5, 6), 100.0)])
    for each in (pool, pool_segments):
        torch.testing.assert_close(each(filled, Packed(LENGTHS, filler=5), kind), expected)
