"""Is our ALBERT the published one? Every head against `transformers`, with layers shared in every way."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError, InputError
from tests.parity import common
from tests.parity.common import assert_close, choices_of, labels_for

SIZES = [
    {},
    {"hidden_size": 60, "num_attention_heads": 5, "num_hidden_layers": 5, "num_hidden_groups": 2, "hidden_act": "relu"},
    {"embedding_size": 24, "hidden_size": 24, "num_hidden_layers": 2, "num_hidden_groups": 2, "inner_group_num": 2},
]
HEADS = [
    "AlbertModel",
    "AlbertForPreTraining",
    "AlbertForMaskedLM",
    "AlbertForSequenceClassification",
    "AlbertForMultipleChoice",
    "AlbertForTokenClassification",
    "AlbertForQuestionAnswering",
]


def pair(head: str, **changes):
    values = common.sizes(**{"embedding_size": 12, "num_hidden_layers": 3} | changes)
    if head == "AlbertForPreTraining":
        values["num_labels"] = 2  # theirs scores the order of two texts by as many classes
    return common.pair(head, "AlbertConfig", values)


def inputs(head: str, config):
    return common.inputs(config, choices=choices_of(head))


@pytest.mark.parametrize("changes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = pair(head, **changes)
    common.check_outputs(theirs, ours, inputs(head, theirs.config))


@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head):
    theirs, ours = pair(head, num_hidden_groups=2)
    batch = inputs(head, theirs.config)
    common.check_losses_and_gradients(theirs, ours, batch | labels_for(head, theirs.config, batch))


def test_inputs_embeds_and_positions():
    theirs, ours = pair("AlbertModel")
    given = {"inputs_embeds": torch.randn(4, 13, 12), "position_ids": torch.randint(0, 40, (4, 13))}
    with torch.no_grad():
        assert_close(ours(**given)[0], theirs(**given)[0])
        assert_close(ours(**given)[1], theirs(**given)[1])


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = pair(head)
    common.check_packed(theirs, ours, inputs(head, theirs.config), choices=choices_of(head))


@pytest.mark.parametrize("head", ["AlbertForMaskedLM", "AlbertForSequenceClassification"])
def test_packed_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = inputs(head, theirs.config)
    common.check_packed_losses_and_gradients(theirs, ours, batch, labels_for(head, theirs.config, batch))


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = pair(head)
    common.check_exchange(theirs, ours, inputs(head, theirs.config), tmp_path)


def test_both_dropouts_and_the_classifiers():
    config = pretrained.AlbertConfig(
        vocab_size=9,
        embedding_size=4,
        hidden_size=8,
        num_attention_heads=2,
        intermediate_size=8,
        hidden_dropout_prob=0.25,
        attention_probs_dropout_prob=0.5,
        classifier_dropout_prob=0.75,
    )
    model = pretrained.AlbertForSequenceClassification(config)
    attention = model.albert.encoder.albert_layer_groups[0].albert_layers[0].attention
    assert attention.attention_dropout == 0.5
    assert attention.output_dropout.p == model.albert.embeddings.dropout.p == 0.25
    assert model.dropout.p == 0.75
    ids = torch.randint(0, 9, (2, 6))
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)


def test_a_pruned_model_is_one_whose_heads_are_silent():
    _, ours = pair("AlbertModel", num_hidden_layers=4, num_hidden_groups=2)
    batch = inputs("AlbertModel", ours.config)
    mask = torch.ones(4, 4)
    mask[2:, 1] = 0  # the second group is called third and fourth
    with torch.no_grad():
        silent = ours(**batch, head_mask=mask)[0]
        ours.prune_heads({1: [1]})
        assert_close(ours(**batch)[0], silent)
    with pytest.raises(InputError, match="layer 2 cannot be pruned; this model has layers 0 to 1"):
        ours.prune_heads({2: [0]})


def test_recomputing_activations_changes_no_gradient():
    _, ours = pair("AlbertModel")
    batch = inputs("AlbertModel", ours.config)
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
    _, ours = pair("AlbertModel")
    with pytest.raises(InputError, match="41 tokens, the model has positions for 40"):
        ours(torch.zeros(1, 41, dtype=torch.long))
    with pytest.raises(InputError, match="token_type_ids holds numbers from 0 to 2; the model has 0 to 1"):
        ours(torch.tensor([[5, 9]]), token_type_ids=torch.tensor([[0, 2]]))
    with pytest.raises(ConfigurationError, match="num_hidden_groups must be a positive whole number, got 0"):
        pretrained.AlbertConfig(num_hidden_groups=0)
