"""How long is a server waited for, and how often is it asked again?"""

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pretrained.hub.download.trouble import Trouble

_T = TypeVar("_T")


@dataclass(frozen=True)
class Patience:
    """Limits of one download."""

    stall: float = 30.0
    """Seconds without a byte after which a connection is given up."""
    tries: int = 6
    """How often in a row is tried without a byte gained."""
    first_wait: float = 0.5
    """Seconds before the second try; each further wait is twice as long."""
    longest_wait: float = 30.0
    longest_asked: float = 300.0
    """A server that asks to wait longer (Retry-After) is given up."""

    @staticmethod
    def from_environment() -> "Patience":
        """PRETRAINED_TIMEOUT, or huggingface_hub's HF_HUB_DOWNLOAD_TIMEOUT, in seconds."""
        for variable in ("PRETRAINED_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
            try:
                if (seconds := float(os.environ[variable])) > 0:
                    return Patience(stall=seconds)
            except (KeyError, ValueError):
                continue
        return Patience()

    def repeat(
        self,
        step: Callable[[], _T],
        *,
        gained: Callable[[], int] = lambda: 0,
        stop: threading.Event | None = None,
        first: bool = False,
    ) -> _T:
        """Repeats a step while its trouble is temporary; one that gained bytes starts counting again.

        The `first` request to a server is repeated once where nobody answers: there may be no network at all.
        """
        failed = 0
        while True:
            before = gained()
            try:
                return step()
            except Trouble as trouble:
                if not trouble.temporary or (stop is not None and stop.is_set()):
                    raise
                failed = 1 if gained() > before else failed + 1
                if failed >= (2 if first and trouble.kind in ("network", "timeout") else self.tries):
                    raise Trouble(trouble.kind, f"{trouble} ({failed} times in a row)", final=True) from trouble
                wait = self._wait(failed, trouble.wait)
                if wait is None:
                    said = f"{trouble}, and asks to wait {trouble.wait:.0f} seconds"
                    raise Trouble(trouble.kind, said, final=True) from trouble
                if (stop or threading.Event()).wait(wait):
                    raise

    def _wait(self, failed: int, asked: float | None) -> float | None:
        if asked is None:
            return min(self.first_wait * 2.0 ** (failed - 1), self.longest_wait) * random.uniform(0.5, 1.0)
        return asked if asked <= self.longest_asked else None
