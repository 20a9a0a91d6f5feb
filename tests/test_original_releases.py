"""Do the releases of the original authors load, and compute what the converters of their time made of them?

Google's, CMU's and OpenAI's files, small: real writers wrote them, see goldens/make_tf_bundle.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import pretrained
from pretrained.checkpoints import Rename, from_state_dict, open_checkpoint, published
from pretrained.checkpoints.tf_names import TENSORFLOW_1
from pretrained.loading import LoadReport, load

GOLDENS = Path(__file__).parent / "goldens" / "tf_bundle"
IDS = torch.tensor([[2, 7, 5, 11, 3], [2, 19, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def loaded(kind: str, config: str, weights: str, *, format: str = "tf_checkpoint") -> tuple[Any, LoadReport]:
    cls = getattr(pretrained, kind)
    values = json.loads((GOLDENS / config).read_text())
    with torch.device("meta"):
        model = cls(cls.config_class.from_dict(values))
    opened = open_checkpoint(SimpleNamespace(format=format, paths=[GOLDENS / weights], index=None))
    report = load(
        model,
        published(opened, cls.renames),
        base_prefix=cls.base_model_prefix,
        tied=model._ties(),
        keys_to_ignore=cls.optional_keys,
        init=model.init_weights,
    )
    return model.eval(), report


def expected(family: str) -> dict[str, torch.Tensor]:
    return load_file(GOLDENS / family / "outputs.safetensors")


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "config", "weights", "outputs"),
    [
        (
            "BertForPreTraining",
            "bert/bert_config.json",
            "bert/bert_model.ckpt.index",
            {"prediction_logits": "tokens", "seq_relationship_logits": "sentences"},
        ),
        (
            "AlbertForPreTraining",
            "albert/albert_config.json",
            "albert/model.ckpt-best.index",
            {"prediction_logits": "tokens", "sop_logits": "sentences"},
        ),
        # one checkpoint with both networks; the class decides which one is read
        (
            "ElectraForPreTraining",
            "electra/discriminator_config.json",
            "electra/electra_small.index",
            {"logits": "discriminator"},
        ),
        ("ElectraForMaskedLM", "electra/generator_config.json", "electra/electra_small.index", {"logits": "generator"}),
        ("XLNetLMHeadModel", "xlnet/xlnet_config.json", "xlnet/xlnet_model.ckpt.index", {"logits": "tokens"}),
        ("BertForSequenceClassification", "objects/config.json", "objects/ckpt-1.index", {"logits": "logits"}),
        ("BertForSequenceClassification", "objects/config.json", "objects/weights.index", {"logits": "logits"}),
    ],
)
def test_outputs(kind: str, config: str, weights: str, outputs: dict[str, str]) -> None:
    model, report = loaded(kind, config, weights)
    assert (report.missing, report.unexpected, report.notes) == ([], [], [])
    with torch.no_grad():
        out = model(IDS, attention_mask=MASK)
    golden = expected(Path(weights).parts[0])
    for ours, theirs in outputs.items():
        close(out[ours], golden[theirs])


@pytest.mark.parametrize(
    ("kind", "family", "weights", "format"),
    [
        ("GPT2Model", "gpt2", "model.ckpt.index", "tf_checkpoint"),
        ("OpenAIGPTModel", "openai_gpt", "params_shapes.json", "numpy"),
    ],
)
def test_hidden_states(kind: str, family: str, weights: str, format: str) -> None:
    model, report = loaded(kind, "gpt2/hparams.json", f"{family}/{weights}", format=format)
    assert (report.missing, report.unexpected) == ([], [])
    with torch.no_grad():
        close(model(IDS).last_hidden_state, expected(family)["hidden"])


def test_transformer_xl_reads_what_the_converter_read() -> None:
    model, report = loaded("TransfoXLLMHeadModel", "transfo_xl/config.json", "transfo_xl/model.ckpt.index")
    assert (report.missing, report.unexpected) == ([], [])
    theirs = load_file(GOLDENS / "transfo_xl" / "weights.safetensors")
    del theirs["transformer.pos_emb.inv_freq"]  # computed here
    ours = model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_language_model_of_gpt2_is_tied() -> None:
    model, report = loaded("GPT2LMHeadModel", "gpt2/hparams.json", "gpt2/model.ckpt.index")
    assert report.missing == []
    assert model.lm_head.weight is model.transformer.wte.weight


# The configurations


def test_the_hyperparameters_of_gpt2_are_a_configuration() -> None:
    config = pretrained.GPT2Config.from_dict(
        {"n_vocab": 50257, "n_ctx": 512, "n_embd": 1600, "n_head": 25, "n_layer": 48}
    )
    assert (config.vocab_size, config.n_positions, config.hidden_size, config.num_hidden_layers) == (
        50257,
        512,
        1600,
        48,
    )
    assert pretrained.GPT2Config.from_dict({"n_ctx": 512}).n_positions == 1024  # as in config.json, two keys
    assert pretrained.GPT2Config.from_dict({"n_vocab": 9, "n_ctx": 4}, n_positions=8).n_positions == 8


def test_the_configurations_of_google_and_cmu_are_read() -> None:
    def read(family: str, name: str) -> dict[str, Any]:
        return json.loads((GOLDENS / family / name).read_text())

    xlnet = pretrained.XLNetConfig.from_dict(read("xlnet", "xlnet_config.json"))
    assert (xlnet.vocab_size, xlnet.d_model, xlnet.d_head, xlnet.untie_r) == (30, 8, 4, True)
    albert = pretrained.AlbertConfig.from_dict(read("albert", "albert_config.json"))
    assert (albert.embedding_size, albert.num_hidden_groups, albert.hidden_act) == (6, 1, "gelu_new")
    bert = pretrained.BertConfig.from_dict(read("bert", "bert_config.json"))
    assert (bert.vocab_size, bert.hidden_size, bert.type_vocab_size) == (30, 8, 2)


# Names that the goldens do not have


class TensorFlow:
    """Tensors in memory that are called as TensorFlow 1 calls them."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self._inner = from_state_dict({name: torch.zeros(shape) for name, shape in shapes.items()})
        self.vocabulary = TENSORFLOW_1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def shapes(names: dict[str, tuple[int, ...]], renames: Sequence[Rename]) -> dict[str, tuple[int, ...]]:
    checkpoint = published(TensorFlow(names), renames)  # type: ignore[arg-type]
    return {key: checkpoint.shape(key) for key in checkpoint.keys()}


