"""Is our GPT-2 the published one? Every head against `transformers`, on random weights and fresh inputs."""

import json

import pytest
import safetensors.torch
import torch

import pretrained
from pretrained.errors import InputError
from tests.parity.common import (
    SEEN,
    assert_close,
    assert_same_outputs,
    check_decoder_steps,
    check_exchange,
    check_losses_and_gradients,
    check_outputs,
    check_packed,
    check_packed_losses_and_gradients,
    inputs,
    packed,
    pair,
)

PAD = 0


def sizes(**changes):
    return {
        "vocab_size": 97,
        "n_positions": 40,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "initializer_range": 0.15,
        "num_labels": 3,
        "pad_token_id": PAD,
    } | changes


def gpt2(head, **changes):
    return pair(head, "GPT2Config", sizes(**changes))


def batch_for(config, **options):
    """Texts of unequal lengths, with the padding token behind them and nowhere else."""
    batch = inputs(config, types=False, **options)
    batch["input_ids"] = batch["input_ids"].clamp(min=PAD + 1).masked_fill(batch["attention_mask"] == 0, PAD)
    return batch | {"token_type_ids": torch.randint(0, config.vocab_size, batch["input_ids"].shape)}


HEADS = ["GPT2Model", "GPT2LMHeadModel", "GPT2ForSequenceClassification"]
SIZES = [
    {},
    {"n_inner": 50, "n_layer": 3, "n_head": 2, "activation_function": "relu"},
    {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False, "layer_norm_epsilon": 1e-2},
]


@pytest.mark.parametrize("changes", SIZES, ids=range(len(SIZES)))
@pytest.mark.parametrize("head", HEADS)
def test_outputs(head, changes):
    theirs, ours = gpt2(head, **changes)
    check_outputs(theirs, ours, batch_for(theirs.config))


def test_left_padding():
    theirs, ours = gpt2("GPT2LMHeadModel")
    batch = inputs(theirs.config, types=False, left=True)
    visible = batch["attention_mask"].bool()
    with torch.no_grad():
        assert_close(ours(**batch).logits[visible], theirs(**batch).logits[visible])


@pytest.mark.parametrize("head", ["GPT2LMHeadModel", "GPT2ForSequenceClassification"])
def test_losses_and_gradients(head):
    theirs, ours = gpt2(head)
    batch = batch_for(theirs.config)
    labels = batch["input_ids"] if head.endswith("LMHeadModel") else torch.tensor([0, 2, 1, 1])
    check_losses_and_gradients(theirs, ours, batch | {"labels": labels})


def test_double_heads():
    theirs, ours = gpt2("GPT2DoubleHeadsModel")
    ids = torch.randint(0, 97, (2, 3, 9))
    batch = {
        "input_ids": ids,
        "token_type_ids": torch.randint(0, 97, ids.shape),
        "mc_token_ids": torch.randint(0, 9, (2, 3)),
    }
    with torch.no_grad():
        assert_same_outputs(ours(**batch, output_attentions=True), theirs(**batch, output_attentions=True))
        assert_close(ours(ids).mc_logits, theirs(ids).mc_logits)
    labels = {"labels": ids, "mc_labels": torch.tensor([2, 0])}
    expected, found = theirs(**batch, **labels), ours(**batch, **labels)
    assert_close(found.loss, expected.loss)
    assert_close(found.mc_loss, expected.mc_loss)
    (expected.loss + expected.mc_loss).backward()
    (found.loss + found.mc_loss).backward()
    names = dict(ours.named_parameters())
    for name, parameter in theirs.named_parameters():
        assert_close(names[name].grad, parameter.grad)
    assert ours(**batch, lm_labels=ids)[0] == found.loss


def test_packed_double_heads():
    theirs, ours = gpt2("GPT2DoubleHeadsModel")
    batch = inputs(theirs.config, rows=2, choices=3, types=False)
    tokens, layout, visible = packed(batch)
    last = visible.sum(-1) - 1
    with torch.no_grad():
        expected = theirs(**batch, mc_token_ids=last.view(2, 3))
        found = ours(**tokens, mc_token_ids=last.view(2, 3), layout=layout, num_choices=3)
        assert_close(found.mc_logits, expected.mc_logits)
        assert_close(found.logits, expected.logits.flatten(0, 1)[visible])
        assert_close(ours(**tokens, layout=layout, num_choices=3).mc_logits, expected.mc_logits)


@pytest.mark.parametrize("head", HEADS)
def test_packed_equals_theirs(head):
    theirs, ours = gpt2(head)
    check_packed(theirs, ours, batch_for(theirs.config))


def test_packed_losses_and_gradients():
    theirs, ours = gpt2("GPT2LMHeadModel")
    batch = batch_for(theirs.config)
    check_packed_losses_and_gradients(theirs, ours, batch, {"labels": batch["input_ids"]})


def test_cross_attention():
    theirs, ours = gpt2("GPT2LMHeadModel", add_cross_attention=True)
    batch = batch_for(theirs.config) | {
        "encoder_hidden_states": torch.randn(4, 6, 32),
        "encoder_attention_mask": (torch.arange(6) < torch.tensor([6, 2, 4, 1])[:, None]).long(),
    }
    with torch.no_grad():
        assert_same_outputs(ours(**batch, **SEEN), theirs(**batch, **SEEN))
    check_losses_and_gradients(theirs, ours, batch | {"labels": batch["input_ids"]})
    _, plain = gpt2("GPT2LMHeadModel")
    with pytest.raises(InputError, match="add_cross_attention=True"):
        plain(**batch)


