"""A command line run inside the test: what it printed, and how it ended."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from pretrained.cli import main


class Ended(NamedTuple):
    code: object
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        return Ended(end.value.code, *capsys.readouterr())

    return run
