"""Which whole continuation is the best? Beam search: several are followed at a time, the best finished ones kept.

Shapes: B prompts, N beams of each, K candidates for them, S sequence, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pretrained.generation.network import Steps
from pretrained.generation.options import GenerationOptions
from pretrained.generation.outputs import GenerationOutput
from pretrained.generation.processors import Processor
from pretrained.generation.stopping import Stop

_DEAD = -1e9  # the sum of log-probabilities of a beam that is not to be followed


def beam_search(
    steps: Steps,
    ids: Tensor,
    prompt: int,
    options: GenerationOptions,
    process: Sequence[Processor],
    stop: Stop,
    generator: torch.Generator | None,
) -> GenerationOutput:
    """The best `num_return_sequences` continuations of each prompt, the best first, with their scores and beams.

    Args:
        ids: (B · N, S at the end), room for the whole texts; the prompts are the first `prompt` columns.
    """
    beams = options.num_beams
    batch, end = len(ids) // beams, ids.shape[1]
    # enough candidates that `beams` of them go on, even if as many end
    candidates = max(2, 1 + len(options.eos_token_ids)) * beams
    first_rows = torch.arange(batch, device=ids.device)[:, None] * beams
    first_candidates = torch.arange(batch, device=ids.device)[:, None] * candidates
    paths = ids.new_full((len(ids), end - prompt), -1)  # the row that each new token was scored in
    finished = _Finished(ids.view(batch, beams, end), paths.view(batch, beams, -1), options)
    sums = torch.full((batch, beams), _DEAD, device=ids.device)
    sums[:, 0] = 0.0  # all beams are alike at first

    for length in range(prompt, end):
        so_far = ids[:, :length]
        scores = steps(so_far).log_softmax(-1)
        for processor in process:
            scores = processor(so_far, scores)
        vocabulary = scores.shape[1]
        totals = (scores.view(batch, beams, vocabulary) + sums[..., None]).flatten(1)  # (B, N·V)
        if options.do_sample:
            picked = torch.multinomial(totals.softmax(-1), candidates, generator=generator)
            values = totals.gather(1, picked)
        else:
            values, picked = totals.topk(candidates)  # (B, K)
        rows, tokens = first_rows + picked // vocabulary, picked % vocabulary
        texts, ways = ids[rows.flatten()], paths[rows.flatten()]  # (B · K, S) and (B · K, new tokens)
        texts[:, length], ways[:, length - prompt] = tokens.flatten(), rows.flatten()
        ended = stop(texts[:, : length + 1]).view_as(tokens) | (length + 1 == end)

        finished.add(texts, ways, values, ended, length + 1 - prompt)
        sums, best = (values + _DEAD * ended).topk(beams)  # what is forbidden stays below what has ended
        chosen = (first_candidates + best).flatten()
        ids, paths = texts[chosen], ways[chosen]
        if finished.done(sums[:, 0], length + 1 - prompt, end - prompt) or bool(ended.all()):
            break
        steps.reorder(rows.flatten()[chosen])
    return finished.best(prompt)


class _Finished:
    """The best finished sequences of each prompt, at most as many as there are beams, in order."""

    def __init__(self, ids: Tensor, paths: Tensor, options: GenerationOptions) -> None:
        batch, beams, _ = ids.shape
        self.options = options
        self.ids = ids.clone()  # (B, N, S)
        self.paths = paths  # (B, N, new tokens)
        self.scores = torch.full((batch, beams), float("-inf"), device=ids.device)
        self.lengths = torch.zeros(batch, beams, dtype=torch.long, device=ids.device)
        self.open = torch.ones(batch, dtype=torch.bool, device=ids.device)

    @property
    def full(self) -> Tensor:
        """(B,) whether there are as many as beams."""
        return self.lengths.gt(0).all(1)

    def add(self, texts: Tensor, ways: Tensor, values: Tensor, ended: Tensor, written: int) -> None:
        """Takes in those of the best candidates that have ended. texts: (B · K, S); values, ended: (B, K)."""
        beams = self.options.num_beams
        wanted = ended & self.open[:, None]
        wanted[:, beams:] = False  # an end counts only among the best candidates
        if self.options.early_stopping is True:
            wanted &= ~self.full[:, None]
        if not wanted.any():
            return
        scores = (values / written**self.options.length_penalty).masked_fill(~wanted, float("-inf"))
        self.scores, best = torch.cat([self.scores, scores], 1).topk(beams)
        texts, ways = texts.view(*ended.shape, -1), ways.view(*ended.shape, -1)
        self.ids = torch.cat([self.ids, texts], 1).take_along_dim(best[..., None], 1)
        self.paths = torch.cat([self.paths, ways], 1).take_along_dim(best[..., None], 1)
        self.lengths = torch.cat([self.lengths, wanted * written], 1).gather(1, best)

    def done(self, best_sums: Tensor, written: int, most: int) -> bool:
        """Whether nothing better is to be expected. best_sums: (B,) of the best beam that goes on."""
        if self.options.early_stopping is True and bool(self.full.all()):
            return True
        penalty = self.options.length_penalty
        length = most if self.options.early_stopping == "never" and penalty > 0 else written
        self.open &= best_sums / length**penalty > self.scores[:, -1]
        return not self.open.any()

    def best(self, prompt: int) -> GenerationOutput:
        count = self.options.num_return_sequences
        written = int(self.lengths[:, :count].max())
        return GenerationOutput(
            sequences=self.ids[:, :count, : prompt + written].flatten(0, 1),
            sequences_scores=self.scores[:, :count].flatten(),
            beam_indices=self.paths[:, :count, :written].flatten(0, 1),
        )
