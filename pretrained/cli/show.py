"""How are results shown: to a reader at a terminal, to a reader of a file, to a machine?"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Annotated, Any, TypeVar

import typer

Some = TypeVar("Some", bound=Sized)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, for other programs.")]


def print_line(text: str = "") -> None:
    """One line on stdout, as it is."""
    sys.stdout.write(text + "\n")


def one_line(text: str) -> str:
    """A text as it can be shown in one line: what a terminal would act on is written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def many_lines(text: str) -> str:
    """The same for a text of several lines, whose line ends and tabs stay."""
    return "".join(c if c in "\n\t" else one_line(c) for c in text)


def print_json(value: Any) -> None:
    """One JSON object on one line."""
    print_line(json.dumps(value, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A rich table on a terminal; elsewhere aligned columns, with no lines, colours or wrapping."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Column, Table

        # Nothing is cut off: what is too wide goes on in the next line.
        headers = (Column(name, overflow="fold") for name in columns)
        table = Table(*headers, title=title or None, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*row)
        # Tokens such as [CLS] are text, not markup.
        Console(markup=False, emoji=False, highlight=False).print(table)
        return
    from rich.cells import cell_len

    if title:
        print_line(title)
    lines = [columns, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        print_line("  ".join(cells).rstrip())


def progress(batches: Iterable[Some], total: int | None) -> Iterator[Some]:
    """Hands the batches through; how many texts are done shows on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), "texts", TimeRemainingColumn())
    shown = console.is_terminal
    # results that go to a file or a pipe meanwhile must not be drawn above the bar
    with Progress(*columns, console=console, transient=True, disable=not shown, redirect_stdout=False) as bar:
        task = bar.add_task("", total=total)
        for batch in batches:
            yield batch
            bar.advance(task, len(batch))
