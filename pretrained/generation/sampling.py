"""How is one text continued? By the best token each time, or by one drawn from the probabilities."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pretrained.generation.network import Steps
from pretrained.generation.options import GenerationOptions
from pretrained.generation.processors import Processor
from pretrained.generation.stopping import Stop


def continue_rows(
    steps: Steps,
    ids: Tensor,
    prompt: int,
    options: GenerationOptions,
    process: Sequence[Processor],
    stop: Stop,
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    """Writes new tokens into `ids`, and yields them, (R,), until every row has ended.

    Args:
        ids: (R, S at the end), room for the whole texts; the prompts are the first `prompt` columns.
    """
    going = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
    for length in range(prompt, ids.shape[1]):
        so_far = ids[:, :length]
        scores = steps(so_far)
        for processor in process:
            scores = processor(so_far, scores)
        if options.do_sample:
            tokens = torch.multinomial(scores.softmax(-1), 1, generator=generator).squeeze(1)
        else:
            tokens = scores.argmax(-1)
        if options.eos_token_ids:
            tokens = torch.where(going, tokens, options.fill)
        ids[:, length] = tokens
        going &= ~stop(ids[:, : length + 1])
        yield tokens
        if not going.any():
            return
