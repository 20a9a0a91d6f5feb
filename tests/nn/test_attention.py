"""Does attention over a packed batch learn as autograd would have it?"""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import varlen

from pretrained.nn.attention import attend, attend_on_gpu, ends, groups
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
    found = attend(*given, groups(lengths), causal=causal, dropout=0.0, scale=0.3)
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
    held = groups(lengths)

    def same_chances(*each: Tensor) -> Tensor:
        torch.manual_seed(5)
        return attend(*each, held, causal=False, dropout=0.4, scale=0.3)

    assert torch.autograd.gradcheck(same_chances, given, fast_mode=True)


@pytest.mark.parametrize("causal", [False, True])
def test_the_kernel_of_gpus_is_asked_as_documented(causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is given, computed here by its documentation: sums of lengths, and a window of what may be seen."""

    def documented(
        query: Tensor, key: Tensor, value: Tensor, first: Tensor, second: Tensor, *longest: int, **options: Any
    ) -> Tensor:
        assert first.dtype == second.dtype == torch.int32
        lengths = first.diff().tolist()
        assert lengths == second.diff().tolist()
        assert longest == (max(lengths), max(lengths))
        back, ahead = options["window_size"]
        assert back == -1
        return by_sequence(query, key, value, lengths, ahead == 0, options["scale"]).view_as(query)

    inspect.signature(varlen.varlen_attn).bind(*range(7), scale=1.0, window_size=(-1, 0))
    monkeypatch.setattr(varlen, "varlen_attn", documented)
    given = inputs([3, 5, 5, 9], torch.float64)
    found = attend_on_gpu(*given, torch.tensor(ends([3, 5, 5], 9), dtype=torch.int32), 9, causal=causal, scale=0.3)
    torch.testing.assert_close(found, by_sequence(*given, [3, 5, 5, 9], causal, 0.3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_kernel_gives_the_same() -> None:
    given = [each.detach().cuda().bfloat16() for each in inputs([3, 5, 5, 9], torch.float64)]
    found = Packed([3, 5, 5], filler=9).attend(*given, causal=True)[0][:13]
    wanted = Packed([3, 5, 5, 9]).attend(*(each.float() for each in given), causal=True)[0][:13]
    torch.testing.assert_close(found.float(), wanted, atol=2e-2, rtol=2e-2)


def test_filler_is_attended_by_nobody() -> None:
    given = [each.detach() for each in inputs([3, 5, 5, 9], torch.float64)]
    found = Packed([3, 5, 5], filler=9).attend(*given)[0]
    torch.testing.assert_close(found[:13], Packed([3, 5, 5, 9]).attend(*given)[0][:13])
    assert int(found[13:].count_nonzero()) == 0


def test_dropout_keeps_the_mean() -> None:
    query, key, value = inputs([9, 10], torch.float64)
    held = groups([9, 10])
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
    found = groups(lengths)
    ends = [0, *(group.tokens.stop for group in found)]
    assert [group.tokens.start for group in found] == ends[:-1]
    assert ends[-1] == sum(lengths)
    assert len(found) < 12
    assert sum(group.count * group.longest**2 for group in found) <= 1.5 * sum(length**2 for length in lengths)
