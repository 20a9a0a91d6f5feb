"""Which rows are in a data file? Tables, lines of JSON, columns of words, questions and texts: by the file's ending.

Every row knows its file and line, so that whatever is wrong with it can be said.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretrained.errors import DataError, MissingDependencyError
from pretrained.training.tasks import Column, Task

csv.field_size_limit(1 << 27)


@dataclass(frozen=True)
class Record:
    """One row of a file: its values by column name, or by number where the columns have no names."""

    values: Mapping[Column, Any]
    path: Path
    line: int

    def __getitem__(self, column: Column) -> Any:
        values = self.values
        if isinstance(column, int) and column < 0:
            column += len(values)
        if column not in values:
            there = ", ".join(map(str, values)) or "none"
            raise DataError(f"{self.where}: there is no column {column!r}; the columns are: {there}")
        return values[column]

    @property
    def where(self) -> str:
        return f"{self.path}, line {self.line}"


def find_file(folder: Path, task: Task, split: str, *, language: str = "en") -> Path | None:
    """The file of a split; None if there is none of the names that it may have."""
    for name in task.files.get(split, ()):
        path = folder / name.format(language=language)
        if path.exists():
            return path
    return None


def require_file(folder: Path, task: Task, split: str, *, language: str = "en") -> Path:
    """As `find_file`; none raises DataError, which says what was looked for and what is there."""
    path = find_file(folder, task, split, language=language)
    if path is not None:
        return path
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; --data names the folder that holds {task.name}'s files")
    names = ", ".join(name.format(language=language) for name in task.files.get(split, ()))
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:20]) or "nothing"
    raise DataError(
        f"{folder} has no {split} data of the task {task.name}: looked for {names}; found {there}. "
        f"Name the file: --{split}-file FILE"
    )


def read_records(path: Path, task: Task) -> list[Record]:
    """The rows of a table: .tsv, .csv, .jsonl, .json or .parquet.

    Raises:
        DataError: the file is empty, or is not what its name says; with the line.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    ending = path.suffix.lower()
    try:
        if ending in (".jsonl", ".json", ".ndjson"):
            rows = list(_json(path))
        elif ending == ".parquet":
            rows = list(_parquet(path))
        else:
            rows = _table(path, task)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text: {error}. Convert it: iconv -f LATIN1 -t UTF-8") from error
    if not rows:
        raise DataError(f"{path} has no rows")
    return rows


# -- tables


