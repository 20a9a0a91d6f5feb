"""Does attention over a packed batch learn as autograd would have it?"""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pretrained.nn.attention import attend, groups
from pretrained.nn.layout import Packed

LENGTHS = ([1], [1, 1, 1], [3, 5, 5, 6, 17, 19], [7, 2, 2, 30, 4], [64, 64, 1])


def by_sequence(query: Tensor, key: Tensor, value: Tensor, lengths: list[int], causal: bool, scale: float) -> Tensor:
    found = []
    for q, k, v in zip(*(each.split(lengths) for each in (query, key, value)), strict=True):
        rows = (each.transpose(0, 1)[None] for each in (q, k, v))  # (1, N, L, D)
        found.append(F.scaled_dot_product_attention(*rows, is_causal=causal, scale=scale)[0].transpose(0, 1))
    return torch.cat(found).flatten(1)


def inputs(lengths: list[int], dtype: torch.dtype) -> list[Tensor]:
    chance = torch.Generator().manual_seed(len(lengths))
    return [
        torch.randn(sum(lengths), 2, 8, generator=chance, dtype=torch.float64).to(dtype).requires_grad_()
        for _ in range(3)
    ]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_context_and_gradients_are_those_of_each_sequence_by_itself(lengths: list[int], causal: bool) -> None:
    given = inputs(lengths, torch.float64)
    found = attend(*given, groups(lengths, torch.device("cpu")), causal=causal, dropout=0.0, scale=0.3)
    wanted = by_sequence(*given, lengths, causal, 0.3)
    torch.testing.assert_close(found, wanted)
    weight = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad((found * weight).sum(), given),
        torch.autograd.grad((wanted * weight).sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_the_gradient_under_dropout_is_that_of_what_was_computed(lengths: list[int]) -> None:
    given = inputs(lengths, torch.float64)
    held = groups(lengths, torch.device("cpu"))

    def same_chances(*each: Tensor) -> Tensor:
        torch.manual_seed(5)
        return attend(*each, held, causal=False, dropout=0.4, scale=0.3)

    assert torch.autograd.gradcheck(same_chances, given, fast_mode=True)


def test_dropout_keeps_the_mean() -> None:
    query, key, value = inputs([9, 10], torch.float64)
    held = groups([9, 10], torch.device("cpu"))
    torch.manual_seed(0)
    found = [attend(query, key, value, held, causal=False, dropout=0.3, scale=0.3).detach() for _ in range(4000)]
    wanted = attend(query, key, value, held, causal=False, dropout=0.0, scale=0.3).detach()
    spread = torch.stack(found).std(0) / len(found) ** 0.5
    assert not torch.equal(found[0], found[1])
    assert bool(((torch.stack(found).mean(0) - wanted).abs() < 6 * spread).all())


def test_mixed_precision_gives_gradients_of_the_type_of_the_inputs() -> None:
    given = inputs([4, 9], torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        found = Packed([4, 9]).attend(*given, dropout=0.1)[0]
    found.sum().backward()  # a gradient without memory of its own
    assert found.dtype == given[0].grad.dtype == torch.bfloat16
    plain = inputs([4, 9], torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        Packed([4, 9]).attend(*plain, dropout=0.1)[0].float().sum().backward()
    assert plain[0].grad.dtype == torch.float32


def test_groups_hold_every_token_once_and_waste_little() -> None:
    chance = torch.Generator().manual_seed(3)
    lengths = sorted(torch.randint(1, 200, (100,), generator=chance).tolist())
    found = groups(lengths, torch.device("cpu"))
    ends = [0, *(group.tokens.stop for group in found)]
    assert [group.tokens.start for group in found] == ends[:-1]
    assert ends[-1] == sum(lengths)
    assert len(found) < 12
    assert sum(group.count * group.longest**2 for group in found) <= 1.5 * sum(length**2 for length in lengths)
