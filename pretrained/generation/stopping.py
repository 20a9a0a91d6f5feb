"""When does a text end? With an end token, when the time is over, or when the caller's criteria say so."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from pretrained.generation.options import GenerationOptions


class Stop:
    """Which rows end with their last token?"""

    def __init__(
        self, options: GenerationOptions, device: torch.device, scores: Sequence[Tensor] | None = None
    ) -> None:
        """
        Args:
            scores: of all steps so far, for the criteria of the caller; None if they are not kept.
        """
        self._ends = torch.tensor(options.eos_token_ids, device=device)
        self._criteria = options.stopping_criteria or []
        self._scores = scores
        self._deadline = None if options.max_time is None else time.monotonic() + options.max_time

    def __call__(self, ids: Tensor) -> Tensor:
        """(R, S) all tokens so far → (R,)."""
        ended = torch.isin(ids[:, -1], self._ends)
        for criterion in self._criteria:  # a criterion answers for each row, or for all at once
            scores = None if self._scores is None else tuple(self._scores)
            ended |= torch.as_tensor(criterion(ids, scores), device=ids.device).bool()
        if self._deadline is not None and time.monotonic() > self._deadline:
            ended.fill_(True)
        return ended
