"""Is dropout what it should be: by chance, at the rate asked for, with the mean kept?"""

import pytest
import torch

from pretrained.nn.dropout import Dropout, factors


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_the_rate_is_kept_and_the_rest_made_up_for(rate: float) -> None:
    torch.manual_seed(0)
    found = factors([1000, 1001], rate, torch.float32)
    count = found.numel()
    assert abs(float((found == 0).float().mean()) - rate) < 5 * (rate * (1 - rate) / count) ** 0.5
    assert set(found.unique().tolist()) == {0.0, found.max().item()}
    assert found.max().item() == pytest.approx(1 / (1 - rate), rel=1e-3)


def test_neighbouring_chances_are_independent() -> None:
    """The four of one draw of 64 bits too."""
    torch.manual_seed(0)
    dropped = (factors([4_000_000], 0.5, torch.float32) == 0).float().sub_(0.5).view(-1, 4)
    together = dropped.T @ dropped / len(dropped)
    expected = torch.eye(4) * 0.25
    assert float((together - expected).abs().max()) < 5 * 0.25 / len(dropped) ** 0.5 + 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_what_is_dropped_has_no_gradient(dtype: torch.dtype) -> None:
    x = torch.ones(40, 50, dtype=dtype, requires_grad=True)
    y = Dropout(0.3)(x)
    y.sum().backward()
    assert y.dtype == dtype
    torch.testing.assert_close(x.grad, y.detach())
    assert 0 < int((y == 0).sum()) < y.numel()


def test_the_same_seed_drops_the_same_at_any_number_of_threads() -> None:
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(7)
        found.append(factors([300, 300], 0.2, torch.float32))
    torch.set_num_threads(before)
    assert torch.equal(*found)


def test_edges() -> None:
    x = torch.ones(5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert torch.equal(Dropout(1.0)(x), torch.zeros(5))
    assert Dropout(0.5)(torch.ones(0, 3)).shape == (0, 3)
