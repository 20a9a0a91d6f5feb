"""`pretrained models`: which models have a short name, which of them run, and which are on this machine?"""

import re
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.show import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from pretrained.hub import ShortName

_CODE = re.compile(r"[a-z]{2,3}")
_COUNTED = re.compile(r"\d+ languages(?!:)")  # "104 languages", which does not say which ones
_COLUMNS = ("name", "family", "hub id", "languages", "casing", "max length", "size", "runs", "here")
_DISPENSABLE = ("hub id", "size", "languages", "casing", "max length")  # the first goes first


def models(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", show_default=False, help="Only names and hub ids that contain every TEXT."),
    ] = None,
    *,
    family: Annotated[
        str | None,
        typer.Option(metavar="FAMILY", show_default=False, help="Only one family, such as bert or xlm-roberta."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            show_default=False,
            help="Only models of a language, such as zh; also those whose languages are only counted.",
        ),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Only models with files in this machine's cache.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the short names of published models: what each is, and whether it runs and lies here.

    "runs": this version has the family's networks. "here": the model's files are in the Hugging Face cache of this
    machine; "no weights" if only some of them are. A narrow terminal shows fewer columns; --json has all.

    [bold]Examples[/bold]

    pretrained models

    pretrained models --language zh

    pretrained models --family gpt2 --json

    pretrained models --here

    pretrained models roberta large
    """
    from pretrained.hub import short_names

    known = short_names().values()
    families = sorted({model.architecture for model in known})
    if family is not None and family not in families:
        raise typer.BadParameter(f"{family!r} is none of {', '.join(families)}.", param_hint="--family")
    if language is not None and not _CODE.fullmatch(language):
        raise typer.BadParameter(
            f"{language!r} is no code of two or three letters, such as zh.", param_hint="--language"
        )
    wanted = [
        model
        for model in known
        if family in (None, model.architecture)
        and (language is None or _speaks(model, language))
        and all(word.lower() in f"{model.name} {model.hub_id}".lower() for word in words or ())
    ]
    rows = _facts(wanted)
    if here:
        rows = [row for row in rows if row["here"]]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        _show(rows)
    else:
        missing = "no model with a short name that fits is on this machine" if here else "no short name fits"
        typer.echo(f"{missing}; `pretrained models` lists all", err=True)


def _speaks(model: "ShortName", language: str) -> bool:
    """Whether a model may know a language: it is named, or the languages are only counted."""
    return language in re.findall(r"[a-z]+", model.languages) or bool(_COUNTED.match(model.languages))


def _facts(known: "list[ShortName]") -> list[dict[str, Any]]:
    from pretrained import registry
    from pretrained.hub.cache import cache_folders, stored

    in_cache = stored(cache_folders())
    return [
        {
            "name": model.name,
            "family": model.architecture,
            "hub_id": model.hub_id,
            "languages": model.languages,
            "casing": {True: "uncased", False: "cased", None: None}[model.do_lower_case],
            "max_length": model.max_length,
            "size": model.size,
            "runs": model.architecture in registry.families(),
            "here": _here(model.name, in_cache),
        }
        for model in known
    ]


def _here(name: str, in_cache: Any) -> str | None:
    """What of a model is in the caches: "yes", "no weights", or None for nothing."""
    from pretrained.errors import PretrainedError
    from pretrained.hub import resolve
    from pretrained.hub.catalogue import hub_ids

    if not any(repository in in_cache for repository in hub_ids(name)):
        return None
    try:
        files = resolve(f"hub:{name}", local_files_only=True)
    except PretrainedError:
        return None  # an empty folder, or a download that did not get far
    try:
        files.weights()
    except PretrainedError:
        return "no weights"
    return "yes"


def _show(rows: list[dict[str, Any]]) -> None:
    """A table; a terminal that is too narrow for it shows fewer columns."""
    columns = dict(zip(_COLUMNS, zip(*map(_cells, rows), strict=True), strict=True))
    if sys.stdout.isatty():
        width = get_terminal_size().columns
        for name in _DISPENSABLE:
            if sum(max(map(len, (name, *cells))) + 3 for name, cells in columns.items()) < width:
                break
            del columns[name]
    print_table(list(columns), zip(*columns.values(), strict=True))


def _cells(row: dict[str, Any]) -> list[str]:
    shown = row | {"runs": "yes" if row["runs"] else ""}
    return ["" if value is None else str(value) for value in shown.values()]
