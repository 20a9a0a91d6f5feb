"""How far is a command that reads or writes gigabytes?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIZES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


@contextmanager
def bytes_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that is told each step in bytes; a bar shows on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def read_size(text: str, option: str) -> int:
    """Bytes of "4G", "700MB", "1.9G" or "4GiB"."""
    import re

    import typer

    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?I?)B?", text.strip().upper())
    if found is None or found[2] not in SIZES or not float(found[1]):
        raise typer.BadParameter(f"{text!r} is no size; write such as 4G, 700M or 2GiB.", param_hint=option)
    return int(float(found[1]) * SIZES[found[2]])
