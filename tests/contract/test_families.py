"""What must hold for every family, whoever adds it: these tests find the families by themselves."""

import importlib
import json
import re
import subprocess
import sys

import pytest
import torch

from pretrained import AutoConfig, Packed, PretrainedConfig, PreTrainedModel, registry

MODELS = [
    pytest.param(family, task, target, id=f"{model_type}-{target.partition(':')[2]}")
    for model_type, family in registry.families().items()
    for task, target in family.models.items()
]
FAMILIES = list(registry.families())


def small(family):
    """A configuration of this family that costs nothing; the families' sizes go by these names or aliases."""
    config_class = registry.load(family, family.config)
    wanted = {
        "vocab_size": 60,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 24,
    }
    known = {*vars(config_class()), *config_class.aliases}
    return config_class(**{key: value for key, value in wanted.items() if key in known} | family.small)


def test_there_are_families():
    assert "bert" in FAMILIES


@pytest.mark.parametrize("model_type", FAMILIES)
def test_the_declaration_is_complete(model_type):
    family = registry.family(model_type)
    assert family.model_type == model_type
    assert "Model" in family.models
    assert family.module.rpartition(".")[2] == model_type.replace("-", "_")
    config_class = registry.load(family, family.config)
    assert issubclass(config_class, PretrainedConfig)
    assert config_class.model_type == model_type
    for target in family.public_names().values():
        assert registry.load(family, target).__doc__, f"{target} says nothing about itself"
    if family.parent is not None:
        assert family.parent in FAMILIES


@pytest.mark.parametrize("model_type", FAMILIES)
def test_the_declaration_configuration_and_tokenizer_need_no_torch(model_type):
    family = registry.family(model_type)
    targets = [family.config, *family.tokenizers]
    modules = [family.locate(target)[0] for target in targets]
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(("family", "task", "target"), MODELS)
def test_models_build_on_meta_and_compute_nothing(family, task, target):
    with torch.device("meta"):
        model = registry.load(family, target)(small(family))
    assert isinstance(model, PreTrainedModel)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        assert tensor.is_meta, name


@pytest.mark.parametrize(("family", "task", "target"), MODELS)
def test_models_survive_saving_and_loading(family, task, target, tmp_path):
    torch.manual_seed(0)
    model = registry.load(family, target)(small(family)).eval()
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path, strict=True)
    assert again.config.to_dict() == {**model.config.to_dict(), "architectures": [type(model).__name__]}
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name
    assert not again.training
    for target_name, source in model._ties().items():
        assert again.get_parameter(target_name) is again.get_parameter(source)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == family.model_type


@pytest.mark.parametrize(("family", "task", "target"), MODELS)
def test_auto_classes_find_the_model(family, task, target, tmp_path):
    model = registry.load(family, target)(small(family))
    model.save_pretrained(tmp_path)
    auto = getattr(importlib.import_module("pretrained"), f"Auto{task}" if task == "Model" else f"AutoModel{task}")
    assert type(auto.from_pretrained(tmp_path)) is type(model)
    assert type(AutoConfig.from_pretrained(tmp_path)) is type(model.config)


@pytest.mark.parametrize("model_type", FAMILIES)
def test_new_weights_are_finite_and_seeded(model_type):
    family = registry.family(model_type)
    models = []
    for _ in range(2):
        torch.manual_seed(7)
        models.append(registry.load(family, family.models["Model"])(small(family)))
    for (name, one), (_, other) in zip(models[0].named_parameters(), models[1].named_parameters(), strict=True):
        assert torch.isfinite(one).all(), name
        assert torch.equal(one, other), name


@pytest.mark.parametrize("model_type", FAMILIES)
def test_configuration_keeps_unknown_keys(model_type, tmp_path):
    family = registry.family(model_type)
    config = small(family)
    config.a_key_of_another_year = {"deep": [1, None]}
    config.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).a_key_of_another_year == {"deep": [1, None]}


