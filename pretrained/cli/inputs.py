"""Which texts was a command asked to work on?"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from pretrained.errors import InputError

TextsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", show_default=False, help="One text or several, each in quotes; or give --input."),
]
InputOption = Annotated[
    Path | None,
    typer.Option(
        "--input",
        "-i",
        metavar="FILE|-",
        show_default=False,
        help="Read texts from a file, or from standard input (-): one a line, or a JSON object a line (.jsonl).",
    ),
]
FieldOption = Annotated[
    str | None,
    typer.Option(
        "--field",
        metavar="KEY",
        show_default=False,
        help='The key that holds the text; the lines are then JSON whatever the file is called ("text" in .jsonl).',
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A folder, a file, a name in the cache or package:NAME.",
        show_default="the embedded model",
    ),
]


PrecisionOption = Annotated[
    str, typer.Option(metavar="TYPE", help="Of the products: fp32, bf16, int8, or auto (bf16 where it is fast).")
]
DeviceOption = Annotated[str, typer.Option(metavar="NAME", help="Where the network runs: cpu, cuda or cuda:1.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="CPU threads.", show_default="torch's choice")
]


def read_texts(texts: list[str] | None, source: Path | None, field: str | None = None) -> list[str]:
    """The texts of the command line, or those of a file, one per line; an empty line is an empty text."""
    return list(_texts(texts, source, field))


def stream_texts(
    texts: list[str] | None, source: Path | None, field: str | None = None
) -> tuple[Iterator[str], int | None]:
    """The same, read as they are asked for, and how many there are, unless they come from standard input or a pipe.

    Of a file of any length, one line is in memory at a time. It is read once before, so that a line that is no text is
    found before any work.
    """
    lines = _texts(texts, source, field)
    known = source is None or source.is_file()
    return lines, sum(1 for _ in _texts(texts, source, field)) if known else None


def _texts(texts: list[str] | None, source: Path | None, field: str | None) -> Iterator[str]:
    if (not texts) == (source is None):
        raise typer.BadParameter("give texts, or --input FILE; one of the two.", param_hint="TEXT")
    if source is None:
        return iter(texts or [])
    if str(source) != "-" and (source.is_dir() or not source.exists()):
        what = "is a folder" if source.is_dir() else "is not there"
        raise typer.BadParameter(f"the file {source} {what}.", param_hint="--input")
    return _lines(source, field or ("text" if source.suffix == ".jsonl" else None))


def _lines(source: Path, field: str | None) -> Iterator[str]:
    if str(source) == "-":
        yield from _decoded(sys.stdin.buffer, "standard input", field)
        return
    with source.open("rb") as file:
        yield from _decoded(file, str(source), field)


def _decoded(lines: Iterable[bytes], name: str, field: str | None) -> Iterator[str]:
    # Only line feeds end a line: texts may hold the other characters that str.splitlines would cut at.
    number = 0
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        yield _text(line.removesuffix(b"\n").removesuffix(b"\r"), f"{name}, line {number}", field)
    if not number:
        raise InputError(f"{name} is empty: one text a line was expected.")


def _text(line: bytes, where: str, field: str | None) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is not UTF-8: byte {line[error.start]:#04x} at position {error.start + 1}. "
            "Save the file as UTF-8."
        ) from error
    if field is None:
        return text
    try:
        row = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from error
    if isinstance(row, dict) and isinstance(row.get(field), str):
        return str(row[field])
    found = f"an object with the keys {', '.join(row)}" if isinstance(row, dict) else f"a {type(row).__name__}"
    raise InputError(f"{where} has no text under {field!r}: found {found}. Name the key that has it: --field KEY")


def model_or_default(name: str | None) -> str:
    """The model that was named, or the embedded one."""
    from pretrained.hub import DEFAULT_MODEL

    return DEFAULT_MODEL if name is None else name
