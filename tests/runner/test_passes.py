"""Does a rewritten copy give what the model gives, for every family, and leave the model alone?"""

import pytest
import torch
from torch import nn

from pretrained import registry
from pretrained.nn.conv1d import Conv1D
from pretrained.nn.layout import Packed
from pretrained.nn.projections import Projections
from pretrained.runner import fuse, passes, quantize
from tests.runner.small import small_model

FAMILIES = list(registry.families())
LENGTHS = [9, 9, 4, 1]
# The largest difference that a pass may make to the last hidden state, whose numbers are about 1.
TOLERANCES = {passes.fuse_activations: 5e-6, passes.pack_linears: 5e-6, passes.join_projections: 5e-6}

needs_packing = pytest.mark.skipif(not fuse.available(), reason="no layer is packed on this machine")


def output(model, packed=True):
    torch.manual_seed(4)
    ids = torch.randint(10, 60, (sum(LENGTHS),))
    with torch.inference_mode():
        return model(ids, layout=Packed(LENGTHS))[0] if packed else model(ids[:18].view(2, 9))[0]


def packed_layers(model):
    return [module for module in model.modules() if isinstance(module, fuse.PackedLinear)]


def test_every_pass_has_a_tolerance():
    assert {*TOLERANCES} == {*passes.PASSES, passes.join_projections}


@pytest.mark.parametrize("model_type", FAMILIES)
@pytest.mark.parametrize("each", [*TOLERANCES, None], ids=lambda each: each.__name__ if each else "all")
def test_the_copy_gives_the_same(model_type, each):
    model = small_model(model_type)
    packed = registry.family(model_type).packed
    expected = output(model, packed)
    fast = passes.rewritten(model, passes.PASSES if each is None else [each])
    tolerance = sum(TOLERANCES.values()) if each is None else TOLERANCES[each]
    torch.testing.assert_close(output(fast, packed), expected, atol=tolerance, rtol=0)


@needs_packing
@pytest.mark.parametrize("model_type", FAMILIES)
def test_every_linear_layer_is_packed(model_type):
    model = small_model(model_type)
    linear = {module for module in model.modules() if isinstance(module, nn.Linear | Conv1D)}
    joined = {module for module in model.modules() if isinstance(module, Projections)}
    fast = passes.rewritten(model)
    assert len(packed_layers(fast)) == len(linear) - 2 * len(joined) > 0
    assert not [module for module in fast.modules() if isinstance(module, nn.Linear | Conv1D)]


@needs_packing
@pytest.mark.parametrize(
    ("model_type", "act", "form"), [("bert", "gelu", "none"), ("roberta", "gelu_new", "tanh"), ("gpt2", None, "tanh")]
)
def test_activations_go_into_the_product(model_type, act, form):
    model = small_model(model_type, **({"hidden_act": act} if act else {}))
    fast = passes.rewritten(model)
    assert [layer.form for layer in packed_layers(fast) if layer.form != fuse.NONE] == [("gelu", form)] * 2


def test_a_decoder_reads_its_encoder_as_before():
    """Of attention to an encoder, queries and keys read different tensors: nothing is joined there."""
    model = small_model("bert", is_decoder=True, add_cross_attention=True, use_cache=False)
    torch.manual_seed(2)
    states = torch.randn(2, 5, model.config.hidden_size)
    ids = torch.randint(10, 60, (2, 9))
    for passed in ([passes.join_projections], passes.PASSES):
        fast = passes.rewritten(model, passed)
        with torch.inference_mode():
            expected = model(ids, encoder_hidden_states=states)[0]
            torch.testing.assert_close(fast(ids, encoder_hidden_states=states)[0], expected, atol=1e-5, rtol=0)


@pytest.mark.skipif(not quantize.available(), reason="this processor has no 8-bit products")
def test_a_layer_that_stays_leaves_its_neighbours_on_their_own():
    model = Projections(("query", "key", "value"), 8)
    model.query, model.value = nn.Linear(64, 96), nn.Linear(64, 96)
    model.key = nn.Linear(64, 8)  # too few to gain anything
    fast = passes.rewritten(model, [passes.quantize_linears])
    assert [type(layer).__name__ for layer in fast.children()] == ["Int8Linear", "Int8Linear", "Linear"]


@pytest.mark.skipif(not quantize.available(), reason="this processor has no 8-bit products")
def test_the_same_input_is_scaled_once(monkeypatch):
    torch.manual_seed(0)
    model = Projections(("query", "key", "value"), 8)
    for name in model.names:
        setattr(model, name, nn.Linear(64, 96))
    alone = [quantize.Int8Linear(getattr(model, name)) for name in model.names]
    fast = passes.rewritten(model, [passes.quantize_linears])
    x, scaled = torch.randn(3, 5, 64), []
    expected = [layer(x) for layer in alone]

    def counted(rows, original=quantize.quantized):
        scaled.append(rows)
        return original(rows)

    monkeypatch.setattr(quantize, "quantized", counted)
    for found, each in zip(fast.project(x), expected, strict=True):
        assert torch.equal(found.flatten(-2), each)
    assert len(scaled) == 1


def test_an_activation_that_cannot_be_fused_stays():
    model = small_model("bert", hidden_act="quick_gelu")
    fast = passes.rewritten(model)
    assert {layer.form for layer in packed_layers(fast)} <= {fuse.NONE}
    torch.testing.assert_close(output(fast), output(model), atol=1e-5, rtol=0)


def test_the_model_stays_as_it_is():
    model = small_model("bert").train()
    kinds = [(name, type(module)) for name, module in model.named_modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = list(model.parameters())
    fast = passes.rewritten(model)
    output(fast)
    assert [(name, type(module)) for name, module in model.named_modules()] == kinds
    assert all(one is other for one, other in zip(model.parameters(), parameters, strict=True))
    assert all(parameter.requires_grad for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert model.training
    assert not fast.training


def test_what_no_pass_replaces_is_shared():
    model = small_model("bert")
    own = {name: tensor.data_ptr() for name, tensor in model.named_parameters()}
    copied = dict(passes.rewritten(model).named_parameters())
    assert copied["embeddings.word_embeddings.weight"].data_ptr() == own["embeddings.word_embeddings.weight"]
    for name, tensor in copied.items():
        assert tensor.data_ptr() == own[name], name
        assert not tensor.requires_grad


def test_tied_weights_stay_tied():
    model = small_model("bert", task="ForMaskedLM")
    fast = passes.rewritten(model, [])
    assert fast.get_parameter("cls.predictions.decoder.weight") is fast.get_parameter(
        "bert.embeddings.word_embeddings.weight"
    )


def test_without_the_operators_nothing_is_replaced(monkeypatch):
    monkeypatch.setattr(fuse, "available", lambda: False)
    model = small_model("bert")
    fast = passes.rewritten(model)
    assert not packed_layers(fast)
    assert torch.equal(output(fast), output(model))
