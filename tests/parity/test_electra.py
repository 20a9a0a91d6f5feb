"""Is our ELECTRA the published one? Generator, discriminator and every other head against `transformers`."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError, InputError
from tests.parity import common
from tests.parity.common import assert_close, choices_of, labels_for

SIZES = [
    {},
    {"hidden_size": 60, "num_attention_heads": 5, "num_hidden_layers": 3, "summary_type": "mean", "hidden_act": "relu"},
    {"embedding_size": 24, "hidden_size": 24, "num_hidden_layers": 1, "summary_use_proj": False},
]
HEADS = [
    "ElectraModel",
    "ElectraForPreTraining",
    "ElectraForMaskedLM",
    "ElectraForSequenceClassification",
    "ElectraForMultipleChoice",
    "ElectraForTokenClassification",
    "ElectraForQuestionAnswering",
]


def pair(head: str, **changes):
    return common.pair(head, "ElectraConfig", common.sizes(**{"embedding_size": 12} | changes))


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


def test_the_discriminator_without_a_mask():
    theirs, ours = pair("ElectraForPreTraining")
    ids = torch.randint(0, 97, (3, 8))
    labels = torch.randint(0, 2, (3, 8))
    assert_close(ours(ids, labels=labels).loss, theirs(ids, labels=labels).loss)


def test_inputs_embeds():
    theirs, ours = pair("ElectraModel")
    embeds = torch.randn(4, 13, 12)
    with torch.no_grad():
        assert_close(ours(inputs_embeds=embeds)[0], theirs(inputs_embeds=embeds)[0])


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = pair(head)
    common.check_packed(theirs, ours, inputs(head, theirs.config), choices=choices_of(head))


@pytest.mark.parametrize("head", ["ElectraForPreTraining", "ElectraForSequenceClassification"])
def test_packed_losses_and_gradients(head):
    theirs, ours = pair(head)
    batch = inputs(head, theirs.config)
    common.check_packed_losses_and_gradients(theirs, ours, batch, labels_for(head, theirs.config, batch))


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = pair(head)
    common.check_exchange(theirs, ours, inputs(head, theirs.config), tmp_path)


def test_generator_and_discriminator_read_each_other_s_network(tmp_path):
    _, discriminator = pair("ElectraForPreTraining")
    discriminator.save_pretrained(tmp_path)
    generator, info = pretrained.ElectraForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert sorted(info["missing_keys"]) == [
        "generator_lm_head.bias",
        "generator_predictions.LayerNorm.bias",
        "generator_predictions.LayerNorm.weight",
        "generator_predictions.dense.bias",
        "generator_predictions.dense.weight",
    ]
    for name, tensor in discriminator.electra.state_dict().items():
        assert torch.equal(tensor, generator.electra.state_dict()[name]), name
    assert generator.generator_lm_head.weight is generator.electra.embeddings.word_embeddings.weight


def test_the_vocabulary_of_the_generator_grows():
    _, ours = pair("ElectraForMaskedLM")
    before = ours(torch.tensor([[5, 6]])).logits
    ours.resize_token_embeddings(100)
    after = ours(torch.tensor([[5, 6]])).logits
    assert after.shape == (1, 2, 100)
    assert_close(after[..., :97], before)
    assert ours.generator_lm_head.weight is ours.electra.embeddings.word_embeddings.weight


def test_inputs_that_do_not_fit():
    _, ours = pair("ElectraModel")
    with pytest.raises(InputError, match="41 tokens, the model has positions for 40"):
        ours(torch.zeros(1, 41, dtype=torch.long))
    with pytest.raises(ConfigurationError, match="embedding_size must be a positive whole number, got 0"):
        pretrained.ElectraConfig(embedding_size=0)
