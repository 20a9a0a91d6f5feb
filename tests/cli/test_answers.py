"""The commands that ask a model about texts."""

import json
from pathlib import Path

import pytest
import torch

from pretrained import (
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizer,
)
from pretrained.cli import main
from tests.training.samples import write_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a head, over one tiny network."""
    root = tmp_path_factory.mktemp("answers")
    write_bert(root / "base")
    torch.manual_seed(3)
    for model_class, options in (
        (BertForSequenceClassification, {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"}}),
        (BertForTokenClassification, {"id2label": {0: "O", 1: "B-PER"}}),
        (BertForQuestionAnswering, {}),
        (BertForMaskedLM, {}),
    ):
        model_class.from_pretrained(root / "base", **options).save_pretrained(root / model_class.__name__)
        BertTokenizer.from_pretrained(root / "base").save_pretrained(root / model_class.__name__)
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as done:
        main(arguments)
    captured = capsys.readouterr()
    assert done.value.code == 0, captured.err
    return captured.out


def test_classify(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = str(folder / "BertForSequenceClassification")
    (tmp_path / "in.txt").write_text("good film\nbad film\n")
    out = run(capsys, "classify", "-m", model, "--input", str(tmp_path / "in.txt"), "--json", "--top", "2")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["text"] for row in rows] == ["good film", "bad film"]
    assert all(len(row["labels"]) == 2 for row in rows)
    assert "good film" in run(capsys, "classify", "-m", model, "good film", "--labels", "one,two")


def test_tag(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder / "BertForTokenClassification")
    out = run(capsys, "tag", "-m", model, "anna went to paris", "--json")
    assert json.loads(out)["text"] == "anna went to paris"
    assert "anna went" in run(capsys, "tag", "-m", model, "anna went", "--strategy", "none")


def test_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder / "BertForQuestionAnswering")
    out = run(capsys, "answer", "-m", model, "who ?", "anna went to paris .", "--json", "--top", "2")
    answers = json.loads(out)["answers"]
    assert len(answers) == 2
    assert all(each["answer"] in "anna went to paris ." for each in answers)
    assert "answer" in run(capsys, "answer", "-m", model, "who ?", "anna", "--may-be-none")


def test_fill_mask(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder / "BertForMaskedLM")
    out = run(capsys, "fill-mask", "-m", model, "the <mask> was good", "--targets", "film,anna", "--json")
    assert {each["token_str"] for each in json.loads(out)["words"]} == {"film", "anna"}
    assert "mask 2" in run(capsys, "fill-mask", "-m", model, "the [MASK] was [MASK]")