def test_heads_of_fine_tuned_models() -> None:
    bert = pretrained.BertForSequenceClassification.renames
    assert shapes({"output_weights": (3, 8), "output_bias": (3,)}, bert) == {
        "classifier.weight": (3, 8),
        "classifier.bias": (3,),
    }
    assert shapes({"cls/squad/output_weights": (2, 8), "cls/squad/output_bias": (2,)}, bert) == {
        "qa_outputs.weight": (2, 8),
        "qa_outputs.bias": (2,),
    }
    xlnet = pretrained.XLNetForSequenceClassification.renames
    assert shapes(
        {"model/classification_imdb/logit/kernel": (8, 2), "model/sequnece_summary/summary/bias": (8,)}, xlnet
    ) == {
        "logits_proj.weight": (2, 8),
        "sequence_summary.summary.bias": (8,),
    }


def test_modules_of_tensorflow_hub() -> None:
    names = {
        "module/bert/encoder/transformer/group_0/inner_group_0/ffn_1/intermediate/output/dense/kernel": (12, 8),
        "module/bert/encoder/transformer/group_0/inner_group_0/LayerNorm_1/beta": (8,),
        "module/cls/predictions/output_bias": (30,),
    }
    layer = "albert.encoder.albert_layer_groups.0.albert_layers.0"
    assert shapes(names, pretrained.AlbertModel.renames) == {
        f"{layer}.ffn_output.weight": (8, 12),
        f"{layer}.full_layer_layer_norm.bias": (8,),
        "predictions.bias": (30,),
    }


@pytest.mark.parametrize(
    "name",
    [
        "global_step",
        "bert/pooler/dense/kernel/adam_m",
        "bert/pooler/dense/bias/adam_v",
        "bert/pooler/dense/kernel/AdamWeightDecayOptimizer_1",
        "AdamWeightDecayOptimizer/bert/pooler/dense/kernel",
        "training/beta1_power",
        "training/Adam/beta",
        "model/transformer/r_r_bias/Adam",
        "x/LayerNorm/gamma/ExponentialMovingAverage",
    ],
)
def test_what_optimizers_keep_is_left_out(name: str) -> None:
    assert shapes({name: (2, 2)}, pretrained.BertModel.renames) == {}
    assert shapes({name: (2, 2)}, pretrained.XLNetModel.renames) == {}
