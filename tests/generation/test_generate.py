"""Does generation write what `transformers` writes? Every loop, on small random models whose texts often end early."""

import pytest
import torch
from torch import Tensor

import pretrained
from pretrained.errors import ConfigurationError, InputError

transformers = pytest.importorskip("transformers")

PAD, END = 1, 5
COMMON = {"vocab_size": 17, "pad_token_id": PAD, "eos_token_id": END, "bos_token_id": 2, "initializer_range": 0.4}
GPT = {"n_positions": 40, "n_embd": 16, "n_layer": 2, "n_head": 2}
BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "is_decoder": True,
}
FAMILIES = {
    "GPT2LMHeadModel": ("GPT2Config", GPT),
    "OpenAIGPTLMHeadModel": ("OpenAIGPTConfig", GPT),
    "CTRLLMHeadModel": ("CTRLConfig", GPT | {"dff": 24}),
    "BertLMHeadModel": ("BertConfig", BERT),
}
OPTIONS = [
    {},
    {"repetition_penalty": 1.7},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 1, "max_new_tokens": 6},
    {"bad_words_ids": [[4], [7, 8], [9, 3], [3, 3, 3], [END]], "min_length": 15},
    {"eos_token_id": [END, 7, 8]},
    {"num_beams": 3},
    {"num_beams": 3, "num_return_sequences": 3, "early_stopping": True},
    {"num_beams": 4, "length_penalty": 2.0, "early_stopping": "never", "num_return_sequences": 2},
    {"num_beams": 2, "length_penalty": -1.0, "no_repeat_ngram_size": 2, "repetition_penalty": 1.3},
    {"num_beams": 3, "eos_token_id": [END, 7, 8], "min_length": 12},
    {"num_beams": 3, "use_cache": False},
    {"use_cache": False},
    {"min_new_tokens": 6},
    {"min_new_tokens": 6, "min_length": 20},
    {"min_new_tokens": 3, "num_beams": 3, "num_return_sequences": 2},
    {"prefix_allowed_tokens_fn": lambda row, ids: [row + 6, END, 16 - int(ids[-1])]},
    {"prefix_allowed_tokens_fn": lambda row, ids: torch.tensor([row + 6, END, 9, 10]), "num_beams": 3},
    {"forced_eos_token_id": [7, END], "max_new_tokens": 4},
    {"forced_eos_token_id": END, "max_new_tokens": 4, "num_beams": 3},
    {"suppress_tokens": [3, 8], "begin_suppress_tokens": [9, 10, END]},
    {"suppress_tokens": [3, 8], "begin_suppress_tokens": [9, 10, END], "num_beams": 2},
    {"sequence_bias": {(3,): -2.0, (8, 5): 4.0, (9,): 0.5}},
    {"sequence_bias": [[[3], -2.0], [[8, 5], 4.0]], "num_beams": 2},
    {"exponential_decay_length_penalty": (3, 1.2), "eos_token_id": [END, 7]},
    {"exponential_decay_length_penalty": (1, 1.05), "num_beams": 3},
    {"remove_invalid_values": True, "bad_words_ids": [[4]], "renormalize_logits": True, "num_beams": 2},
    {"logits_processor": [lambda ids, scores: -scores, lambda ids, scores: scores + ids[:, -1:] % 3], "min_length": 9},
]
DRAWN = [
    {"top_k": 0},
    {"top_k": 5, "temperature": 0.6},
    {"top_k": 0, "top_p": 0.7, "num_return_sequences": 3},
    {"top_k": 9, "top_p": 0.8, "temperature": 1.5, "repetition_penalty": 1.2},
    {"top_k": 0, "num_beams": 3, "top_p": 0.9, "num_return_sequences": 2},
    {"top_k": 0, "typical_p": 0.6, "min_new_tokens": 4},
    {"top_k": 0, "min_p": 0.2, "temperature": 1.5, "renormalize_logits": True},
    {"top_k": 12, "num_beams": 3, "typical_p": 0.3, "min_p": 0.05},
    {"prefix_allowed_tokens_fn": lambda row, ids: [row, END, 9, 10], "num_return_sequences": 2},
    {"logits_processor": [lambda ids, scores: scores * 2], "temperature": 1.5},
]


