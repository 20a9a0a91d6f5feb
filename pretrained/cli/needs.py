"""`pretrained needs`: what is to be fetched by hand for a model, and where does it go?"""

from typing import Annotated

import typer

from pretrained.cli.show import JsonOption, print_json, print_line

_SCRIPTS = ("wget", "curl", "powershell")
_FORMATS = ("safetensors", "bin", "h5", "msgpack")


def needs(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name, or owner/name.")],
    *,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(_FORMATS), show_default=False, help="The format of the weights; else safetensors or bin."
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REVISION", show_default=False, help="A branch, tag or commit.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DIR", show_default=False, help="The folder to put the files in.")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", show_default=False, help="The server to fetch from, in place of the usual one."),
    ] = None,
    script: Annotated[
        str | None,
        typer.Option(metavar="|".join(_SCRIPTS), show_default=False, help="Write a script that fetches them."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which files a model needs, for fetching them by hand on another machine. Asks no network.

    [bold]Examples[/bold]

    pretrained needs bert-base-uncased

    pretrained needs bert-base-uncased --script wget > fetch.sh

    pretrained needs gpt2 --format bin --json
    """
    from pretrained.hub import needs as hub

    if format is not None and format not in _FORMATS:
        raise typer.BadParameter(f"{format!r} is none of {', '.join(_FORMATS)}.", param_hint="--format")
    if script is not None and script not in _SCRIPTS:
        raise typer.BadParameter(f"{script!r} is none of {', '.join(_SCRIPTS)}.", param_hint="--script")
    wanted = hub.needs(
        name, format=format, revision=revision, folder=to, endpoint=() if endpoint is None else (endpoint,)
    )
    if as_json:
        print_json(wanted.as_json())
    elif script is not None:
        print_line(hub.as_script(wanted, script).rstrip("\n"))
    else:
        print_line(hub.as_text(wanted))
