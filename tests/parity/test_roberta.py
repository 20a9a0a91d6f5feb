"""Is our RoBERTa the published one? Every head against `transformers`; above all, how positions are counted."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError, InputError
from pretrained.nn.layout import Packed
from tests.parity import common
from tests.parity.common import assert_close, choices_of, labels_for, packed, sizes

SIZES = [
    {},
    {"hidden_size": 60, "num_attention_heads": 5, "intermediate_size": 77, "num_hidden_layers": 3, "pad_token_id": 4},
    {"hidden_size": 24, "num_attention_heads": 1, "num_hidden_layers": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
]
HEADS = [
    "RobertaModel",
    "RobertaForMaskedLM",
    "RobertaForSequenceClassification",
    "RobertaForMultipleChoice",
    "RobertaForTokenClassification",
    "RobertaForQuestionAnswering",
]


def pair(head: str, **changes):
    return common.pair(head, "RobertaConfig", sizes(**changes))


def inputs(head: str, config, *, left: bool = False):
    return common.inputs(config, choices=choices_of(head), left=left)


@pytest.mark.parametrize("changes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = pair(head, **changes)
    common.check_outputs(theirs, ours, inputs(head, theirs.config))


@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = inputs(head, theirs.config, left=True)
    common.check_losses_and_gradients(theirs, ours, batch | labels_for(head, theirs.config, batch))


@pytest.mark.parametrize("head", ["RobertaModel", "RobertaForMultipleChoice"])
def test_padding_on_the_left(head):
    theirs, ours = pair(head)
    common.check_outputs(theirs, ours, inputs(head, theirs.config, left=True))


def test_padding_on_the_left_changes_nothing():
    _, ours = pair("RobertaModel")
    ids = torch.randint(2, 97, (1, 7))
    left = torch.cat([torch.full((1, 5), 1), ids], 1)
    with torch.no_grad():
        assert_close(ours(left, (left != 1).long())[0][:, 5:], ours(ids)[0])


def test_inputs_embeds_and_positions():
    theirs, ours = pair("RobertaModel")
    embeds = torch.randn(4, 13, 32)
    mask = common.inputs(theirs.config)["attention_mask"]
    positions = torch.randint(0, 40, (4, 13))
    with torch.no_grad():
        for given in ({}, {"position_ids": positions}):
            batch = {"inputs_embeds": embeds, "attention_mask": mask} | given
            assert_close(ours(**batch)[0], theirs(**batch)[0])


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = pair(head)
    batch = inputs(head, theirs.config)
    batch["input_ids"][..., 2] = 1  # the padding token, in the midst of a text
    common.check_packed(theirs, ours, batch, choices=choices_of(head))


@pytest.mark.parametrize("head", ["RobertaForMaskedLM", "RobertaForQuestionAnswering"])
def test_packed_equals_theirs_padded_on_the_left(head):
    theirs, ours = pair(head)
    common.check_packed(theirs, ours, inputs(head, theirs.config, left=True))


@pytest.mark.parametrize("head", ["RobertaForMaskedLM", "RobertaForSequenceClassification"])
def test_packed_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = common.inputs(theirs.config)
    common.check_packed_losses_and_gradients(theirs, ours, batch, labels_for(head, theirs.config, batch))


@pytest.mark.parametrize("cross", [False, True])
def test_decoder(cross):
    theirs, ours = pair("RobertaForCausalLM", is_decoder=True, add_cross_attention=cross)
    batch = common.inputs(theirs.config)
    if cross:
        batch["encoder_hidden_states"] = torch.randn(4, 6, 32)
    common.check_outputs(theirs, ours, batch)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    assert_close(ours(**batch, labels=labels).loss, theirs(**batch, labels=labels).loss)
    common.check_decoder_steps(
        ours, vocab_size=97, encoder={"encoder_hidden_states": torch.randn(3, 5, 32)} if cross else {}
    )


def test_packed_decoder():
    theirs, ours = pair("RobertaForCausalLM", is_decoder=True)
    batch = common.inputs(theirs.config)
    common.check_packed(theirs, ours, batch)
    tokens, layout, _ = packed(batch)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    assert_close(ours(**tokens, labels=tokens["input_ids"], layout=layout).loss, theirs(**batch, labels=labels).loss)


@pytest.mark.parametrize("head", [*HEADS, "RobertaForCausalLM"])
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = pair(head, is_decoder=head == "RobertaForCausalLM")
    common.check_exchange(theirs, ours, inputs(head, theirs.config), tmp_path)


def test_too_long():
    _, ours = pair("RobertaModel")
    ids = torch.randint(2, 97, (1, 38))
    ours(ids)
    with pytest.raises(InputError, match="has 39 tokens, the model has positions for 38"):
        ours(torch.randint(2, 97, (2, 39)))
    with pytest.raises(InputError, match="has 39 tokens, the model has positions for 38"):
        ours(torch.randint(2, 97, (42,)), layout=Packed([3, 39]))
    with pytest.raises(InputError, match="positions for 38"):
        ours(inputs_embeds=torch.randn(1, 39, 32))
    ours(torch.cat([ids, torch.ones(1, 5, dtype=torch.long)], 1))  # padding takes no position


def test_configurations_that_cannot_be():
    with pytest.raises(ConfigurationError, match="pad_token_id"):
        pretrained.RobertaConfig(pad_token_id=None)
    with pytest.raises(ConfigurationError, match="max_position_embeddings=3"):
        pretrained.RobertaConfig(max_position_embeddings=3, pad_token_id=2)


def test_the_embeddings_alone():
    """Called as a module of their own they count positions as the network does: from the ids, without padding."""
    theirs, ours = pair("RobertaModel")
    ids = torch.tensor([[5, 6, 7, 1, 1], [1, 8, 9, 10, 11]])
    with torch.no_grad():
        assert_close(ours.embeddings(ids), theirs.embeddings(ids))
        words = ours.embeddings.word_embeddings(ids)
        assert_close(ours.embeddings(inputs_embeds=words), theirs.embeddings(inputs_embeds=words))
