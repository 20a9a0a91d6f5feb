"""Is our CTRL the published one? Both classes against `transformers`, on random weights and fresh inputs."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError, InputError
from tests.parity.common import (
    assert_close,
    check_decoder_steps,
    check_exchange,
    check_losses_and_gradients,
    check_outputs,
    check_packed,
    inputs,
    pair,
)

HEADS = ["CTRLModel", "CTRLLMHeadModel"]


def ctrl(head, **changes):
    values = {
        "vocab_size": 97,
        "n_positions": 40,
        "n_embd": 32,
        "dff": 50,
        "n_layer": 2,
        "n_head": 4,
        "initializer_range": 0.15,
    }
    return pair(head, "CTRLConfig", values | changes)


def batch_for(config):
    batch = inputs(config, types=False)
    return batch | {"token_type_ids": torch.randint(0, config.vocab_size, batch["input_ids"].shape)}


@pytest.mark.parametrize("changes", [{}, {"n_layer": 3, "n_head": 2, "layer_norm_epsilon": 1e-3}], ids=range(2))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = ctrl(head, **changes)
    check_outputs(theirs, ours, batch_for(theirs.config))


def test_losses_and_gradients():
    theirs, ours = ctrl("CTRLLMHeadModel")
    batch = batch_for(theirs.config)
    check_losses_and_gradients(theirs, ours, batch | {"labels": batch["input_ids"]})


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = ctrl(head)
    check_packed(theirs, ours, batch_for(theirs.config))


def test_step_by_step():
    _, ours = ctrl("CTRLLMHeadModel")
    check_decoder_steps(lambda ids, mask, **rest: ours(ids, attention_mask=mask, **rest), vocab_size=97)


def test_pruned_heads_are_silent_heads():
    _, ours = ctrl("CTRLModel")
    ids = torch.randint(0, 97, (2, 9))
    with torch.no_grad():
        expected = ours(ids, head_mask=torch.tensor([[1.0, 0, 1, 0], [1, 1, 1, 0]]))[0]
        ours.prune_heads({0: [1, 3], 1: [3]})
        assert_close(ours(ids)[0], expected)


def test_bad_inputs():
    _, ours = ctrl("CTRLModel")
    with pytest.raises(InputError, match="41 tokens, the model has positions for 40"):
        ours(torch.zeros(1, 41, dtype=torch.long))
    with pytest.raises(InputError, match="from 97 to 97; the model has 0 to 96"):
        ours(torch.full((1, 3), 97))
    with pytest.raises(ConfigurationError, match="n_embd=31 cannot be divided among n_head=4"):
        pretrained.CTRLConfig(n_embd=31, n_head=4)


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = ctrl(head)
    check_exchange(theirs, ours, {"input_ids": torch.randint(0, 97, (2, 9))}, tmp_path)