def pair(name: str, **changes):
    config, sizes = FAMILIES[name]
    torch.manual_seed(3)
    theirs = getattr(transformers, name)(getattr(transformers, config)(**COMMON | sizes | changes)).eval()
    for parameter in theirs.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    ours = getattr(pretrained, name)(getattr(pretrained, config)(**COMMON | sizes | changes)).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.fixture(scope="module", params=FAMILIES)
def models(request):
    return pair(request.param)


@pytest.fixture(scope="module")
def gpt2():
    return pair("GPT2LMHeadModel")


def prompts(*, padded: bool = True) -> dict[str, Tensor]:
    """Five prompts of unequal lengths, padded on the left."""
    generator = torch.Generator().manual_seed(11)
    ids = torch.randint(6, 17, (5, 7), generator=generator)
    mask = torch.ones_like(ids)
    if padded:
        mask[0, :3] = mask[1, :6] = mask[4, :1] = 0
    return {"input_ids": ids.masked_fill(mask == 0, PAD), "attention_mask": mask}


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_the_text_is_the_same(models, options):
    theirs, ours = models
    options = {"max_new_tokens": 20} | options
    expected = theirs.generate(**prompts(), do_sample=False, **options)
    assert torch.equal(ours.generate(**prompts(), **options), expected)


@pytest.mark.parametrize("options", DRAWN, ids=range(len(DRAWN)))
def test_the_same_chances_draw_the_same_text(models, options):
    """Equal probabilities and an equal state of the source of chance give equal tokens."""
    theirs, ours = models
    torch.manual_seed(1)
    expected = theirs.generate(**prompts(), do_sample=True, max_new_tokens=20, **options)
    torch.manual_seed(1)
    assert torch.equal(ours.generate(**prompts(), do_sample=True, max_new_tokens=20, **options), expected)


def test_a_model_is_asked_in_the_way_that_its_configuration_says():
    theirs, ours = pair("GPT2LMHeadModel", max_length=12, num_beams=2, no_repeat_ngram_size=2)
    batch = prompts()
    expected = theirs.generate(**batch, do_sample=False, max_length=12, num_beams=2, no_repeat_ngram_size=2)
    assert torch.equal(ours.generate(**batch), expected)
    assert ours.generate(**batch, max_length=9).shape == (5, 9)


def test_padding_is_seen_without_a_mask(gpt2):
    _, ours = gpt2
    batch = prompts()
    expected = ours.generate(**batch, max_new_tokens=9)
    assert torch.equal(ours.generate(batch["input_ids"], max_new_tokens=9), expected)
    alone = ours.generate(batch["input_ids"][:1, 3:], max_new_tokens=9, eos_token_id=[])
    padded = ours.generate(**batch, max_new_tokens=9, eos_token_id=[])
    assert torch.equal(alone[0], padded[0, 3:])


def test_no_prompt_is_the_first_token(gpt2):
    theirs, ours = gpt2
    assert torch.equal(ours.generate(max_length=9), theirs.generate(max_length=9, do_sample=False))
    with pytest.raises(InputError, match="starts from bos_token_id, and the model has none"):
        pretrained.GPT2LMHeadModel(pretrained.GPT2Config(**GPT, vocab_size=17, bos_token_id=None)).generate()


def test_end_stands_for_missing_padding():
    theirs, ours = pair("GPT2LMHeadModel", pad_token_id=None)
    batch = prompts(padded=False)
    expected = theirs.generate(**batch, max_new_tokens=20, do_sample=False)
    assert (expected == END).sum() > 5
    assert torch.equal(ours.generate(**batch, max_new_tokens=20), expected)


