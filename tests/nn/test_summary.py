"""Does a summary pick what it says, of padded and of packed texts?"""

from types import SimpleNamespace

import pytest
import torch

from pretrained.errors import ConfigurationError, InputError
from pretrained.nn.layout import Packed
from pretrained.nn.summary import TYPES, SequenceSummary, last_tokens

transformers = pytest.importorskip("transformers")
from transformers.models.xlm.modeling_xlm import XLMSequenceSummary  # noqa: E402

KEYS = {
    "summary_use_proj": True,
    "summary_activation": "tanh",
    "summary_proj_to_labels": True,
    "summary_first_dropout": 0.1,
    "summary_last_dropout": 0.1,
}


def config(**changes) -> SimpleNamespace:
    return SimpleNamespace(**{"hidden_size": 8, "num_labels": 3} | KEYS | changes)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "changes",
    [{}, {"summary_use_proj": False}, {"summary_proj_to_labels": False, "summary_activation": None}],
    ids=["labels", "bare", "hidden"],
)
def test_it_is_the_published_one(kind, changes):
    values = config(summary_type=kind, **changes)
    theirs, ours = XLMSequenceSummary(values).eval(), SequenceSummary(values).eval()
    ours.load_state_dict(theirs.state_dict())
    hidden, places = torch.randn(4, 5, 8), torch.tensor([0, 4, 2, 1])
    torch.testing.assert_close(ours(hidden), theirs(hidden))
    torch.testing.assert_close(ours(hidden, places), theirs(hidden, places))


@pytest.mark.parametrize("kind", TYPES)
def test_packed_texts_have_the_same_summaries(kind):
    summary = SequenceSummary(config(summary_type=kind)).eval()
    texts = [torch.randn(length, 8) for length in (3, 3, 1, 5)]
    places = torch.tensor([0, 2, 0, 3])
    found = summary(torch.cat(texts), places, Packed([3, 3, 1, 5]))
    for text, place, one in zip(texts, places, found, strict=True):
        torch.testing.assert_close(summary(text[None], place[None])[0], one)
    torch.testing.assert_close(summary(torch.cat(texts), layout=Packed([3, 3, 1, 5]))[3], summary(texts[3][None])[0])


def test_labels_of_its_own():
    assert SequenceSummary(config(), labels=1)(torch.randn(2, 5, 8)).shape == (2, 1)


def test_what_does_not_fit_is_named():
    with pytest.raises(ConfigurationError, match="summary_type='attn' is not known; it is one of last, first"):
        SequenceSummary(config(summary_type="attn"))
    summary = SequenceSummary(config(summary_type="cls_index"))
    with pytest.raises(InputError, match=r"cls_index has shape \(3,\), the sequences have \(2,\)"):
        summary(torch.randn(2, 5, 8), torch.tensor([1, 2, 3]))
    with pytest.raises(InputError, match="cls_index has 3 places, the batch 2 sequences"):
        summary(torch.randn(5, 8), torch.tensor([1, 2, 3]), Packed([3, 2]))


def test_last_tokens():
    hidden = torch.randn(3, 4, 8)
    ids = torch.tensor([[5, 6, 0, 0], [0, 0, 7, 8], [9, 0, 9, 0]])
    expected = torch.stack([hidden[0, 1], hidden[1, 3], hidden[2, 2]])
    assert torch.equal(last_tokens(hidden, ids, 0), expected)
    assert torch.equal(last_tokens(hidden, None, 0), hidden[:, -1])
    assert torch.equal(last_tokens(hidden[:1], ids[:1], None), hidden[:1, -1])
    assert torch.equal(last_tokens(hidden.flatten(0, 1), None, None, Packed([4, 8])), hidden.flatten(0, 1)[[3, 11]])
    with pytest.raises(InputError, match=r"a batch of 3 texts needs config\.pad_token_id"):
        last_tokens(hidden, ids, None)