@pytest.mark.parametrize("cross", [False, True])
def test_step_by_step(cross):
    _, ours = gpt2("GPT2LMHeadModel", add_cross_attention=cross)
    encoder = {"encoder_hidden_states": torch.randn(3, 5, 32)} if cross else {}
    check_decoder_steps(
        lambda ids, mask, **rest: ours(ids, attention_mask=mask, **rest), vocab_size=97, encoder=encoder
    )


def test_past_of_the_second_release():
    """There, `past` held one tensor a layer: (2, B, N, S, D)."""
    _, ours = gpt2("GPT2LMHeadModel")
    ids = torch.randint(0, 97, (2, 9))
    with torch.no_grad():
        whole = ours(ids)
        stacked = [torch.stack(pair) for pair in ours(ids[:, :6]).past_key_values]
        assert_close(ours(ids[:, 6:], past=stacked).logits, whole.logits[:, 6:])
        assert_close(ours(ids, logits_to_keep=2).logits, whole.logits[:, -2:])


def test_recomputed_activations_give_the_same_gradients():
    _, ours = gpt2("GPT2LMHeadModel", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    ids = torch.randint(0, 97, (2, 9))
    gradients = []
    for enable in (False, True):
        ours.train()
        ours.gradient_checkpointing_enable(enable)
        ours.zero_grad()
        ours(ids, labels=ids).loss.backward()
        gradients.append([parameter.grad.clone() for parameter in ours.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other)


def test_pruned_heads_are_silent_heads():
    _, ours = gpt2("GPT2LMHeadModel")
    ids = torch.randint(0, 97, (2, 9))
    mask = torch.tensor([[1.0, 0, 1, 0], [1, 1, 1, 0]])
    with torch.no_grad():
        expected = ours(ids, head_mask=mask).logits
        ours.prune_heads({0: [1]})
        ours.prune_heads({0: [3], 1: [3]})
        assert_close(ours(ids).logits, expected)
    again = pretrained.GPT2LMHeadModel(ours.config)
    again.load_state_dict(ours.state_dict())
    with pytest.raises(InputError, match="heads 0 to 3"):
        ours.prune_heads({1: [4]})


def test_classification_needs_to_know_the_padding():
    theirs, ours = gpt2("GPT2ForSequenceClassification", pad_token_id=None)
    ids = torch.randint(0, 97, (1, 5))
    with torch.no_grad():
        assert_close(ours(ids).logits, theirs(ids).logits)
    with pytest.raises(InputError, match=r"batch of 2 texts needs config\.pad_token_id"):
        ours(ids.expand(2, -1))


def test_bad_inputs():
    _, ours = gpt2("GPT2Model")
    with pytest.raises(InputError, match="41 tokens, the model has positions for 40"):
        ours(torch.zeros(1, 41, dtype=torch.long))
    with pytest.raises(InputError, match="from 97 to 97; the model has 0 to 96"):
        ours(torch.full((1, 3), 97))
    with pytest.raises(InputError, match="attention_mask has 2 rows, the batch has 3"):
        ours(torch.zeros(3, 4, dtype=torch.long), attention_mask=torch.ones(2, 4))


@pytest.mark.parametrize("head", [*HEADS, "GPT2DoubleHeadsModel"])
def test_saved_models_are_exchanged(head, tmp_path):
    theirs, ours = gpt2(head)
    ids = torch.randint(1, 97, (2, 3, 9) if head == "GPT2DoubleHeadsModel" else (2, 9))
    check_exchange(theirs, ours, {"input_ids": ids}, tmp_path)


def test_dictionaries_of_earlier_releases_load():
    """They hold the causal mask of each layer, under two names; also when wrapped, and inside another module."""
    _, ours = gpt2("GPT2LMHeadModel")
    old = {f"module.{name}": value for name, value in ours.state_dict().items()}
    old["module.transformer.h.0.attn.bias"] = torch.ones(1, 1, 40, 40).tril()
    old["module.transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    again = pretrained.GPT2LMHeadModel(ours.config)
    again.load_state_dict(old)
    assert torch.equal(again.transformer.wte.weight, ours.transformer.wte.weight)
    outer = torch.nn.ModuleDict({"generator": again})
    outer.load_state_dict({name.replace("module.", "generator."): value for name, value in old.items()})


def test_published_files_are_saved_without_a_prefix_and_with_the_triangle(tmp_path):
    theirs, ours = gpt2("GPT2LMHeadModel")
    tensors = dict(theirs.transformer.state_dict())
    for layer in range(2):
        tensors[f"h.{layer}.attn.bias"] = torch.ones(40, 40).tril().view(1, 1, 40, 40)
        tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    safetensors.torch.save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(sizes() | {"model_type": "gpt2"}), encoding="utf-8")
    again = pretrained.GPT2LMHeadModel.from_pretrained(tmp_path, strict=True)
    ids = torch.randint(0, 97, (2, 9))
    with torch.no_grad():
        assert_close(again(ids).logits, ours(ids).logits)