def test_further_inputs_go_along():
    theirs, ours = pair("GPT2LMHeadModel", add_cross_attention=True)
    batch = prompts() | {"encoder_hidden_states": torch.randn(5, 3, 16)}
    for options in ({}, {"num_beams": 3}):
        expected = theirs.generate(**batch, max_new_tokens=9, do_sample=False, **options)
        assert torch.equal(ours.generate(**batch, max_new_tokens=9, **options), expected)


def test_new_tokens_are_of_the_type_of_the_last(gpt2):
    _, ours = gpt2
    ids = prompts(padded=False)["input_ids"]
    types = torch.randint(0, 17, ids.shape)
    written = ours.generate(ids, token_type_ids=types, max_new_tokens=5, eos_token_id=[])
    with torch.no_grad():
        for length in range(7, 12):
            all_types = torch.cat([types, types[:, -1:].expand(-1, length - 7)], 1)
            best = ours(written[:, :length], token_type_ids=all_types).logits[:, -1].argmax(-1)
            assert torch.equal(best, written[:, length])


@pytest.mark.parametrize("options", [{}, {"do_sample": True, "num_return_sequences": 2}], ids=["best", "drawn"])
def test_a_stream_is_the_same_text(gpt2, options):
    _, ours = gpt2
    whole = ours.generate(**prompts(), max_new_tokens=9, generator=torch.Generator().manual_seed(5), **options)
    stream = ours.stream(**prompts(), max_new_tokens=9, generator=torch.Generator().manual_seed(5), **options)
    columns = [next(stream) for _ in range(3)]
    columns += list(stream)
    assert torch.equal(torch.stack(columns, 1), whole[:, 7:])
    assert all(column.shape == whole[:, 0].shape for column in columns)


