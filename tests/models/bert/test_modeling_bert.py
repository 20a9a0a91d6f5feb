"""What can be done to a BERT besides running it: tying, resizing, pruning, checkpointing, loading old names."""

import json

import pytest
import torch
from torch import nn

from pretrained import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertLMHeadModel,
    BertModel,
)
from pretrained.errors import CheckpointError, ConfigurationError, InputError


def config(**changes):
    values = {
        "vocab_size": 50,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 20,
        "initializer_range": 0.2,
    }
    return BertConfig(**values | changes)


def ids(rows=2, length=7):
    return torch.randint(1, 50, (rows, length))


def test_a_new_model_is_initialised_as_published():
    model = BertModel(BertConfig(num_hidden_layers=1, vocab_size=1000))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().max() == 0, name
        elif "LayerNorm" in name:
            assert torch.all(parameter == 1), name
        else:
            assert abs(parameter.std().item() - 0.02) < 2e-3, name
    assert model.embeddings.word_embeddings.weight[0].abs().max() == 0  # the padding row


def test_building_on_meta_computes_nothing():
    with torch.device("meta"):
        model = BertForPreTraining(config())
    assert all(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def test_ties():
    model = BertForMaskedLM(config())
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert model.cls.predictions.decoder.bias is model.cls.predictions.bias
    apart = BertForMaskedLM(config(tie_word_embeddings=False))
    assert apart.get_output_embeddings().weight is not apart.get_input_embeddings().weight
    assert apart.cls.predictions.decoder.bias is apart.cls.predictions.bias


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("count", [57, 31])
def test_resizing_the_vocabulary(count, tied, tmp_path):
    model = BertForMaskedLM(config(tie_word_embeddings=tied)).eval()
    with torch.no_grad():
        model.cls.predictions.bias.normal_()
    tokens = torch.randint(1, 31, (2, 7))
    before = model(tokens).logits
    embedding = model.resize_token_embeddings(count)
    assert embedding is model.get_input_embeddings()
    assert model.config.vocab_size == model.bert.config.vocab_size == count
    after = model(tokens).logits
    assert after.shape[-1] == count
    kept = min(count, 50)
    torch.testing.assert_close(after[..., :kept], before[..., :kept])
    if tied:
        assert model.get_output_embeddings().weight is embedding.weight
    assert model.cls.predictions.decoder.bias is model.cls.predictions.bias
    model.save_pretrained(tmp_path)
    torch.testing.assert_close(BertForMaskedLM.from_pretrained(tmp_path, strict=True)(tokens).logits, after)
    assert model.resize_token_embeddings() is embedding
    with pytest.raises(InputError, match="0"):
        model.resize_token_embeddings(0)


def test_pruned_heads_are_the_masked_ones_and_stay_pruned(tmp_path):
    model = BertForSequenceClassification(config()).eval()
    tokens = ids()
    mask = torch.ones(2, 4)
    mask[0, [0, 2]] = 0
    mask[1, 3] = 0
    masked = model(tokens, head_mask=mask).logits
    model.prune_heads({0: [2]})
    model.prune_heads({0: [0], 1: [3]})
    pruned = model(tokens).logits
    torch.testing.assert_close(pruned, masked, atol=1e-6, rtol=1e-5)
    assert model.bert.encoder.layer[0].attention.self.query.weight.shape == (12, 24)
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["pruned_heads"] == {"0": [0, 2], "1": [3]}
    again = BertForSequenceClassification.from_pretrained(tmp_path, strict=True)
    torch.testing.assert_close(again(tokens).logits, pruned)
    again.prune_heads({0: [2]})  # gone already
    torch.testing.assert_close(again(tokens).logits, pruned)
    with pytest.raises(InputError, match="heads 0 to 3"):
        model.prune_heads({0: [4]})
    with pytest.raises(InputError, match="layers 0 to 1"):
        model.prune_heads({5: [0]})
    with pytest.raises(InputError, match="without any head"):
        model.prune_heads({1: [0, 1, 2, 3]})


def test_gradient_checkpointing_changes_no_gradient():
    model = BertForMaskedLM(config(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)).train()
    tokens = ids()

    def gradients():
        model.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]

    plain = gradients()
    model.gradient_checkpointing_enable()
    assert model.bert.encoder.gradient_checkpointing
    for one, other in zip(gradients(), plain, strict=True):
        torch.testing.assert_close(one, other)
    model.gradient_checkpointing_disable()
    assert not model.bert.encoder.gradient_checkpointing
    assert BertModel(config(gradient_checkpointing=True)).encoder.gradient_checkpointing


