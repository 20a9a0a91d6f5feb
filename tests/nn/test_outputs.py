"""Is an output a tuple, an object and a mapping at once?"""

import copy
import pickle

import pytest
import torch

from pretrained.nn.outputs import BaseModelOutput, HeadOutput


def test_three_ways_to_read():
    states, pooled = torch.ones(2, 3), torch.zeros(2)
    out = BaseModelOutput(last_hidden_state=states, pooler_output=pooled)
    assert isinstance(out, tuple)
    assert out[0] is out.last_hidden_state is out["last_hidden_state"] is states
    assert out[-1] is pooled
    first, second = out
    assert first is states
    assert second is pooled
    assert len(out) == 2
    assert list(out.keys()) == ["last_hidden_state", "pooler_output"]
    assert dict(out.items())["pooler_output"] is pooled
    assert "pooler_output" in out
    assert "attentions" not in out
    assert out.attentions is None
    assert out.get("attentions", 7) == 7
    assert type(out.to_tuple()) is tuple
    assert out[:1] == (states,)


def test_what_was_not_computed_takes_no_place():
    out = HeadOutput(logits=torch.ones(1))
    assert len(out) == 1
    assert out.loss is None
    loss, logits = HeadOutput(logits=torch.ones(1), loss=torch.zeros(()))
    assert loss.shape == ()
    assert logits.shape == (1,)


def test_errors_name_what_there_is():
    out = HeadOutput(logits=torch.ones(1))
    with pytest.raises(AttributeError, match="logits"):
        _ = out.logit
    with pytest.raises(KeyError, match="logits"):
        _ = out["loss"]
    with pytest.raises(TypeError, match="scores"):
        HeadOutput(scores=1)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda out: pickle.loads(pickle.dumps(out))])
def test_copies(again):
    out = again(HeadOutput(logits=torch.ones(1), hidden_states=(torch.ones(2),)))
    assert out.logits.tolist() == [1]
    assert len(out.hidden_states) == 1
    assert len(out) == 2