def test_a_source_of_chance_repeats_itself(gpt2):
    _, ours = gpt2
    state = torch.get_rng_state()

    def draw(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return ours.generate(**prompts(), do_sample=True, max_new_tokens=20, generator=generator)

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    assert torch.equal(torch.get_rng_state(), state)


def test_texts_of_a_generating_model_can_be_trained_on(gpt2):
    """Nothing that generation makes is left behind in a state that autograd refuses."""
    _, ours = gpt2
    ids = ours.generate(**prompts(), max_new_tokens=4)
    ours(ids, labels=ids).loss.backward()
    ours.zero_grad()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 7}, "the prompt has 7 tokens and max_length=7 counts them"),
        ({"max_length": 9, "max_new_tokens": 3}, "pass max_length=9 .* or max_new_tokens=3"),
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1, got 0"),
        ({"num_beams": 0}, "num_beams must be a whole number from 1 on, got 0"),
        ({"temperature": 0.0, "do_sample": True}, "temperature must be above 0, got 0.0"),
        ({"top_p": 1.5}, "top_p must lie between 0 and 1, got 1.5"),
        ({"bad_words_ids": [5, 6]}, r"bad_words_ids must be lists of token numbers, none empty; got \[5, 6\]"),
        ({"early_stopping": "often"}, "early_stopping must be True, False or 'never', got 'often'"),
        ({"num_return_sequences": 2}, "would be 2 times the same text"),
        ({"num_return_sequences": 3, "num_beams": 2}, "num_return_sequences=3 is more than num_beams=2"),
        ({"bad_words_ids": [[]]}, "none empty"),
        ({"bad_words_ids": [[17]]}, "bad_words_ids holds 17; the model has 0 to 16"),
        ({"attention_mask": torch.ones(5, 6)}, r"attention_mask has shape \(5, 6\), the prompts have \(5, 7\)"),
        ({"attention_mask": torch.tensor([1, 1, 1, 1, 1, 1, 0]).expand(5, -1)}, "pad on the left"),
        ({"min_new_tokens": -1}, "min_new_tokens must be a whole number from 0 on, got -1"),
        ({"max_time": 0}, "max_time must be above 0, got 0"),
        ({"typical_p": 0.0}, "typical_p must be above 0, got 0.0"),
        ({"min_p": 1.5}, "min_p must lie between 0 and 1, got 1.5"),
        ({"suppress_tokens": 3.5}, "suppress_tokens must hold token numbers, got 3.5"),
        ({"begin_suppress_tokens": [-1]}, r"begin_suppress_tokens must hold token numbers, got \[-1\]"),
        ({"forced_eos_token_id": 17}, "forced_eos_token_id holds 17; the model has 0 to 16"),
        ({"forced_bos_token_id": -1}, "forced_bos_token_id must be a whole number from 0 on, got -1"),
        ({"sequence_bias": {(): 1.0}}, "sequence_bias must give a number for rows of token numbers"),
        ({"sequence_bias": {5: 1.0}}, "sequence_bias must give a number for rows of token numbers"),
        ({"exponential_decay_length_penalty": 1.2}, r"must be \(start, factor\), got 1.2"),
        ({"prefix_allowed_tokens_fn": [5]}, r"prefix_allowed_tokens_fn must be a function, got \[5\]"),
        ({"prefix_allowed_tokens_fn": lambda row, ids: []}, "allows no token for prompt 0 after"),
        ({"logits_processor": abs}, "logits_processor must be a list of functions, got <built-in"),
        ({"stopping_criteria": [3]}, r"stopping_criteria must be a list of functions, got \[3\]"),
        ({"streamer": print}, "streamer must have the methods put and end"),
        ({"generation_config": 3}, r"generation_config must be a dict of options, or have to_dict\(\), got 3"),
        ({"num_beam_groups": 2, "num_beams": 2}, "asks for diverse beam search, which is not here"),
        ({"synced_gpus": True}, "synced_gpus=True is not possible"),
        ({"max_new_tokens": 40}, "the sequence has 41 tokens, the model has positions for 40"),
    ],
)
def test_impossible_wishes(gpt2, options, message):
    _, ours = gpt2
    with pytest.raises(InputError, match=message):
        ours.generate(**prompts(padded=False) | options)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_the_first_token_behind_a_single_one_is_forced(gpt2, options):
    theirs, ours = gpt2
    for length in (1, 2):
        ids = prompts(padded=False)["input_ids"][:, :length]
        options = options | {"forced_bos_token_id": 9, "begin_suppress_tokens": [7, 8, 11], "max_new_tokens": 6}
        expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, **options)
        found = ours.generate(ids, **options)
        assert torch.equal(found, expected)
        assert bool((found[:, 1] == 9).all()) is (length == 1)


def rows_with(token: int):
    return lambda ids, scores: ids[:, -1] == token


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}], ids=["greedy", "beams"])
@pytest.mark.parametrize("end", [END, None], ids=["end", "no end"])
def test_criteria_of_the_caller(options, end):
    theirs, ours = pair("GPT2LMHeadModel", eos_token_id=end)
    options = {"stopping_criteria": [rows_with(7), rows_with(9)], "max_new_tokens": 20} | options
    expected = theirs.generate(**prompts(), do_sample=False, **options)
    expected[expected == -1] = PAD  # their beams without an end token take -1 for padding
    assert torch.equal(ours.generate(**prompts(), **options), expected)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_a_criterion_for_all_rows_at_once_that_looks_at_scores(gpt2, options):
    _, ours = gpt2
    options = {"max_new_tokens": 20, "eos_token_id": [], "return_dict_in_generate": True} | options
    out = ours.generate(
        **prompts(), stopping_criteria=[lambda ids, scores: len(scores) == 3], output_scores=True, **options
    )
    assert out.sequences.shape == (5, 10)
    assert len(out.scores) == 3
    seen = []
    ours.generate(**prompts(), stopping_criteria=[lambda ids, scores: seen.append(scores) or True], **options)
    assert seen == [None]


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_time_is_up(gpt2, options):
    _, ours = gpt2
    options = {"max_new_tokens": 9, "eos_token_id": []} | options
    assert ours.generate(**prompts(), max_time=1e-9, **options).shape == (5, 8)
    assert ours.generate(**prompts(), max_time=1e9, **options).shape == (5, 16)


