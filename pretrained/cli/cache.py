"""`pretrained cache`: what lies in the cache of this machine, what may go, and how do files get into it by hand?"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.bytes_bar import bytes_bar
from pretrained.cli.show import JsonOption, one_line, print_json, print_line, print_table

if TYPE_CHECKING:
    from pretrained.hub.cache_contents import Revision, StoredModel

cache = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", show_default=False, help="A cache, in place of those of this machine."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@cache.callback()
def _cache() -> None:
    """See, clean and fill the Hugging Face cache of this machine."""


@cache.command("list")
def list_models(*, folder: CacheOption = None, as_json: JsonOption = False) -> None:
    """List the models of the cache: sizes, formats of weights, revisions, and when they were used.

    [bold]Examples[/bold]

    pretrained cache list

    pretrained cache list --json
    """
    from pretrained.hub.cache_contents import contents
    from pretrained.hub.messages import count, size

    folders = _folders(folder)
    models = list(contents(folders))
    if as_json:
        for model in models:
            print_json(_facts(model))
        return
    if not models:
        typer.echo(f"there are no models in {', '.join(map(str, folders))}", err=True)
        return
    rows = [
        (
            one_line(model.name),
            size(model.size),
            ", ".join(model.formats) or "none",
            _when(model.last_used),
            ", ".join(map(_revision, model.revisions)) or "none",
            f"{len(model.unfinished)} unfinished" if model.unfinished else "",
        )
        for model in models
    ]
    print_table(("model", "size", "weights", "last used", "revisions", ""), rows)
    print_line(f"{count(len(models), 'model')}, {size(sum(model.size for model in models))}")


@cache.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="owner/name, or a short name.")],
    *,
    folder: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the revisions and files of one model.

    [bold]Examples[/bold]

    pretrained cache show bert-base-uncased
    """
    from pretrained.hub.cache_contents import find
    from pretrained.hub.messages import size

    for model in find(name, _folders(folder)):
        if as_json:
            print_json(_facts(model, files=True))
            continue
        rows = [
            ("folder", str(model.folder)),
            ("size", size(model.size)),
            ("last used", _when(model.last_used)),
            *(("unfinished", f"{path.name} ({size(path.stat().st_size)})") for path in model.unfinished),
        ]
        print_table(("model", one_line(model.name)), rows)
        for revision in model.revisions:
            print_line()
            title = f"revision {_revision(revision)}, {size(revision.size)}"
            files = (
                (one_line(file.name), "a link to nothing" if file.size is None else size(file.size))
                for file in revision.files
            )
            print_table(("file", "size"), files, title=title)


@cache.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="owner/name, or short names.")],
    *,
    folder: CacheOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: YesOption = False,
) -> None:
    """Remove models from the cache, with all their revisions.

    [bold]Examples[/bold]

    pretrained cache remove bert-base-uncased

    pretrained cache remove owner/name owner/other --yes
    """
    from pretrained.hub.cache_cleaning import remove_model
    from pretrained.hub.cache_contents import find
    from pretrained.hub.messages import size

    found = {model.folder: model for name in names for model in find(name, _folders(folder))}
    rows = [(one_line(model.name), size(model.size), str(model.folder)) for model in found.values()]
    print_table(("model", "size", "folder"), rows)
    if dry_run or not _agreed(f"Remove {size(sum(model.size for model in found.values()))}?", yes):
        return
    freed = sum(map(remove_model, found.values()))
    print_line(f"removed: {size(freed)}")


@cache.command()
def prune(
    *,
    folder: CacheOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what nothing leads to: unfinished downloads, files of no revision, revisions that no branch names.

    What would go is shown first. What another process downloads at the moment stays.

    [bold]Examples[/bold]

    pretrained cache prune --dry-run

    pretrained cache prune --yes
    """
    from pretrained.hub.cache_cleaning import leftovers
    from pretrained.hub.cache_cleaning import prune as remove_leftovers
    from pretrained.hub.cache_contents import contents
    from pretrained.hub.messages import size

    found = list(leftovers(list(contents(_folders(folder)))))
    if as_json:
        for one in found:
            facts = {"model": one.model, "what": one.what, "path": str(one.path), "size": one.size, "why": one.why}
            print_json(facts)
    elif found:
        rows = [(one_line(one.model), one.what, _short(one.path), size(one.size), one.why) for one in found]
        print_table(("model", "what", "name", "size", "why"), rows)
    if not found:
        typer.echo("there is nothing to remove", err=True)
    if not found or dry_run or not _agreed(f"Remove {size(sum(one.size for one in found))}?", yes):
        return
    freed, kept = remove_leftovers(found)
    for line in kept:
        typer.echo(f"stays: {line}", err=True)
    typer.echo(f"removed: {size(freed)}", err=as_json)
    if kept:
        raise typer.Exit(1)


@cache.command("import")
def import_folder(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of one model, or a bundle.")],
    *,
    name: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            show_default=False,
            help="owner/name, or a short name; needed where neither the files nor the folder's name tell it.",
        ),
    ] = None,
    folder: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a model that was carried here into the cache, so that its name leads to it, in other libraries too.

    Hashes are compared where a bundle's manifest or the notes of `hf download --local-dir` know them.

    [bold]Examples[/bold]

    pretrained cache import carried/bert-base-uncased

    pretrained cache import ./my-model --as team/my-model

    pretrained cache import bert-base-uncased.pretrained
    """
    from pretrained.hub.cache import writable_folder
    from pretrained.hub.cache_import import bring, look

    carried = look(path, name)
    with bytes_bar("importing", 2 * carried.size) as progress:
        done = bring(carried, writable_folder(folder), progress)
    if as_json:
        facts = {"name": done.name, "snapshot": str(done.snapshot), "files": done.files, "checked": done.checked}
        print_json(facts)
        return
    known = f"{done.checked} of them compared with a known hash" if done.checked else "nothing told their hashes"
    print_line(f"{done.name}: {done.files} files, {known}")
    print_line(str(done.snapshot))


def _folders(chosen: Path | None) -> list[Path]:
    from pretrained.hub.cache import cache_folders

    return [chosen.absolute()] if chosen is not None else cache_folders()


def _agreed(question: str, yes: bool) -> bool:
    """Whether to go on. Where nobody can answer, --yes must say so."""
    import sys

    if yes:
        return True
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to be asked; say --yes, or --dry-run to only look.")
    return typer.confirm(question)


def _facts(model: "StoredModel", *, files: bool = False) -> dict[str, Any]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "size": model.size,
        "formats": list(model.formats),
        "last_used": model.last_used or None,
        "revisions": [_revision_facts(revision, files=files) for revision in model.revisions],
        "unfinished": [{"path": str(path), "size": path.stat().st_size} for path in model.unfinished],
    }


def _revision_facts(revision: "Revision", *, files: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "commit": revision.commit,
        "refs": list(revision.refs),
        "size": revision.size,
        "formats": list(revision.formats),
    }
    if files:
        facts["files"] = [{"name": file.name, "size": file.size} for file in revision.files]
    return facts


def _revision(revision: "Revision") -> str:
    refs: Sequence[str] = revision.refs
    return one_line(f"{', '.join(refs)} = {revision.commit[:12]}" if refs else revision.commit[:12])


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "never"


def _short(path: Path) -> str:
    stem, dot, ending = path.name.partition(".")
    return f"{stem[:12]}{dot}{ending}"
