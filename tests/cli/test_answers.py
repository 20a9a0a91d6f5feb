"""The commands that ask a model about texts."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrained import (
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizer,
)
from pretrained.cli import answers, main
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


class Fed(io.RawIOBase):
    """Standard input that remembers how much of it was read."""

    def __init__(self, line: bytes, count: int) -> None:
        self.left = (line for _ in range(count))
        self.read_lines = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        line = next(self.left, b"")
        self.read_lines += bool(line)
        buffer[: len(line)] = line
        return len(line)


@pytest.mark.parametrize("command", ["classify", "tag", "fill-mask", "classify --labels one,two"])
def test_results_leave_before_all_texts_are_read(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"tag": "BertForTokenClassification", "fill-mask": "BertForMaskedLM"}.get(
        command, "BertForSequenceClassification"
    )
    fed = Fed(b"a [MASK] film\n", 600)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(fed, buffer_size=32)))
    seen: list[int] = []
    kept = answers.print_json
    monkeypatch.setattr(answers, "print_json", lambda row: (seen.append(fed.read_lines), kept(row)))
    out = run(capsys, *command.split(), "-m", str(folder / name), "--input", "-", "--json")
    assert len(out.splitlines()) == 600
    assert seen[0] < 300
    assert seen[-1] == 600


def test_more_texts_than_a_part_are_all_shown(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("".join(f"film {number}\n" for number in range(300)))
    model = str(folder / "BertForSequenceClassification")
    out = run(
        capsys, "classify", "-m", model, "--input", str(tmp_path / "in.txt"), "--precision", "bf16", "--threads", "1"
    )
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("film")] == [
        ["film", str(number)] for number in range(300)
    ]


def test_answer_takes_texts_by_themselves_and_a_file_as_one(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = str(folder / "BertForQuestionAnswering")
    rows = run(capsys, "answer", "-m", model, "who ?", "anna", "bad film", "--json").splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["anna", "bad film"]
    (tmp_path / "in.txt").write_text("anna went\nto paris\n")
    (row,) = run(capsys, "answer", "-m", model, "who ?", "-i", str(tmp_path / "in.txt"), "--json").splitlines()
    assert json.loads(row)["answers"][0]["answer"] in "anna went\nto paris"
    (tmp_path / "in.jsonl").write_text('{"text": "anna"}\n{"text": "good"}\n')
    rows = run(capsys, "answer", "-m", model, "who ?", "-i", str(tmp_path / "in.jsonl"), "--json").splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["anna", "good"]


def test_a_row_without_a_token_has_no_answers(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ("answer", "-m", str(folder / "BertForQuestionAnswering"), "who ?", "--input", str(tmp_path / "in.jsonl"))
    texts = ["", "anna", " ", "\u200b", "bad film", ""]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    rows = [json.loads(row) for row in run(capsys, *command, "--json").splitlines()]
    assert [row["text"] for row in rows] == texts
    assert [len(row["answers"]) for row in rows] == [0, 1, 0, 0, 1, 0]
    assert rows[1]["answers"][0]["answer"] == "anna"
    assert "bad film" in run(capsys, *command)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("classify", "--labels", "a,b", "--pair", "c", "text"), 2, "each label is the second text"),
        (("tag", "--strategy", "frist", "text"), 1, "did you mean first?"),
        (("classify", "--device", "gpu", "text"), 1, "device='gpu' is not known"),
        (("classify", "--precision", "half", "text"), 1, "precision='half' is not known"),
        (("fill-mask", "no mask"), 1, "pretrained: input 0 has no mask ([MASK])"),
        (("answer", "who ?", "\u200b"), 1, "input 0: context must be a text that is not empty"),
    ],
)
def test_mistakes(
    arguments: tuple[str, ...], code: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = {"tag": "BertForTokenClassification", "fill-mask": "BertForMaskedLM", "answer": "BertForQuestionAnswering"}
    name = heads.get(arguments[0], "BertForSequenceClassification")
    with pytest.raises(SystemExit) as done:
        main([*arguments, "-m", str(folder / name)])
    assert done.value.code == code
    assert message in " ".join(capsys.readouterr().err.split())
