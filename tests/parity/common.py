"""What do the parity tests share? One random network twice, fresh inputs, and the comparisons."""

import pytest
import torch
from torch import Tensor

import pretrained
from pretrained.nn.layout import Packed

transformers = pytest.importorskip("transformers")

TOLERANCE = 1e-5
SEEN = {"output_hidden_states": True, "output_attentions": True}


def sizes(**changes):
    """A network of BERT's kind that is quick, and whose weights are large enough for a mistake to show."""
    return {
        "vocab_size": 97,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 40,
        "initializer_range": 0.15,
        "num_labels": 3,
    } | changes


def pair(head: str, config: str, values):
    """The same random network, theirs and ours; the names of the tensors must agree."""
    values = values | ({"num_labels": 2} if head.endswith("ForQuestionAnswering") else {})
    torch.manual_seed(len(head))
    their_config = getattr(transformers, config)(**values, attn_implementation="eager")
    theirs = getattr(transformers, head)(their_config).eval()
    for parameter in theirs.parameters():  # biases and norms start as 0 and 1; make them count
        parameter.data += 0.1 * torch.randn_like(parameter)
    ours = getattr(pretrained, head)(getattr(pretrained, config)(**values)).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def choices_of(head: str) -> int:
    return 3 if head.endswith("ForMultipleChoice") else 0


def inputs(
    config, rows: int = 4, length: int = 13, *, choices: int = 0, left: bool = False, types: bool = True
) -> dict[str, Tensor]:
    """A batch of unequal lengths, padded on the right or left; padding holds any token, unless on the left."""
    shape = (rows, choices, length) if choices else (rows, length)
    lengths = torch.randint(1, length + 1, shape[:-1])
    lengths.view(-1)[0] = length
    mask = (torch.arange(length) < lengths[..., None]).long()
    ids = torch.randint(0, config.vocab_size, shape)
    if left:
        mask = mask.flip(-1)
        ids[mask == 0] = config.pad_token_id
    batch = {"input_ids": ids, "attention_mask": mask}
    if types:
        batch["token_type_ids"] = torch.randint(0, config.type_vocab_size, shape)
    return batch


