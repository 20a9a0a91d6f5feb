"""Schedules and optimizers give the published numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import pretrained
from pretrained.training import TrainingOptions, optimization
from pretrained.training.adamw import AdamW

PUBLISHED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "constant": ("get_constant_schedule", ()),
    "constant_with_warmup(4)": ("get_constant_schedule_with_warmup", (4,)),
    "linear(2,10)": ("get_linear_schedule_with_warmup", (2, 10)),
    "cosine(2,10)": ("get_cosine_schedule_with_warmup", (2, 10)),
    "cosine_hard_restarts(2,10,cycles=2)": ("get_cosine_with_hard_restarts_schedule_with_warmup", (2, 10, 2)),
    "polynomial(2,10,power=2,lr_end=1e-7)": ("get_polynomial_decay_schedule_with_warmup", (2, 10, 1e-7, 2.0)),
}


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> Any:
    return json.loads((shared_data / "golden" / "golden.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rates(name: str, golden: Any) -> None:
    facts = golden["lr_schedules"]
    function, arguments = PUBLISHED[name]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=facts["base_lr"])
    schedule = getattr(pretrained, function)(optimizer, *arguments)
    rates = []
    for _ in range(facts["steps"]):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx(facts["v3_5_1"][name], abs=facts["tol"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_rates_equal_those_of_transformers(name: str) -> None:
    from transformers import optimization as peer

    function, arguments = PUBLISHED[name]
    found = []
    for module in (pretrained, peer):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3.0)
        schedule = getattr(module, function)(optimizer, *arguments)
        rates = []
        for _ in range(14):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        found.append(rates)
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("which", [0, 1])
def test_published_optimizers(which: int, golden: Any) -> None:
    facts = golden["optimizers"][which]
    weights = torch.nn.Parameter(torch.tensor(facts["start"]))
    target = torch.tensor(facts["target"])
    if facts["optimizer"] == "AdamW":
        optimizer: torch.optim.Optimizer = AdamW([weights], lr=facts["lr"], weight_decay=facts["weight_decay"])
    else:
        optimizer = torch.optim.Adafactor([weights], lr=facts["lr"])
    for _ in range(facts["steps"]):
        optimizer.zero_grad()
        F.mse_loss(weights, target).backward()
        optimizer.step()
    assert weights.tolist() == pytest.approx(facts["end"], abs=facts["tol"])


def test_adamw_equals_torchs() -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(5, 3), torch.randn(20, 5, 3)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    first = AdamW([ours], lr=0.01, eps=1e-12, weight_decay=0.0)
    second = torch.optim.AdamW([theirs], lr=0.01, eps=1e-12, weight_decay=0.0)
    for gradient in gradients:
        for weights, optimizer in ((ours, first), (theirs, second)):
            weights.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_adamw_without_correction_is_slow_at_first() -> None:
    weights = torch.nn.Parameter(torch.zeros(1))
    optimizer = AdamW([weights], lr=1.0, eps=0.0, correct_bias=False)
    weights.grad = torch.ones(1)
    optimizer.step()
    assert weights.item() == pytest.approx(-0.1 / 0.001**0.5, rel=1e-5)


def test_biases_and_norms_do_not_decay(tiny: Path) -> None:
    from pretrained import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(tiny, num_labels=2)
    options = TrainingOptions(weight_decay=0.1, layer_decay=0.5, learning_rate=1.0)
    numbers = optimization.layer_numbers(model)
    groups = optimization.parameter_groups(model, options, numbers)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed = {names[id(p)] for group in groups if group["weight_decay"] for p in group["params"]}
    assert not [name for name in decayed if name.endswith("bias") or "LayerNorm" in name]
    assert "classifier.weight" in decayed
    assert "bert.encoder.layer.1.output.dense.weight" in decayed
    rates = {names[id(p)]: group["lr"] for group in groups for p in group["params"]}
    assert rates["classifier.weight"] == rates["bert.pooler.dense.weight"] == 1.0
    assert rates["bert.encoder.layer.1.output.dense.weight"] == 0.5
    assert rates["bert.encoder.layer.0.output.dense.bias"] == 0.25
    assert rates["bert.embeddings.word_embeddings.weight"] == 0.125


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"schedule": "square"},
        {"optimizer": "sgd"},
        {"precision": "fp8"},
        {"label_smoothing": 1.0},
        {"class_weights": "heavy"},
        {"learning_rate": float("nan")},
        {"seed": 1, "patience": 0},
    ],
)
def test_options_that_cannot_be(values: dict[str, Any]) -> None:
    with pytest.raises(pretrained.ConfigurationError, match=list(values)[-1]):
        TrainingOptions(**values)
