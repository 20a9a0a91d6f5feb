"""`pretrained verify`: are the files of a model what they should be?"""

from pathlib import Path
from typing import Annotated

import typer

from pretrained.cli.bytes_bar import bytes_bar
from pretrained.cli.show import JsonOption, print_json, print_line, print_table


def verify(
    name: Annotated[
        str, typer.Argument(metavar="PATH|NAME", help="A bundle, a folder, a whole cache, or any name of a model.")
    ],
    *,
    lock: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Compare with a lock file of `pretrained lock`."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REVISION", show_default=False, help="A branch, tag or commit of the cache.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read every file of a model and compare its hash; no network is asked. Exit code 1 when something is wrong.

    Hashes come from the lock file, from a bundle's manifest (also that of an unpacked one), from the names of the
    blobs in the Hugging Face cache, or from the notes of `hf download --local-dir`.

    [bold]Examples[/bold]

    pretrained verify bert-base-uncased

    pretrained verify bert-base-uncased.pretrained

    pretrained verify bert-base-uncased --lock pretrained.lock --json
    """
    from pretrained.hub.verify import checks, nothing_known

    found = list(checks(name, lock=lock, revision=revision))
    total = sum(check.path.stat().st_size for check in found if check.path is not None and check.hash)
    with bytes_bar("reading", total) as progress:
        verdicts = [check.run(progress) for check in found]
    wrong = [verdict for verdict in verdicts if verdict.wrong]
    if not wrong and not any(verdict.checked for verdict in verdicts):
        raise nothing_known(name)
    if as_json:
        for verdict in verdicts:
            check = verdict.check
            print_json(
                {
                    "model": check.model,
                    "file": check.name,
                    "ok": False if verdict.wrong else True if verdict.checked else None,
                    "wrong": verdict.wrong,
                    "against": check.against,
                    "expected": check.hash,
                }
            )
    else:
        rows = [
            (v.check.model, v.check.name, v.wrong or ("ok" if v.checked else "not checked"), v.check.against)
            for v in verdicts
        ]
        print_table(("model", "file", "state", "known by"), rows)
        unknown = sum(not verdict.checked and not verdict.wrong for verdict in verdicts)
        print_line(
            f"{sum(v.checked and not v.wrong for v in verdicts)} files are right, {len(wrong)} are wrong"
            + (f", of {unknown} nothing is known" if unknown else "")
        )
    if wrong:
        raise typer.Exit(1)