def labels_for(head: str, config, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Labels such as a head of this name takes; some places do not count."""
    length = batch["input_ids"].shape[-1]
    rows = len(batch["input_ids"])
    tokens = batch["input_ids"].reshape(-1, length)[:rows].clone()
    tokens[torch.rand(rows, length) < 0.7] = -100
    tokens[:, 0] = 5
    mask = batch["attention_mask"].reshape(-1, length)[:rows]
    pairs = torch.randint(0, 2, (rows,))
    every = {
        "BertForPreTraining": {"labels": tokens, "next_sentence_label": pairs},
        "AlbertForPreTraining": {"labels": tokens, "sentence_order_label": pairs},
        "ElectraForPreTraining": {"labels": torch.randint(0, 2, (rows, length))},
        "ForMaskedLM": {"labels": tokens},
        "ForNextSentencePrediction": {"labels": pairs},
        "ForSequenceClassification": {"labels": torch.randint(0, config.num_labels, (rows,))},
        "ForMultipleChoice": {"labels": torch.randint(0, 3, (rows,))},
        "ForTokenClassification": {
            "labels": torch.randint(0, config.num_labels, (rows, length)).masked_fill(mask == 0, -100)
        },
        "ForQuestionAnswering": {
            "start_positions": torch.tensor([0, 3, length + 4, 2])[:rows],
            "end_positions": torch.tensor([1, 5, length + 9, 2])[:rows],
        },
    }
    return next(labels for ending, labels in every.items() if head.endswith(ending))


def packed(batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], Packed, Tensor]:
    """The same batch without its padding, its layout, and which places of the padded batch hold tokens."""
    flat = {name: value.reshape(-1, value.shape[-1]) for name, value in batch.items()}
    visible = flat["attention_mask"].bool()
    tokens = {name: value[visible] for name, value in flat.items() if name != "attention_mask"}
    return tokens, Packed(visible.sum(-1).tolist()), visible


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


def assert_same_outputs(ours, theirs) -> None:
    for name, expected in theirs.items():
        if isinstance(expected, Tensor):
            assert_close(ours[name], expected)
        elif name != "past_key_values" and expected:
            assert len(ours[name]) == len(expected), name
            for one, other in zip(ours[name], expected, strict=True):
                assert_close(one, other)


def check_outputs(theirs, ours, batch) -> None:
    """Scores, hidden states and attention maps; and the scores again on the path that makes no maps."""
    with torch.no_grad():
        expected = theirs(**batch, **SEEN)
        assert_same_outputs(ours(**batch, **SEEN), expected)
        plain = ours(**batch)
    for name, value in plain.items():
        if isinstance(value, Tensor):
            assert_close(value, expected[name])


def check_losses_and_gradients(theirs, ours, batch, *, packed_batch=None) -> None:
    """The loss and every gradient; of `packed_batch` on our side, where it is given."""
    expected = theirs(**batch).loss
    found = ours(**(batch if packed_batch is None else packed_batch)).loss
    assert_close(found, expected)
    expected.backward()
    found.backward()
    parameters = dict(ours.named_parameters(remove_duplicate=False))  # tied ones by each of their names
    theirs_by_name = dict(theirs.named_parameters(remove_duplicate=False))
    assert parameters.keys() == theirs_by_name.keys()
    for name, parameter in parameters.items():
        gradient = theirs_by_name[name].grad
        if gradient is None:
            assert parameter.grad is None, name
        else:
            assert_close(parameter.grad, gradient)


def check_packed(theirs, ours, batch, *, choices: int = 0) -> None:
    """Our packed outputs and hidden states are theirs of the padded batch."""
    tokens, layout, visible = packed(batch)
    options = {"num_choices": choices} if choices else {}
    with torch.no_grad():
        expected = theirs(**batch, output_hidden_states=True)
        found = ours(**tokens, layout=layout, output_hidden_states=True, **options)
    for name, tensor in expected.items():
        if isinstance(tensor, Tensor):
            assert_close(found[name], tensor[visible] if tensor.shape[:2] == visible.shape else tensor)
    for one, other in zip(found.hidden_states, expected.hidden_states, strict=True):
        assert_close(one, other[visible])


def check_packed_losses_and_gradients(theirs, ours, batch, labels: dict[str, Tensor]) -> None:
    """As `check_losses_and_gradients`, ours packed. Labels of padding do not count."""
    tokens, layout, visible = packed(batch)
    labels = {
        name: value.masked_fill(~visible, -100) if value.shape == visible.shape else value
        for name, value in labels.items()
    }
    packed_labels = {name: value[visible] if value.shape == visible.shape else value for name, value in labels.items()}
    packed_batch = tokens | packed_labels | {"layout": layout}
    check_losses_and_gradients(theirs, ours, batch | labels, packed_batch=packed_batch)


def check_exchange(theirs, ours, batch, folder) -> None:
    """Each library reads what the other has saved, without a missing or left-over tensor."""
    ours.save_pretrained(folder / "ours")
    theirs.save_pretrained(folder / "theirs")
    again, info = type(theirs).from_pretrained(folder / "ours", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    back = type(ours).from_pretrained(folder / "theirs", strict=True)
    with torch.no_grad():
        expected = theirs(**batch)
        assert_same_outputs(again.eval()(**batch), expected)
        assert_same_outputs(back(**batch), expected)


def check_decoder_steps(ours, *, vocab_size: int, encoder=None) -> None:
    """A decoder that is fed step by step, with its cache or the published tuples, says what it says in one go."""
    encoder = encoder or {}
    ids = torch.randint(3, vocab_size, (3, 9))
    mask = torch.ones(3, 9, dtype=torch.long)
    mask[1, :2] = 0
    with torch.no_grad():
        whole = ours(ids, mask, use_cache=False, **encoder).logits
        past, steps = None, []
        for start, stop in [(0, 4), (4, 5), (5, 8), (8, 9)]:
            out = ours(ids[:, start:stop], mask[:, :stop], past_key_values=past, **encoder)
            past = out.past_key_values
            steps.append(out.logits)
        assert past[0][0].shape == (3, 4, 9, 8)
        as_tuples = tuple((key[:, :, :8], value[:, :, :8]) for key, value in past)
        last = ours(ids[:, 8:], mask, past_key_values=as_tuples, **encoder).logits
    visible = mask.bool()
    assert_close(torch.cat(steps, 1)[visible], whole[visible])
    assert_close(last, steps[-1])
