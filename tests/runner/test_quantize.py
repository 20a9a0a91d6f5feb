"""Does a linear layer in 8 bits give what the plain one does, token by token, whoever reads the same input?"""

import pytest
import torch
from torch import nn

from pretrained.runner import quantize

SMALLEST_WEIGHT = quantize.SMALLEST_WEIGHT  # conftest changes it
needs_int8 = pytest.mark.skipif(not quantize.available(), reason="this processor has no 8-bit products")


def test_this_torch_has_the_8_bit_operators_as_known():
    """When this fails, torch changed them: read the new signatures, then correct `quantize`."""
    assert str(torch.ops.onednn.qlinear_prepack.default._schema) == quantize.PREPACK
    assert str(torch.ops.onednn.qlinear_pointwise.default._schema) == quantize.PRODUCT


def rows_of_all_kinds():
    """(7, 192): around 0, with an outlier, all positive, all negative, far from 0, all the same, nothing but 0."""
    torch.manual_seed(0)
    x = torch.randn(7, 192)
    x[1, 7] = 300.0
    x[2].abs_()
    x[3].abs_().neg_()
    x[4] += 5000.0
    x[5] = 3.25
    x[6] = 0.0
    return x


def test_rows_are_whole_numbers_within_half_a_step():
    x = rows_of_all_kinds()
    numbers, step, shift = quantize.quantized(x)
    assert numbers.dtype == torch.uint8
    assert step.shape == shift.shape == (7, 1)
    error = (step.double() * (numbers.double() + shift.double()) - x.double()).abs().amax(1)
    assert (error <= 0.51 * step[:, 0]).all()
    span = x.amax(1).clamp(min=0) - x.amin(1).clamp(max=0)
    torch.testing.assert_close(step[:, 0] * 254, span, atol=1e-25, rtol=1e-6)


def test_rounding_at_both_ends_does_not_wrap():
    """Where both ends lie half way between two whole numbers, the highest is 255 at most."""
    torch.manual_seed(1)
    ends = torch.rand(20_000, 1) * 254
    x = torch.cat([-ends, 254 - ends, torch.zeros(20_000, 1)], 1) * torch.rand(20_000, 1)
    numbers, step, shift = quantize.quantized(x)
    error = (step * (numbers + shift) - x).abs().amax(1)
    assert (error <= 0.51 * step[:, 0]).all()


def test_what_is_not_a_number_stays_so():
    x = torch.zeros(3, 64)
    x[1, 5] = torch.nan
    _, step, shift = quantize.quantized(x)
    values = (step * shift)[:, 0]
    assert values.isnan().tolist() == [False, True, False]


@needs_int8
def test_what_a_token_gives_in_8_bits_depends_on_it_alone():
    torch.manual_seed(0)
    layer = nn.Linear(192, 160)
    packed = quantize.Int8Linear(layer)
    rows = torch.randn(50, 192) * torch.logspace(-3, 3, 50)[:, None]
    together = packed(rows)
    for place in range(50):
        assert torch.equal(packed(rows[place : place + 1])[0], together[place])
    exact = layer(rows)
    error = (together - exact).norm(dim=1) / (exact - layer.bias).norm(dim=1)
    assert error.max() < 0.02


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
def test_rows_of_all_kinds(bias):
    layer = nn.Linear(192, 160, bias=bias)
    x = rows_of_all_kinds()
    found, exact = quantize.Int8Linear(layer)(x), layer(x)
    assert ((found - exact).norm(dim=1) <= 0.03 * x.norm(dim=1)).all()
    assert torch.equal(found[6], exact[6])  # of nothing but 0, the bias


@needs_int8
@pytest.mark.parametrize(
    ("layer", "pays"),
    [
        (nn.Linear(128, 128), False),
        (nn.Linear(128, 512), True),
        (nn.Linear(4096, 32), False),
        (nn.Linear(768, 768, device="meta"), False),
        (nn.Linear(768, 768, dtype=torch.bfloat16), True),
        (nn.Embedding(768, 768), False),
    ],
    ids=str,
)
def test_layers_are_quantized_where_it_pays(monkeypatch, layer, pays):
    monkeypatch.setattr(quantize, "SMALLEST_WEIGHT", SMALLEST_WEIGHT)
    assert quantize.can_quantize(layer) is pays
