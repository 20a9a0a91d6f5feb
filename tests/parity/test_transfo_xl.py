"""Is our Transformer-XL the published one? Against the files of tests/goldens/make_transfo_xl.py."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

import pretrained
from pretrained.errors import ConfigurationError, InputError

GOLDENS = {path.stem: path for path in (Path(__file__).parents[1] / "goldens" / "transfo_xl").glob("*.safetensors")}
every_golden = pytest.mark.parametrize("name", sorted(GOLDENS))


@cache
def golden(name: str) -> tuple[dict, dict[str, Tensor]]:
    with safe_open(GOLDENS[name], "pt") as file:
        return json.loads(file.metadata()["config"]), {key: file.get_tensor(key) for key in file.keys()}


def part(name: str, prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in golden(name)[1].items() if key.startswith(prefix)}


def model(name: str, **changes):
    ours = pretrained.TransfoXLLMHeadModel(pretrained.TransfoXLConfig(**golden(name)[0] | changes)).eval()
    ours.load_state_dict(part(name, "weights."))
    return ours


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_there_are_goldens():
    assert set(GOLDENS) == {"divided", "one_table", "plain", "apart"}


@every_golden
def test_three_segments_with_memories(name):
    ours, mems = model(name), None
    layers, heads = ours.config.n_layer, ours.config.n_head
    for segment in range(3):
        expected = part(name, f"segment{segment}.")
        ids, labels = expected["ids"], expected["labels"]
        with torch.no_grad():
            out = ours(ids, mems=mems, output_hidden_states=True, output_attentions=True)
            plain = ours(ids, mems=mems)
            trained = ours(ids, mems=mems, labels=labels)
            masked = ours(ids, mems=mems, head_mask=torch.tensor([[1.0] * heads, [0.0] + [1.0] * (heads - 1)]))
        assert_close(out.prediction_scores, expected["scores"])
        assert_close(plain.logits, expected["scores"])
        assert_close(masked.logits, expected["scores_without_a_head"])
        assert_close(trained.loss, expected["loss"])
        # theirs are in the order of the clusters, ours in that of the tokens
        assert_close(trained.losses.flatten().sort().values, expected["losses"].flatten().sort().values)
        by_token = out.logits[:, :-1].gather(2, labels[:, 1:, None].clamp(min=0)).squeeze(2)
        assert_close(trained.losses, -by_token.masked_fill(labels[:, 1:] == -100, 0))
        for kind, count in (("mems", layers), ("hidden_states", layers + 1), ("attentions", layers)):
            found = getattr(out, kind) or ()
            if kind != "mems" or ours.config.mem_len:
                assert len(found) == count
            assert sum(key.startswith(kind) for key in expected) == len(found)
            for index, tensor in enumerate(found):
                assert_close(tensor, expected[f"{kind}.{index}"])
        mems = out.mems


@every_golden
def test_gradients(name):
    ours = model(name)
    first = part(name, "segment0.")
    ours(first["ids"], labels=first["labels"]).loss.backward()
    found = {key: value.grad for key, value in ours.named_parameters() if value.grad is not None}
    expected = part(name, "gradients.")
    assert found.keys() == expected.keys()
    for key, gradient in expected.items():
        assert_close(found[key], gradient)


@every_golden
def test_tensors_have_the_published_names(name):
    expected = part(name, "weights.").keys() - {"transformer.pos_emb.inv_freq"}  # computed, not loaded
    assert model(name).state_dict().keys() == expected


@pytest.mark.parametrize("name", sorted(set(GOLDENS) - {"one_table", "apart"}))
def test_sequence_classification(name):
    expected = part(name, "classifier.")
    config = pretrained.TransfoXLConfig(**golden(name)[0])
    ours = pretrained.TransfoXLForSequenceClassification(config).eval()
    ours.transformer.load_state_dict(part(name, "weights.transformer."))
    ours.score.weight.data = expected["weight"]
    with torch.no_grad():
        out = ours(expected["ids"], labels=torch.tensor([0, 2, 1]))
    assert_close(out.logits, expected["logits"])
    assert_close(out.loss, expected["loss"])


def test_sequence_classification_without_padding():
    config = pretrained.TransfoXLConfig(**golden("divided")[0] | {"pad_token_id": None})
    ours = pretrained.TransfoXLForSequenceClassification(config).eval()
    ids = torch.randint(10, 60, (2, 5))
    with pytest.raises(InputError, match=r"batch of 2.*pad_token_id"):
        ours(ids)
    alone = ours(ids[:1]).logits
    embeds = ours.transformer.word_emb(ids)
    assert_close(ours(inputs_embeds=embeds).logits[:1], alone)
    ours.config.pad_token_id = 3
    left = torch.cat([torch.full((2, 2), 3), ids], 1)
    assert_close(ours(left).logits, ours.score(ours.transformer(left).last_hidden_state[:, -1]))


def test_ties():
    divided, apart, one = model("divided"), model("apart"), model("one_table")
    embedding = divided.transformer.word_emb
    for index in range(4):
        assert divided.crit.out_layers[index].weight is embedding.emb_layers[index].weight
        assert (divided.crit.out_projs[index] is embedding.emb_projs[index]) == (index > 0)
    assert apart.crit.out_layers[0].weight is not apart.transformer.word_emb.emb_layers[0].weight
    assert apart.crit.out_projs[1] is not apart.transformer.word_emb.emb_projs[1]
    assert one.crit.out_projs[2] is one.transformer.word_emb.emb_projs[0]
    assert one.transformer.layers[1].dec_attn.r_r_bias is one.transformer.r_r_bias


@every_golden
def test_saved_models_come_back(name, tmp_path):
    ours = model(name)
    ours.save_pretrained(tmp_path)
    again = pretrained.TransfoXLLMHeadModel.from_pretrained(tmp_path, strict=True)
    assert again._ties() == ours._ties()
    for target, source in again._ties().items():
        assert again.get_parameter(target) is again.get_parameter(source)
    bare = pretrained.TransfoXLModel.from_pretrained(tmp_path)
    ids = golden(name)[1]["segment0.ids"]
    with torch.no_grad():
        assert_close(again(ids).logits, ours(ids).logits)
        assert_close(bare(ids).last_hidden_state, ours.transformer(ids).last_hidden_state)


@pytest.mark.parametrize("layer", [-1, 0, 2])
def test_resized_clusters(layer):
    ours = model("divided")
    old = ours.transformer.word_emb.ends
    ids = torch.randint(0, 10, (2, 6))
    with torch.no_grad():
        before = ours.transformer(ids).last_hidden_state
        assert ours.resize_token_embeddings(64, layer=layer) is ours.get_input_embeddings()
        assert_close(ours.transformer(ids).last_hidden_state, before)
        scores = ours(ids).logits
    assert scores.shape[-1] == ours.config.vocab_size == 64
    assert_close(scores.exp().sum(-1), torch.ones(2, 6))
    assert ours.config.cutoffs == [end + 4 * (index >= layer % 4) for index, end in enumerate(old[:-1])]
    table = ours.transformer.word_emb.emb_layers[layer]
    assert ours.crit.out_layers[layer].weight is table.weight
    assert ours.crit.out_layers[layer].bias.shape == (table.num_embeddings,)
    with pytest.raises(InputError, match="20 tokens are 44 fewer than now"):
        ours.resize_token_embeddings(20, layer=layer)
    with pytest.raises(InputError, match="tables 0 to 3"):
        ours.resize_token_embeddings(70, layer=4)


def test_resized_single_table():
    ours = model("one_table")
    ids = torch.randint(0, 41, (2, 6))
    with torch.no_grad():
        before = ours(ids).logits
        ours.resize_token_embeddings(50)
        after = ours(ids).logits
    assert after.shape[-1] == 50
    assert ours.config.cutoffs == [20, 40]
    assert_close(after[..., :40], before[..., :40])
    with pytest.raises(InputError, match=r"40 tokens are 10 fewer than now.* only 10"):
        ours.resize_token_embeddings(40)


def test_memory_length():
    ours = model("divided")
    assert [memory.shape for memory in ours.init_mems(3)] == [(6, 3, 16)] * 2
    ours.reset_memory_length(2)
    assert ours(torch.randint(0, 60, (3, 5))).mems[0].shape == (2, 3, 16)
    assert not ours(torch.randint(0, 60, (3, 5))).mems[0].requires_grad


def test_labels_that_do_not_count_cost_nothing():
    ours = model("divided")
    ids = torch.randint(0, 60, (2, 5))
    loss = ours(ids, labels=torch.full_like(ids, -100)).loss
    assert loss.item() == 0
    out = ours(ids, labels=ids, return_dict=False)
    assert out[0].shape == (2, 4)
    assert out[1] == ()


def test_bad_inputs_say_both_numbers():
    ours = model("divided")
    ids = torch.randint(0, 60, (2, 5))
    for batch, numbers in (
        ({"input_ids": ids + 60}, r"input_ids .* the model has 0 to 59"),
        ({"input_ids": ids, "labels": ids + 60}, r"labels .* the model has 0 to 59"),
        ({"input_ids": ids, "labels": ids[:, 1:]}, r"\(2, 4\).*\(2, 5\)"),
        ({"input_ids": ids, "mems": [torch.zeros(6, 3, 16)] * 2}, r"\(6, 3, 16\).*batch of 2"),
        ({"input_ids": ids, "mems": [torch.zeros(6, 2, 16)] * 3}, "3 layers, the model has 2"),
        ({}, "either"),
    ):
        with pytest.raises(InputError, match=numbers):
            ours(**batch)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vocab_size": 1000}, r"cutoffs=\[20000, 40000, 200000\].*vocab_size=1000"),
        ({"cutoffs": [5, 5]}, r"cutoffs=\[5, 5\]"),
        ({"d_embed": 16}, "d_embed=16.*cluster 3.*div_val=4"),
        ({"mem_len": 0}, "same_length=True"),
        ({"attn_type": 1}, "attn_type=1"),
        ({"sample_softmax": 100}, "sample_softmax=100"),
        ({"tie_projs": [True]}, "4 clusters"),
        ({"d_model": 15}, "d_model=15"),
    ],
)
def test_contradictions(values, message):
    with pytest.raises(ConfigurationError, match=message):
        pretrained.TransfoXLConfig(**values)


def test_published_configuration():
    config = pretrained.TransfoXLConfig(tie_weight=True, tie_projs=[False, True, True, True], n_token=267735)
    assert config == pretrained.TransfoXLConfig()
    assert config.tie_projs == [False, True, True, True]
    assert config.max_position_embeddings == -1
