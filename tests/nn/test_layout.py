"""Do padded and packed batches attend alike, and as the formula says?"""

import pytest
import torch

from pretrained.errors import InputError
from pretrained.nn.layout import Packed, Padded, layer_head_masks

LENGTHS = [3, 3, 5, 1, 5, 5]


def formula(query, key, value, visible, scale):
    """softmax(q kᵀ · scale) v in double precision, one sequence and head at a time."""
    out = torch.zeros(*query.shape[:2], query.shape[2], value.shape[3], dtype=torch.float64)
    for row in range(query.shape[0]):
        for head in range(query.shape[2]):
            scores = query[row, :, head].double() @ key[row, :, head].double().T * scale
            scores = scores.masked_fill(~visible[row], float("-inf"))
            out[row, :, head] = scores.softmax(-1) @ value[row, :, head].double()
    return out.flatten(2)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("explicit", [False, True])
def test_attention_is_the_formula(causal, scale, explicit):
    query, key, value = torch.randn(3, 4, 6, 2, 8).unbind(0)
    mask = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0]])
    mask[2, 0] = 0 if not causal else 1  # a causal first token needs something to look at
    layout = Padded(mask)
    context, probabilities = layout.attend(query, key, value, causal=causal, scale=scale, output_attentions=explicit)
    visible = mask.bool()[:, None].expand(4, 6, 6)
    if causal:
        visible = visible & torch.ones(6, 6, dtype=torch.bool).tril()
    expected = formula(query, key, value, visible, 8**-0.5 if scale is None else scale)
    torch.testing.assert_close(context.double(), expected, atol=1e-6, rtol=1e-5)
    if explicit:
        assert probabilities.shape == (4, 2, 6, 6)
        assert probabilities.masked_select(~visible[:, None]).abs().max() == 0


@pytest.mark.parametrize("causal", [False, True])
def test_packed_equals_padded(causal):
    packed = Packed(LENGTHS)
    tokens = torch.randn(3, sum(LENGTHS), 2, 8, requires_grad=True)
    context, _ = packed.attend(*tokens, causal=causal)
    rows = [packed.pad(x) for x in tokens]
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    expected, _ = Padded(mask).attend(*rows, causal=causal)
    torch.testing.assert_close(context, packed.unpad(expected), atol=1e-6, rtol=1e-5)
    (gradient,) = torch.autograd.grad(context.sin().sum(), tokens)
    (expected_gradient,) = torch.autograd.grad(packed.unpad(expected).sin().sum(), tokens)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-6, rtol=1e-5)


def test_packed_bookkeeping():
    packed = Packed(LENGTHS)
    assert [(run.start, run.count, run.length) for run in packed.runs] == [(0, 2, 3), (6, 1, 5), (11, 1, 1), (12, 2, 5)]
    assert packed.total == 22
    positions = packed.positions(22, torch.device("cpu"))
    assert positions.tolist() == [p for length in LENGTHS for p in range(length)]
    hidden = torch.arange(22.0)[:, None]
    assert packed.first_tokens(hidden).flatten().tolist() == [0, 3, 6, 11, 12, 17]
    assert torch.equal(packed.unpad(packed.pad(hidden, -1)), hidden)
    labels = torch.arange(22)
    expected = torch.full((6, 5), -100)
    expected[:, :4] = packed.pad(labels, -100)[:, 1:]
    assert torch.equal(packed.next_tokens(labels), packed.unpad(expected))


def test_layout_errors_say_both_numbers():
    with pytest.raises(InputError, match=r"22.*23|23.*22"):
        Packed(LENGTHS).positions(23, torch.device("cpu"))
    with pytest.raises(InputError, match="at least one token"):
        Packed([3, 0])
    with pytest.raises(InputError, match=r"covers 4 positions.*6 keys"):
        Padded(torch.tensor([[1, 1, 1, 0]])).attend(*torch.randn(3, 1, 6, 2, 8))
    with pytest.raises(InputError, match="attention_mask has shape"):
        Padded(torch.ones(3))
    with pytest.raises(InputError, match="no common shape"):
        Packed([2]).attend(*torch.randn(3, 2, 2, 8), output_attentions=True)


def test_head_mask_silences_a_head():
    query, key, value = torch.randn(3, 2, 4, 3, 8).unbind(0)
    masks = layer_head_masks(torch.tensor([1.0, 0.0, 1.0]), 2)
    assert len(masks) == 2
    full, _ = Padded().attend(query, key, value)
    masked, _ = Padded().attend(query, key, value, head_mask=masks[0])
    full, masked = full.unflatten(-1, (3, 8)), masked.unflatten(-1, (3, 8))
    torch.testing.assert_close(masked[..., [0, 2], :], full[..., [0, 2], :])
    assert masked[..., 1, :].abs().max() == 0
    with pytest.raises(InputError, match="head_mask"):
        layer_head_masks(torch.ones(3, 4), 2)
