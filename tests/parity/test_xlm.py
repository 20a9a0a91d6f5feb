"""Is our XLM the published one? Languages, positions, masks and every head against `transformers`."""

import json

import pytest
import torch
from torch import Tensor

import pretrained
from pretrained.errors import ConfigurationError, InputError
from pretrained.nn.layout import Packed
from tests.parity import common
from tests.parity.common import assert_close, check_outputs, choices_of

SIZES = [
    {},
    {"emb_dim": 60, "n_heads": 5, "n_layers": 3, "layer_norm_eps": 1e-5, "gelu_activation": False},
    {"emb_dim": 24, "n_heads": 1, "n_layers": 1, "sinusoidal_embeddings": True, "n_langs": 4},
    {"n_langs": 3, "use_lang_emb": False, "causal": True},
]
HEADS = [
    "XLMModel",
    "XLMWithLMHeadModel",
    "XLMForSequenceClassification",
    "XLMForMultipleChoice",
    "XLMForTokenClassification",
    "XLMForQuestionAnsweringSimple",
    "XLMForQuestionAnswering",
]


def values(head: str, **changes):
    return {
        "vocab_size": 97,
        "emb_dim": 32,
        "n_layers": 2,
        "n_heads": 4,
        "max_position_embeddings": 40,
        "embed_init_std": 0.3,
        "init_std": 0.15,
        "n_langs": 2,
        "num_labels": 2 if "QuestionAnswering" in head else 3,
    } | changes


def xlm(head: str = "XLMModel", **changes):
    return common.pair(head, "XLMConfig", values(head, **changes))


def inputs(*, rows: int = 4, length: int = 11, choices: int = 0, left: bool = False) -> dict[str, Tensor]:
    shape = (rows, choices, length) if choices else (rows, length)
    lengths = torch.randint(1, length + 1, shape[:-1])
    lengths.view(-1)[0] = length
    mask = (torch.arange(length) < lengths[..., None]).long()
    return {
        "input_ids": torch.randint(0, 97, shape),
        "attention_mask": mask.flip(-1) if left else mask,
        "token_type_ids": torch.randint(0, 2, shape),
        "langs": torch.randint(0, 2, shape),
    }


def labels_for(head: str, mask: Tensor) -> dict[str, Tensor]:
    tokens = torch.randint(0, 97, (4, 11))
    tokens[:, 1::3] = -100
    every = {
        "WithLMHeadModel": {"labels": tokens},
        "ForSequenceClassification": {"labels": torch.tensor([0, 2, 1, 1])},
        "ForMultipleChoice": {"labels": torch.tensor([0, 2, 1, 1])},
        "ForTokenClassification": {"labels": torch.randint(0, 3, (4, 11))},
        "ForQuestionAnsweringSimple": {
            "start_positions": torch.tensor([0, 3, 15, 2]),
            "end_positions": torch.tensor([1, 5, 20, 2]),
        },
        "ForQuestionAnswering": {
            "start_positions": torch.tensor([[0], [3], [9], [2]]),
            "end_positions": torch.tensor([1, 5, 10, 2]),
            "is_impossible": torch.tensor([0.0, 1.0, 1.0, 0.0]),
            "cls_index": torch.tensor([0, 0, 1, 0]),
            "p_mask": torch.nn.functional.one_hot(torch.tensor([4, 4, 5, 6]), 11).float(),
        },
    }
    labels = next(labels for ending, labels in every.items() if head.endswith(ending))
    if head.endswith("TokenClassification"):
        labels["labels"][mask == 0] = -100
    return labels


