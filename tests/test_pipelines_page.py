"""Do the examples of docs/pipelines.md run, the commands after the Python?"""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import cli
from tests.hub.packing import here
from tests.test_finetuning_page import machine
from tests.test_readme import ROOT, blocks

__all__ = ["cli", "here", "machine"]
PAGE = ROOT / "docs" / "pipelines.md"


def test_the_examples_run(machine: Path, cli: Callable[..., Any]) -> None:
    shutil.rmtree("reviews")  # the page writes its own
    namespace: dict[str, object] = {}
    commands = 0
    for language, code in blocks(PAGE):
        if language == "python":
            exec(compile(code, PAGE.name, "exec"), namespace)
        for line in code.splitlines() if language == "sh" else ():
            ended = cli(*shlex.split(line)[1:])
            assert ended.code == 0, f"{line}\n{ended.err}"
            commands += 1
    assert commands == 4
