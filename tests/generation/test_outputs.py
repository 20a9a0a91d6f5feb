"""Is what generation returns besides the text what `transformers` returns: scores, beams, states, attentions?"""

import pytest
import torch

import pretrained
from pretrained.generation import GenerationOutput

transformers = pytest.importorskip("transformers")

END = 5
SIZES = {"vocab_size": 17, "pad_token_id": 1, "eos_token_id": END, "bos_token_id": 2, "initializer_range": 0.4}
SIZES |= {"n_positions": 40, "n_embd": 16, "n_layer": 2, "n_head": 2}
IDS = torch.randint(6, 17, (4, 5), generator=torch.Generator().manual_seed(7))
ALL = ("scores", "logits", "attentions", "hidden_states")
WAYS = {
    "greedy": {},
    "processed": {"repetition_penalty": 1.7, "min_new_tokens": 5, "bad_words_ids": [[4], [7, 8]]},
    "drawn": {"do_sample": True, "top_k": 7, "temperature": 1.4, "num_return_sequences": 2},
    "beams": {"num_beams": 3},
    "best beams": {"num_beams": 4, "num_return_sequences": 3, "length_penalty": 2.0, "early_stopping": True},
    "processed beams": {"num_beams": 3, "min_new_tokens": 4, "suppress_tokens": [3], "renormalize_logits": True},
    "drawn beams": {"num_beams": 3, "do_sample": True, "top_k": 9, "num_return_sequences": 2},
    "anew": {"num_beams": 2, "use_cache": False},
}


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(3)
    config = transformers.GPT2Config(**SIZES, attn_implementation="eager")
    theirs = transformers.GPT2LMHeadModel(config).eval()
    ours = pretrained.GPT2LMHeadModel(pretrained.GPT2Config(**SIZES)).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def run(model, **options):
    torch.manual_seed(1)
    options = {"do_sample": False, "max_new_tokens": 12, "return_dict_in_generate": True} | options
    return model.generate(IDS, attention_mask=torch.ones_like(IDS), **options)


@pytest.mark.parametrize("way", WAYS)
def test_everything(models, way):
    options = WAYS[way] | {f"output_{name}": True for name in ALL}
    expected, found = (run(model, **options) for model in models)
    assert isinstance(found, GenerationOutput)
    assert torch.equal(found.sequences, expected.sequences)
    assert found[0] is found.sequences
    for name in ALL:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    if "num_beams" in options:
        torch.testing.assert_close(found.sequences_scores, expected.sequences_scores, rtol=1e-5, atol=1e-5)
        assert torch.equal(found.beam_indices, expected.beam_indices.long())
    assert list(found.keys()) == [name for name in expected if name != "past_key_values"]


@pytest.mark.parametrize("way", WAYS)
def test_only_what_is_asked_for(models, way):
    _, ours = models
    options = WAYS[way]
    whole = run(ours, output_scores=True, **options)
    found = run(ours, **options)
    beams = ("beam_indices",) if "num_beams" in options else ()
    assert found.keys() == ("sequences", *beams)
    assert whole.keys() == ("sequences", *(("sequences_scores",) if beams else ()), "scores", *beams)
    assert torch.equal(run(ours, return_dict_in_generate=False, output_scores=True, **options), found.sequences)


def test_the_scores_of_the_beams_add_up_to_those_of_the_texts(models):
    _, ours = models
    out = run(ours, num_beams=4, num_return_sequences=2, output_scores=True)
    new = out.sequences[:, IDS.shape[1] :]
    written = out.beam_indices >= 0
    steps = torch.stack(out.scores)[: new.shape[1]]  # (N, R, V)
    each = steps[torch.arange(new.shape[1]), out.beam_indices.clamp(min=0), new].masked_fill(~written, 0.0)
    torch.testing.assert_close(each.sum(1) / written.sum(1), out.sequences_scores)


def test_a_configuration_can_ask_for_it():
    config = pretrained.GPT2Config(**SIZES, return_dict_in_generate=True, output_scores=True)
    out = pretrained.GPT2LMHeadModel(config).eval().generate(IDS, max_new_tokens=3, eos_token_id=[])
    assert len(out.scores) == 3
