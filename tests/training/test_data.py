"""Data files as people have them: marks at the beginning, line ends, quotes, other columns, rows that are broken."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pretrained.errors import DataError
from pretrained.training.data import read_records
from pretrained.training.layouts import read_choices, read_questions, read_text, read_words
from pretrained.training.tasks import TASKS, task


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.mark.parametrize("ending", ["tsv", "csv", "jsonl", "json"])
def test_marks_and_line_ends(ending: str, tmp_path: Path) -> None:
    rows = [{"text": "a good film\u2028really", "label": "1"}, {"text": "naïve 東京", "label": "0"}]
    if ending == "json":
        text = json.dumps(rows)
    elif ending == "jsonl":
        text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\r\n\r\n"
    else:
        mark = "\t" if ending == "tsv" else ","
        text = "\r\n".join(mark.join(row) for row in [["text", "label"], *(row.values() for row in rows)]) + "\r\n\r\n"
    path = write(tmp_path / f"train.{ending}", "\ufeff" + text)
    found = read_records(path, task("classification"))
    assert [dict(row.values) for row in found] == rows


def test_quotes(tmp_path: Path) -> None:
    """Of .tsv they are part of the text, as in GLUE; of .csv they stand around it."""
    plain = read_records(write(tmp_path / "a.tsv", 'text\tlabel\n"So he said\t0\na "b" c\t1\n'), task("classification"))
    assert [row["text"] for row in plain] == ['"So he said', 'a "b" c']
    quoted = read_records(write(tmp_path / "a.csv", 'text,label\n"a, ""b""\nc",0\nd,1\n'), task("classification"))
    assert [row["text"] for row in quoted] == ['a, "b"\nc', "d"]
    assert quoted[1].line == 4


def test_published_files_of_one_task_look_alike(shared_data: Path) -> None:
    folder = shared_data / "tasks" / "samples-3.5.1" / "MRPC"
    found = [read_records(folder / name, TASKS["mrpc"]) for name in ("train.tsv", "train.csv")]
    names = [[TASKS["mrpc"].rename.get(row["Quality"], row["Quality"]) for row in rows] for rows in found]
    assert names[0] == names[1]
    assert [row["#1 String"] for row in found[0]] == [row["#1 String"] for row in found[1]]


def test_files_with_and_without_a_first_line(tmp_path: Path) -> None:
    named = read_records(write(tmp_path / "a.tsv", "sentence\tlabel\ngood\t1\n"), TASKS["sst2"])
    bare = read_records(write(tmp_path / "b.tsv", "good\t1\n"), TASKS["sst2"])
    assert [(row["sentence"], row["label"]) for row in named] == [(row["sentence"], row["label"]) for row in bare]
    cola = read_records(write(tmp_path / "c.tsv", "gj04\t1\t\tIt is.\n"), TASKS["cola"])
    assert (cola[0]["sentence"], cola[0]["label"]) == ("It is.", "1")
    test = read_records(write(tmp_path / "test.tsv", "index\tsentence\n0\tIt is.\n"), TASKS["cola"])
    assert test[0]["sentence"] == "It is."


def test_one_language_of_several(tmp_path: Path) -> None:
    rows = "language\tgold_label\tsentence1\tsentence2\nde\tneutral\tJa\tNein\nen\tentailment\tYes\tNo\n"
    path = write(tmp_path / "xnli.dev.tsv", rows)
    assert [row["sentence1"] for row in read_records(path, task("xnli", language="de"))] == ["Ja"]
    with pytest.raises(DataError, match=r"no rows of the language 'fr'.*: de, en"):
        read_records(path, task("xnli", language="fr"))
    train = write(tmp_path / "train.tsv", "premise\thypo\tlabel\nYes\tNo\tcontradictory\n")
    (row,) = read_records(train, TASKS["xnli"])
    assert (row["sentence1"], row["sentence2"], row["gold_label"]) == ("Yes", "No", "contradictory")


def test_every_broken_row_is_kept_for_later(tmp_path: Path) -> None:
    ragged = read_records(write(tmp_path / "a.tsv", "sentence\tlabel\na\t1\nb\nc\t0\td\n"), TASKS["sst2"])
    assert [row.line for row in ragged if row.wrong] == [3, 4]
    with pytest.raises(DataError, match="line 3: 1 columns where the first line has 2"):
        ragged[1]["sentence"]
    lines = read_records(write(tmp_path / "a.jsonl", '{"text": "a"}\n{\n[1]\n'), task("classification"))
    assert [row.wrong != "" for row in lines] == [False, True, True]
    words = read_words(write(tmp_path / "a.txt", "anna B-PER\nwent\nhome O\n\nhe O\n"), TASKS["conll2003"])
    assert [row.wrong != "" for row in words] == [True, False, False]
    assert words[1]["words"] == ["anna", "home"]
    one = {"question": "q", "id": "x", "answers": [{"text": "z", "answer_start": 0}]}
    layout = {"data": [{"paragraphs": [{"context": "a b a", "qas": [one, {**one, "answers": []}, {"id": "y"}]}]}]}
    questions = read_questions(write(tmp_path / "a.json", json.dumps(layout)))
    assert [row.wrong != "" for row in questions] == [True, False, True]
    choices = read_choices(
        write(tmp_path / "a.csv", "sent1,sent2,ending0,ending1,label\na,b,c,d,1\na,b,c,d,7\na,b\n"), TASKS["swag"]
    )
    assert [row.wrong != "" for row in choices] == [False, True, True]


def test_every_broken_row_of_a_csv_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long, lines = "x" * 200, 'text,label\n"a\nb",1\nc\n{},1\nd,0,1\ne,1\n"f,0\ng,1\n'
    path = write(tmp_path / "a.csv", lines.format(long))
    before = csv.field_size_limit(100)
    try:
        rows = read_records(path, task("classification"))
    finally:
        csv.field_size_limit(before)
    assert [row.line for row in rows] == [2, 4, 5, 6, 7, 8]
    wrong = [row.wrong.removeprefix(f"{path}, ") for row in rows]
    assert wrong == [
        "",
        "line 4: 1 columns where the first line has 2",
        "line 5: field larger than field limit (100)",
        "line 6: 3 columns where the first line has 2",
        "",
        'line 8: a quote (") is not closed; all 2 lines from here on are one row',
    ]
    assert rows[4].values == {"text": "e", "label": "1"}


@pytest.mark.parametrize("read", [read_words, read_questions, read_records])
def test_lines_of_json_that_are_not_utf8(read: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes('{"text": "naïve"}\n'.encode("latin-1"))
    with pytest.raises(DataError, match=r"no UTF-8 text.*iconv"):
        read(*(tmp_path / "a.jsonl", TASKS["conll2003"])[: 1 if read is read_questions else 2])


@pytest.mark.parametrize("data", [["x"], [{"paragraphs": None}], [{"paragraphs": [{"qas": [], "text": "a"}, 7]}]])
def test_questions_in_another_layout(data: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"data": data}))
    with pytest.raises(DataError, match="expected SQuAD's layout"):
        read_questions(path)


@pytest.mark.parametrize(
    ("name", "count"), [("emerging.dev.conll", 15733), ("emerging.test.annotated", 23394), ("wnut17train.conll", 62730)]
)
def test_no_word_of_a_published_file_is_lost(name: str, count: int, shared_data: Path) -> None:
    sentences = read_words(shared_data / "tasks" / "wnut17" / name, TASKS["wnut17"])
    assert sum(len(sentence["words"]) for sentence in sentences) == count


def test_a_number_sign_is_a_word_where_it_has_a_tag(tmp_path: Path) -> None:
    own = write(tmp_path / "a.txt", "#\tB-X\nanna\tI-X\n\n#\t\nwent\tO\n#\tO\n")
    for known in (task("tokens"), TASKS["conll2003"], TASKS["wnut17"]):
        assert [row["words"] for row in read_words(own, known)] == [["#", "anna"], ["went", "#"]]
    source = "#\thttp://de.wikipedia.org/wiki/Anna [2009-10-17]\n1\t#\tO\tO\n2\tanna\tB-PER\tO\n"
    published = write(tmp_path / "NER-de-dev.tsv", source)
    for known in (TASKS["germeval"], task("tokens", text_column="1", label_column="2")):
        (sentence,) = read_words(published, known)
        assert (sentence["words"], sentence["tags"]) == (["#", "anna"], ["O", "B-PER"])


def test_choices_are_texts_and_their_label_a_number_or_a_letter(tmp_path: Path) -> None:
    one = {"sent1": "a", "sent2": "b", "ending0": "c", "ending1": "d", "label": "1"}
    rows = [one, {**one, "label": "B"}, {**one, "label": "②"}, {**one, "sent1": ["a"]}, {**one, "ending1": ["d"]}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = read_choices(path, TASKS["swag"])
    assert [row["label"] for row in found[:2]] == [1, 1]
    assert "line 3: the label '②' names none of the 2 choices" in found[2].wrong
    assert "line 4: the column 'sent1' holds a list" in found[3].wrong
    assert "line 5: the column 'ending1' holds a list" in found[4].wrong


def test_an_answer_at_another_place_is_found(tmp_path: Path) -> None:
    one = {"question": "q", "id": "x", "answers": [{"text": "a", "answer_start": 3}]}
    path = write(tmp_path / "a.json", json.dumps({"data": [{"paragraphs": [{"context": "a b a", "qas": [one]}]}]}))
    assert read_questions(path)[0]["answers"] == [("a", 4)]


def test_text_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "texts" / "a" / "1", "\ufeffone\n")
    write(tmp_path / "texts" / "b", "two\n")
    assert list(read_text(tmp_path / "texts")) == ["one\n", "two\n"]


def test_files_that_are_not_utf8(tmp_path: Path) -> None:
    for name, read in (("a.tsv", read_records), ("a.txt", read_words)):
        (tmp_path / name).write_bytes("naïve\t1\n".encode("latin-1"))
        with pytest.raises(DataError, match=r"no UTF-8 text.*iconv"):
            read(tmp_path / name, TASKS["sst2" if read is read_records else "conll2003"])
