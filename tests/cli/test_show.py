"""Are tables complete on a terminal, and plain elsewhere?"""

import io
import re
import sys

import pytest

from pretrained.cli.show import one_line, print_json, print_table, progress
from pretrained.cli.write import Batch

ROWS = [("[CLS]", "101"), ("文字", "2"), ("x" * 120, "3")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def as_terminal(monkeypatch: pytest.MonkeyPatch, name: str) -> Terminal:
    """Makes stdout or stderr a terminal from here on; in a fixture, pytest would put its own back."""
    stream = Terminal()
    monkeypatch.setattr(sys, name, stream)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def test_elsewhere_columns_are_aligned_by_width(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("token", "id"), ROWS[:2], title="a title")
    assert capsys.readouterr().out == "a title\ntoken  id\n[CLS]  101\n文字   2\n"


def test_on_a_terminal_nothing_is_cut_off_or_taken_for_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = as_terminal(monkeypatch, "stdout")
    print_table(("token", "id"), ROWS)
    shown = terminal.getvalue()
    assert "[CLS]" in shown
    assert shown.count("x") == 120
    assert "…" not in shown
    assert "\x1b[" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("ü 文字 🌍", "ü 文字 🌍"), ("a\nb\tc", r"a\nb\tc"), ("\x1b[31m", r"\x1b[31m"), ("\u202e", r"\u202e"), ("", "")],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_json_is_one_line_of_its_own_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "ü\n文"})
    assert capsys.readouterr().out == '{"text": "ü\\n文"}\n'


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    batches = [Batch(texts=["a"], vectors=[], per_token=False), Batch(texts=["b"], vectors=[], per_token=False)]
    assert list(progress(batches, 2)) == batches
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("no_color", [False, True])
def test_progress_shows_on_a_terminal(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = as_terminal(monkeypatch, "stderr")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    list(progress([Batch(texts=["a", "b"], vectors=[], per_token=False)], 2))
    assert "2/2" in terminal.getvalue()
    colours = re.findall(r"\x1b\[[\d;]*[34][0-7][;m]|\x1b\[38;", terminal.getvalue())
    assert bool(colours) != no_color


def test_results_are_not_drawn_on_the_terminal_that_shows_the_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = as_terminal(monkeypatch, "stderr")
    for part in progress([["a"], ["b"]], None):
        print_json(part)
    assert capsys.readouterr().out == '["a"]\n["b"]\n'
    assert '["a"]' not in terminal.getvalue()
    assert "2/?" in terminal.getvalue()
