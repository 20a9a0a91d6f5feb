"""`pretrained finetune`, `evaluate` and `check-data`, as a shell calls them."""

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from pretrained.cli.finetune import _Progress
from pretrained.training import TASKS, Recipe
from pretrained.training.check import check_data
from pretrained.training.loop import TrainingState
from tests.cli.conftest import cli

from .samples import write_data

__all__ = ["cli"]
Cli = Callable[..., Any]
FEW = ("--max-steps", "2", "--batch-size", "8")


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_trained_and_measured(
    task: str, tiny: Path, tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(task, Path("data"), train=8, dev=4)
    model = str(tiny_gpt2 if task == "causal-lm" else tiny)
    named = ("--task", task, "--data", "data", "--max-length", "48", "--json")
    trained = cli("finetune", *named, "--model", model, "--output", "out", *FEW)
    assert trained.code == 0, trained.err
    said = json.loads(trained.out)
    assert said["folder"] == "out"
    measured = cli("evaluate", *named, "--model", "out", "--predictions", "said.jsonl")
    assert measured.code == 0, measured.err
    assert json.loads(measured.out) == pytest.approx(said["metrics"]["dev"], abs=1e-6)
    assert Path("said.jsonl").read_bytes() == Path("out/predictions.jsonl").read_bytes()
    checked = cli("check-data", *named, "--model", model)
    assert checked.code == 0, checked.err
    rows = [json.loads(line) for line in checked.out.splitlines()]
    assert [(row["split"], row["bad"]) for row in rows] == [("train", []), ("dev", [])]


def test_tables_and_progress(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    data = write_data("sst2", tmp_path / "data")
    (data / "test.tsv").write_text("sentence\tlabel\ngood film\t1\n")
    named = ("--task", "sst2", "--model", str(tiny), "--data", str(data), "--output", str(tmp_path / "out"))
    trained = cli("finetune", *named, *FEW, "--seeds", "2", "--betas", "0.8,0.9", "--class-weights", "1,2")
    assert trained.code == 0, trained.err
    said = trained.err.splitlines()
    assert said[0] == "seed 42"
    assert said[1].startswith("step 1/2 · loss ")
    assert [line.startswith("step 2/2 · epoch 0.6667 · dev accuracy ") for line in said].count(True) == 2
    assert said[4] == "seed 43"
    assert trained.out.splitlines()[0].split() == ["split", "accuracy", "loss"]
    assert "2 seeds: accuracy" in trained.out
    model = ("--task", "sst2", "--model", str(tmp_path / "out"), "--data", str(data))
    assert "accuracy" in cli("evaluate", *model, "--split", "test").out
    recipe = Recipe.read(tmp_path / "out" / "finetune.toml")
    assert recipe.training.betas == (0.8, 0.9)
    assert recipe.training.class_weights == [1.0, 2.0]
    again = cli("finetune", "--config", str(tmp_path / "out" / "finetune.toml"), "--output", str(tmp_path / "b"),
                "--seeds", "1", "--seed", "7")  # fmt: skip
    assert again.code == 0, again.err
    assert Recipe.read(tmp_path / "b" / "finetune.toml").training.seed == 7


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run_of(steps: int, *, begin: int = 0) -> Iterator[TrainingState]:
    """As a trainer hands them to who watches: one state that changes, measured twice."""
    state = TrainingState(step=begin)
    for step in range(begin + 1, steps + 1):
        state.step = step
        state.history.append({"step": step, "epoch": step / 10, "loss": 1 / step, "learning_rate": 1e-5})
        if step % (steps // 2) == 0:
            metrics = {"accuracy": 0.5, "loss": 0.7}
            state.history.append({"step": step, "epoch": step / 10, "metrics": metrics})
        yield state


@pytest.mark.parametrize("width", [60, 120])
def test_progress_on_a_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    with _Progress() as progress:
        for state in run_of(40):
            progress.show(state, 40)
            progress._bar.refresh()
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", screen.getvalue())
    lines = re.split(r"[\r\n]+", plain)
    assert max(map(cell_len, lines)) <= width
    assert "reading data and model" in plain
    assert re.search(r"39/40 [━╸╺ ]+ \d\d:\d\d loss 0\.0256 · [\d.e+]+ steps/s", plain)
    assert ("learning rate 1.0e-05" in plain) == (width == 120)
    assert "step 20/40 · epoch 2 · dev accuracy 0.5000 loss 0.7000" in lines
    assert "…" not in plain


def test_progress_elsewhere_is_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    with _Progress(several=True) as progress:
        for state in run_of(10_000):
            progress.show(state, 10_000)
        for state in run_of(10, begin=7):
            progress.show(state, 10)
    lines = screen.getvalue().splitlines()
    assert [line.split(" ·")[0] for line in lines if "loss 0.0" in line and "dev" not in line][:2] == [
        "step 1,000/10,000",
        "step 2,000/10,000",
    ]
    assert len(lines) == 10 + 2 + 2 + 3 + 2
    assert "goes on after step 7/10" in lines


def test_help_and_list(cli: Cli) -> None:
    shown = cli("finetune", "--list").out
    assert all(name in shown for name in TASKS)
    for command in ("finetune", "evaluate", "check-data"):
        ended = cli(command, "--help")
        assert ended.code == 0
        assert "Example" in ended.out
    assert "--label-smoothing" in cli("finetune", "--help").out


def test_what_is_missing_is_said(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    ended = cli("finetune", "--task", "sst2")
    assert (ended.code, "--model, --data, --output" in ended.err) == (2, True)
    ended = cli("evaluate", "--task", "sst2")
    assert (ended.code, "--model, --data is needed" in ended.err) == (2, True)
    ended = cli("finetune", "--task", "sst2", "--model", str(tiny), "--data", str(tmp_path), "--output",
                str(tmp_path / "out"), "--class-weights", "x")  # fmt: skip
    assert (ended.code, "numbers between commas" in ended.err) == (2, True)
    ended = cli("finetune", "--task", "sst2", "--model", str(tiny), "--data", str(tmp_path), "--output",
                str(tmp_path / "out"))  # fmt: skip
    assert (ended.code, "looked for train.tsv" in ended.err) == (1, True)


def test_rows_without_labels(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    data = write_data("sst2", tmp_path / "data")
    (data / "dev.tsv").write_text("sentence\tlabel\ngood\t1\nbad\t\n")
    ended = cli("finetune", "--task", "sst2", "--model", str(tiny), "--data", str(data), "--output",
                str(tmp_path / "out"))  # fmt: skip
    assert "dev.tsv, line 3: no label (column 'label')" in ended.err


def test_bad_rows_are_all_named(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    data = write_data("sst2", tmp_path / "data")
    rows = [
        "sentence\tlabel",
        "good film\t1",
        "bad film\t0",
        "one column",
        "good film\t1",
        " \t1",
        "one film\t7",
        "film\t",
    ]
    (data / "train.tsv").write_text("\n".join(rows) + "\n")
    (data / "dev.tsv").write_text("sentence\tlabel\ngood film\t1\nother\tx\n" + "very long " * 100 + "\t0\n")
    named = ("--task", "sst2", "--model", str(tiny), "--data", str(data))
    ended = cli("check-data", *named)
    assert ended.code == 1
    for line in (4, 6, 7, 8):
        assert f"train.tsv, line {line}: " in ended.out
    assert "dev.tsv, line 3: the label 'x'" in ended.out
    refused = cli("finetune", *named, "--output", str(tmp_path / "out"))
    assert refused.code == 1
    assert "train.tsv, line 4: 1 columns" in refused.err
    assert "(and 3 more bad rows; check-data names them)" in " ".join(refused.err.split())
    found = check_data(Recipe.of("sst2", str(tiny), data, "-"))
    train, dev = found["train"], found["dev"]
    assert (train.rows, train.duplicates, len(train.bad)) == (7, 1, 4)
    assert (dev.rows, dev.shared, dev.too_long) == (3, 1, 1)
    assert train.labels["1"] == 3
    assert sum(count for _, count in train.histogram()) == len(train.lengths)


def test_damaged_published_files(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    """Some rows of QQP were published without all their columns."""
    data = write_data("qqp", tmp_path / "data")
    path = data / "train.tsv"
    path.write_text(path.read_text() + "7\t8\t9\tonly one question\n")
    named = ("--task", "qqp", "--model", str(tiny), "--data", str(data))
    trained = cli("finetune", *named, "--output", str(tmp_path / "out"), *FEW)
    assert trained.code == 0, trained.err
    assert "line 22: 4 columns" in cli("check-data", *named).out
