"""`pretrained mirror`: how do other machines load models from this one?"""

from pathlib import Path
from typing import Annotated

import typer

from pretrained.cli.bytes_bar import read_size
from pretrained.cli.show import print_line


def mirror(
    *,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every network of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 chooses a free one.")] = 8000,
    upstream: Annotated[
        str | None,
        typer.Option(
            metavar="URL", show_default=False, help="A server to fetch from what is not here; hub is the hub itself."
        ),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            show_default=False,
            help="How much of the upstream is kept, such as 200G; what was not used for the longest time goes first.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            show_default=False,
            help="Where files of the upstream are kept, in place of a folder of the user's cache.",
        ),
    ] = None,
) -> None:
    """Serve the models in this machine's cache to others, as the hub does; nobody can write to it.

    On the other machines HF_ENDPOINT names the mirror, and every program that loads from the hub loads from here. There
    is a page for browsers at the address itself. Everybody who reaches the address can read all models of the cache.

    [bold]Examples[/bold]

    pretrained mirror

    pretrained mirror --host 0.0.0.0 --port 8000

    pretrained mirror --host 0.0.0.0 --upstream hub --max-size 200G
    """
    import signal
    from threading import current_thread, main_thread

    from pretrained.hub import messages
    from pretrained.hub.cache import cache_folders
    from pretrained.hub.mirror import Mirror

    if upstream is None and (max_size or folder):
        raise typer.BadParameter("it limits what comes from an --upstream URL.", param_hint="--max-size, --cache")
    served = Mirror(
        cache_folders(),
        host=host,
        port=port,
        upstream=upstream,
        folder=folder,
        max_size=None if max_size is None else read_size(max_size, "--max-size"),
    )
    print_line(f"serving {messages.count(len(served.library.shelf.names()), 'model')} at {served.url}")
    if served.library.upstream is not None:
        behind = served.library.upstream
        print_line(f"what is not here comes from {behind.endpoint.url}, into {behind.folder}")
    print_line(f"on other machines: HF_ENDPOINT={served.url if host not in _EVERY else _named(served.url)}")
    if host in _LOOPBACK:
        print_line("only this machine reaches it; --host 0.0.0.0 opens it to the network")
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, _stop)
    import sys

    sys.stdout.flush()
    try:
        served.serve()
    except KeyboardInterrupt:
        counts = served.statistics
        print_line(f"stopped after {counts.requests:,} requests; {messages.size(counts.sent)} given")


_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERY = ("0.0.0.0", "::", "")


def _named(url: str) -> str:
    """The address under which others may find this machine."""
    import socket

    return f"http://{socket.gethostname()}:{url.rpartition(':')[2]}"


def _stop(*_: object) -> None:
    raise KeyboardInterrupt
