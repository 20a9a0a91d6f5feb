"""Are the scores changed as `transformers` changes them? One processor after the other, and all together."""

import pytest
import torch

from pretrained.errors import InputError
from pretrained.generation import processors
from pretrained.generation.options import GenerationOptions

transformers = pytest.importorskip("transformers")
from transformers.generation import logits_process as theirs  # noqa: E402

VOCABULARY = 23
IDS = torch.randint(0, VOCABULARY, (6, 14), generator=torch.Generator().manual_seed(2))
IDS[0, -4:] = torch.tensor([7, 8, 7, 8])


def scores() -> torch.Tensor:
    return 3 * torch.randn(6, VOCABULARY, generator=torch.Generator().manual_seed(8))


PADDING = torch.tensor([0, 3, 1, 0, 12, 2])
CASES = {
    "repetition": (processors.repetition_penalty(1.6), theirs.RepetitionPenaltyLogitsProcessor(1.6)),
    "repetition with padding": (
        processors.repetition_penalty(0.6, PADDING),
        theirs.RepetitionPenaltyLogitsProcessor(0.6, PADDING),
    ),
    "one": (processors.no_repeat_ngrams(1), theirs.NoRepeatNGramLogitsProcessor(1)),
    "two": (processors.no_repeat_ngrams(2), theirs.NoRepeatNGramLogitsProcessor(2)),
    "long": (processors.no_repeat_ngrams(15), theirs.NoRepeatNGramLogitsProcessor(15)),
    "bad words": (
        processors.no_bad_words([[3], [4], [8, 5], [7, 8, 9], [1] * 20]),
        theirs.NoBadWordsLogitsProcessor([[3], [4], [8, 5], [7, 8, 9], [1] * 20]),
    ),
    "bias": (
        processors.sequence_bias({(3,): 1.5, (8, 5): -2.0, (7, 8, 9): 4.0, (8, 9): 1.0, (1,) * 20: 9.0}),
        theirs.SequenceBiasLogitsProcessor({(3,): 1.5, (8, 5): -2.0, (7, 8, 9): 4.0, (8, 9): 1.0, (1,) * 20: 9.0}),
    ),
    "only allowed": (
        processors.only_allowed(lambda row, ids: [row, int(ids[-1])], 2),
        theirs.PrefixConstrainedLogitsProcessor(lambda row, ids: [row, int(ids[-1])], 2),
    ),
    "forced": (processors.forced([4, 2], 14, ""), theirs.ForcedEOSTokenLogitsProcessor(15, [4, 2])),
    "forced later": (processors.forced([4], 15, ""), theirs.ForcedEOSTokenLogitsProcessor(16, 4)),
    "finite": (processors.finite, theirs.InfNanRemoveLogitsProcessor()),
    "wish for the end": (
        processors.wish_for_the_end(11, 1.3, [2, 5]),
        theirs.ExponentialDecayLengthPenalty((4, 1.3), [2, 5], 7),
    ),
    "no wish yet": (
        processors.wish_for_the_end(14, 1.3, [2, 5]),
        theirs.ExponentialDecayLengthPenalty((7, 1.3), [2, 5], 7),
    ),
    "without": (processors.without([4, 2], ""), theirs.SuppressTokensLogitsProcessor([4, 2])),
    "without at first": (
        processors.without([4, 2], "", only_at=14),
        theirs.SuppressTokensAtBeginLogitsProcessor([4, 2], 14),
    ),
    "without at first, later": (
        processors.without([4, 2], "", only_at=13),
        theirs.SuppressTokensAtBeginLogitsProcessor([4, 2], 13),
    ),
    "too short": (processors.min_length(15, [2, 5]), theirs.MinLengthLogitsProcessor(15, [2, 5])),
    "long enough": (processors.min_length(14, [2, 5]), theirs.MinLengthLogitsProcessor(14, [2, 5])),
    "temperature": (processors.temperature(0.7), theirs.TemperatureLogitsWarper(0.7)),
    "top_k": (processors.top_k(4), theirs.TopKLogitsWarper(4)),
    "top_k of all": (processors.top_k(99), theirs.TopKLogitsWarper(99)),
    "top_k of beams": (processors.top_k(1, 2), theirs.TopKLogitsWarper(1, min_tokens_to_keep=2)),
    "top_p": (processors.top_p(0.8), theirs.TopPLogitsWarper(0.8)),
    "top_p of beams": (processors.top_p(0.1, 2), theirs.TopPLogitsWarper(0.1, min_tokens_to_keep=2)),
    "top_p of none": (processors.top_p(0.0), theirs.TopPLogitsWarper(0.0)),
    "min_p": (processors.min_p(0.1), theirs.MinPLogitsWarper(0.1)),
    "min_p of beams": (processors.min_p(1.0, 3), theirs.MinPLogitsWarper(1.0, min_tokens_to_keep=3)),
    "typical_p": (processors.typical_p(0.7), theirs.TypicalLogitsWarper(0.7)),
    "typical_p of beams": (processors.typical_p(0.01, 3), theirs.TypicalLogitsWarper(0.01, min_tokens_to_keep=3)),
}


