"""Do the right tensors reach the right places, and is everything else said?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pretrained.checkpoints import from_state_dict, open_checkpoint, published
from pretrained.errors import CheckpointError, UnsafeFileError
from pretrained.loading import LoadReport, load

TIED = {"cls.decoder.weight": "bert.embeddings.word.weight", "cls.decoder.bias": "cls.bias"}


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.word = nn.Embedding(7, 4)
        self.embeddings.LayerNorm = nn.LayerNorm(4)
        self.encoder = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))


class WithHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bert = Base()
        self.cls = nn.Module()
        self.cls.bias = nn.Parameter(torch.zeros(7))
        self.cls.decoder = nn.Linear(4, 7)


class Classifier(nn.Module):
    def __init__(self, labels: int = 3) -> None:
        super().__init__()
        self.bert = Base()
        self.classifier = nn.Linear(4, labels)


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return make()


def state(model: nn.Module, **changes: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {key: torch.randn(value.shape) for key, value in model.state_dict().items()} | changes


def renamed(values: dict[str, torch.Tensor], change: Callable[[str], str]) -> dict[str, torch.Tensor]:
    return {change(key): value for key, value in values.items()}


def run(model: nn.Module, values: dict[str, torch.Tensor], **options: Any) -> tuple[LoadReport, list[set[str]]]:
    """Loads, and gives the names that init was asked for; init fills with 9."""
    asked: list[set[str]] = []

    def init(names: set[str]) -> None:
        asked.append(names)
        with torch.no_grad():
            for name in names:
                model.get_parameter(name).fill_(9)

    options = {"base_prefix": "bert", "init": init} | options
    return load(model, published(from_state_dict(values, "the file")), **options), asked


def test_everything_fits() -> None:
    values = state(Classifier())
    model = on_meta(Classifier)
    report, asked = run(model, values)
    assert asked == []
    assert sorted(report.loaded) == sorted(values)
    assert report.as_loading_info() == {
        "missing_keys": [], "unexpected_keys": [], "mismatched_keys": [], "error_msgs": [],
    }  # fmt: skip
    assert report.warning() is None
    assert str(report) == f"{len(values)} tensors loaded from the file"
    for key, value in values.items():
        parameter = model.get_parameter(key)
        assert torch.equal(parameter, value)
        assert isinstance(parameter, nn.Parameter)
        assert parameter.requires_grad
    model.bert.encoder[0](torch.ones(1, 4)).sum().backward()


def test_frozen_parameters_stay_frozen() -> None:
    model = on_meta(Classifier)
    model.classifier.weight.requires_grad_(False)
    run(model, state(Classifier()))
    assert not model.classifier.weight.requires_grad
    assert model.classifier.bias.requires_grad


def test_a_file_without_the_base_prefix() -> None:
    values = state(Base())
    model = on_meta(Classifier)
    report, asked = run(model, values)
    assert torch.equal(model.bert.encoder[1].weight, values["encoder.1.weight"])
    assert sorted(report.missing) == ["classifier.bias", "classifier.weight"]
    assert asked == [{"classifier.bias", "classifier.weight"}]
    assert (model.classifier.weight == 9).all()
    warning = report.warning("Classifier")
    assert warning is not None
    assert "weights of Classifier" in warning
    assert "classifier.weight, classifier.bias" in warning
    assert "newly initialised" in warning
    assert "missing, newly initialised: classifier.weight" in str(report)


def test_a_file_without_the_base_prefix_but_with_a_head() -> None:
    values = state(Base()) | {"classifier.weight": torch.ones(3, 4), "classifier.bias": torch.ones(3)}
    report, _ = run(on_meta(Classifier), values)
    assert report.missing == report.unexpected == []


def test_a_bare_model_takes_the_base_of_a_file_with_heads() -> None:
    values = state(Classifier())
    model = on_meta(Base)
    report, _ = run(model, values)
    assert torch.equal(model.embeddings.word.weight, values["bert.embeddings.word.weight"])
    assert report.unexpected == ["classifier.weight", "classifier.bias"]
    assert report.missing == []
    assert report.warning() is None  # as published: heads that a bare model does not have are no surprise
    assert "not used: classifier.weight" in str(report)


def test_tensors_of_the_base_that_have_no_place_are_warned_about() -> None:
    values = state(Classifier(), **{"bert.encoder.2.weight": torch.ones(4, 4)})
    for model in (on_meta(Classifier), on_meta(Base)):
        report, _ = run(model, values)
        assert report.unused == ["bert.encoder.2.weight"]
        warning = report.warning()
        assert warning is not None
        assert "bert.encoder.2.weight" in warning


def test_historical_and_wrapped_names() -> None:
    values = state(Classifier())
    old = renamed(
        values, lambda key: "module." + key.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")
    )
    assert "module.bert.embeddings.LayerNorm.gamma" in old
    old["module.bert.embeddings.position_ids"] = torch.arange(5)
    model = on_meta(Classifier)
    report, _ = run(model, old)
    assert report.missing == report.unexpected == []
    assert torch.equal(model.bert.embeddings.LayerNorm.weight, values["bert.embeddings.LayerNorm.weight"])


# Ties


def without(values: dict[str, torch.Tensor], *names: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in values.items() if key not in names}


@pytest.mark.parametrize("dropped", [TIED.keys(), TIED.values(), ()])
def test_ties_are_made_again(dropped: Any) -> None:
    values = state(WithHead())
    for target, source in TIED.items():
        values[target] = values[source].clone()
    model = on_meta(WithHead)
    report, asked = run(model, without(values, *dropped), tied=TIED)
    assert model.cls.decoder.weight is model.bert.embeddings.word.weight
    assert model.cls.decoder.bias is model.cls.bias
    assert torch.equal(model.cls.decoder.weight, values["cls.decoder.weight"])
    assert report.missing == report.notes == []
    assert asked == []
    assert len(list(model.parameters())) == len(values) - 2


def test_ties_of_which_both_sides_are_missing() -> None:
    model = on_meta(WithHead)
    report, asked = run(
        model, without(state(WithHead()), "cls.bias", "cls.decoder.bias", "cls.decoder.weight"), tied=TIED
    )
    assert report.missing == ["cls.bias", "cls.decoder.bias"]
    assert asked == [{"cls.bias"}]
    assert model.cls.decoder.bias is model.cls.bias
    assert (model.cls.decoder.bias == 9).all()


def test_ties_that_differ_in_the_file() -> None:
    values = state(WithHead())
    model = on_meta(WithHead)
    report, _ = run(model, values, tied={"cls.decoder.weight": "bert.embeddings.word.weight"})
    assert model.cls.decoder.weight is model.bert.embeddings.word.weight
    assert torch.equal(model.cls.decoder.weight, values["bert.embeddings.word.weight"])  # as published
    warning = report.warning()
    assert warning is not None
    assert "cls.decoder.weight and bert.embeddings.word.weight are one parameter, but not equal" in warning
    assert "note: Tied weights differ" in str(report)


@pytest.mark.parametrize("first", ["a", "b"])
def test_ties_that_the_constructor_made(first: str) -> None:
    def make() -> nn.Module:
        model = nn.ModuleDict({name: nn.Linear(3, 3, bias=False) for name in "abc"})
        model["b"].weight = model["a"].weight
        model["c"] = model["a"]
        return model

    for tied in ({}, {"a.weight": "b.weight"}, {"b.weight": "a.weight"}):
        model = on_meta(make)
        value = torch.ones(3, 3)
        report, asked = run(model, {f"{first}.weight": value}, tied=tied, base_prefix="")
        assert report.missing == []
        assert asked == []
        assert model["a"].weight is model["b"].weight is model["c"].weight
        assert torch.equal(model["c"].weight, value)


def test_a_chain_of_ties() -> None:
    model = on_meta(lambda: nn.ModuleDict({name: nn.Linear(3, 3, bias=False) for name in "abcd"}))
    tied = {"a.weight": "b.weight", "b.weight": "c.weight"}
    report, _ = run(model, {"c.weight": torch.ones(3, 3), "d.weight": torch.ones(3, 3)}, tied=tied, base_prefix="")
    assert report.missing == []
    assert model["a"].weight is model["b"].weight is model["c"].weight


# Types and places


def test_types() -> None:
    values = {key: value.half() for key, value in state(Base()).items()}
    for dtype, expected in ((None, torch.float16), (torch.float32, torch.float32), (torch.bfloat16, torch.bfloat16)):
        model = on_meta(Classifier)
        run(model, values, dtype=dtype)
        assert {parameter.dtype for parameter in model.parameters()} == {expected}  # new ones are like the others
        assert torch.equal(model.bert.encoder[0].bias, values["encoder.0.bias"].to(expected))


def test_a_transposed_tensor_becomes_dense() -> None:
    values = state(Classifier())
    values["classifier.weight"] = values["classifier.weight"].t().contiguous().t()
    model = on_meta(Classifier)
    run(model, values)
    assert model.classifier.weight.is_contiguous()


def test_buffers() -> None:
    def make() -> nn.Module:
        model = Base()
        model.norm = nn.BatchNorm1d(4)
        return model

    values = make().state_dict()
    values["norm.running_mean"] = torch.full((4,), 0.25)
    values["norm.num_batches_tracked"] = torch.tensor(5, dtype=torch.int32)
    model = on_meta(make)
    run(model, values, dtype=torch.bfloat16)
    assert model.norm.running_mean.dtype == torch.bfloat16
    assert model.norm.running_mean.sum() == 1
    assert model.norm.num_batches_tracked == 5
    assert model.norm.num_batches_tracked.dtype == torch.int64


def test_a_buffer_that_nobody_fills() -> None:
    def make() -> nn.Module:
        model = Base()
        model.register_buffer("positions", torch.arange(5), persistent=False)
        return model

    with pytest.raises(CheckpointError, match=r"neither the checkpoint nor its initialisation fills: positions"):
        run(on_meta(make), state(Base()))


def test_quantized_weights_are_not_taken_for_floating_ones() -> None:
    values = state(Base(), **{"encoder.0.weight": torch.ones(4, 4, dtype=torch.int8)})
    with pytest.raises(CheckpointError, match=r"encoder\.0\.weight is of type torch\.int8"):
        run(on_meta(Base), values)


def test_files_are_mapped_and_not_copied(tmp_path: Path) -> None:
    from types import SimpleNamespace

    values = state(Base())
    torch.save(values, tmp_path / "a.bin")
    checkpoint = open_checkpoint(SimpleNamespace(format="pytorch", paths=[tmp_path / "a.bin"], index=None))
    model = on_meta(Base)
    load(model, published(checkpoint), base_prefix="bert", init=lambda names: None)
    assert model.encoder[0].weight.data_ptr() == checkpoint.tensor("encoder.0.weight").data_ptr()


# Refusals


def test_other_shapes() -> None:
    values = state(Classifier(labels=2))
    with pytest.raises(CheckpointError, match="ignore_mismatched_sizes") as error:
        run(on_meta(Classifier), values)
    assert "classifier.weight: (2, 4) in the file, (3, 4) in the model" in str(error.value)
    assert "classifier.bias: (2,) in the file, (3,) in the model" in str(error.value)
    model = on_meta(Classifier)
    report, asked = run(model, values, ignore_mismatched_sizes=True)
    assert asked == [{"classifier.weight", "classifier.bias"}]
    assert report.mismatched == [("classifier.weight", (2, 4), (3, 4)), ("classifier.bias", (2,), (3,))]
    assert report.missing == []
    assert (model.classifier.weight == 9).all()
    warning = report.warning()
    assert warning is not None
    assert "classifier.weight (2, 4) (here (3, 4))" in warning
    assert "other shape: classifier.weight is (2, 4), here (3, 4)" in str(report)


def test_strict() -> None:
    values = state(Classifier())
    run(on_meta(Classifier), values, strict=True)
    with pytest.raises(CheckpointError, match=r"strict=True.*Missing: none. Unexpected: classifier\.weight"):
        run(on_meta(Base), values, strict=True)
    with pytest.raises(CheckpointError, match=r"Missing: classifier\.weight, classifier\.bias. Unexpected: none"):
        run(on_meta(Classifier), state(Base()), strict=True)
    run(on_meta(Classifier), state(Base()), strict=True, keys_to_ignore=["classifier"])


def test_keys_to_ignore() -> None:
    values = without(state(Classifier(), extra=torch.ones(1), other=torch.ones(1)), "classifier.bias")
    model = on_meta(Classifier)
    report, asked = run(model, values, keys_to_ignore=[r"^extra$", r"\.bias"])
    assert report.missing == []
    assert report.unexpected == ["other"]
    assert asked == [{"classifier.bias"}]  # not worth a word, but it needs values all the same


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["h.0.attn.c_attn.weight", "wte.weight"], "By its names it is GPT or GPT-2"),
        (["roberta.embeddings.word.weight"], "it is RoBERTa"),
        (
            ["my.model.bert.embeddings.word.weight", "my.model.bert.encoder.0.weight", "x"],
            "behind the prefix 'my.model'",
        ),
        (["0.auto_model.embeddings.word.bias"], "a sentence-transformers module list"),
        (["something.else"], "has 1 tensors: something.else"),
        ([], "has 0 tensors: none"),
        (["classifier.weight"], r"expects: bert\.embeddings\.word\.weight"),
    ],
)
def test_nothing_of_the_base_fits(keys: list[str], words: str) -> None:
    with pytest.raises(CheckpointError, match=words) as error:
        run(on_meta(Classifier), {key: torch.ones(7, 4) for key in keys})
    assert "has no tensor of Classifier's network" in str(error.value)
    assert "AutoModel" in str(error.value)


def test_a_weight_that_the_file_holds_as_something_else(tmp_path: Path) -> None:
    from types import SimpleNamespace

    values: dict[str, object] = dict(state(Classifier()))
    values["bert.encoder.0.weight"] = print
    values["note"] = print
    torch.save(values, tmp_path / "a.bin")
    checkpoint = open_checkpoint(SimpleNamespace(format="pytorch", paths=[tmp_path / "a.bin"], index=None))
    with pytest.raises(UnsafeFileError, match=r"'bert\.encoder\.0\.weight' is an object of .*\.print"):
        load(on_meta(Classifier), published(checkpoint), base_prefix="bert", init=lambda names: None)
    values["bert.encoder.0.weight"] = torch.zeros(4, 4)
    torch.save(values, tmp_path / "a.bin")
    checkpoint = open_checkpoint(SimpleNamespace(format="pytorch", paths=[tmp_path / "a.bin"], index=None))
    report = load(on_meta(Classifier), published(checkpoint), base_prefix="bert", init=lambda names: None)
    assert any("note" in note for note in report.notes)


def test_a_long_list_is_cut() -> None:
    values = without(state(Classifier()), "classifier.weight") | {f"extra{n}": torch.ones(1) for n in range(30)}
    report, _ = run(on_meta(Classifier), values)
    assert len(report.unexpected) == 30
    assert "extra9 and 20 more" in str(report)
