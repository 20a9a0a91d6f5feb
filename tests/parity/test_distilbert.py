"""Is our DistilBERT the published one? Every head against `transformers`, on random weights and fresh inputs."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError, InputError
from tests.parity import common
from tests.parity.common import assert_close, choices_of, labels_for

SIZES = [
    {},
    {"dim": 60, "n_heads": 5, "hidden_dim": 77, "n_layers": 3, "activation": "relu"},
    {"dim": 24, "n_heads": 1, "n_layers": 1, "sinusoidal_pos_embds": True},
]
HEADS = [
    "DistilBertModel",
    "DistilBertForMaskedLM",
    "DistilBertForSequenceClassification",
    "DistilBertForMultipleChoice",
    "DistilBertForTokenClassification",
    "DistilBertForQuestionAnswering",
]


def sizes(**changes):
    return {
        "vocab_size": 97,
        "dim": 32,
        "n_layers": 2,
        "n_heads": 4,
        "hidden_dim": 64,
        "max_position_embeddings": 40,
        "initializer_range": 0.15,
        "num_labels": 3,
    } | changes


def pair(head: str, **changes):
    return common.pair(head, "DistilBertConfig", sizes(**changes))


def inputs(head: str, config):
    return common.inputs(config, choices=choices_of(head), types=False)


@pytest.mark.parametrize("changes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = pair(head, **changes)
    common.check_outputs(theirs, ours, inputs(head, theirs.config))


@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = inputs(head, theirs.config)
    common.check_losses_and_gradients(theirs, ours, batch | labels_for(head, theirs.config, batch))


def test_inputs_embeds_and_positions():
    theirs, ours = pair("DistilBertModel")
    given = {"inputs_embeds": torch.randn(4, 13, 32), "position_ids": torch.randint(0, 40, (4, 13))}
    with torch.no_grad():
        assert_close(ours(**given)[0], theirs(**given)[0])


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = pair(head)
    common.check_packed(theirs, ours, inputs(head, theirs.config), choices=choices_of(head))


@pytest.mark.parametrize("head", ["DistilBertForSequenceClassification", "DistilBertForTokenClassification"])
def test_packed_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = inputs(head, theirs.config)
    common.check_packed_losses_and_gradients(theirs, ours, batch, labels_for(head, theirs.config, batch))


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = pair(head)
    common.check_exchange(theirs, ours, inputs(head, theirs.config), tmp_path)


def test_sinusoidal_positions_are_theirs_and_not_trained():
    values = sizes(sinusoidal_pos_embds=True, dim=36)
    theirs = common.transformers.DistilBertModel(common.transformers.DistilBertConfig(**values))
    ours = pretrained.DistilBertModel(pretrained.DistilBertConfig(**values))
    table = ours.embeddings.position_embeddings.weight
    assert_close(table, theirs.embeddings.position_embeddings.weight.detach())
    assert not table.requires_grad


def test_a_pruned_model_is_one_whose_heads_are_silent():
    _, ours = pair("DistilBertModel")
    batch = inputs("DistilBertModel", ours.config)
    mask = torch.ones(2, 4)
    mask[0, 1] = mask[1, 0] = mask[1, 3] = 0
    with torch.no_grad():
        silent = ours(**batch, head_mask=mask)[0]
        ours.prune_heads({0: [1], 1: [0, 3]})
        assert_close(ours(**batch)[0], silent)
    assert ours.transformer.layer[1].attention.q_lin.out_features == 16
    with pytest.raises(InputError, match="layer 2 cannot be pruned"):
        ours.prune_heads({2: [0]})


def test_recomputing_activations_changes_no_gradient():
    _, ours = pair("DistilBertModel")
    batch = inputs("DistilBertModel", ours.config)
    gradients = []
    for recompute in (False, True):
        ours.train().zero_grad()
        ours.gradient_checkpointing_enable(recompute)
        torch.manual_seed(1)
        ours(**batch)[0].sum().backward()
        gradients.append([parameter.grad for parameter in ours.parameters() if parameter.grad is not None])
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other)


def test_inputs_that_do_not_fit():
    _, ours = pair("DistilBertModel")
    with pytest.raises(InputError, match="41 tokens, the model has positions for 40"):
        ours(torch.zeros(1, 41, dtype=torch.long))
    with pytest.raises(InputError, match="from 5 to 97; the model has 0 to 96"):
        ours(torch.tensor([[5, 97]]))
    with pytest.raises(InputError, match="attention_mask has 3 rows, the batch has 2"):
        ours(torch.zeros(2, 4, dtype=torch.long), torch.ones(3, 4))
    with pytest.raises(ConfigurationError, match="dim=30 cannot be divided among n_heads=4"):
        pretrained.DistilBertConfig(hidden_size=30, num_attention_heads=4)
