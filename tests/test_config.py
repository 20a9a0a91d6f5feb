"""Does a configuration keep every key, whatever year it is from?"""

import dataclasses
import json

import numpy as np
import pytest
import torch

from pretrained import AutoConfig, BertConfig, PretrainedConfig, registry
from pretrained.errors import ConfigurationError, ModelFileNotFoundError


class Small(PretrainedConfig):
    model_type = "small"
    aliases = {"n_embd": "hidden_size"}  # noqa: RUF012

    hidden_size: int = 8


def test_the_published_defaults():
    config = BertConfig()
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (30522, 768, 12)
    assert config.num_labels == 2
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"}
    assert config.model_type == "bert"


def test_unknown_keys_survive(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"hidden_size": 24, "num_attention_heads": 3, "directionality": "bidi"})
    )
    config = BertConfig.from_pretrained(tmp_path)
    assert config.directionality == "bidi"
    config.save_pretrained(tmp_path / "again")
    assert BertConfig.from_pretrained(tmp_path / "again") == config
    assert json.loads((tmp_path / "again" / "config.json").read_text())["directionality"] == "bidi"


@pytest.mark.parametrize("model_type", registry.families())
def test_every_field_survives_a_round_trip(model_type, tmp_path):
    family = registry.family(model_type)
    config_class = registry.load(family, family.config)
    changes = {}
    for field in dataclasses.fields(config_class):
        value = getattr(config_class(), field.name)
        if isinstance(value, bool | float):
            change = {field.name: not value if isinstance(value, bool) else value / 2}
            try:
                config_class(**changes | change)
            except ConfigurationError:  # an option that this family has one value for
                continue
            changes |= change
    config = config_class(**changes)
    assert len(changes) > 10
    config.id2label = {0: "no", 1: "yes", 2: "maybe"}
    config.label2id = {"no": 0, "yes": 1, "maybe": 2}
    config.save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path)
    assert type(again) is config_class
    assert again == config


def test_overrides(tmp_path):
    BertConfig(num_labels=5).save_pretrained(tmp_path)
    config, unused = BertConfig.from_pretrained(
        tmp_path, num_labels=3, hidden_act="relu", colour=1, return_unused_kwargs=True
    )
    assert config.num_labels == 3
    assert config.label2id == {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}
    assert config.hidden_act == "relu"
    assert unused == {"colour": 1}
    assert BertConfig.from_pretrained(tmp_path).num_labels == 5


def test_labels():
    config = BertConfig(id2label={"0": "neg", "1": "pos", "2": "mixed"})
    assert config.num_labels == 3
    assert config.label2id == {"neg": 0, "pos": 1, "mixed": 2}
    config.num_labels = 4
    assert config.id2label[3] == "LABEL_3"
    with pytest.raises(ConfigurationError, match="id2label"):
        BertConfig(id2label=["neg", "pos"])


def test_aliases_read_and_set_the_same_value():
    config = Small(n_embd=12)
    assert config.hidden_size == config.n_embd == 12
    config.n_embd = 16
    assert config.hidden_size == 16
    assert "n_embd" not in config.to_dict()
    assert Small.from_dict({"n_embd": 20}).hidden_size == 20
    assert Small.from_dict({"hidden_size": 20}, n_embd=24).hidden_size == 24


def test_contradictions_name_both_numbers():
    with pytest.raises(ConfigurationError, match=r"768.*7"):
        BertConfig(num_attention_heads=7)
    with pytest.raises(ConfigurationError, match="vocab_size"):
        BertConfig(vocab_size=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layer_norm_eps": "1e-12"}, "layer_norm_eps must be a number, got the text '1e-12'"),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob must be a number"),
        ({"num_labels": "2"}, "num_labels must be a number"),
        ({"num_hidden_layers": 10**9}, "no model has more than 1,000 layers"),
    ],
)
def test_numbers_that_cannot_be_are_refused(values, message):
    with pytest.raises(ConfigurationError, match=message):
        BertConfig(**values)


def test_numbers_of_other_libraries_count():
    """`labels.max() + 1` is no int."""
    assert BertConfig(num_labels=np.int64(5)).num_labels == 5
    assert BertConfig(num_labels=torch.tensor(4)).num_labels == 4


def test_the_constructors_of_2019():
    assert BertConfig(vocab_size_or_config_json_file=320).vocab_size == 320
    with pytest.raises(TypeError, match="BertConfig takes its values by name, such as vocab_size=100"):
        BertConfig(100)


def test_equality_and_printing():
    assert BertConfig() == BertConfig()
    assert BertConfig() != BertConfig(hidden_act="relu")
    assert BertConfig() != Small()
    assert '"hidden_act": "relu"' in repr(BertConfig(hidden_act="relu"))
    assert "hidden_dropout_prob" not in repr(BertConfig())
    assert "hidden_dropout_prob" in BertConfig().to_json_string(use_diff=False)


def test_lists_are_not_shared():
    one, other = BertConfig(), BertConfig()
    one.pruned_heads[0] = [1]
    one.id2label[0] = "changed"
    assert other.pruned_heads == {}
    assert other.id2label[0] == "LABEL_0"


def test_a_missing_configuration_is_named(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n")
    with pytest.raises(ModelFileNotFoundError, match=r"config\.json"):
        BertConfig.from_pretrained(tmp_path)


def test_auto_config():
    assert AutoConfig.for_model("bert", hidden_size=384).hidden_size == 384
    with pytest.raises(ConfigurationError, match="bert"):
        AutoConfig.for_model("bart-of-2031")
