"""Which sentences, questions, choices and texts are in a data file? Layouts that are no tables."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pretrained.errors import DataError
from pretrained.training.data import Record, made, not_utf8, read_json, read_records
from pretrained.training.tasks import Column, Task

# -- columns of words


def read_words(path: Path, task: Task) -> list[Record]:
    """Sentences of a column file: a word and its tag a line, an empty line between sentences.

    -DOCSTART- and lines of comment are left out; .json and .jsonl files hold objects with the words and the tags.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return [made(_sentence, row) for row in read_json(path)]
    sentences: list[Record] = []
    words: list[str] = []
    tags: list[str] = []
    begun = 1
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(not_utf8(path, error)) from error
    for number, line in enumerate([*lines, ""], 1):
        cells = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if not any(cells):
            if words:
                sentences.append(Record({"words": words, "tags": tags}, path, begun))
            words, tags = [], []
            continue
        if cells[0].startswith("-DOCSTART-"):
            continue
        begins_comment = cells[0] == "#" and "\t" in line
        try:
            word, tag = _word(cells, task, path, number)
        except DataError as error:
            if not begins_comment:
                sentences.append(Record({}, path, number, str(error)))
            continue
        if begins_comment and (not tag or (task.columns and tag not in task.labels)):
            continue  # GermEval says after "#" where the sentence is from; elsewhere this is a word like others
        begun = begun if words else number
        words.append(word)
        tags.append(tag)
    if not sentences:
        raise DataError(f"{path} has no rows")
    return sentences


def _word(cells: Sequence[str], task: Task, path: Path, number: int) -> tuple[str, str]:
    if len(cells) == 1:
        raise DataError(f"{path}, line {number}: one column ({cells[0]!r}); expected a word and its tag")
    text, label = task.columns.get(len(cells), (task.text, task.label))
    try:
        return cells[text], cells[label]  # type: ignore[index]
    except IndexError:
        raise DataError(
            f"{path}, line {number}: {len(cells)} columns; the word is expected in column {text}, the tag in {label}"
        ) from None


def _sentence(record: Record) -> dict[Column, Any]:
    found = []
    for names in (("words", "tokens"), ("tags", "ner", "ner_tags", "labels")):
        name = next((name for name in names if record.wrong or name in record.values), names[0])
        found.append(record[name])
    words, tags = found
    if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
        raise DataError(f'{record.where}: expected lists "words" and "tags" of one length')
    return {"words": [str(word) for word in words], "tags": [str(tag) for tag in tags]}


# -- questions


