"""How far is the work? A bar on stderr, on a terminal, once it turns out to take long."""

import sys
import time
from types import TracebackType
from typing import Any, Self

_PATIENCE = 2.0  # seconds without a bar


class ProgressBar:
    """Counts texts.

    Args:
        total: how many there will be; None if nobody knows.
        show: True: at once, False: never, None: on a terminal, after two seconds.
    """

    def __init__(self, total: int | None, show: bool | None) -> None:
        self._total = total
        self._wanted = sys.stderr.isatty() if show is None else show
        self._due = time.monotonic() + (0.0 if show else _PATIENCE)
        self._done = 0
        self._bar: Any = None

    def advance(self, count: int) -> None:
        self._done += count
        if not self._wanted:
            return
        if self._bar is None and time.monotonic() >= self._due:
            self._bar = self._open()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)

    def _open(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), "texts", TimeRemainingColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        bar.add_task("", total=self._total)
        bar.start()
        return bar

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