class Listener:
    def __init__(self):
        self.heard = []

    def put(self, value):
        self.heard.append(value)

    def end(self):
        self.heard.append(torch.tensor([]))


@pytest.mark.parametrize("options", [{}, {"num_return_sequences": 2, "do_sample": True}], ids=["best", "drawn"])
def test_a_streamer_hears_the_text(gpt2, options):
    theirs, ours = gpt2
    heard = []
    for model in (theirs, ours):
        listener = Listener()
        torch.manual_seed(1)
        model.generate(**prompts(), max_new_tokens=9, streamer=listener, **{"do_sample": False} | options)
        heard.append(listener.heard)
    assert len(heard[0]) == len(heard[1])
    assert all(torch.equal(expected, found) for expected, found in zip(*heard, strict=True))
    for call in (ours.stream, ours.generate):
        with pytest.raises(InputError, match="stream" if call == ours.stream else "beam search knows its text only"):
            call(**prompts(), streamer=Listener(), num_beams=1 if call == ours.stream else 2, max_new_tokens=3)


def test_options_in_a_generation_config(gpt2):
    theirs, ours = gpt2
    options = {"num_beams": 3, "max_new_tokens": 12, "min_new_tokens": 4, "no_repeat_ngram_size": 2}
    published = transformers.GenerationConfig(**options, pad_token_id=PAD, eos_token_id=END)
    expected = theirs.generate(**prompts(), generation_config=published)
    for settings in (options, published, options | {"transformers_version": "5.0.0", "_from_model_config": True}):
        assert torch.equal(ours.generate(**prompts(), generation_config=settings), expected)
    nearer = ours.generate(**prompts(), generation_config=options, num_beams=1, max_new_tokens=3)
    assert torch.equal(nearer, ours.generate(**prompts(), **options | {"num_beams": 1, "max_new_tokens": 3}))
    with pytest.raises(TypeError, match=r"generation_config holds \['beams'\]; its options are .* num_beams"):
        ours.generate(**prompts(), generation_config={"beams": 3})


def test_what_says_that_nothing_special_is_wanted(gpt2):
    _, ours = gpt2
    nothing = {"synced_gpus": False, "num_beam_groups": 1, "diversity_penalty": 0.0, "output_scores": True}
    nothing |= dict.fromkeys(("max_time", "logits_processor", "stopping_criteria", "streamer", "generation_config"))
    expected = ours.generate(**prompts(), max_new_tokens=4)
    assert torch.equal(ours.generate(**prompts(), max_new_tokens=4, **nothing), expected)


def test_unknown_keywords(gpt2):
    _, ours = gpt2
    with pytest.raises(TypeError, match=r"generation got \['beams'\]; its options are .* num_beams.* token_type_ids"):
        ours.generate(**prompts(), beams=3)
    with pytest.raises(InputError, match="stream with num_beams=1"):
        ours.stream(**prompts(), num_beams=2, max_new_tokens=3)
    with pytest.raises(InputError, match=r"input_ids must be \(batch, tokens\)"):
        ours.generate(torch.zeros(5, dtype=torch.long))


def test_other_heads_say_that_they_cannot_write():
    masked = pretrained.BertForMaskedLM(pretrained.BertConfig(**COMMON | BERT | {"is_decoder": False}))
    with pytest.raises(ConfigurationError, match="BertForMaskedLM does not predict the next token"):
        masked.generate(**prompts(), max_new_tokens=2)
