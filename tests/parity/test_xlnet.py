"""Is our XLNet the published one? Both streams, memories and every head against `transformers`."""

import pytest
import torch
from torch import Tensor

import pretrained
from pretrained.errors import ConfigurationError, InputError
from tests.parity.common import (
    assert_close,
    assert_same_outputs,
    check_exchange,
    check_losses_and_gradients,
    check_outputs,
    choices_of,
    pair,
)

SIZES = [
    {},
    {"d_model": 60, "n_head": 5, "d_inner": 77, "n_layer": 3, "layer_norm_eps": 1e-5},
    {"d_model": 24, "n_head": 1, "n_layer": 1, "ff_activation": "relu", "clamp_len": 4},
]
ATTENTION = {
    "uni": {"attn_type": "uni"},
    "same length": {"attn_type": "uni", "same_length": True},
    "both directions": {"bi_data": True},
    "clamped": {"clamp_len": 3, "bi_data": True},
    "clamped uni": {"clamp_len": 3, "attn_type": "uni"},
}
HEADS = [
    "XLNetModel",
    "XLNetLMHeadModel",
    "XLNetForSequenceClassification",
    "XLNetForMultipleChoice",
    "XLNetForTokenClassification",
    "XLNetForQuestionAnsweringSimple",
    "XLNetForQuestionAnswering",
]


def xlnet(head: str = "XLNetModel", **changes):
    values = {
        "vocab_size": 97,
        "d_model": 32,
        "n_layer": 2,
        "n_head": 4,
        "d_inner": 64,
        "initializer_range": 0.15,
        "num_labels": 2 if "QuestionAnswering" in head else 3,
    }
    return pair(head, "XLNetConfig", values | changes)


def inputs(*, rows: int = 4, length: int = 11, choices: int = 0, left: bool = True) -> dict[str, Tensor]:
    """Rows of unequal lengths, padded on the left as XLNet's tokenizer does."""
    shape = (rows, choices, length) if choices else (rows, length)
    lengths = torch.randint(1, length + 1, shape[:-1])
    lengths.view(-1)[0] = length
    mask = (torch.arange(length) < lengths[..., None]).long()
    types = torch.randint(0, 3, shape)
    return {
        "input_ids": torch.randint(0, 97, shape),
        "attention_mask": mask.flip(-1) if left else mask,
        "token_type_ids": types,
    }


def targets(rows: int = 4, length: int = 11, count: int = 3) -> dict[str, Tensor]:
    """A random order of prediction, and which tokens to predict in it."""
    order = torch.rand(rows, length).argsort(-1)
    places = torch.stack([torch.randperm(length)[:count] for _ in range(rows)])
    return {
        "perm_mask": (order[:, :, None] <= order[:, None, :]).float(),
        "target_mapping": torch.nn.functional.one_hot(places, length).float(),
    }


def labels_for(head: str) -> dict[str, Tensor]:
    tokens = torch.randint(0, 97, (4, 11))
    tokens[:, ::3] = -100
    return {
        "XLNetLMHeadModel": {"labels": tokens},
        "XLNetForSequenceClassification": {"labels": torch.tensor([0, 2, 1, 1])},
        "XLNetForMultipleChoice": {"labels": torch.tensor([0, 2, 1, 1])},
        "XLNetForTokenClassification": {"labels": torch.randint(0, 3, (4, 11))},
        "XLNetForQuestionAnsweringSimple": {
            "start_positions": torch.tensor([0, 3, 15, 2]),
            "end_positions": torch.tensor([1, 5, 20, 2]),
        },
        "XLNetForQuestionAnswering": {
            "start_positions": torch.tensor([0, 3, 9, 2]),
            "end_positions": torch.tensor([1, 5, 10, 2]),
            "is_impossible": torch.tensor([0.0, 1.0, 1.0, 0.0]),
            "cls_index": torch.tensor([10, 10, 9, 0]),
            "p_mask": torch.nn.functional.one_hot(torch.tensor([4, 4, 5, 6]), 11).float(),
        },
    }[head]


