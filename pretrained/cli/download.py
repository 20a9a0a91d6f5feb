"""`pretrained download`: bring models to this machine, whole and checked."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pretrained.cli.show import JsonOption, print_json, print_line, print_table

if TYPE_CHECKING:
    from pretrained.hub.download import Downloaded
    from pretrained.hub.lock import LockedModel


class Format(StrEnum):
    """Formats of weights, the preferred one first."""

    safetensors = "safetensors"
    bin = "bin"
    h5 = "h5"
    msgpack = "msgpack"
    ckpt = "ckpt"


def download(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME…", help="owner/name, or short names.", show_default=False)
    ] = None,
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="A folder for the files, in place of the cache; for several models, a folder in it for each.",
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", show_default=False, help="A branch, a tag or a commit.")
    ] = None,
    format: Annotated[
        Format | None, typer.Option(show_default=False, help="Which weights; unless given, the first there is.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", show_default=False, help="Only this file of the model; may be repeated."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every file, not only those that are needed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be fetched, and fetch nothing.")] = False,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="A server to ask, in place of the configured ones; may be repeated; hub is the hub itself.",
        ),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Check the bytes of files that are here, and replace the wrong ones.")
    ] = False,
    locked: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="The very files that a lock file lists.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring models to this machine: only the files that are needed, each one checked before it gets its name.

    A download that was stopped, in whatever way, goes on where it was. What is here is not fetched again; a server is
    asked what there is in any case, so without a network use what is here as it is: `pretrained verify` looks at it.

    [bold]Examples[/bold]

    pretrained download bert-base-uncased

    pretrained download bert-base-uncased --dry-run

    pretrained download bert-base-uncased --to carry/bert-base-uncased

    pretrained download bert-base-uncased --file vocab.txt --to carry

    pretrained download bert-base-uncased --endpoint http://mirror:8000 --endpoint hub

    pretrained download --locked pretrained.lock
    """
    from pretrained.hub import download as hub

    if locked is not None and (revision or format or everything or file):
        raise typer.BadParameter("a lock file says itself which files of which revision.", param_hint="--locked")
    if file and (format or everything):
        raise typer.BadParameter("--file says which files; leave --format and --all away.", param_hint="--file")
    if not names and locked is None:
        raise typer.BadParameter("name a model, or a lock file with --locked FILE.", param_hint="NAME…")
    models = _of_lock(locked, names) if locked is not None else dict.fromkeys(names or ())
    for name, of_lock in models.items():
        into = to / name.rpartition("/")[2] if to is not None and len(models) > 1 else to
        wish = hub.Wish(revision, format=format and format.value, everything=everything, names=tuple(file or ()))
        if of_lock is not None:
            wish = hub.Wish(of_lock.revision, names=tuple(of_lock.files))
        with hub.shown() as progress:
            done = hub.download(
                name if of_lock is None else of_lock.source or name,
                wish,
                to=into,
                refresh=refresh,
                dry_run=dry_run,
                servers=endpoint or (),
                progress=progress,
            )
        if of_lock is not None and not dry_run:
            of_lock.check(done.files(name))
        if as_json:
            print_json(_facts(name, done, dry_run=dry_run))
        elif dry_run:
            _show(done)
        else:
            print_line(str(done.folder))


def _of_lock(path: Path, names: list[str] | None) -> "dict[str, LockedModel | None]":
    """The models to fetch; one that was locked from a folder has no revision, and the hub cannot give it."""
    from pretrained.errors import ModelNotFoundError
    from pretrained.hub.lock import locked_files, read_lock

    found = {name: locked_files(path, name) for name in names or read_lock(path)}
    for name, model in found.items():
        if model.revision is None:
            raise ModelNotFoundError(
                f"{path} locks {name} as a folder, without a revision of the hub.\n"
                f"To do: carry it here, for example by pretrained pack {name}"
            )
    return dict(found)


def _facts(name: str, done: "Downloaded", *, dry_run: bool) -> dict[str, Any]:
    plan = done.plan
    missing = {file.name for file in plan.missing}
    return {
        "name": name,
        "repository": plan.repository,
        "revision": plan.revision,
        "commit": plan.commit,
        "endpoint": plan.endpoint,
        "folder": str(done.folder),
        "format": plan.format,
        "formats": list(plan.formats),
        "to_fetch": plan.to_fetch,
        "dry_run": dry_run,
        "files": [
            {"name": file.name, "size": file.size, "etag": file.etag, "here": file.name not in missing}
            for file in plan.files
        ],
        "notes": list(done.notes),
    }


def _show(done: "Downloaded") -> None:
    from pretrained.hub.messages import size

    plan = done.plan
    missing = {file.name for file in plan.missing}
    rows = [(file.name, size(file.size or 0), "" if file.name in missing else "yes") for file in plan.files]
    print_table(("file", "size", "here"), rows, title=plan.summary())
    others = [format for format in plan.formats if format != plan.format]
    if others:
        print_line(f"also as {', '.join(others)}: --format {others[0]}")
    print_line(f"to fetch: {size(plan.to_fetch)}")
