"""Is our CamemBERT the published one? Its network is RoBERTa's, so one look at every head is enough."""

import pytest

import pretrained
from tests.parity import common
from tests.parity.common import choices_of, labels_for, sizes

HEADS = [
    "CamembertModel",
    "CamembertForMaskedLM",
    "CamembertForCausalLM",
    "CamembertForSequenceClassification",
    "CamembertForMultipleChoice",
    "CamembertForTokenClassification",
    "CamembertForQuestionAnswering",
]


def pair(head: str):
    changes = {"is_decoder": True} if head.endswith("CausalLM") else {}
    return common.pair(head, "CamembertConfig", sizes(type_vocab_size=1, **changes))


@pytest.mark.parametrize("head", HEADS)
def test_outputs(head):
    theirs, ours = pair(head)
    batch = common.inputs(theirs.config, choices=choices_of(head))
    common.check_outputs(theirs, ours, batch)
    common.check_packed(theirs, ours, batch, choices=choices_of(head))
    assert type(ours.base_model) is pretrained.CamembertModel
    assert type(ours.config) is pretrained.CamembertConfig


def test_losses_and_gradients():
    theirs, ours = pair("CamembertForMaskedLM")
    batch = common.inputs(theirs.config)
    labels = labels_for("CamembertForMaskedLM", theirs.config, batch)
    common.check_losses_and_gradients(theirs, ours, batch | labels)


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = pair(head)
    common.check_exchange(theirs, ours, common.inputs(theirs.config, choices=choices_of(head)), tmp_path)
