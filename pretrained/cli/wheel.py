"""`pretrained wheel`: how does a model become a package that pip installs?"""

import re
from pathlib import Path
from typing import Annotated

import typer

from pretrained.cli.bytes_bar import bytes_bar, read_size
from pretrained.cli.pack import RevisionOption
from pretrained.cli.show import print_line


def wheel(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Any name of a model that is here, a bundle included.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the wheels go.")] = Path("."),
    version: Annotated[str, typer.Option(metavar="VERSION", help="The version of the package.")] = "1.0",
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Above this a model is divided over several wheels.")
    ] = "1.9G",
    model: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            show_default=False,
            help="A name for a model of your own, such as team/model.",
        ),
    ] = None,
    revision: RevisionOption = None,
) -> None:
    """Write a wheel that carries a model, for an internal package index or a stick.

    After `pip install` of it the model is found under its names. A wheel holds no code.

    [bold]Examples[/bold]

    pretrained wheel bert-base-uncased

    pretrained wheel ./my-model --as team/my-model --output wheels --version 2.1
    """
    from pretrained.errors import ConfigurationError
    from pretrained.hub import messages, resolve
    from pretrained.hub.bundle_writer import describe, size_of
    from pretrained.hub.wheel_writer import package_name, write_wheels

    if model is not None and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model):
        raise typer.BadParameter(f"{model!r} is no name of a model; write NAME or OWNER/NAME.", param_hint="--as")
    limit = read_size(max_size, "--max-size")
    if not output.is_dir():
        raise typer.BadParameter(f"there is no folder {output}.", param_hint="--output")
    files = resolve(name, revision=revision)
    size = size_of(files)
    with bytes_bar("reading", size) as progress:
        described = describe(files, progress)
    try:
        with bytes_bar("writing", size) as progress:
            written = write_wheels(described, output, version=version, max_size=limit, name=model, progress=progress)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error), param_hint="--version") from error
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-size") from error
    for path in written:
        print_line(f"{path}  {messages.size(path.stat().st_size)}")
    command = f"python -m pip install --no-index --find-links {output} {package_name(described.manifest, model)}"
    print_line(f"on the other machine: {command}")
