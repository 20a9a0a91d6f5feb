"""Does the bar show on long work at a terminal, and only there?"""

import sys

import pytest

from pretrained.runner import progress
from pretrained.runner.progress import ProgressBar


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def terminal(monkeypatch, yes):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: yes, raising=False)


def run(clock, show, seconds):
    with ProgressBar(10, show) as bar:
        clock[0] += seconds
        bar.advance(4)
        return bar._bar is not None


@pytest.mark.parametrize(
    ("at_terminal", "show", "seconds", "expected"),
    [
        (True, None, 1.0, False),
        (True, None, 3.0, True),
        (False, None, 3.0, False),
        (True, False, 3.0, False),
        (False, True, 0.0, True),
    ],
)
def test_when_it_shows(monkeypatch, clock, at_terminal, show, seconds, expected):
    terminal(monkeypatch, at_terminal)
    assert run(clock, show, seconds) is expected


def test_it_counts_from_the_start(monkeypatch, clock, capsys):
    terminal(monkeypatch, True)
    with ProgressBar(10, None) as bar:
        bar.advance(4)
        clock[0] += 5
        bar.advance(3)
        assert bar._bar.tasks[0].completed == 7
        assert bar._bar.tasks[0].total == 10
    assert capsys.readouterr().out == ""
