"""How does a download show how far it is: as bars on a terminal, as lines in the log, or not at all?"""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import TaskID

    from pretrained.hub.download.plan import Plan

_LOGGER = logging.getLogger("pretrained")


class Progress(Protocol):
    """What a download tells on its way; called from several threads."""

    def begin(self, plan: "Plan") -> None:
        """What will be fetched."""

    def at(self, name: str, position: int) -> None:
        """How many bytes of a file are here now; may also become less."""

    def done(self, name: str) -> None:
        """A file is whole and has its name."""

    def note(self, line: str) -> None:
        """Something to know: a server that was passed over, a file that another process brings."""


class Quiet:
    """Only the log hears of it; `notes` keeps the lines."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def begin(self, plan: "Plan") -> None:
        _LOGGER.info("%s", plan.summary())

    def at(self, name: str, position: int) -> None:
        pass

    def done(self, name: str) -> None:
        _LOGGER.info("downloaded %s", name)

    def note(self, line: str) -> None:
        self.notes.append(line)
        _LOGGER.warning("%s", line)


class Bars(Quiet):
    """A bar for each file on its way, and one for all: bytes, rate, and the time that is left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=Console(stderr=True, markup=False, highlight=False), transient=True)
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._at: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    def begin(self, plan: "Plan") -> None:
        self._bars.console.print(plan.summary())
        self._sizes = {file.name: file.size or 0 for file in plan.missing}
        self._all = self._bars.add_task("in all", total=plan.to_fetch + plan.received)
        self._bars.start()

    def at(self, name: str, position: int) -> None:
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name[-40:], total=self._sizes.get(name))
            self._at[name] = position
            self._bars.update(self._tasks[name], completed=position)
            self._bars.update(self._all, completed=sum(self._at.values()))

    def done(self, name: str) -> None:
        with self._lock:
            self._at[name] = self._sizes.get(name, 0)
            if name in self._tasks:
                self._bars.update(self._tasks[name], visible=False)
            self._bars.update(self._all, completed=sum(self._at.values()))

    def note(self, line: str) -> None:
        self.notes.append(line)
        self._bars.console.print(line, soft_wrap=True)

    def end(self) -> None:
        self._bars.stop()


@contextmanager
def shown() -> Iterator[Quiet]:
    """Bars on a terminal (unless HF_HUB_DISABLE_PROGRESS_BARS is set), the log elsewhere."""
    disabled = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").upper() in ("1", "ON", "YES", "TRUE")
    if disabled or not sys.stderr.isatty():
        yield Quiet()
        return
    bars = Bars()
    try:
        yield bars
    finally:
        bars.end()
