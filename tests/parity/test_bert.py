"""Is our BERT the published one? Every head against `transformers`, on random weights and fresh inputs."""

import pytest
import torch

from pretrained.nn.activations import ACTIVATIONS
from tests.parity import common
from tests.parity.common import assert_close, choices_of, labels_for, packed, sizes

SIZES = [
    {},
    {"hidden_size": 60, "num_attention_heads": 5, "intermediate_size": 77, "num_hidden_layers": 3},
    {
        "hidden_size": 24,
        "num_attention_heads": 1,
        "num_hidden_layers": 1,
        "type_vocab_size": 3,
        "layer_norm_eps": 1e-5,
    },
]
HEADS = [
    "BertModel",
    "BertForPreTraining",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForSequenceClassification",
    "BertForMultipleChoice",
    "BertForTokenClassification",
    "BertForQuestionAnswering",
]


def pair(head: str, **changes):
    return common.pair(head, "BertConfig", sizes(**changes))


def inputs(head: str, config):
    return common.inputs(config, choices=choices_of(head))


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


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"num_labels": 1}, torch.tensor([0.5, -1.0, 2.0, 0.0])),
        ({"problem_type": "multi_label_classification"}, torch.rand(4, 3).round()),
        ({"problem_type": "regression"}, torch.rand(4, 3)),
    ],
    ids=["regression", "multi-label", "several values"],
)
def test_sequence_classification_problems(changes, labels):
    theirs, ours = pair("BertForSequenceClassification", **changes)
    batch = common.inputs(theirs.config) | {"labels": labels}
    assert_close(ours(**batch).loss, theirs(**batch).loss)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "tanh"])
def test_activations(name):
    theirs, ours = pair("BertModel", hidden_act=name)
    batch = common.inputs(theirs.config)
    with torch.no_grad():
        assert_close(ours(**batch)[0], theirs(**batch)[0])


@pytest.mark.parametrize("cross", [False, True])
def test_decoder(cross):
    theirs, ours = pair("BertLMHeadModel", is_decoder=True, add_cross_attention=cross)
    batch = common.inputs(theirs.config)
    if cross:
        batch["encoder_hidden_states"] = torch.randn(4, 6, 32)
        batch["encoder_attention_mask"] = (torch.arange(6) < torch.tensor([6, 2, 4, 1])[:, None]).long()
    common.check_outputs(theirs, ours, batch)
    assert_close(ours(**batch, labels=batch["input_ids"]).loss, theirs(**batch, labels=batch["input_ids"]).loss)


@pytest.mark.parametrize("cross", [False, True])
def test_decoder_step_by_step(cross):
    _, ours = pair("BertLMHeadModel", is_decoder=True, add_cross_attention=cross)
    encoder = {"encoder_hidden_states": torch.randn(3, 5, 32)} if cross else {}
    common.check_decoder_steps(ours, vocab_size=97, encoder=encoder)


def test_three_dimensional_mask_and_inputs_embeds():
    theirs, ours = pair("BertModel")
    batch = common.inputs(theirs.config)
    mask = torch.rand(4, 13, 13).round().long()
    mask[:, :, 0] = 1
    embeds = torch.randn(4, 13, 32)
    positions = torch.randint(0, 40, (4, 13))
    with torch.no_grad():
        four = torch.zeros(4, 1, 13, 13).masked_fill(mask[:, None] == 0, torch.finfo(torch.float32).min)
        expected = theirs(batch["input_ids"], attention_mask=four)[0]
        assert_close(ours(batch["input_ids"], attention_mask=mask)[0], expected)
        assert_close(ours(batch["input_ids"], attention_mask=four)[0], expected)
        given = {"inputs_embeds": embeds, "position_ids": positions}
        assert_close(ours(**given)[0], theirs(**given)[0])


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = pair(head)
    common.check_packed(theirs, ours, inputs(head, theirs.config), choices=choices_of(head))


def test_packed_decoder_equals_theirs():
    theirs, ours = pair("BertLMHeadModel", is_decoder=True)
    batch = common.inputs(theirs.config)
    tokens, layout, visible = packed(batch)
    with torch.no_grad():
        assert_close(ours(**tokens, layout=layout).logits, theirs(**batch).logits[visible])
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    assert_close(ours(**tokens, labels=tokens["input_ids"], layout=layout).loss, theirs(**batch, labels=labels).loss)


@pytest.mark.parametrize("head", ["BertForMaskedLM", "BertForTokenClassification", "BertForSequenceClassification"])
def test_packed_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = common.inputs(theirs.config)
    common.check_packed_losses_and_gradients(theirs, ours, batch, labels_for(head, theirs.config, batch))


@pytest.mark.parametrize("head", [*HEADS, "BertLMHeadModel"])
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = pair(head, is_decoder=head == "BertLMHeadModel")
    common.check_exchange(theirs, ours, inputs(head, theirs.config), tmp_path)


def test_key_sets_are_the_published_ones():
    for head in [*HEADS, "BertLMHeadModel"]:
        theirs, ours = pair(head)
        assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_the_embeddings_alone():
    theirs, ours = pair("BertModel", type_vocab_size=3)
    ids = torch.randint(1, theirs.config.vocab_size, (2, 7))
    types = torch.randint(0, 3, (2, 7))
    with torch.no_grad():
        assert_close(ours.embeddings(ids), theirs.embeddings(ids))
        assert_close(ours.embeddings(ids, token_type_ids=types), theirs.embeddings(ids, token_type_ids=types))
