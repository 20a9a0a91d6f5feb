"""`pretrained lock`: which bytes is a model, written down for later and for other machines?"""

from pathlib import Path
from typing import Annotated

import typer

from pretrained.cli.bytes_bar import bytes_bar
from pretrained.cli.show import print_line


def lock(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Any names of models that are here.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The lock file.")] = Path(
        "pretrained.lock"
    ),
    revision: Annotated[
        str | None,
        typer.Option(metavar="REVISION", show_default=False, help="A branch, tag or commit; for one NAME only."),
    ] = None,
) -> None:
    """Write every file of some models, with size, SHA-256 and revision, into a lock file.

    With it, [bold]from_pretrained(…, lock="pretrained.lock")[/bold] or PRETRAINED_LOCK=pretrained.lock takes these
    very bytes and refuses anything else; [bold]pretrained verify NAME --lock pretrained.lock[/bold] compares.

    [bold]Examples[/bold]

    pretrained lock bert-base-uncased gpt2

    pretrained lock ./my-model --output models.lock
    """
    from pretrained.atomic import write_text
    from pretrained.hub import messages, resolve
    from pretrained.hub.lock import files_to_lock, lock_text
    from pretrained.hub.manifest import hash_file

    if revision is not None and len(names) > 1:
        raise typer.BadParameter("a revision is of one model; lock that one alone.", param_hint="--revision")
    if not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {output.parent}.", param_hint="--output")
    models = [(name, resolve(name, revision=revision, lock="")) for name in dict.fromkeys(names)]
    paths = {name: files_to_lock(files) for name, files in models}
    total = sum(path.stat().st_size for listed in paths.values() for path in listed.values())
    with bytes_bar("reading", total) as progress:
        hashes = {
            name: {member: hash_file(path, progress) for member, path in listed.items()}
            for name, listed in paths.items()
        }
    write_text(output, lock_text(models, hashes))
    files = sum(map(len, paths.values()))
    print_line(f"{output} lists {messages.count(files, 'file')} of {messages.count(len(models), 'model')}")
