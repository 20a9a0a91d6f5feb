"""Do the families without a key-value cache write what `transformers` writes: XLNet, XLM, FlauBERT, Transformer-XL?"""

import pytest
import torch

import pretrained
from pretrained.errors import InputError

transformers = pytest.importorskip("transformers")

COMMON = {"pad_token_id": 1, "eos_token_id": 5, "bos_token_id": 2}
XLNET = COMMON | {"vocab_size": 17, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24, "initializer_range": 0.4}
XLM = COMMON | {
    "n_words": 17,
    "pad_index": 1,
    "emb_dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "max_position_embeddings": 40,
    "mask_token_id": 4,
    "lang_id": 0,
    "n_langs": 2,
    "init_std": 0.4,
    "embed_init_std": 0.4,
}
MODELS = {
    "xlnet": ("XLNetLMHeadModel", "XLNetConfig", XLNET),
    "xlnet with a short memory": ("XLNetLMHeadModel", "XLNetConfig", XLNET | {"mem_len": 6}),
    "xlm": ("XLMWithLMHeadModel", "XLMConfig", XLM),
    "xlm causal": ("XLMWithLMHeadModel", "XLMConfig", XLM | {"causal": True, "n_langs": 1}),
    "flaubert": ("FlaubertWithLMHeadModel", "FlaubertConfig", XLM | {"n_langs": 1}),
}


def prompts(rows=3, length=5):
    return torch.randint(6, 17, (rows, length))


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}], ids=["greedy", "beams"])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_equals_theirs(name, options):
    head, config, sizes = MODELS[name]
    torch.manual_seed(3)
    theirs = getattr(transformers, head)(getattr(transformers, config)(**sizes)).eval()
    for parameter in theirs.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    ours = getattr(pretrained, head)(getattr(pretrained, config)(**sizes)).eval()
    ours.load_state_dict(theirs.state_dict())
    ids = prompts()
    expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_length=14, do_sample=False, **options)
    assert torch.equal(ours.generate(ids, max_length=14, **options), expected)


@pytest.mark.parametrize("options", [{}, {"use_cache": False}, {"num_beams": 3}], ids=["greedy", "anew", "beams"])
@pytest.mark.parametrize("name", ["xlnet", "xlnet with a short memory", "xlm", "flaubert"])
def test_padded_prompts_are_continued_like_single_ones(name, options):
    head, config, sizes = MODELS[name]
    torch.manual_seed(4)
    model = getattr(pretrained, head)(getattr(pretrained, config)(**sizes)).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    rows = [prompts(1, length) for length in (5, 3, 4)]
    padded = torch.ones(3, 5, dtype=torch.long)
    for place, row in enumerate(rows):
        padded[place, 5 - row.shape[1] :] = row[0]
    together = model.generate(padded, max_new_tokens=6, **options)
    for place, row in enumerate(rows):
        alone = model.generate(row, max_new_tokens=6, **options)[0, row.shape[1] :]
        assert torch.equal(together[place, 5 : 5 + len(alone)], alone)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}], ids=["greedy", "beams"])
def test_memories_of_transformer_xl_change_no_text(options):
    torch.manual_seed(5)
    config = pretrained.TransfoXLConfig(
        vocab_size=17,
        cutoffs=[8, 12],
        d_model=16,
        d_embed=16,
        n_head=2,
        d_head=8,
        d_inner=24,
        n_layer=2,
        mem_len=40,
        clamp_len=-1,
        div_val=2,
        init_std=0.4,
        eos_token_id=0,
    )
    model = pretrained.TransfoXLLMHeadModel(config).eval()
    ids = torch.randint(1, 17, (2, 4))
    text = model.generate(ids, max_length=12, **options)
    assert text.shape[1] > 5
    # memories start as zeros that are looked at, so a text read at once sees as many of them less as it is long
    past = model(ids).mems
    again = model(ids[:, :2], mems=None)
    assert torch.equal(model.generate(ids, max_length=12, **options), text)
    torch.testing.assert_close(model(ids[:, 2:], mems=again.mems).mems[-1], past[-1], atol=1e-5, rtol=1e-5)
    with pytest.raises(InputError, match="padding"):
        model.generate(ids, attention_mask=torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1]]), max_length=8)


def test_padded_prompts_of_roberta_are_continued_like_single_ones():
    torch.manual_seed(6)
    config = pretrained.RobertaConfig(
        vocab_size=17,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=40,
        initializer_range=0.4,
        is_decoder=True,
    )
    model = pretrained.RobertaForCausalLM(config).eval()
    rows = [prompts(1, length) for length in (5, 3)]
    padded = torch.cat([rows[0], torch.nn.functional.pad(rows[1], (2, 0), value=1)])
    together = model.generate(padded, max_new_tokens=6)
    for place, row in enumerate(rows):
        alone = model.generate(row, max_new_tokens=6)[0, row.shape[1] :]
        assert torch.equal(together[place, 5 : 5 + len(alone)], alone)