@pytest.mark.parametrize("model_type", FAMILIES)
def test_vocabularies_grow(model_type):
    family = registry.family(model_type)
    model = registry.load(family, family.models["Model"])(small(family))
    old = model.get_input_embeddings()
    if not hasattr(old, "num_embeddings"):
        pytest.skip("this family's vocabulary is split among several embeddings")
    count, kept = old.num_embeddings, old.weight.detach().clone()
    new = model.resize_token_embeddings(count + 3)
    assert new.num_embeddings == count + 3
    assert torch.equal(new.weight[:count], kept)


@pytest.mark.parametrize("model_type", [name for name, family in registry.families().items() if family.packed])
def test_packed_equals_padded(model_type):
    family = registry.family(model_type)
    torch.manual_seed(3)
    model = registry.load(family, family.models["Model"])(small(family)).eval()
    lengths = [7, 7, 3, 1]
    rows = [torch.randint(10, 60, (length,)) for length in lengths]
    mask = torch.arange(7) < torch.tensor(lengths)[:, None]
    padding = model.config.pad_token_id or 0
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
    with torch.no_grad():
        expected = model(padded, attention_mask=mask.long())
        found = model(torch.cat(rows), layout=Packed(lengths))
    torch.testing.assert_close(found[0], expected[0][mask], atol=1e-5, rtol=1e-5)


class FirstOutput(torch.nn.Module):
    """What an exporter likes: tensors in, a tensor out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model(**dict(zip(("input_ids", "attention_mask"), inputs, strict=False)), return_dict=False)[0]


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("how", ["trace", "export", "compile"])
@pytest.mark.parametrize("model_type", [name for name in FAMILIES if name != "transfo-xl"])
def test_what_is_recorded_holds_for_other_inputs(model_type, how):
    """What torch writes down of one batch, without padding, computes another one with padding and of another size."""
    family = registry.family(model_type)
    torch.manual_seed(5)
    model = FirstOutput(registry.load(family, family.models["Model"])(small(family)).eval())
    seen = torch.randint(10, 60, (2, 5)), torch.ones(2, 5, dtype=torch.long)
    mask = (torch.arange(7) < torch.tensor([7, 4, 1])[:, None]).long()
    other = torch.randint(10, 60, (3, 7)), mask
    axes = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    with torch.no_grad():
        expected = model(*other)
        if how == "trace":
            recorded = torch.jit.trace(model, seen, check_trace=False)
        elif how == "export":
            recorded = torch.export.export(model, seen, dynamic_shapes={"inputs": (axes, axes)}).module()
        else:
            torch.compiler.reset()
            recorded = torch.compile(model, fullgraph=True, backend="eager")
            recorded(*seen)
        found = recorded(*other)
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()])


@pytest.mark.parametrize(("family", "task", "target"), MODELS)
def test_every_weight_gets_a_gradient_or_says_why(family, task, target):
    """A forward pass must use all that is loaded: a tensor that nothing reads is a mistake in the module tree."""
    torch.manual_seed(0)
    model = registry.load(family, target)(small(family)).eval()
    ids = torch.randint(10, 60, (1, 3, 7) if task == "ForMultipleChoice" else (1, 7))
    outputs = [value for value in model(ids).to_tuple() if isinstance(value, torch.Tensor) and value.requires_grad]
    sum(output.float().sum() + output.float().square().sum() for output in outputs).backward()
    unused = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    allowed = re.compile("|".join(UNUSED_WITHOUT_OPTIONS))
    assert not {name for name in unused if not allowed.search(name)}


# Weights that only an optional input uses.
UNUSED_WITHOUT_OPTIONS = (
    r"token_type_embeddings",  # one row of it is added as it stands
    r"mask_emb",  # XLNet: with target_mapping
    r"seg_embed|r_s_bias",  # XLNet: with token types
    r"lang_embeddings",  # XLM: with langs
    r"multiple_choice_head",  # with mc_token_ids
    r"word_emb\.emb_",  # Transformer-XL: those of the clusters that the ids fall into
    r"answer_class|end_logits",  # beam search heads, at inference
)
