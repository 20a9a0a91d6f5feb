"""Do the shared parts of the heads group what they are given as they say?"""

import pytest
import torch

from pretrained.errors import InputError
from pretrained.nn.heads import answer_loss, flatten_choices
from pretrained.nn.layout import Packed
from pretrained.nn.losses import span_loss


def test_choices_become_rows():
    ids = torch.arange(24).view(2, 3, 4)
    count, rows = flatten_choices(None, input_ids=ids, attention_mask=None, inputs_embeds=None)
    assert count == 3
    assert torch.equal(rows["input_ids"], ids.view(6, 4))
    assert rows["attention_mask"] is None


def test_choices_of_embeddings():
    count, rows = flatten_choices(None, input_ids=None, inputs_embeds=torch.zeros(2, 5, 4, 8))
    assert count == 5
    assert rows["inputs_embeds"].shape == (10, 4, 8)


def test_choices_that_cannot_be_seen():
    with pytest.raises(InputError, match=r"got \(4, 7\)"):
        flatten_choices(None, input_ids=torch.zeros(4, 7))
    with pytest.raises(InputError, match="input_ids or inputs_embeds"):
        flatten_choices(2, input_ids=None)
    packed = torch.arange(7)
    assert flatten_choices(2, input_ids=packed) == (2, {"input_ids": packed})


def test_answers_in_a_packed_batch_lie_within_their_text():
    layout = Packed([3, 2])
    starts, ends = torch.randn(5), torch.randn(5)
    found = answer_loss(starts, ends, torch.tensor([2, 2]), torch.tensor([0, 1]), layout)
    lowest = torch.finfo(torch.float32).min
    padded = [torch.stack([x[:3], torch.tensor([*x[3:], lowest])]) for x in (starts, ends)]
    # the second text has no third place, so its start does not count
    expected = span_loss(*padded, torch.tensor([2, 3]), torch.tensor([0, 1]))
    torch.testing.assert_close(found, expected)
    assert answer_loss(starts, ends, None, torch.tensor([0, 1]), layout) is None
