"""`pretrained convert`: the same model in another format; and are two models the same?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.show import JsonOption, print_json, print_line, print_table

if TYPE_CHECKING:
    from pretrained.conversion import Row


class Format(StrEnum):
    """What can be written."""

    safetensors = "safetensors"
    pytorch = "pytorch"
    tf = "tf"
    flax = "flax"


class Type(StrEnum):
    """What floating tensors can become."""

    float16 = "float16"
    bfloat16 = "bfloat16"
    float32 = "float32"


def convert(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder, a file, a name in the cache or package:NAME.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="The folder to write; with --check, the model to compare with.")
    ],
    *,
    to: Annotated[Format | None, typer.Option("--to", show_default=False, help="The format to write.")] = None,
    dtype: Annotated[
        Type | None, typer.Option("--dtype", show_default="as they are", help="What floating tensors become.")
    ] = None,
    shard_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", show_default="one file", help="Spread the weights over files of this size (2GB)."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS", show_default="as the model says", help="The class of the model, such as BertForMaskedLM."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds files, replacing those of the same names.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: compare two models, tensor by tensor.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a model in another format, or compare two models.

    Every tensor is read again and compared before the folder gets its name. The source is never changed; its
    configuration and the files of its tokenizer come along.

    [bold]Examples[/bold]

    pretrained convert ./tf-bert ./bert --to safetensors

    pretrained convert bert-base-uncased ./half --to pytorch --dtype float16 --shard-size 2GB

    pretrained convert --check ./tf-bert ./bert
    """
    if check:
        if (to, dtype, shard_size, force) != (None, None, None, False):
            raise typer.BadParameter(
                "it compares two models and writes none; leave --to, --dtype, --shard-size and --force out.",
                param_hint="--check",
            )
        _check(source, target, head, as_json=as_json)
        return
    if to is None:
        raise typer.BadParameter(f"say what to write: one of {', '.join(Format)}.", param_hint="--to")
    if shard_size is not None:
        from pretrained.checkpoints.writing import shard_limit

        try:
            shard_limit(shard_size)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--shard-size") from error

    from pretrained.conversion import convert

    with _bar() as progress:
        done = convert(
            source,
            Path(target),
            format=to.value,
            dtype=None if dtype is None else dtype.value,
            shard_size=shard_size,
            head=head,
            force=force,
            progress=progress,
        )
    if as_json:
        print_json(
            {
                "source": done.source,
                "target": str(done.target),
                "format": done.format,
                "class": done.model_class,
                "tensors": done.tensors,
                "bytes": done.bytes,
                "files": done.files,
                "notes": done.notes,
            }
        )
        return
    from pretrained.hub.messages import size

    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    rows = [(name, size((done.target / name).stat().st_size)) for name in done.files]
    print_table(("file", "size"), rows, title=f"{done.source} → {done.target}")
    print_line(f"{done.tensors} tensors were written, read again and found equal")


def _check(source: str, target: str, head: str | None, *, as_json: bool) -> None:
    from pretrained.conversion import compare, open_model

    one, other = open_model(source, head=head), open_model(target)
    with _bar() as progress:
        rows = []
        total = max(len(side.published.keys()) for side in (one, other))
        for row in compare(one, other):
            rows.append(row)
            progress("comparing", len(rows), max(total, len(rows)))
    counts = {status: sum(row.status == status for row in rows) for status in ("equal", "different", "missing")}
    if as_json:
        print_json({"models": [source, target], **counts, "tensors": [_facts(row) for row in rows]})
    else:
        _show(rows, counts)
    if counts["equal"] != len(rows):
        raise typer.Exit(1)


def _facts(row: "Row") -> dict[str, Any]:
    return {
        "name": row.name,
        "status": row.status,
        "shapes": [None if shape is None else list(shape) for shape in row.shapes],
        "dtypes": [_type(dtype) for dtype in row.dtypes],
        "max_difference": None if row.difference is None else _number(row.difference),
    }


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinity."""
    return value if value - value == 0 else str(value)


def _type(dtype: object) -> str | None:
    return None if dtype is None else str(dtype).removeprefix("torch.")


def _show(rows: "list[Row]", counts: dict[str, int]) -> None:
    cells = []
    for row in rows:
        if row.status != "equal":
            said = "" if row.difference is None else f"{row.difference:.3g}"
            there = [str(shape) if shape is not None else "—" for shape in row.shapes]
            cells.append((row.name, row.status, said, *there))
    if cells:
        print_table(("tensor", "", "max difference", "shape", "shape of the other"), cells)
        print_line()
    print_line(", ".join(f"{count} {status}" for status, count in counts.items()))
    types = {row.dtypes for row in rows if None not in row.dtypes and row.dtypes[0] != row.dtypes[1]}
    for one, other in sorted(types, key=str):
        print_line(f"some are {_type(one)} here and {_type(other)} there; their values were compared")


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield progress
