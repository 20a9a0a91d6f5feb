"""Do renaming rules touch what they are meant for, and nothing else?"""

import re
import time

import pytest

from pretrained.checkpoints import Rename, historical_name, wrapper_prefix
from pretrained.checkpoints.names import HISTORICAL, MAX_NAME, find_rule
from pretrained.errors import CheckpointError


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight"),
        ("bert.encoder.layer.11.output.LayerNorm.beta", "bert.encoder.layer.11.output.LayerNorm.bias"),
        ("LayerNorm.gamma", "LayerNorm.weight"),
        ("transformer.layer.3.rel_attn.layer_norm.beta", "transformer.layer.3.rel_attn.layer_norm.bias"),
        ("transformer.layer_norm1.4.gamma", "transformer.layer_norm1.4.weight"),
        ("full_layer_layer_norm.gamma", "full_layer_layer_norm.weight"),
        ("bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.weight"),
        # names that people gave to parameters of their own
        ("gamma", "gamma"),
        ("head.gamma", "head.gamma"),
        ("convnext.layers.0.gamma_1", "convnext.layers.0.gamma_1"),
        ("LayerNorm.block.gamma", "LayerNorm.block.gamma"),
        ("gamma_net.weight", "gamma_net.weight"),
        ("model.alphabeta.bias", "model.alphabeta.bias"),
        ("LayerNorm.gamma.extra", "LayerNorm.gamma.extra"),
        ("bert.embeddings.position_ids", None),
        ("position_ids", None),
        ("transformer.position_ids", None),
        ("my_position_ids", "my_position_ids"),
        ("position_ids.weight", "position_ids.weight"),
        ("bert.embeddings.position_embeddings.weight", "bert.embeddings.position_embeddings.weight"),
    ],
)
def test_historical_names(key: str, name: str | None) -> None:
    assert historical_name(key) == name


@pytest.mark.parametrize(
    ("keys", "prefix"),
    [
        (["module.a", "module.b.c"], "module."),
        (["_orig_mod.a"], "_orig_mod."),
        (["module._orig_mod.a", "module._orig_mod.b"], "module._orig_mod."),
        (["_orig_mod.module.a"], "_orig_mod.module."),
        (["module.a", "module._orig_mod.b"], "module."),
        (["module.a", "b"], ""),
        (["modules.a"], ""),
        ([], ""),
    ],
)
def test_wrapper_prefix(keys: list[str], prefix: str) -> None:
    assert wrapper_prefix(keys) == prefix


def test_a_rule_matches_whole_keys() -> None:
    rule = Rename(r"a\.(\d)", r"b.\1")
    assert rule.apply("a.1") == "b.1"
    assert not rule.matches("xa.1")
    assert not rule.matches("a.11")
    with pytest.raises(re.error):
        Rename("(", "x")


def test_no_key_may_match_two_rules() -> None:
    stage = (Rename(r"a\..*", "x"), Rename(r".*\.b", "y"))
    assert find_rule("a.c", stage) is stage[0]
    assert find_rule("c", stage) is None
    with pytest.raises(CheckpointError, match=r"both match 'a\.b'"):
        find_rule("a.b", stage)


def test_no_known_name_matches_two_historical_rules() -> None:
    modules = ("", "bert.", "bert.encoder.layer.0.output.", "transformer.layer_norm1.3.", "position_ids.", "layernorm.")
    parts = ("LayerNorm", "layer_norm", "layernorm1", "position_ids", "dense", "attention")
    leaves = ("gamma", "beta", "weight", "bias", "position_ids")
    for key in (f"{module}{part}.{leaf}" for module in modules for part in parts for leaf in leaves):
        find_rule(key, HISTORICAL)


def test_a_long_hostile_name_costs_little() -> None:
    start = time.perf_counter()
    for fill in ("LayerNorm", "layer_norm.", "a.", ".", "1", "LayerNorm.1"):
        for end in (".gamma", ".x.gamma", ".beta.", ".position_ids"):
            historical_name((fill * MAX_NAME)[: MAX_NAME - len(end)] + end)
    assert time.perf_counter() - start < 1
