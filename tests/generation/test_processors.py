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
    "too short": (processors.min_length(15, [2, 5]), theirs.MinLengthLogitsProcessor(15, [2, 5])),
    "long enough": (processors.min_length(14, [2, 5]), theirs.MinLengthLogitsProcessor(14, [2, 5])),
    "temperature": (processors.temperature(0.7), theirs.TemperatureLogitsWarper(0.7)),
    "top_k": (processors.top_k(4), theirs.TopKLogitsWarper(4)),
    "top_k of all": (processors.top_k(99), theirs.TopKLogitsWarper(99)),
    "top_k of beams": (processors.top_k(1, 2), theirs.TopKLogitsWarper(1, min_tokens_to_keep=2)),
    "top_p": (processors.top_p(0.8), theirs.TopPLogitsWarper(0.8)),
    "top_p of beams": (processors.top_p(0.1, 2), theirs.TopPLogitsWarper(0.1, min_tokens_to_keep=2)),
    "top_p of none": (processors.top_p(0.0), theirs.TopPLogitsWarper(0.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_each(case):
    ours, published = CASES[case]
    torch.testing.assert_close(ours(IDS, scores()), published(IDS, scores()), rtol=0, atol=0)


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
        "temperature": 0.8,
        "top_k": 6,
        "top_p": 0.9,
        "eos_token_id": 5,
        "do_sample": True,
        "num_beams": beams,
    }
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=1, n_head=1, n_embd=4, vocab_size=VOCABULARY))
    config = transformers.GenerationConfig(**values)
    model._prepare_special_tokens(config)
    expected = model._get_logits_processor(config, input_ids_seq_length=14)(IDS, scores())
    found = scores()
    for process in processors.processors(GenerationOptions(**values)):
        found = process(IDS, found)
    assert torch.equal(found.isinf(), expected.isinf())
    torch.testing.assert_close(found.softmax(-1), expected.softmax(-1))


def test_greedy_choice_is_not_filtered():
    assert processors.processors(GenerationOptions(top_k=3, top_p=0.5, temperature=2.0)) == []


def test_a_bad_word_outside_the_vocabulary():
    with pytest.raises(InputError, match="bad_words_ids holds 23; the model has 0 to 22"):
        processors.no_bad_words([[1, 23]])(IDS, scores())
