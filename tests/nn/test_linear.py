"""Is the quick product the ordinary one, and is it left out where it could not be?"""

import pytest
import torch
import torch.nn.functional as F

from pretrained.nn import linear as quick
from pretrained.nn.linear import Linear, linear

SHAPES = [(7,), (1, 7), (1, 1, 7), (3, 7), (2, 3, 4, 7), (0, 7), (200, 7)]


@pytest.fixture
def calls(monkeypatch):
    """How often oneDNN is asked; where this machine does not have it, something else is in its place."""
    seen = []
    operator = quick.product() or (lambda x, weight, bias, *_: F.linear(x, weight, bias))

    def multiply(*args):
        seen.append(args)
        return operator(*args)

    monkeypatch.setattr(quick, "product", lambda: multiply)
    return seen


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_the_product_is_the_same(calls, shape, biased):
    x, bias = torch.randn(shape), torch.randn(9) if biased else None
    stored = torch.nn.Parameter(torch.randn(7, 9))
    with torch.no_grad():
        for weight in (stored.t(), stored.t().contiguous()):
            torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias))
    assert calls


def test_gradients_and_other_numbers_go_the_ordinary_way(calls):
    layer, x = Linear(7, 9), torch.randn(3, 7)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    with torch.no_grad():
        assert layer.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer.float()(x).dtype == torch.bfloat16
        assert layer.to("meta")(x.to("meta")).is_meta
    assert not calls


def test_a_graph_holds_only_public_operators():
    """What is exported can be read by other programs and later releases."""
    layer = Linear(7, 9).eval()
    with torch.no_grad():
        exported = torch.export.export(layer, (torch.randn(3, 7),))
    assert not [node for node in exported.graph.nodes if "mkldnn" in str(node.target)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_one_row_is_shared_out_among_the_cores(calls, monkeypatch, threads):
    weight, x, bias = torch.randn(10, 9).t(), torch.randn(1, 1, 10), torch.randn(9)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    with torch.no_grad():
        torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias))
        torch.testing.assert_close(linear(x, weight), F.linear(x, weight))
        assert not calls
        linear(x.expand(1, 2, 10), weight)
        linear(x, weight.contiguous())
        assert len(calls) == 2


def test_an_operator_that_changed_is_not_used(monkeypatch):
    monkeypatch.setattr(quick, "SIGNATURE", "mkldnn::_linear_pointwise(Tensor X) -> Tensor")
    assert quick.product.__wrapped__() is None
