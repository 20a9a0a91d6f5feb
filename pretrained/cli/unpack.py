"""`pretrained unpack`: how does a bundle become a folder again?"""

from pathlib import Path
from typing import Annotated

import typer

from pretrained.cli.bytes_bar import bytes_bar
from pretrained.cli.show import print_line


def unpack(
    bundle: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, or the first of its parts.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", show_default="the bundle's name", help="A folder that is not there.")
    ] = None,
) -> None:
    """Unpack a bundle, or join and unpack its parts, into a folder; every file is checked by its hash.

    [bold]Examples[/bold]

    pretrained unpack bert-base-uncased.pretrained

    pretrained unpack t5-large.pretrained.001 models/t5-large
    """
    from pretrained.errors import ModelNotFoundError
    from pretrained.hub.bundle import Bundle
    from pretrained.hub.bundle_name import find_bundle
    from pretrained.hub.bundle_writer import default_folder
    from pretrained.hub.bundle_writer import unpack as write

    path = find_bundle(bundle)
    if path is None:
        raise ModelNotFoundError(f"{bundle} is no bundle, or not there. To do: pretrained pack NAME {bundle} makes one")
    target = folder or default_folder(path)
    opened = Bundle(path)
    with bytes_bar("unpacking", opened.size) as progress:
        write(opened, target, progress)
    print_line(f'{len(opened.manifest.files)} files in {target}; load them with from_pretrained("{target}")')
