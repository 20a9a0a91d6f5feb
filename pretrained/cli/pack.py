"""`pretrained pack`: how does a model become one file to carry?"""

from pathlib import Path
from typing import Annotated

import typer

from pretrained.cli.bytes_bar import bytes_bar, read_size
from pretrained.cli.show import JsonOption, print_json, print_line

RevisionOption = Annotated[
    str | None, typer.Option(metavar="REVISION", show_default=False, help="A branch, tag or commit of the cache.")
]


def pack(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A folder, a name in the cache or package:NAME.")],
    output: Annotated[
        Path | None, typer.Argument(metavar="FILE", show_default="NAME.pretrained", help="The bundle to write.")
    ] = None,
    *,
    split: Annotated[
        str | None,
        typer.Option(metavar="SIZE", show_default=False, help="Parts of at most this size, such as 4G for FAT sticks."),
    ] = None,
    revision: RevisionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model into one file that is loaded as it is: an ordinary zip with a manifest of hashes.

    Only what is needed goes in: configuration, tokenizer, one format of weights, the model card. The same files make
    the same bundle, byte for byte.

    [bold]Examples[/bold]

    pretrained pack bert-base-uncased

    pretrained pack ./my-model my-model.pretrained

    pretrained pack t5-large t5-large.pretrained --split 4G
    """
    from pretrained.hub import messages, resolve
    from pretrained.hub.bundle_name import ENDING
    from pretrained.hub.bundle_writer import describe, size_of
    from pretrained.hub.bundle_writer import pack as write

    limit = None if split is None else read_size(split, "--split")
    target = (
        output.expanduser() if output else Path(Path(name.removeprefix("package:").removeprefix("hub:")).name + ENDING)
    )
    if not target.name.endswith(ENDING):
        raise typer.BadParameter(f"the name of a bundle ends in {ENDING}; got {target.name!r}.", param_hint="FILE")
    if not target.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {target.parent}.", param_hint="FILE")
    files = resolve(name, revision=revision)
    size = size_of(files)
    with bytes_bar("reading", size) as progress:
        described = describe(files, progress)
    try:
        with bytes_bar("writing", size) as progress:
            written = write(described, target, split=limit, progress=progress)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--split") from error
    manifest = described.manifest
    if as_json:
        print_json(
            {
                "written": [str(path) for path in written],
                "bytes": sum(path.stat().st_size for path in written),
                "files": len(manifest.files),
                "source": manifest.source,
                "revision": manifest.revision,
                "licence": manifest.licence,
            }
        )
        return
    for path in written:
        print_line(f"{path}  {messages.size(path.stat().st_size)}")
    print_line(f'{len(manifest.files)} files; load them with from_pretrained("{written[0]}")')
    print_line(f"licence, as the model card states it: {manifest.licence or 'not stated'}")
