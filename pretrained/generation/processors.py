"""Which tokens may come next, and how much are they wanted? What happens to the scores before the choice.

A processor takes the tokens so far, (R, S), and the scores of the next one, (R, V), and returns scores; it may write
into those it was given. What is forbidden has the score −inf. Shapes: R rows, S sequence, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from pretrained.errors import InputError
from pretrained.generation.options import GenerationOptions

Processor = Callable[[Tensor, Tensor], Tensor]

_NEVER = float("-inf")


def processors(options: GenerationOptions, prompt: int, end: int, padding: Tensor | None = None) -> list[Processor]:
    """What the options ask for, in the order of the published library.

    Args:
        prompt: tokens of the prompts.
        end: tokens of a sequence at most.
        padding: (R,) how many places before each prompt are not tokens of it.
    """
    ends = options.eos_token_ids
    found: list[Processor] = []
    if options.sequence_bias:
        found.append(sequence_bias(options.biases))
    if options.repetition_penalty != 1.0:
        found.append(repetition_penalty(options.repetition_penalty, padding))
    if options.no_repeat_ngram_size:
        found.append(no_repeat_ngrams(options.no_repeat_ngram_size))
    if options.bad_words_ids:
        found.append(no_bad_words([word for word in options.bad_words_ids if word not in [[token] for token in ends]]))
    least_length = options.min_length if options.min_new_tokens is None else prompt + options.min_new_tokens
    if least_length and ends:
        found.append(min_length(least_length, ends))
    if options.prefix_allowed_tokens_fn is not None:
        found.append(only_allowed(options.prefix_allowed_tokens_fn, options.num_beams))
    if options.forced_bos_token_id is not None:
        found.append(forced([options.forced_bos_token_id], 1, "forced_bos_token_id"))
    last = options.forced_eos_token_id
    if last is not None and last != []:
        found.append(forced([last] if isinstance(last, int) else last, end - 1, "forced_eos_token_id"))
    if options.remove_invalid_values:
        found.append(finite)
    if options.exponential_decay_length_penalty and ends:
        start, factor = options.exponential_decay_length_penalty
        found.append(wish_for_the_end(prompt + start, factor, ends))
    if options.suppress_tokens:
        found.append(without(options.suppress_tokens, "suppress_tokens"))
    if options.begin_suppress_tokens:
        first = prompt + (prompt == 1 and options.forced_bos_token_id is not None)
        found.append(without(options.begin_suppress_tokens, "begin_suppress_tokens", only_at=first))
    found += [detached(function) for function in options.logits_processor or ()]
    if options.do_sample:
        # of each beam so many that one goes on, even if others end
        least = 1 if options.num_beams == 1 else max(2, 1 + len(ends))
        if options.temperature != 1.0:
            found.append(temperature(options.temperature))
        if options.top_k:
            found.append(top_k(options.top_k, least))
        if options.top_p < 1.0:
            found.append(top_p(options.top_p, least))
        if options.min_p:
            found.append(min_p(options.min_p, least))
        if options.typical_p < 1.0:
            found.append(typical_p(options.typical_p, least))
    if options.renormalize_logits:
        found.append(lambda ids, scores: scores.log_softmax(-1))
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
    return sequence_bias({tuple(word): _NEVER for word in words}, "bad_words_ids")


def sequence_bias(biases: Mapping[tuple[int, ...], float], option: str = "sequence_bias") -> Processor:
    """Adds to the scores of tokens, and to those of the last token of longer words where the others stand before it."""
    by_length: dict[int, list[tuple[int, ...]]] = {}
    for word in biases:
        by_length.setdefault(len(word), []).append(word)
    # (words, tokens of each) and (words,)
    tables = [(torch.tensor(group), torch.tensor([biases[word] for word in group])) for group in by_length.values()]

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        for table, added in tables:
            before = table.shape[1] - 1
            _require_known(int(table[:, -1].max()), scores, option)
            if before > ids.shape[1]:
                continue
            table = table.to(ids.device)
            met = (ids[:, None, ids.shape[1] - before :] == table[:, :-1]).all(-1)  # (R, words)
            rows, found = met.nonzero(as_tuple=True)
            scores.index_put_((rows, table[found, -1]), added.to(scores)[found], accumulate=True)
        return scores

    return process


def _require_known(token: int, scores: Tensor, option: str) -> None:
    if token >= scores.shape[1]:
        raise InputError(f"{option} holds {token}; the model has 0 to {scores.shape[1] - 1}")


def min_length(length: int, eos_token_ids: Sequence[int]) -> Processor:
    """Forbids the end before a sequence has `length` tokens."""
    ends = list(eos_token_ids)

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] < length:
            scores[:, ends] = _NEVER
        return scores

    return process


def only_allowed(allowed: Callable[[int, Tensor], Sequence[int]], beams: int) -> Processor:
    """Forbids every token but those that a function of a prompt's number and the tokens so far names."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        mask = torch.full_like(scores, _NEVER)
        for row, tokens in enumerate(ids):
            named = torch.as_tensor(allowed(row // beams, tokens), device=ids.device)
            if not len(named):
                raise InputError(
                    f"prefix_allowed_tokens_fn allows no token for prompt {row // beams} after {tokens.tolist()}; "
                    "let it name at least one, such as the end"
                )
            _require_known(int(named.max()), scores, "the answer of prefix_allowed_tokens_fn")
            mask[row, named] = 0.0
        scores = scores + mask
        # where all that is allowed was forbidden before, for all beams of a prompt, what is allowed counts
        stuck = scores.amax(1).isneginf().view(-1, beams).all(1).repeat_interleave(beams)
        return torch.where(stuck[:, None], mask, scores)

    return process


def forced(tokens: Sequence[int], length: int, option: str) -> Processor:
    """Forbids all tokens but these behind `length` tokens."""
    wanted = list(tokens)

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        _require_known(max(wanted), scores, option)
        if ids.shape[1] == length:
            scores = torch.full_like(scores, _NEVER)
            scores[:, wanted] = 0.0
        return scores

    return process


def finite(ids: Tensor, scores: Tensor) -> Tensor:
    """Makes finite numbers of scores that are none."""
    return scores.nan_to_num_()


def wish_for_the_end(start: int, factor: float, eos_token_ids: Sequence[int]) -> Processor:
    """Raises the score of an end, the more the longer a sequence is than `start` tokens."""
    ends = list(eos_token_ids)

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] > start:
            old = scores[:, ends]
            added = old.abs() * (factor ** (ids.shape[1] - start) - 1)
            scores[:, ends] = torch.where(old.isfinite(), old + added, old)
        return scores

    return process


def without(tokens: Sequence[int], option: str, only_at: int | None = None) -> Processor:
    """Forbids tokens, everywhere or only behind so many tokens."""
    unwanted = list(tokens)

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        _require_known(max(unwanted), scores, option)
        if only_at in (None, ids.shape[1]):
            scores[:, unwanted] = _NEVER
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


def min_p(part: float, least: int = 1) -> Processor:
    """Forbids all tokens but those that have at least this part of the best one's probability."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        chances = scores.softmax(1)
        ordered = chances.topk(min(least, scores.shape[1])).indices
        unlikely = (chances < part * chances.amax(1, keepdim=True)).scatter_(1, ordered, False)
        return scores.masked_fill_(unlikely, _NEVER)

    return process


def typical_p(mass: float, least: int = 1) -> Processor:
    """Forbids all tokens but the fewest that reach `mass` among those whose surprise is nearest to the expected one."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        surprise = -scores.log_softmax(1)
        chances = surprise.neg().exp()
        expected = (chances * surprise).nansum(1, keepdim=True)
        distance, tokens = (surprise - expected).abs().sort(1)
        last = (chances.gather(1, tokens).cumsum(1) < mass).sum(1, keepdim=True).clamp_(max=scores.shape[1] - 1)
        far = distance > distance.gather(1, last)
        far[:, :least] = False
        return scores.masked_fill_(far.scatter(1, tokens, far), _NEVER)

    return process


def detached(function: Processor) -> Processor:
    """A function of the caller, who may keep the scores that it takes and gives."""
    return lambda ids, scores: function(ids, scores).clone()


def remember(kept: list[Tensor]) -> Processor:
    """Changes nothing, but keeps a copy."""

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        kept.append(scores.clone())
        return scores

    return process