@pytest.mark.parametrize("case", CASES)
def test_each(case):
    ours, published = CASES[case]
    torch.testing.assert_close(ours(IDS, scores()), published(IDS, scores()), rtol=0, atol=0)


@pytest.mark.parametrize("case", ["finite", "wish for the end", "only allowed", "min_p", "typical_p"])
def test_scores_that_are_not_finite(case):
    ours, published = CASES[case]
    odd = scores()
    odd[0, :4] = odd[1] = odd[4:, 2] = float("-inf")
    if case == "finite":
        odd[2, 3], odd[3, 4] = float("nan"), float("inf")
    elif case != "only allowed":
        odd[1, 7] = 0.5  # something may be written
    torch.testing.assert_close(ours(IDS, odd.clone()), published(IDS, odd.clone()), rtol=0, atol=0)


def test_what_is_allowed_counts_where_all_of_it_was_forbidden():
    forbidden = scores()
    forbidden[2:4, 9] = float("-inf")
    found = processors.only_allowed(lambda row, ids: [9], 2)(IDS, forbidden.clone())
    expected = theirs.PrefixConstrainedLogitsProcessor(lambda row, ids: [9], 2)(IDS, forbidden)
    assert torch.equal(found, expected)
    assert found[2, 9] == 0.0
    with pytest.raises(InputError, match="allows no token for prompt 0 after"):
        processors.only_allowed(lambda row, ids: [], 2)(IDS, scores())


def test_the_scores_that_a_function_of_the_caller_keeps_stay_as_they_are():
    seen = []

    def look(ids, scores):
        seen.append(scores)
        return scores

    processors.temperature(2.0)(IDS, processors.top_k(2)(IDS, processors.detached(look)(IDS, scores())))
    assert torch.equal(seen[0], scores())


def test_top_p_of_what_top_k_left():
    expected = theirs.TopPLogitsWarper(0.6)(IDS, theirs.TopKLogitsWarper(7)(IDS, scores()))
    torch.testing.assert_close(processors.top_p(0.6)(IDS, processors.top_k(7)(IDS, scores())), expected)


@pytest.mark.parametrize("beams", [1, 3])
def test_order_and_chances(beams):
    """All of them at once, in the published order: the probabilities that tokens are drawn from are equal."""
    values = {
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 3,
        "bad_words_ids": [[6], [8, 2]],
        "min_length": 20,
        "sequence_bias": [[[3], 1.5], [[8, 7], -1.0]],
        "min_new_tokens": 9,
        "remove_invalid_values": True,
        "exponential_decay_length_penalty": (2, 1.2),
        "suppress_tokens": [4],
        "begin_suppress_tokens": [9],
        "renormalize_logits": True,
        "temperature": 0.8,
        "top_k": 9,
        "top_p": 0.9,
        "min_p": 0.01,
        "typical_p": 0.9,
        "eos_token_id": 5,
        "do_sample": True,
        "num_beams": beams,
    }
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=1, n_head=1, n_embd=4, vocab_size=VOCABULARY))
    config = transformers.GenerationConfig(**values)
    model._prepare_special_tokens(config)
    allowed = {"prefix_allowed_tokens_fn": lambda row, ids: list(range(row, VOCABULARY))}
    custom = {"logits_processor": [lambda ids, scores: scores.clamp(max=2.0)]}
    expected = model._get_logits_processor(config, input_ids_seq_length=14, **allowed, **custom)(IDS, scores())
    found = scores()
    for process in processors.processors(GenerationOptions(**values, **allowed, **custom), prompt=14, end=99):
        found = process(IDS, found)
    assert torch.equal(found.isinf(), expected.isinf())
    torch.testing.assert_close(found.softmax(-1), expected.softmax(-1))


def test_greedy_choice_is_not_filtered():
    assert processors.processors(GenerationOptions(top_k=3, top_p=0.5, temperature=2.0), 3, 9) == []


@pytest.mark.parametrize(
    "process",
    [
        processors.sequence_bias({(1, 23): 1.0}, "this"),
        processors.forced([23], 99, "this"),
        processors.without([2, 23], "this", 99),
    ],
)
def test_a_token_outside_the_vocabulary(process):
    with pytest.raises(InputError, match="this holds 23; the model has 0 to 22"):
        process(IDS, scores())
    with pytest.raises(InputError, match="the answer of prefix_allowed_tokens_fn holds 23"):
        processors.only_allowed(lambda row, ids: [23], 1)(IDS, scores())


def test_a_bad_word_outside_the_vocabulary():
    with pytest.raises(InputError, match="bad_words_ids holds 23; the model has 0 to 22"):
        processors.no_bad_words([[1, 23]])(IDS, scores())
