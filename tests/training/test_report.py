"""The report and the card: whole, without anything from elsewhere, and data are text in them."""

import html.parser
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pretrained.training import Recipe, TrainingOptions, charts, finetune, report
from pretrained.training.loop import TrainingState
from pretrained.training.run import Result

from .samples import write_data

EVIL = "<script>alert('x')</script>"
VOID = {"meta", "br", "hr"}


class Checker(html.parser.HTMLParser):
    """Every element is closed, in order; nothing is fetched and nothing runs."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert tag not in ("script", "link", "img", "iframe")
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


@pytest.mark.parametrize("task", ["sst2", "stsb", "conll2003", "squad2", "swag", "masked-lm"])
def test_pages(task: str, tiny: Path, tmp_path: Path) -> None:
    data = write_data(task, tmp_path / "data")
    options = TrainingOptions(max_steps=4, batch_size=8, evaluate_every=2, seed=3)
    finetune(task, str(tiny), data, tmp_path / "out", options=options, max_length=48, seeds=2 if task == "sst2" else 1)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "svg" in checked(page).seen
    assert "url(" not in page
    for drawing in re.findall(r"<svg.*?</svg>", page):
        ElementTree.fromstring(drawing)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    assert f'base_model: "{tiny}"' in front
    assert "| split |" in body
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert f"{next(iter(metrics['metrics']['dev'].values())):.4f}" in body


def test_the_surest_errors_come_first(tmp_path: Path) -> None:
    def errors(task: str, *rows: dict[str, Any]) -> list[str]:
        recipe = Recipe.of(task, "m", tmp_path, tmp_path)
        result = Result(recipe, tmp_path, {}, TrainingState(), ("a", "b"), list(rows))
        return re.findall(r"first|second|right", report._errors(result))

    tags = {"words": ["first", "x"], "tags": ["O", "B-A"], "wanted": ["B-A", "B-A"], "scores": [0.6, 0.9]}
    surer = {**tags, "words": ["second", "x"], "scores": [0.7, 0.7]}
    right = {**tags, "words": ["right", "x"], "tags": ["B-A", "B-A"]}
    assert errors("conll2003", tags, surer, right)[::2] == ["second", "first"]
    labels = {"text": "first", "labels": ["a"], "wanted": ["a", "b"], "scores": {"a": 0.99, "b": 0.4}}
    surer = {**labels, "text": "second", "scores": {"a": 0.6, "b": 0.1}}
    assert errors("multi-label", labels, surer, {**labels, "text": "right", "labels": ["a", "b"]}) == [
        "second",
        "first",
    ]
    choice = {"context": "first", "text": "t", "choice": 1, "wanted": 0, "score": 0.4}
    surer = {**choice, "context": "second", "score": 0.8}
    assert errors("swag", choice, surer, {**choice, "context": "right", "wanted": 1}) == ["second", "first"]


def test_data_are_text(tiny: Path, tmp_path: Path) -> None:
    for split in ("train", "dev"):
        rows = [{"text": f"{EVIL} & {n}", "label": EVIL if n % 2 else "fine & good"} for n in range(8)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = TrainingOptions(max_steps=2, batch_size=4)
    result = finetune("classification", str(tiny), tmp_path, tmp_path / "out", options=options)
    assert EVIL in result.labels
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    checked(page)
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_curves() -> None:
    drawing = charts.lines("a < b", {"one": [(1, 2.0), (2, float("nan")), (3, 4.0)], "two": [(2, 3.0)]})
    root = ElementTree.fromstring(drawing)
    lines = [each for each in root if each.tag == "polyline"]
    assert len(lines[0].attrib["points"].split()) == 2
    assert charts.lines("nothing", {"one": [(1, float("nan"))]}) == ""
    assert charts.lines("nothing", {}) == ""


def test_matrix() -> None:
    table = charts.matrix(["a", "<b>"], ["a", "<b>"], [[3, 1], [0, 0]])
    checked(table)
    assert "0.56)" in table  # 0.75 · 3/4
    assert "&lt;b&gt;" in table


@pytest.mark.parametrize(
    ("low", "high"), [(0.4851, 0.4851), (0.0, 1.0), (-3.0, 17.0), (5.0, 5.0), (0.0, 0.0), (1e-7, 3e-7)]
)
def test_ticks(low: float, high: float) -> None:
    found = charts.ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 3 <= len(found) <= 8
