"""Is our FlauBERT the published one? What it has beyond XLM, and every head, against `transformers`."""

import pytest
import torch

import pretrained
from pretrained.errors import ConfigurationError
from tests.parity import common
from tests.parity.common import choices_of
from tests.parity.test_xlm import inputs, labels_for, values

HEADS = [
    "FlaubertModel",
    "FlaubertWithLMHeadModel",
    "FlaubertForSequenceClassification",
    "FlaubertForMultipleChoice",
    "FlaubertForTokenClassification",
    "FlaubertForQuestionAnsweringSimple",
    "FlaubertForQuestionAnswering",
]


@pytest.fixture(autouse=True)
def _runnable_peer(monkeypatch):
    """With norms first, the peer asks its cache for one layer's, a question that its cache no longer answers."""
    from transformers.cache_utils import EncoderDecoderCache

    monkeypatch.setattr(EncoderDecoderCache, "__getitem__", lambda self, layer: self, raising=False)


def flaubert(head: str = "FlaubertModel", **changes):
    return common.pair(head, "FlaubertConfig", values(head, **changes))


@pytest.mark.parametrize("head", HEADS)
def test_outputs(head):
    theirs, ours = flaubert(head)
    common.check_outputs(theirs, ours, inputs(choices=choices_of(head)))


@pytest.mark.parametrize("changes", [{}, {"causal": True}, {"n_langs": 1, "gelu_activation": False}])
def test_norms_first(changes):
    theirs, ours = flaubert(pre_norm=True, **changes)
    batch = inputs()
    with torch.no_grad():  # theirs makes no attention maps then
        expected = theirs(**batch, output_hidden_states=True)
        common.assert_same_outputs(ours(**batch, output_hidden_states=True), expected)
        maps = ours(**batch, output_attentions=True)
    common.assert_close(maps.last_hidden_state, expected.last_hidden_state)
    assert maps.attentions[1].shape == (4, 4, 11, 11)


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head, pre_norm):
    theirs, ours = flaubert(head, pre_norm=pre_norm)
    batch = inputs(choices=choices_of(head))
    common.check_losses_and_gradients(theirs, ours, batch | labels_for(head, batch["attention_mask"]))


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head, pre_norm):
    theirs, ours = flaubert(head, pre_norm=pre_norm)
    choices = choices_of(head)
    common.check_packed(theirs, ours, inputs(choices=choices), choices=choices)


def test_layers_are_dropped_in_training_only():
    _, ours = flaubert(layerdrop=0.6, n_layers=12)
    ids = torch.randint(3, 97, (2, 5))
    assert len(ours(ids, output_hidden_states=True).hidden_states) == 13
    torch.manual_seed(0)
    counts = {len(ours.train()(ids, output_hidden_states=True).hidden_states) for _ in range(8)}
    assert len(counts) > 1
    assert max(counts) < 13


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = flaubert(head, pre_norm=True, layerdrop=0.1)
    common.check_exchange(theirs, ours, inputs(choices=choices_of(head)), tmp_path)


def test_contradictions():
    with pytest.raises(ConfigurationError, match=r"layerdrop=1\.5"):
        pretrained.FlaubertConfig(layerdrop=1.5)