@pytest.mark.parametrize("changes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = xlnet(head, **changes)
    check_outputs(theirs, ours, inputs(choices=choices_of(head)))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("changes", ATTENTION.values(), ids=ATTENTION)
def test_kinds_of_attention(changes, left):
    theirs, ours = xlnet(**changes)
    for batch in (inputs(left=left), inputs() | targets()):
        if "attn_type" not in changes:
            check_outputs(theirs, ours, batch)
        else:  # theirs cannot mask more than one row then
            with torch.no_grad():
                rows = [theirs(**{name: value[[row]] for name, value in batch.items()})[0] for row in range(4)]
                assert_close(ours(**batch)[0], torch.cat(rows))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("head", ["XLNetModel", "XLNetLMHeadModel"])
def test_two_streams(head, masked):
    theirs, ours = xlnet(head)
    batch = inputs() if masked else {"input_ids": torch.randint(0, 97, (4, 11))}
    check_outputs(theirs, ours, batch | targets())


def test_input_mask_and_inputs_embeds():
    theirs, ours = xlnet()
    batch = inputs()
    batch["input_mask"] = 1.0 - batch.pop("attention_mask")
    batch["inputs_embeds"] = torch.randn(*batch.pop("input_ids").shape, 32)
    check_outputs(theirs, ours, batch)


MEMORIES = {
    "all": {"mem_len": None},
    "short": {"mem_len": 7},
    "reuse": {"mem_len": 20, "reuse_len": 5},
    "uni": {"mem_len": 9, "attn_type": "uni"},
    "uni same length": {"mem_len": 9, "attn_type": "uni", "same_length": True},
    "both directions": {"mem_len": 9, "bi_data": True, "clamp_len": 6},
}


@pytest.mark.parametrize("predict", [False, True])
@pytest.mark.parametrize("changes", MEMORIES.values(), ids=MEMORIES)
def test_memories_over_three_segments(changes, predict):
    theirs, ours = xlnet("XLNetLMHeadModel", **changes)
    rows = 1 if "attn_type" in changes else 4  # theirs cannot mask more than one row of "uni"
    expected = found = None
    with torch.no_grad():
        for length in (11, 6, 8):
            batch = inputs(rows=rows, length=length) | (targets(rows, length) if predict else {})
            mems = {} if expected is None else {"mems": expected.mems}
            expected = theirs(**batch, **mems, output_hidden_states=True)
            found = ours(**batch, mems=None if found is None else found.mems, output_hidden_states=True)
            assert_same_outputs(found, expected)
    assert len(found.mems) == 2


def test_memories_are_returned_as_asked():
    theirs, ours = xlnet()
    ids = torch.randint(0, 97, (2, 5))
    for options in ({"use_mems": False}, {"use_mems": True}, {}):
        assert (ours(ids, **options).mems is None) == (theirs(ids, **options).mems is None)
        assert (ours.train()(ids, **options).mems is None) == (theirs.train()(ids, **options).mems is None)
        theirs.eval(), ours.eval()
    assert ours(ids, use_cache=False).mems is None
    quiet = pretrained.XLNetConfig.from_dict(
        {"use_mems_eval": False, "use_mems_train": True, "d_model": 32, "n_head": 4}
    )
    assert not quiet.use_cache
    mem = ours(ids).mems[0]
    assert mem.shape == (5, 2, 32)
    assert not mem.requires_grad


@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head):
    theirs, ours = xlnet(head)
    batch = inputs(choices=choices_of(head))
    labels = labels_for(head)
    if head == "XLNetForTokenClassification":
        labels["labels"][batch["attention_mask"] == 0] = -100
    check_losses_and_gradients(theirs, ours, batch | labels)


def test_gradients_of_both_streams_and_memory():
    theirs, ours = xlnet("XLNetLMHeadModel")
    mems = [torch.randn(4, 4, 32) for _ in range(2)]
    batch = inputs() | targets() | {"labels": torch.randint(0, 97, (4, 3)), "mems": mems}
    check_losses_and_gradients(theirs, ours, batch)


def test_head_mask_silences_a_head():
    _, ours = xlnet(n_layer=1)
    ids = torch.randint(0, 97, (2, 6))
    with torch.no_grad():
        mask = torch.tensor([1.0, 0.0, 1.0, 1.0])
        masked = ours(ids, head_mask=mask).last_hidden_state
        ours.layer[0].rel_attn.o[:, 1] = 0
        assert_close(masked, ours(ids).last_hidden_state)


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = xlnet(head, mem_len=None, clamp_len=5)
    check_exchange(theirs, ours, inputs(choices=choices_of(head)), tmp_path)


def test_bad_inputs_say_both_numbers():
    _, ours = xlnet()
    ids = torch.randint(0, 97, (2, 5))
    for batch, numbers in (
        ({"input_ids": ids + 97}, r"input_ids .* to 1\d\d; the model has 0 to 96"),
        ({"input_ids": ids, "mems": [torch.zeros(3, 4, 32)] * 2}, r"\(3, 4, 32\).*batch of 2"),
        ({"input_ids": ids, "mems": [torch.zeros(3, 2, 32)]}, "1 layers, the model has 2"),
        ({"input_ids": ids, "attention_mask": torch.ones(2, 6)}, r"\(2, 6\).*\(2, 5\)"),
        ({"input_ids": ids, "perm_mask": torch.ones(2, 5, 6)}, r"\(2, 5, 6\).*\(2, 5, 5\)"),
        ({"input_ids": ids, "target_mapping": torch.ones(3, 1, 5)}, r"\(3, 1, 5\).*\(2, targets, 5\)"),
        ({"input_ids": ids, "attention_mask": ids, "input_mask": ids}, "either"),
        ({}, "either"),
    ):
        with pytest.raises(InputError, match=numbers):
            ours(**batch)
    _, backwards = xlnet(bi_data=True)
    with pytest.raises(InputError, match="batch of 3"):
        backwards(torch.randint(0, 97, (3, 5)))
    _, answers = xlnet("XLNetForQuestionAnswering")
    with pytest.raises(InputError, match=r"1 to 9.*0 to 4"):
        answers(ids, start_positions=torch.tensor([1, 9]), end_positions=torch.tensor([1, 1]))


def test_short_texts_have_fewer_candidates():
    _, ours = xlnet("XLNetForQuestionAnswering")
    out = ours(torch.randint(0, 97, (2, 3)))
    assert out.start_top_index.shape == (2, 3)
    assert out.end_top_index.shape == (2, 9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"d_model": 30, "n_head": 4}, "d_model=30.*n_head=4"),
        ({"d_model": 32, "n_head": 4, "d_head": 16}, "d_head=16.*make it 8"),
        ({"attn_type": "tri"}, "'tri'"),
        ({"vocab_size": 0}, "vocab_size"),
    ],
)
def test_contradictions(values, message):
    with pytest.raises(ConfigurationError, match=message):
        pretrained.XLNetConfig(**values)
