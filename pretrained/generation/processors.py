"""Which tokens may come next, and how much are they wanted? What happens to the scores before the choice.

A processor takes the tokens so far, (R, S), and the scores of the next one, (R, V), and returns scores; it may write
into those it was given. What is forbidden has the score −inf. Shapes: R rows, S sequence, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pretrained.errors import InputError
from pretrained.generation.options import GenerationOptions

Processor = Callable[[Tensor, Tensor], Tensor]

_NEVER = float("-inf")


def processors(options: GenerationOptions, padding: Tensor | None = None) -> list[Processor]:
    """What the options ask for, in the order of the published library; the last three only where tokens are drawn.

    Args:
        padding: (R,) how many places before each prompt are not tokens of it.
    """
    found: list[Processor] = []
    if options.repetition_penalty != 1.0:
        found.append(repetition_penalty(options.repetition_penalty, padding))
    if options.no_repeat_ngram_size:
        found.append(no_repeat_ngrams(options.no_repeat_ngram_size))
    if options.bad_words_ids:
        ends = [[token] for token in options.eos_token_ids]
        found.append(no_bad_words([word for word in options.bad_words_ids if word not in ends]))
    if options.min_length and options.eos_token_ids:
        found.append(min_length(options.min_length, options.eos_token_ids))
    if options.do_sample:
        # of each beam so many that one goes on, even if others end
        least = 1 if options.num_beams == 1 else max(2, 1 + len(options.eos_token_ids))
        if options.temperature != 1.0:
            found.append(temperature(options.temperature))
        if options.top_k:
            found.append(top_k(options.top_k, least))
        if options.top_p < 1.0:
            found.append(top_p(options.top_p, least))
    return found


def repetition_penalty(penalty: float, padding: Tensor | None = None) -> Processor:
    """Divides the score of every token that is there already, or multiplies it where it is negative."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if padding is not None:  # what stands for padding there is not a token of the text: the first one counts twice
            hidden = torch.arange(ids.shape[1], device=ids.device) < padding[:, None]
            ids = torch.where(hidden, ids.gather(1, padding[:, None]), ids)
        old = scores.gather(1, ids)
        return scores.scatter_(1, ids, torch.where(old < 0, old * penalty, old / penalty))

    return process


def no_repeat_ngrams(size: int) -> Processor:
    """Forbids every token that would complete `size` tokens which occurred in this order before."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] < size:
            return scores
        end = ids[:, ids.shape[1] - size + 1 :]  # (R, size - 1)
        grams = ids.unfold(1, size, 1)  # (R, S - size + 1, size)
        rows, places = (grams[..., :-1] == end[:, None]).all(-1).nonzero(as_tuple=True)
        scores[rows, grams[rows, places, -1]] = _NEVER
        return scores

    return process


def no_bad_words(words: Sequence[Sequence[int]]) -> Processor:
    """Forbids tokens, and the last token of longer words where the others stand before it."""
    by_length: dict[int, list[Sequence[int]]] = {}
    for word in words:
        by_length.setdefault(len(word), []).append(word)
    tables = [torch.tensor(group) for group in by_length.values()]  # (words, tokens of each)

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        for table in tables:
            before = table.shape[1] - 1
            if int(table[:, -1].max()) >= scores.shape[1]:
                raise InputError(
                    f"bad_words_ids holds {int(table[:, -1].max())}; the model has 0 to {scores.shape[1] - 1}"
                )
            if before > ids.shape[1]:
                continue
            table = table.to(ids.device)
            met = (ids[:, None, ids.shape[1] - before :] == table[:, :-1]).all(-1)  # (R, words)
            rows, found = met.nonzero(as_tuple=True)
            scores[rows, table[found, -1]] = _NEVER
        return scores

    return process


def min_length(length: int, eos_token_ids: Sequence[int]) -> Processor:
    """Forbids the end before a sequence has `length` tokens."""
    ends = list(eos_token_ids)

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] < length:
            scores[:, ends] = _NEVER
        return scores

    return process


def temperature(value: float) -> Processor:
    """Divides all scores."""
    return lambda ids, scores: scores / value


def top_k(count: int, least: int = 1) -> Processor:
    """Forbids all but the `count` best tokens, and those as good as the last of them."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        worst = scores.topk(min(max(count, least), scores.shape[1])).values[:, -1:]
        return scores.masked_fill_(scores < worst, _NEVER)

    return process


def top_p(mass: float, least: int = 1) -> Processor:
    """Forbids all but the fewest best tokens whose probabilities reach `mass`."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        # of what `top_k` has left, which is little to sort
        allowed = int((scores > _NEVER).sum(1).max())
        ordered, tokens = scores.topk(max(allowed, least))
        # from the worst on: so many as leave at least `mass` behind them
        behind = ordered.flip(1).softmax(1).cumsum(1) <= 1 - mass
        behind[:, -least:] = False
        kept = torch.where(behind.flip(1), _NEVER, ordered)
        return scores.scatter_(1, tokens, kept)

    return process
