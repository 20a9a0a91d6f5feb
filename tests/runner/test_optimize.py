"""A fast copy of any model, of every family and with every head, computes what the model does."""

import copy

import pytest
import torch

from pretrained import ConfigurationError, Packed, optimize, registry
from pretrained.runner import fuse, quantize
from tests.runner.small import PRECISIONS, small_model

MODELS = [
    pytest.param(model_type, task, id=f"{model_type}-{task}")
    for model_type, family in registry.families().items()
    for task in family.models
]
SIZES = {"hidden_size": 64, "intermediate_size": 128, "vocab_size": 90}
# Length of the difference to the plain model, as a share of its output's. Networks with random weights and 64 numbers
# a token exaggerate it; what trained ones lose is tested in test_encoder.
TOLERANCE = {"fp32": 1e-5, "bf16": 0.1, "int8": 0.2}


def model_and_inputs(model_type, task):
    model = small_model(model_type, task, **SIZES)
    model.config.pad_token_id = 0
    torch.manual_seed(4)
    ids = torch.randint(7, 60, (2, 9))
    return model, {"input_ids": ids.unsqueeze(1).repeat(1, 3, 1) if task == "ForMultipleChoice" else ids}


def distance(other, expected):
    return (other.float() - expected).norm() / expected.norm()


def floating(output):
    return {k: v for k, v in output.items() if torch.is_tensor(v) and v.is_floating_point() and v.isfinite().all()}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("model_type", "task"), MODELS)
def test_same_outputs(model_type, task, precision):
    model, inputs = model_and_inputs(model_type, task)
    before = copy.deepcopy(model.state_dict())
    fast = optimize(model, precision=precision)
    assert type(fast) is type(model)
    with torch.inference_mode():
        plain, other = floating(model(**inputs)), floating(fast(**inputs))
    assert plain
    for name, expected in plain.items():
        if name.endswith("log_probs"):
            continue  # of the best few spans, which change places
        assert distance(other[name], expected) <= TOLERANCE[precision], name
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model_type", ["bert", "distilbert", "xlnet", "gpt2", "xlm", "ctrl"])
def test_heads_are_silenced_in_every_precision(model_type, precision):
    """By a mask of float32, which is what people have."""
    model = small_model(model_type, **SIZES)
    torch.manual_seed(4)
    ids, mask = torch.randint(7, 60, (2, 9)), torch.tensor([1.0, 0.0, 1.0, 1.0])
    with torch.no_grad():
        expected = model(ids, head_mask=mask)[0]
        found = optimize(model, precision=precision)(ids, head_mask=mask)[0].float()
    assert distance(found, expected) < TOLERANCE[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("length", [1, 2, 39, 40])
def test_lengths_at_the_edges(precision, length):
    model = small_model("bert", **SIZES)
    fast = optimize(model, precision=precision)
    ids = torch.randint(7, 60, (3, length))
    with torch.inference_mode():
        plain, padded = model(ids).last_hidden_state, fast(ids).last_hidden_state
        packed = fast(ids.flatten(), layout=Packed([length] * 3)).last_hidden_state.view(3, length, -1)
    assert distance(padded, plain) <= TOLERANCE[precision]
    assert distance(packed, plain) <= TOLERANCE[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model_type", ["gpt2", "openai-gpt", "ctrl", "xlnet", "transfo-xl"])
def test_writes(model_type, precision):
    model = small_model(model_type, "ForCausalLM", **SIZES)
    ids = torch.randint(7, 60, (1, 4))
    rows = optimize(model, precision=precision).generate(ids, max_length=12)
    assert rows.shape == (1, 12)
    if precision == "fp32":
        assert torch.equal(rows, model.generate(ids, max_length=12))


def test_precisions_that_cannot_be(monkeypatch):
    model = small_model("bert")
    with pytest.raises(ConfigurationError, match="choose one of: fp32, bf16, int8, auto"):
        optimize(model, precision="fp8")
    monkeypatch.setattr(quantize, "available", lambda: False)
    with pytest.raises(ConfigurationError, match="needs a CPU with VNNI"):
        optimize(model, precision="int8")


@pytest.mark.parametrize("has", [True, False])
def test_auto_takes_what_the_processor_has(monkeypatch, has):
    monkeypatch.setattr(fuse, "has_bfloat16", lambda: has)
    fast = optimize(small_model("bert"), precision="auto")
    assert fast.dtype == (torch.bfloat16 if has else torch.float32)