def test_bad_inputs_say_both_numbers():
    model = BertModel(config()).eval()
    with pytest.raises(InputError, match=r"input_ids.* 77.*49"):
        model(torch.tensor([[1, 77]]))
    with pytest.raises(InputError, match=r"token_type_ids.* 4.*1"):
        model(torch.tensor([[1, 2]]), token_type_ids=torch.tensor([[0, 4]]))
    with pytest.raises(InputError, match=r"21 tokens.*20.*truncat"):
        model(ids(1, 21))
    with pytest.raises(InputError, match="either input_ids or inputs_embeds"):
        model()
    with pytest.raises(InputError, match="either input_ids or inputs_embeds"):
        model(ids(), inputs_embeds=torch.randn(2, 7, 24))
    with pytest.raises(InputError, match=r"3 rows.*2"):
        model(ids(), attention_mask=torch.ones(3, 7))
    with pytest.raises(InputError, match="add_cross_attention"):
        model(ids(), encoder_hidden_states=torch.randn(2, 3, 24))
    with pytest.raises(ConfigurationError, match="is_decoder"):
        BertModel(config(add_cross_attention=True))
    with pytest.raises(TypeError, match="from_pretrained"):
        BertModel("bert-base-uncased")


def test_return_dict_false_gives_a_plain_tuple():
    out = BertModel(config()).eval()(ids(), return_dict=False)
    assert type(out) is tuple
    assert len(out) == 2


def test_options_of_the_configuration():
    model = BertModel(config(output_hidden_states=True, output_attentions=True)).eval()
    out = model(ids())
    assert len(out.hidden_states) == 3
    assert out.attentions[0].shape == (2, 4, 7, 7)
    assert model(ids(), output_attentions=False).attentions is None


# -- loading