def _table(path: Path, task: Task) -> list[Record]:
    """Columns between tabs, which are never quoted, or between commas, which may be."""
    delimiter = _delimiter(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        if delimiter == "\t":
            lines = enumerate((line.rstrip("\r\n").split("\t") for line in file), 1)
            rows = [(number, cells) for number, cells in lines if cells != [""]]
        else:
            reader = csv.reader(file)
            try:
                rows = [(reader.line_num, cells) for cells in reader if cells]
            except csv.Error as error:
                raise DataError(f"{path}, line {reader.line_num}: {error}") from error
    if not rows:
        return []
    names = _names(rows[0][1], task)
    if names is None:
        return [Record(_numbered(cells, task), path, number) for number, cells in rows]
    for number, cells in rows[1:]:
        if len(cells) != len(names):
            short = len(cells) < len(names) and delimiter == "\t"
            hint = "; a tab is missing, or a text holds a line break" if short else ""
            raise DataError(f"{path}, line {number}: {len(cells)} columns where the first line has {len(names)}{hint}")
    return [Record(dict(zip(names, cells, strict=True)), path, number) for number, cells in rows[1:]]


def _delimiter(path: Path) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    if path.suffix.lower() != ".csv":
        return "\t"
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    return "\t" if first.count("\t") > first.count(",") else ","  # STS-B was published as tabs in a .csv


def _names(first: Sequence[str], task: Task) -> list[Column] | None:
    """The columns' names, if the first line holds them: those that the task asks for are among them."""
    asked = [column for column in (task.text, task.pair, task.label) if column is not None]
    if task.header is False or all(isinstance(column, int) for column in asked):
        return None
    if task.header or not task.unnamed or any(column in first for column in asked):
        return list(first)
    return None


def _numbered(cells: Sequence[str], task: Task) -> dict[Column, Any]:
    values: dict[Column, Any] = dict(enumerate(cells))
    for name, number in task.unnamed.items():
        if -len(cells) <= number < len(cells):
            values[name] = cells[number]
    return values


def _json(path: Path) -> Iterator[Record]:
    """One object a line, or one list of objects."""
    with path.open(encoding="utf-8-sig") as file:
        start = file.read(1)
        file.seek(0)
        if start == "[":
            try:
                rows = json.load(file)
            except ValueError as error:
                raise DataError(f"{path} is no JSON: {error}") from error
            for number, row in enumerate(rows, 1):
                yield Record(_object(row, path, number), path, number)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise DataError(f"{path}, line {number}: no JSON ({error}); expected one object a line") from error
                yield Record(_object(row, path, number), path, number)


def _object(row: Any, path: Path, number: int) -> dict[Column, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: a {type(row).__name__} where an object is expected: {{…}}")
    return row


def _parquet(path: Path) -> Iterator[Record]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingDependencyError(
            f"{path.name}: Parquet files need pyarrow: pip install 'pretrained[parquet]'"
        ) from error
    try:
        number = 0
        for batch in ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield Record(row, path, number)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} is no readable Parquet file: {error}") from error


# -- columns of words


def read_words(path: Path, task: Task) -> list[Record]:
    """Sentences of a column file: a word and its tag a line, an empty line between sentences.

    Lines of comment (#, -DOCSTART-) are left out; .json and .jsonl files hold objects with the words and the tags.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return [_sentence(record) for record in _json(path)]
    sentences: list[Record] = []
    words: list[str] = []
    tags: list[str] = []
    begun = 1
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text: {error}. Convert it: iconv -f LATIN1 -t UTF-8") from error
    for number, line in enumerate([*lines, ""], 1):
        cells = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if not any(cells):
            if words:
                sentences.append(Record({"words": words, "tags": tags}, path, begun))
            words, tags = [], []
            continue
        if cells[0].startswith("-DOCSTART-") or (cells[0] == "#" and "\t" in line):
            continue
        if not words:
            begun = number
        word, tag = _word(cells, task, path, number)
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


def _sentence(record: Record) -> Record:
    words = next((record.values[name] for name in ("words", "tokens") if name in record.values), None)
    tags = next((record.values[name] for name in ("tags", "ner", "ner_tags", "labels") if name in record.values), None)
    if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
        raise DataError(f'{record.where}: expected lists "words" and "tags" of one length')
    return Record(
        {"words": [str(word) for word in words], "tags": [str(tag) for tag in tags]}, record.path, record.line
    )


# -- questions


def read_questions(path: Path) -> list[Record]:
    """The questions of a file in SQuAD's layout: data → paragraphs → qas; or one object a line."""
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [Record(_question(record.values, record.where), path, record.line) for record in _json(path)]
    try:
        with path.open(encoding="utf-8-sig") as file:
            found = json.load(file)
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        raise DataError(f'{path}: expected SQuAD\'s layout, an object with "data"')
    records: list[Record] = []
    for article in found["data"]:
        for paragraph in article.get("paragraphs", ()):
            for question in paragraph.get("qas", ()):
                where = f"{path}, question {question.get('id', len(records) + 1)}"
                values = {"context": paragraph.get("context"), **question}
                records.append(Record(_question(values, where), path, len(records) + 1))
    if not records:
        raise DataError(f"{path} has no questions")
    return records


def _question(values: Mapping[Any, Any], where: str) -> dict[Column, Any]:
    """id, question, context, answers as [(text, start)], whether it is impossible."""
    if not isinstance(values.get("question"), str) or not isinstance(values.get("context"), str):
        raise DataError(f"{where}: expected a question and a context")
    answers = values.get("answers") or []
    if isinstance(answers, dict):  # lists side by side, as data sets on the hub have them
        answers = [
            {"text": t, "answer_start": s} for t, s in zip(answers["text"], answers["answer_start"], strict=True)
        ]
    found = []
    for answer in answers:
        text, start = answer.get("text"), answer.get("answer_start")
        if not isinstance(text, str) or not isinstance(start, int):
            raise DataError(f'{where}: an answer needs "text" and "answer_start"')
        found.append((text, start))
    return {
        "id": str(values.get("id", where)),
        "question": values["question"],
        "context": values["context"],
        "answers": found,
        "impossible": bool(values.get("is_impossible", not found)),
    }


# -- choices


def read_choices(path: Path, task: Task) -> list[Record]:
    """Rows of a context, its endings and the number of the right one: SWAG's table, or RACE's folders of exams."""
    if path.is_dir():
        return list(_exams(path))
    return [Record(_endings(record), record.path, record.line) for record in read_records(path, task)]


def _endings(record: Record) -> dict[Column, Any]:
    values = record.values
    endings = [str(values[f"ending{number}"]) for number in range(10) if f"ending{number}" in values]
    if len(endings) < 2 or "sent1" not in values:
        raise DataError(f"{record.where}: expected the columns sent1, sent2, ending0, ending1, …, label")
    label = values.get("label")
    return {
        "context": str(values["sent1"]),
        "choices": [f"{values.get('sent2', '')} {ending}".strip() for ending in endings],
        "label": _choice(label, len(endings), record.where) if label not in (None, "") else None,
    }


def _choice(label: Any, count: int, where: str) -> int:
    number = int(label) if str(label).strip().isdigit() else ord(str(label).strip().upper()[:1] or " ") - ord("A")
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
                where = f"{path}, question {number}"
                filled = [
                    question.replace("_", option) if "_" in question else f"{question} {option}" for option in options
                ]
                label = _choice(answer, len(options), where)
                yield Record({"context": exam["article"], "choices": filled, "label": label}, path, number)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: expected an exam with article, questions, options and answers ({error})"
            ) from error


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
            raise DataError(f"{each} is no UTF-8 text: {error}") from error
