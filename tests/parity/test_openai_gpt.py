"""Is our GPT the published one? Every head against `transformers`, on random weights and fresh inputs."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError
from tests.parity.common import (
    assert_close,
    assert_same_outputs,
    check_decoder_steps,
    check_exchange,
    check_losses_and_gradients,
    check_outputs,
    check_packed,
    inputs,
    pair,
)

PAD = 0
HEADS = ["OpenAIGPTModel", "OpenAIGPTLMHeadModel", "OpenAIGPTForSequenceClassification"]


def gpt(head, **changes):
    values = {
        "vocab_size": 97,
        "n_positions": 40,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "initializer_range": 0.15,
        "num_labels": 3,
        "pad_token_id": PAD,
    }
    return pair(head, "OpenAIGPTConfig", values | changes)


def batch_for(config):
    """Texts of unequal lengths, with the padding token behind them and nowhere else."""
    batch = inputs(config, types=False)
    batch["input_ids"] = batch["input_ids"].clamp(min=PAD + 1).masked_fill(batch["attention_mask"] == 0, PAD)
    return batch | {"token_type_ids": torch.randint(0, config.vocab_size, batch["input_ids"].shape)}


@pytest.mark.parametrize("changes", [{}, {"afn": "relu", "n_head": 2}, {"afn": "swish"}], ids=["gelu", "relu", "swish"])
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = gpt(head, **changes)
    check_outputs(theirs, ours, batch_for(theirs.config))


@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head):
    theirs, ours = gpt(head)
    batch = batch_for(theirs.config)
    labels = batch["input_ids"] if head.endswith("LMHeadModel") else torch.tensor([0, 2, 1, 1])
    check_losses_and_gradients(theirs, ours, batch | {"labels": labels})


def test_double_heads():
    theirs, ours = gpt("OpenAIGPTDoubleHeadsModel")
    ids = torch.randint(0, 97, (2, 3, 9))
    batch = {"input_ids": ids, "mc_token_ids": torch.randint(0, 9, (2, 3))}
    labels = {"labels": ids, "mc_labels": torch.tensor([2, 0])}
    with torch.no_grad():
        assert_same_outputs(ours(**batch, **labels), theirs(**batch, **labels))


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = gpt(head)
    check_packed(theirs, ours, batch_for(theirs.config))


def test_step_by_step():
    _, ours = gpt("OpenAIGPTLMHeadModel")
    assert ours(torch.zeros(1, 3, dtype=torch.long)).past_key_values is None  # as published
    check_decoder_steps(lambda ids, mask, **rest: ours(ids, mask, **({"use_cache": True} | rest)), vocab_size=97)


def test_pruned_heads_are_silent_heads():
    _, ours = gpt("OpenAIGPTModel")
    ids = torch.randint(0, 97, (2, 9))
    with torch.no_grad():
        expected = ours(ids, head_mask=torch.tensor([[1.0, 0, 1, 0], [1, 1, 1, 0]]))[0]
        ours.prune_heads({0: [1, 3], 1: [3]})
        assert_close(ours(ids)[0], expected)


def test_unknown_activation():
    with pytest.raises(ConfigurationError, match="afn='tanh' is not known; it is one of gelu, relu"):
        pretrained.OpenAIGPTConfig(afn="tanh")


@pytest.mark.parametrize("head", [*HEADS, "OpenAIGPTDoubleHeadsModel"])
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = gpt(head)
    ids = torch.randint(1, 97, (2, 3, 9) if head == "OpenAIGPTDoubleHeadsModel" else (2, 9))
    check_exchange(theirs, ours, {"input_ids": ids}, tmp_path)
