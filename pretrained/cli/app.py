"""Which commands are there, and how does a run end?

Every command lives in its own file and imports the library only when it runs, so that `--help` answers at once.
"""

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pretrained.cli.answers import answer, classify, fill_mask, tag
from pretrained.cli.cache import cache
from pretrained.cli.convert import convert
from pretrained.cli.doctor import doctor
from pretrained.cli.download import download
from pretrained.cli.encode import encode
from pretrained.cli.finetune import check_data, evaluate, finetune
from pretrained.cli.generate import generate
from pretrained.cli.info import info
from pretrained.cli.lock import lock
from pretrained.cli.mirror import mirror
from pretrained.cli.models import models
from pretrained.cli.needs import needs
from pretrained.cli.pack import pack
from pretrained.cli.tokenize import tokenize
from pretrained.cli.unpack import unpack
from pretrained.cli.verify import verify
from pretrained.cli.wheel import wheel
from pretrained.errors import ModelNotFoundError, PretrainedError

FAILED = 1
NOT_FOUND = 3  # 2 is a command line that cannot be understood, which typer reports itself


class _Commands(TyperGroup):
    """Turns what can be expected to go wrong into a message on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # `pretrained … | head`: typer ends quietly
        except (PretrainedError, OSError) as error:
            if ctx.params["debug"]:
                raise
            typer.echo(f"pretrained: {error}", err=True)
            raise typer.Exit(NOT_FOUND if isinstance(error, ModelNotFoundError) else FAILED) from error


app = typer.Typer(
    name="pretrained",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done · 1 something failed · 2 the command line cannot be understood · "
    "3 the model was not found. NO_COLOR=1 switches colours off.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from pretrained import __version__

        typer.echo(f"pretrained {__version__}")
        raise typer.Exit


@app.callback()
def _commands(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Pretrained language models by name, folder or file.

    A model is named by its folder, by a file or a bundle, by a published name, or by package:NAME.
    What is on this machine is used as it is; pretrained download brings the rest.
    """


# The panels of `pretrained --help`, in the order in which a newcomer needs them
_PANELS = {
    "Ask a model": (encode, tokenize, classify, tag, answer, fill_mask, generate),
    "Teach a model": (check_data, finetune, evaluate),
    "Look at models, change their format": (models, info, doctor, convert),
    "Bring models here and carry them on": (download, needs, pack, unpack, verify, lock, wheel, mirror),
}
for _title, _members in _PANELS.items():
    for _command in _members:
        app.command(rich_help_panel=_title)(_command)
app.add_typer(cache, name="cache", rich_help_panel="Bring models here and carry them on")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    typer.echo(f"warning: {message}", err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command line and exits; `arguments` are those of the process unless given."""
    for stream in (sys.stdout, sys.stderr):
        # Text of any language must leave this process, whatever the terminal can show; to a file or a pipe as UTF-8.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    warnings.showwarning = _show_warning
    # Given as a list: without one, typer would expand * and ? inside texts on Windows.
    app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="pretrained")
