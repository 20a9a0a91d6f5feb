"""Do the releases of the original authors load, and compute what the converters of their time made of them?

Google's, CMU's and OpenAI's files, small: real writers wrote them, see goldens/make_tf_bundle.py.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import pretrained
from pretrained.checkpoints import Rename, from_state_dict, published
from pretrained.checkpoints.tf_names import TENSORFLOW_1

GOLDENS = Path(__file__).parent / "goldens" / "tf_bundle"
IDS = torch.tensor([[2, 7, 5, 11, 3], [2, 19, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., Path]:
    """A folder with the files that its authors published."""

    def release(family: str, config: str | None = None, weights: str = "") -> Path:
        folder = tmp_path / "release"
        folder.mkdir()
        for path in (GOLDENS / family).iterdir():
            if path.suffix != ".safetensors" and path.name.startswith((weights, "config")):
                (folder / path.name).write_bytes(path.read_bytes())
        if config is not None:  # where its authors gave none
            (folder / "config.json").write_bytes((GOLDENS / family / config).read_bytes())
            for name in ("discriminator_config.json", "generator_config.json"):
                (folder / name).unlink()
        return folder

    return release


def loaded(kind: str, folder: Path, **options: Any) -> Any:
    model = getattr(pretrained, kind).from_pretrained(folder, **options)
    assert (model.load_report.missing, model.load_report.unexpected) == ([], [])
    return model


def expected(family: str) -> dict[str, torch.Tensor]:
    return load_file(GOLDENS / family / "outputs.safetensors")


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "family", "config", "outputs"),
    [
        ("BertForPreTraining", "bert", None, {"prediction_logits": "tokens", "seq_relationship_logits": "sentences"}),
        ("AlbertForPreTraining", "albert", None, {"prediction_logits": "tokens", "sop_logits": "sentences"}),
        # one checkpoint with both networks; the class decides which one is read
        ("ElectraForPreTraining", "electra", "discriminator_config.json", {"logits": "discriminator"}),
        ("ElectraForMaskedLM", "electra", "generator_config.json", {"logits": "generator"}),
        ("XLNetLMHeadModel", "xlnet", None, {"logits": "tokens"}),
    ],
)
def test_outputs(
    release: Callable[..., Path], kind: str, family: str, config: str | None, outputs: dict[str, str]
) -> None:
    model = loaded(kind, release(family, config))
    with torch.no_grad():
        out = model(IDS, attention_mask=MASK)
    for ours, theirs in outputs.items():
        close(out[ours], expected(family)[theirs])


@pytest.mark.parametrize("weights", ["ckpt-1", "weights"])
def test_checkpoints_of_objects(release: Callable[..., Path], weights: str) -> None:
    """`tf.train.Checkpoint(model=…).save` and `model.save_weights(…, save_format="tf")` of a TFBert."""
    model = loaded("BertForSequenceClassification", release("objects", weights=weights))
    with torch.no_grad():
        close(model(IDS, attention_mask=MASK).logits, expected("objects")["logits"])


@pytest.mark.parametrize("named", ["", "bert_model.ckpt", "bert_model.ckpt.index"])
def test_folder_prefix_and_index_name_the_same_model(release: Callable[..., Path], named: str) -> None:
    model = pretrained.AutoModelForMaskedLM.from_pretrained(release("bert") / named)
    with torch.no_grad():
        close(model(IDS, attention_mask=MASK).logits, expected("bert")["tokens"])


@pytest.mark.parametrize("family", ["gpt2", "openai_gpt"])
def test_hidden_states(release: Callable[..., Path], family: str) -> None:
    config = pretrained.OpenAIGPTConfig(vocab_size=30, n_positions=16, n_embd=8, n_head=2, n_layer=2)
    if family == "gpt2":
        model = loaded("GPT2Model", release(family))
    else:  # its width is no multiple of a head's, from which the number of heads would follow
        model = loaded("OpenAIGPTModel", release(family), config=config)
    with torch.no_grad():
        close(model(IDS).last_hidden_state, expected(family)["hidden"])


def test_transformer_xl_reads_what_the_converter_read(release: Callable[..., Path]) -> None:
    model = loaded("TransfoXLLMHeadModel", release("transfo_xl"))
    theirs = load_file(GOLDENS / "transfo_xl" / "weights.safetensors")
    del theirs["transformer.pos_emb.inv_freq"]  # computed here
    ours = model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_language_model_of_gpt2_is_tied(release: Callable[..., Path]) -> None:
    model = loaded("GPT2LMHeadModel", release("gpt2"))
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