def save(model, folder, rename=lambda name: name):
    """A folder as somebody else would have written it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(model.config.to_json_string())
    torch.save({rename(name): tensor for name, tensor in model.state_dict().items()}, folder / "pytorch_model.bin")
    return folder


def old_names(name):
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


@pytest.mark.parametrize(
    "rename",
    [old_names, lambda name: f"module.{name}", lambda name: name.removeprefix("bert.")],
    ids=["gamma", "module", "bare"],
)
def test_names_of_earlier_years(rename, tmp_path):
    source = BertModel(config()).eval() if rename("bert.") == "" else BertForMaskedLM(config()).eval()
    folder = save(source, tmp_path / "m", rename)
    tokens = ids()
    loaded = type(source).from_pretrained(folder, strict=True)
    torch.testing.assert_close(loaded(tokens)[0], source(tokens)[0])


def test_users_own_dictionaries_load_with_names_of_earlier_years():
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = BertForPreTraining(config())
            self.top = nn.Linear(24, 3)

    source, target = Mine().eval(), Mine().eval()
    saved = {old_names(name): tensor for name, tensor in source.state_dict().items()}
    saved["encoder.bert.embeddings.position_ids"] = torch.arange(20)[None]
    target.load_state_dict(saved)
    tokens = ids()
    torch.testing.assert_close(target.encoder(tokens)[0], source.encoder(tokens)[0])
    parallel = {f"module.{name}": tensor for name, tensor in source.encoder.state_dict().items()}
    again = BertForPreTraining(config()).eval()
    again.load_state_dict(parallel)
    torch.testing.assert_close(again(tokens)[0], source.encoder(tokens)[0])


def test_a_head_on_a_bare_checkpoint_is_initialised_and_named(tmp_path, caplog):
    source = BertModel(config()).eval()
    source.save_pretrained(tmp_path)
    model, info = BertForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True, num_labels=4)
    assert sorted(info["missing_keys"]) == ["classifier.bias", "classifier.weight"]
    assert info["unexpected_keys"] == []
    assert "classifier.weight" in caplog.text
    assert model.classifier.weight.shape == (4, 24)
    assert model.classifier.bias.abs().max() == 0
    assert 0.1 < model.classifier.weight.std() < 0.3
    tokens = ids()
    torch.testing.assert_close(model.bert(tokens)[0], source(tokens)[0])
    with pytest.raises(CheckpointError, match=r"classifier\.weight"):
        BertForSequenceClassification.from_pretrained(tmp_path, strict=True)
    assert not model.training


def test_the_base_of_a_model_with_a_head(tmp_path):
    source = BertForPreTraining(config()).eval()
    source.save_pretrained(tmp_path)
    model, info = BertModel.from_pretrained(tmp_path, output_loading_info=True)
    assert info["missing_keys"] == []
    assert "cls.predictions.bias" in info["unexpected_keys"]
    tokens = ids()
    torch.testing.assert_close(model(tokens)[0], source.bert(tokens)[0])


def test_shapes_that_do_not_fit(tmp_path):
    BertForSequenceClassification(config(num_labels=3)).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"classifier\.weight.*3.*5"):
        BertForSequenceClassification.from_pretrained(tmp_path, num_labels=5)
    model = BertForSequenceClassification.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    assert model.classifier.weight.shape == (5, 24)


def test_dtypes_and_devices(tmp_path):
    BertModel(config()).to(torch.bfloat16).save_pretrained(tmp_path)
    assert BertModel.from_pretrained(tmp_path).dtype == torch.float32
    assert BertModel.from_pretrained(tmp_path, dtype="auto").dtype == torch.bfloat16
    assert BertModel.from_pretrained(tmp_path, torch_dtype=torch.float16).dtype == torch.float16
    assert BertModel.from_pretrained(tmp_path, dtype="float64", device="cpu").dtype == torch.float64
    with pytest.raises(ConfigurationError, match="int8"):
        BertModel.from_pretrained(tmp_path, dtype="int8")


def test_unknown_keywords_are_refused(tmp_path):
    BertModel(config()).save_pretrained(tmp_path)
    with pytest.raises(TypeError, match="colour"):
        BertModel.from_pretrained(tmp_path, colour="red")
    BertModel.from_pretrained(tmp_path, from_tf=False, low_cpu_mem_usage=True)  # old options without a meaning left


def test_state_dict_and_config_given(tmp_path):
    source = BertModel(config()).eval()
    loaded = BertModel.from_pretrained(None, config=source.config, state_dict=source.state_dict())
    tokens = ids()
    torch.testing.assert_close(loaded(tokens)[0], source(tokens)[0])
    with pytest.raises(ConfigurationError, match="config="):
        BertModel.from_pretrained(None)


def test_shards(tmp_path):
    source = BertForMaskedLM(config()).eval()
    source.save_pretrained(tmp_path, max_shard_size=8000)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    tokens = ids()
    torch.testing.assert_close(BertForMaskedLM.from_pretrained(tmp_path, strict=True)(tokens)[0], source(tokens)[0])


def test_auto_classes(tmp_path):
    BertForMaskedLM(config()).save_pretrained(tmp_path)
    assert type(AutoModel.from_pretrained(tmp_path)) is BertModel
    assert type(AutoModelForMaskedLM.from_pretrained(tmp_path)) is BertForMaskedLM
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=7)
    assert type(model) is BertForSequenceClassification
    assert model.config.num_labels == 7
    assert type(AutoModel.from_config(config())) is BertModel
    with pytest.raises(TypeError, match="from_pretrained"):
        AutoModel()


def test_a_forward_shows_the_inputs_it_passes_on():
    import inspect

    names = list(inspect.signature(BertForMaskedLM(config()).forward).parameters)
    assert names[:3] == ["input_ids", "attention_mask", "token_type_ids"]
    assert "labels" in names


def test_a_decoder_needs_no_pooler_and_no_next_sentence_head(tmp_path):
    BertForPreTraining(config()).save_pretrained(tmp_path)
    _, info = BertLMHeadModel.from_pretrained(tmp_path, is_decoder=True, output_loading_info=True)
    assert info["missing_keys"] == []


def test_loading_imports_no_compiler(tmp_path):
    """Filling tensors on the meta device would import torch's compiler, seconds of every start."""
    import subprocess
    import sys

    BertForMaskedLM(config()).save_pretrained(tmp_path)
    code = (
        "import sys; from pretrained import BertForMaskedLM; "
        f"BertForMaskedLM.from_pretrained({str(tmp_path)!r}); "
        "sys.exit('torch._dynamo' in sys.modules or 'torch._inductor' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_decoder_trains_with_gradient_checkpointing():
    model = BertLMHeadModel(config(is_decoder=True, gradient_checkpointing=True)).train()
    tokens = ids()
    model(tokens).logits.sum().backward()
    assert model.bert.encoder.layer[0].attention.self.query.weight.grad is not None
