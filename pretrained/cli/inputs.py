"""Which texts was a command asked to work on?"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pretrained.errors import InputError

TextsArgument = Annotated[list[str] | None, typer.Argument(metavar="TEXT", show_default=False)]
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


def read_texts(texts: list[str] | None, source: Path | None, field: str | None = None) -> list[str]:
    """The texts of the command line, or those of a file, one per line; an empty line is an empty text."""
    if (not texts) == (source is None):
        raise typer.BadParameter("give texts, or --input FILE; one of the two.", param_hint="TEXT")
    if source is None:
        return texts or []
    if str(source) == "-":
        name, data = "standard input", sys.stdin.buffer.read()
    else:
        if not source.exists() or source.is_dir():
            what = "is a folder" if source.is_dir() else "is not there"
            raise typer.BadParameter(f"the file {source} {what}.", param_hint="--input")
        name, data = str(source), source.read_bytes()
    if source.suffix == ".jsonl":
        field = field or "text"
    # Only line feeds end a line: texts may hold the other characters that str.splitlines would cut at.
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not lines:
        raise InputError(f"{name} is empty: one text a line was expected.")
    return [_text(line.removesuffix(b"\r"), f"{name}, line {number}", field) for number, line in enumerate(lines, 1)]


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
