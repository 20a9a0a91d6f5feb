"""Every family learns every kind of task that it has a head for, packed and padded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pretrained import AutoTokenizer, registry
from pretrained.errors import ConfigurationError
from pretrained.training import TrainingOptions, finetune, optimization
from pretrained.training.kinds import KINDS
from pretrained.training.tasks import TASKS

from .samples import write_data

KIND_TASKS = {
    "classification": "mrpc",
    "tokens": "conll2003",
    "answers": "squad",
    "choice": "swag",
    "masked": "masked-lm",
}
DROPOUTS = (
    *("attention_dropout", "attention_probs_dropout_prob", "attn_pdrop", "classifier_dropout_prob", "dropatt"),
    *("dropout", "embd_pdrop", "hidden_dropout_prob", "qa_dropout", "resid_pdrop", "seq_classif_dropout"),
    *("summary_first_dropout", "summary_last_dropout"),
)
CAUSAL = ("ctrl", "gpt2", "openai-gpt", "transfo-xl")
PAIRS = [
    (model_type, task)
    for model_type, family in registry.built_in().items()
    for kind, task in KIND_TASKS.items()
    if KINDS[kind].auto in family.models
]


@pytest.fixture(scope="module")
def models(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small network of each family with BERT's small vocabulary, without dropout."""
    return {name: write_model(name, tiny, tmp_path_factory.mktemp(name)) for name in registry.built_in()}


def write_model(model_type: str, tiny: Path, folder: Path, **more: Any) -> Path:
    family = registry.family(model_type)
    config_class: Any = registry.load(family, family.config)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    wanted: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 68,
        "pad_token_id": 0,
        **family.small,
        **dict.fromkeys(DROPOUTS, 0.0),
        **more,
    }
    known = {*vars(config_class()), *config_class.aliases}
    torch.manual_seed(0)
    task = next(name for name in ("ForMaskedLM", "ForCausalLM", "Model") if name in family.models)
    model: Any = registry.load(family, family.models[task])
    model(config_class(**{name: value for name, value in wanted.items() if name in known})).save_pretrained(folder)
    tokenizer.padding_side = "left" if model_type == "xlnet" else "right"
    tokenizer.save_pretrained(folder)
    return folder


def trained(task: str, model: Path, data: Path, folder: Path, **more: Any) -> list[dict[str, float]]:
    """What the run notes on its way: losses, lengths of the gradient."""
    options = TrainingOptions(**{"max_steps": 2, "batch_size": 4, "learning_rate": 1e-3, "warmup": 0, **more})
    result = finetune(task, str(model), data, folder, options=options, max_length=48)
    assert TASKS[task].metrics[0] in result.metrics["dev"]
    return [row for row in result.state.history if "loss" in row]


@pytest.mark.parametrize(("model_type", "task"), PAIRS)
def test_a_family_learns(model_type: str, task: str, models: dict[str, Path], tmp_path: Path) -> None:
    data = write_data(task, tmp_path / "data", train=8, dev=3)
    packed = trained(task, models[model_type], data, tmp_path / "packed")
    before, after = (load_file(path / "model.safetensors") for path in (models[model_type], tmp_path / "packed"))
    assert any(not torch.equal(before[name], after[name]) for name in before.keys() & after.keys())
    padded = trained(task, models[model_type], data, tmp_path / "padded", packed=False)
    if task != "squad":  # whose published loss counts padding as places where the answer is not
        for one, other in zip(packed, padded, strict=True):
            assert one == pytest.approx(other, rel=1e-3)


HEADS = [
    (model_type, head)
    for model_type, family in registry.built_in().items()
    for head in sorted({kind.auto for kind in KINDS.values()})
    if head in family.models
]


def one_step(model: Any, options: TrainingOptions) -> dict[str, float]:
    """How far each parameter moves where every gradient is 1: by its own rate."""
    optimization.freeze(model, options.freeze)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = optimization.make_optimizer(model, options, optimization.layer_numbers(model))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    return {name: float((p.detach() - before[name]).abs().max()) for name, p in model.named_parameters()}


@pytest.mark.parametrize(("model_type", "head"), HEADS)
def test_frozen_and_slower_layers(model_type: str, head: str, models: dict[str, Path]) -> None:
    family = registry.family(model_type)
    head_class: Any = registry.load(family, family.models[head])
    model = head_class.from_pretrained(models[model_type])
    layers = 1 if model_type == "albert" else 2  # ALBERT's share their weights
    last, prefix = layers - 1, f"{model.base_model_prefix}."

    def options(**more: Any) -> TrainingOptions:
        return TrainingOptions(learning_rate=1e-2, weight_decay=0.0, **more)

    moved = one_step(model, options(layer_decay=0.5))
    tokens = next(name for name, p in model.named_parameters() if p is next(model.get_input_embeddings().parameters()))
    above = [name for name in moved if not name.startswith(prefix)]
    for name in above:
        assert moved[name] == pytest.approx(1e-2, rel=1e-2), name
    numbers = optimization.layer_numbers(model)
    assert {*numbers.values()} - {layers} == {*range(-1, layers)}  # of OpenAI's GPT nothing stands above the layers
    rates = {number: 1e-2 * 0.5 ** (max(numbers.values()) - number) for number in numbers.values()}
    assert moved == pytest.approx({name: rates[number] for name, number in numbers.items()}, rel=1e-2)
    assert moved[tokens] == pytest.approx(rates[-1], rel=1e-2)

    moved = one_step(model, options(freeze="embeddings,0"))
    held = {name for name, found in moved.items() if found == 0}
    assert held == {name for name, number in numbers.items() if number < 1}
    assert tokens in held
    optimization.freeze(model, f"0-{last}")
    with pytest.raises(ConfigurationError, match=f"the layers 0 to {last}, not {layers}"):
        optimization.freeze(model, str(layers))


@pytest.mark.parametrize("model_type", CAUSAL)
def test_causal_families_learn_the_next_token(model_type: str, models: dict[str, Path], tmp_path: Path) -> None:
    data = write_data("causal-lm", tmp_path / "data", train=8, dev=3)
    trained("causal-lm", models[model_type], data, tmp_path / "out")


@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlm", "xlnet"])
def test_networks_that_see_the_next_token_are_refused(model_type: str, models: dict[str, Path], tmp_path: Path) -> None:
    data = write_data("causal-lm", tmp_path / "data", train=8, dev=3)
    with pytest.raises(ConfigurationError, match="sees the tokens that it is to predict"):
        trained("causal-lm", models[model_type], data, tmp_path / "out")