@pytest.mark.parametrize("changes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = xlm(head, **changes)
    check_outputs(theirs, ours, inputs(choices=choices_of(head)))


@pytest.mark.parametrize("causal", [False, True])
def test_padding_on_the_left(causal):
    theirs, ours = xlm(causal=causal)
    check_outputs(theirs, ours, inputs(left=True))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("said", ["by padding tokens", "by lengths", "by nothing"])
def test_padding_without_a_mask(said, causal):
    theirs, ours = xlm(causal=causal, pad_index=7)
    batch = inputs()
    mask = batch.pop("attention_mask")
    if said == "by lengths":
        batch["lengths"] = mask.sum(1)
    elif said == "by padding tokens":
        batch["input_ids"][batch["input_ids"] == 7] = 8
        batch["input_ids"][mask == 0] = 7
    else:
        batch["inputs_embeds"] = torch.randn(*batch.pop("input_ids").shape, 32)
        batch["position_ids"] = torch.randint(0, 40, (4, 11))
    check_outputs(theirs, ours, batch)


def test_sinusoidal_table():
    config = values("XLMModel", sinusoidal_embeddings=True)
    theirs = common.transformers.XLMModel(common.transformers.XLMConfig(**config))
    ours = pretrained.XLMModel(pretrained.XLMConfig(**config))
    assert_close(ours.position_embeddings.weight, theirs.position_embeddings.weight)
    assert not ours.position_embeddings.weight.requires_grad


@pytest.mark.parametrize("head", HEADS[1:])
def test_losses_and_gradients(head):
    theirs, ours = xlm(head)
    batch = inputs(choices=choices_of(head))
    common.check_losses_and_gradients(theirs, ours, batch | labels_for(head, batch["attention_mask"]))


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = xlm(head)
    choices = choices_of(head)
    common.check_packed(theirs, ours, inputs(choices=choices), choices=choices)


@pytest.mark.parametrize("summary", ["last", "mean", "cls_index"])
def test_packed_summaries_are_of_tokens_alone(summary):
    _, ours = xlm("XLMForSequenceClassification", summary_type=summary)
    batch = inputs()
    del batch["token_type_ids"]
    tokens, layout, _ = common.packed(batch)
    with torch.no_grad():
        one_by_one = [
            ours(row[None, :length]).logits for row, length in zip(batch["input_ids"], layout.lengths, strict=True)
        ]
        del tokens["langs"]
        assert_close(ours(**tokens, layout=layout).logits, torch.cat(one_by_one))


def test_packed_causal_equals_theirs():
    theirs, ours = xlm("XLMWithLMHeadModel", causal=True)
    common.check_packed(theirs, ours, inputs())


@pytest.mark.parametrize(
    "head",
    ["XLMWithLMHeadModel", "XLMForSequenceClassification", "XLMForTokenClassification", "XLMForQuestionAnswering"],
)
def test_packed_losses_and_gradients(head):
    theirs, ours = xlm(head)
    batch = inputs()
    labels = labels_for(head, batch["attention_mask"])
    if head.endswith("Answering"):
        tokens, layout, _ = common.packed(batch)
        common.check_losses_and_gradients(
            theirs, ours, batch | labels, packed_batch=tokens | labels | {"layout": layout}
        )
    else:
        common.check_packed_losses_and_gradients(theirs, ours, batch, labels)


@pytest.mark.parametrize("head", HEADS)
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = xlm(head, sinusoidal_embeddings=head == "XLMModel", pad_index=7, eos_index=3)
    batch = inputs(choices=choices_of(head))
    del batch["attention_mask"]
    common.check_exchange(theirs, ours, batch, tmp_path)


def test_pruned_heads_are_silent_ones():
    _, ours = xlm()
    ids = torch.randint(3, 97, (2, 6))
    with torch.no_grad():
        expected = ours(ids, head_mask=torch.tensor([[1.0, 0, 1, 1], [0, 1, 0, 1]])).last_hidden_state
        ours.prune_heads({0: [1], 1: [2]})
        ours.prune_heads({1: [0]})
        assert_close(ours(ids).last_hidden_state, expected)
    assert ours.config.pruned_heads == {0: [1], 1: [0, 2]}
    again = pretrained.XLMModel(ours.config)
    again.load_state_dict(ours.state_dict())
    with torch.no_grad():
        assert_close(again.eval()(ids).last_hidden_state, expected)


def test_resized_vocabulary():
    _, ours = xlm("XLMWithLMHeadModel")
    ids = torch.randint(3, 97, (2, 6))
    with torch.no_grad():
        before = ours(ids).logits
        ours.resize_token_embeddings(103)
        after = ours(ids).logits
    assert after.shape[-1] == ours.config.n_words == 103
    assert_close(after[..., :97], before)
    assert ours.pred_layer.proj.weight is ours.transformer.embeddings.weight


def test_bad_inputs_say_both_numbers():
    _, ours = xlm()
    ids = torch.randint(3, 97, (2, 5))
    for batch, numbers in (
        ({"input_ids": ids + 97}, r"input_ids .* to 1\d\d; the model has 0 to 96"),
        ({"input_ids": ids, "langs": ids}, r"langs .* the model has 0 to 1"),
        ({"input_ids": ids, "langs": ids[:, :3]}, r"\(2, 3\).*\(2, 5\)"),
        ({"input_ids": ids.repeat(1, 9)}, "45 tokens.*positions for 40"),
        ({"input_ids": ids, "attention_mask": torch.ones(2, 6)}, r"\(2, 6\).*\(2, 5\)"),
        ({"input_ids": ids, "lengths": torch.tensor([5, 6])}, "up to 6.*2 rows of 5"),
        ({"input_ids": ids, "lengths": torch.tensor([5, 5, 5])}, r"\(3,\).*2 rows of 5"),
        ({}, "either"),
    ):
        with pytest.raises(InputError, match=numbers):
            ours(**batch)
    with pytest.raises(InputError, match=r"5 tokens.*sum to 6"):
        ours(ids[0], layout=Packed([4, 2]))
    with pytest.raises(InputError, match=r"layer 2.*0 to 1"):
        ours.prune_heads({2: [0]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emb_dim": 30, "n_heads": 4}, "emb_dim=30.*n_heads=4"),
        ({"asm": True}, "asm=False"),
        ({"is_encoder": False}, "is_encoder=False"),
        ({"pad_index": 50, "vocab_size": 50}, "pad_index=50.*50"),
        ({"n_langs": 0}, "n_langs"),
    ],
)
def test_contradictions(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        pretrained.XLMConfig(**changes)


def test_special_tokens_have_two_names():
    assert pretrained.XLMConfig(pad_index=7).pad_token_id == 7
    assert pretrained.XLMConfig(pad_token_id=7).pad_index == 7
    both = pretrained.XLMConfig(pad_index=2, pad_token_id=0)
    for config in (both, pretrained.XLMConfig.from_dict(json.loads(both.to_json_string()))):
        assert (config.pad_index, config.pad_token_id) == (2, 0)
    assert pretrained.XLMConfig(n_words=50, pad_token_id=None).vocab_size == 50