def read_questions(path: Path) -> list[Record]:
    """The questions of a file in SQuAD's layout: data → paragraphs → qas; or one object a line."""
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [made(_question, row) for row in read_json(path)]
    try:
        with path.open(encoding="utf-8-sig") as file:
            found = json.load(file)
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        raise DataError(f'{path}: expected SQuAD\'s layout, an object with "data"')
    records: list[Record] = []
    try:
        for article in found["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    number = len(records) + 1
                    row = Record({"context": paragraph["context"], "id": number, **question}, path, number)
                    records.append(made(_question, row))
    except (KeyError, TypeError) as error:
        raise DataError(
            f'{path}: expected SQuAD\'s layout, "data" → "paragraphs" → "context" and "qas"; behind question '
            f"{len(records)} it is another ({type(error).__name__}: {error})"
        ) from error
    if not records:
        raise DataError(f"{path} has no questions")
    return records


def _question(row: Record) -> dict[Column, Any]:
    """id, question, context, answers as [(text, start)], whether it is impossible."""
    question, context = row["question"], row["context"]
    name = str(row.values.get("id", row.line))
    where = f"{row.path}, question {name}"
    if not isinstance(question, str) or not isinstance(context, str):
        raise DataError(f"{where}: expected a question and a context")
    answers = row.values.get("answers") or []
    if isinstance(answers, dict):  # lists side by side, as data sets on the hub have them
        pairs = zip(answers.get("text", ()), answers.get("answer_start", ()), strict=False)
        answers = [{"text": text, "answer_start": start} for text, start in pairs]
    found = [_answer(answer, context, where) for answer in answers]
    impossible = bool(row.values.get("is_impossible", not found))
    return {"id": name, "question": question, "context": context, "answers": found, "impossible": impossible}


def _answer(answer: Any, context: str, where: str) -> tuple[str, int]:
    """The text and its place; where another text stands there, the nearest place that has this one."""
    text, start = (answer.get(name) if isinstance(answer, dict) else None for name in ("text", "answer_start"))
    if not isinstance(text, str) or not isinstance(start, int):
        raise DataError(f'{where}: an answer needs "text" and "answer_start"')
    if context[max(0, start) : start + len(text)] == text:
        return text, max(0, start)
    places = [place for place in range(len(context)) if context.startswith(text, place)]
    if not places:
        there = context[max(0, start) : start + len(text)]
        raise DataError(f"{where}: the answer {text!r} does not stand in the text; at {start} stands {there!r}")
    return text, min(places, key=lambda place: abs(place - start))


# -- choices


def read_choices(path: Path, task: Task) -> list[Record]:
    """Rows of a context, its endings and the number of the right one: SWAG's table, or RACE's folders of exams."""
    if path.is_dir():
        return list(_exams(path))
    return [made(_endings, row) for row in read_records(path, task)]


def _endings(record: Record) -> dict[Column, Any]:
    if record.wrong:
        raise DataError(record.wrong)
    values = record.values
    endings = [record.text(f"ending{number}") for number in range(10) if f"ending{number}" in values]
    if len(endings) < 2 or "sent1" not in values:
        raise DataError(f"{record.where}: expected the columns sent1, sent2, ending0, ending1, …, label")
    start = record.text("sent2") if "sent2" in values else ""
    label = values.get("label")
    return {
        "context": record.text("sent1"),
        "choices": [f"{start} {ending}".strip() for ending in endings],
        "label": _choice(label, len(endings), record.where) if label not in (None, "") else None,
    }


def _choice(label: Any, count: int, where: str) -> int:
    name = str(label).strip()
    number = int(name) if name.isdecimal() else ord(name.upper()[:1] or " ") - ord("A")
    if not 0 <= number < count:
        raise DataError(f"{where}: the label {label!r} names none of the {count} choices")
    return number


def _exams(folder: Path) -> Iterator[Record]:
    paths = sorted(folder.rglob("*.txt"))
    if not paths:
        raise DataError(f"{folder} holds no exams (*.txt)")
    for path in paths:
        try:
            exam = json.loads(path.read_text(encoding="utf-8-sig"))
            questions = zip(exam["questions"], exam["options"], exam["answers"], strict=True)
            for number, (question, options, answer) in enumerate(questions, 1):
                values: dict[Column, Any] = {
                    "article": exam["article"],
                    "question": question,
                    "options": options,
                    "answer": answer,
                }
                yield made(_exam_question, Record(values, path, number))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: expected an exam with article, questions, options and answers ({error})"
            ) from error


def _exam_question(row: Record) -> dict[Column, Any]:
    question, options = row["question"], row["options"]
    filled = [question.replace("_", option) if "_" in question else f"{question} {option}" for option in options]
    label = _choice(row["answer"], len(options), f"{row.path}, question {row.line}")
    return {"context": row["article"], "choices": filled, "label": label}


def read_text(path: Path) -> Iterator[str]:
    """The lines of plain text; of a folder, of all its files."""
    paths = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    if not paths or not path.exists():
        raise DataError(f"there is no text in {path}")
    for each in paths:
        try:
            with each.open(encoding="utf-8-sig") as file:
                yield from file
        except UnicodeDecodeError as error:
            raise DataError(not_utf8(each, error)) from error
