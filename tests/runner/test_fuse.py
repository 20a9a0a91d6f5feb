"""Are torch's private operators still those we know, and do they compute what the plain layers do?"""

import platform

import pytest
import torch
from torch import nn

from pretrained.nn.activations import ACTIVATIONS, FastGELU, QuickGELU
from pretrained.nn.conv1d import Conv1D
from pretrained.nn.linear import SIGNATURE as PRODUCT
from pretrained.nn.linear import Linear
from pretrained.runner import fuse

with_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or platform.machine() not in ("x86_64", "AMD64"),
    reason="this torch has no oneDNN for x86",
)
ONE_TO_ONE = [nn.GELU(), nn.GELU("tanh"), FastGELU(), nn.ReLU(), nn.SiLU(), nn.Tanh(), nn.Sigmoid()]


@with_onednn
def test_this_torch_has_the_operators_as_known():
    """When this fails, torch changed them: read the new signatures, then correct `fuse` and `nn.linear`."""
    assert str(torch.ops.mkldnn._reorder_linear_weight.default._schema) == fuse.SIGNATURE
    assert str(torch.ops.mkldnn._linear_pointwise.default._schema) == PRODUCT


@with_onednn
@pytest.mark.skipif("AVX512" not in torch.backends.cpu.get_cpu_capability(), reason="no 512-bit vectors")
def test_layers_are_packed_where_it_pays():
    assert fuse.available()
    assert fuse.can_pack(nn.Linear(4, 4))


def test_other_signatures_mean_no_packing(monkeypatch):
    monkeypatch.setattr(fuse, "SIGNATURE", "mkldnn::_reorder_linear_weight(Tensor self) -> Tensor")
    fuse.available.cache_clear()
    try:
        assert not fuse.available()
        assert not fuse.can_pack(nn.Linear(4, 4))
    finally:
        fuse.available.cache_clear()


class NotQuiteLinear(nn.Linear):
    """May compute anything."""


@pytest.mark.parametrize(
    "layer",
    [NotQuiteLinear(4, 4), nn.Linear(4, 4, dtype=torch.float16), nn.Linear(4, 4, device="meta"), nn.Embedding(4, 4)],
)
def test_what_is_not_packed(layer):
    assert not fuse.can_pack(layer)


@with_onednn
@pytest.mark.parametrize("activation", [None, *ONE_TO_ONE], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("shape", [(1, 48), (7, 48), (3, 5, 48), (300, 48)])
def test_a_packed_layer_computes_the_same(activation, shape):
    torch.manual_seed(0)
    layer = nn.Linear(48, 33)
    x = 3 * torch.randn(shape)
    form = fuse.NONE if activation is None else fuse.fused_form(activation)
    with torch.inference_mode():
        found = fuse.PackedLinear(layer, form)(x)
        expected = layer(x) if activation is None else activation(layer(x))
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=2e-6)


@with_onednn
@pytest.mark.parametrize("layer", [nn.Linear(48, 33, bias=False), Linear(48, 33), Conv1D(33, 48)])
def test_every_kind_of_linear_layer(layer):
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(48, 9).t()  # not contiguous
    with torch.inference_mode():
        packed = fuse.PackedLinear(layer)
        torch.testing.assert_close(packed(x), layer(x), atol=2e-5, rtol=2e-6)
    assert (packed.in_features, packed.out_features) == (48, 33)
    assert not packed.state_dict()


def test_an_activation_that_is_not_known_is_not_fused():
    assert fuse.fused_form(QuickGELU()) is None
    assert fuse.fused_form(nn.Softmax()) is None
    known = [name for name, kind in ACTIVATIONS.items() if fuse.fused_form(kind()) is not None]
    assert {"gelu", "gelu_new", "relu", "silu", "tanh"} <= {*known}


@with_onednn
def test_bfloat16_is_packed_where_the_processor_multiplies_it():
    assert fuse.can_pack(nn.Linear(4, 4, dtype=torch.bfloat16)) == fuse.has_bfloat16()
