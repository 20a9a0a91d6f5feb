"""Does the search find the best spans? Against a search of every start and end, and with bad positions."""

from types import SimpleNamespace

import pytest
import torch

from pretrained.errors import InputError
from pretrained.nn.span_search import PoolerAnswerClass, PoolerEndLogits, SQuADHead


@pytest.fixture
def head():
    torch.manual_seed(0)
    return SQuADHead(SimpleNamespace(hidden_size=8, layer_norm_eps=1e-5, start_n_top=2, end_n_top=3))


def test_best_ends_of_the_best_starts(head):
    hidden = 3 * torch.randn(2, 6, 8)
    p_mask = torch.tensor([[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 1]])
    found = head(hidden, p_mask=p_mask, cls_index=torch.tensor([0, 5]))
    starts = head.start_logits(hidden, p_mask).softmax(-1)
    for row in range(2):
        best = starts[row].argsort(descending=True)[:2]
        assert found["start_top_index"][row].tolist() == best.tolist()
        torch.testing.assert_close(found["start_top_log_probs"][row], starts[row][best])
        ends = found["end_top_index"][row].view(3, 2)
        for place, start in enumerate(best):
            scores = head.end_logits(hidden[row : row + 1], start_positions=start[None], p_mask=p_mask[row : row + 1])
            assert ends[:, place].tolist() == scores[0].argsort(descending=True)[:3].tolist()
        expected = (starts[row][:, None] * hidden[row]).sum(0)[None]
        no_answer = head.answer_class(
            hidden[row : row + 1], start_states=expected, cls_index=torch.tensor([[0, 5][row]])
        )
        torch.testing.assert_close(found["cls_logits"][row : row + 1], no_answer)


def test_loss_needs_places_in_the_text(head):
    hidden = torch.randn(2, 6, 8)
    inside = torch.tensor([1, 2])
    assert head(hidden, start_positions=inside, end_positions=inside)["loss"].isfinite()
    with pytest.raises(InputError, match="end_positions holds places from 2 to 6; the texts have 0 to 5"):
        head(hidden, start_positions=inside, end_positions=torch.tensor([6, 2]))
    with pytest.raises(InputError, match=r"start_positions has shape \(3,\), the batch has 2 rows"):
        head(hidden, start_positions=torch.tensor([1, 1, 1]), end_positions=inside)


def test_starts_must_be_given():
    config = SimpleNamespace(hidden_size=8, layer_norm_eps=1e-5)
    for pooler in (PoolerEndLogits(config), PoolerAnswerClass(config)):
        with pytest.raises(InputError, match="start_states or start_positions"):
            pooler(torch.randn(2, 6, 8))
