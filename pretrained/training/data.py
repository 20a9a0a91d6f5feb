"""Which rows are in a data file? Tables, lines of JSON and Parquet, by the file's ending.

Every row knows its file and line, so that whatever is wrong with it can be said.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    wrong: str = ""
    """Why it cannot be read, with file and line; whoever asks for one of its values is told."""

    def __getitem__(self, column: Column) -> Any:
        if self.wrong:
            raise DataError(self.wrong)
        values = self.values
        if isinstance(column, int) and column < 0:
            column += len(values)
        if column not in values:
            there = ", ".join(map(str, values)) or "none"
            raise DataError(f"{self.where}: there is no column {column!r}; the columns are: {there}")
        return values[column]

    def text(self, column: Column) -> str:
        """What stands in a column of texts; "" for null."""
        value = self[column]
        if isinstance(value, list | dict):
            raise DataError(f"{self.where}: the column {column!r} holds a {type(value).__name__}; expected a text")
        return "" if value is None else str(value)

    @property
    def where(self) -> str:
        return f"{self.path}, line {self.line}"


def made(make: Callable[[Record], Mapping[Column, Any]], row: Record) -> Record:
    """The record that is made of another one, or one that says why it cannot be."""
    try:
        return Record(make(row), row.path, row.line)
    except DataError as error:
        return Record({}, row.path, row.line, str(error))


def find_file(folder: Path, task: Task, split: str) -> Path | None:
    """The file of a split; None if there is none of the names that it may have."""
    return next((path for name in file_names(task, split) if (path := folder / name).exists()), None)


def file_names(task: Task, split: str) -> list[str]:
    return [name.format(language=task.language) for name in task.files.get(split, ())]


def require_file(folder: Path, task: Task, split: str) -> Path:
    """As `find_file`; none raises DataError, which says what was looked for and what is there."""
    path = find_file(folder, task, split)
    if path is not None:
        return path
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; --data names the folder that holds {task.name}'s files")
    names = ", ".join(file_names(task, split))
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:20]) or "nothing"
    raise DataError(
        f"{folder} has no {split} data of the task {task.name}: looked for {names}; found {there}. "
        f"Name the file: --{split}-file FILE"
    )


def read_records(path: Path, task: Task) -> list[Record]:
    """The rows of a table: .tsv, .csv, .jsonl, .json or .parquet; of the task's language, where a column says it.

    Raises:
        DataError: the file is empty, or is not what its name says.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    ending = path.suffix.lower()
    try:
        if ending in (".jsonl", ".json", ".ndjson"):
            rows = list(read_json(path))
        elif ending == ".parquet":
            rows = list(_parquet(path))
        else:
            rows = _table(path, task)
    except UnicodeDecodeError as error:
        raise DataError(not_utf8(path, error)) from error
    if not rows:
        raise DataError(f"{path} has no rows")
    if task.also:
        rows = [_renamed(row, task) for row in rows]
    return rows if task.language is None else _of_language(rows, task.language, path)


def _of_language(rows: Sequence[Record], language: str, path: Path) -> list[Record]:
    kept = [row for row in rows if row.wrong or row.values.get("language", language) == language]
    if not kept:
        there = ", ".join(sorted({str(row.values["language"]) for row in rows}))
        raise DataError(f"{path} has no rows of the language {language!r}; --language may be one of: {there}")
    return kept


# -- tables


_Cells = list[str] | csv.Error
"""Of a row, or why it cannot be read."""


def _table(path: Path, task: Task) -> list[Record]:
    """Columns between tabs, which are never quoted, or between commas, which may be."""
    tabs = _delimiter(path) == "\t"
    with path.open(encoding="utf-8-sig", newline="\n" if tabs else "") as file:
        rows = list(_unquoted(file) if tabs else _quoted(file))
    if not rows:
        return []
    line, first = rows[0]
    if isinstance(first, csv.Error):
        raise DataError(f"{path}, line {line}: {first}")
    names = _names(first, task)
    return [_record(cells, names, task, path, number) for number, cells in rows[0 if names is None else 1 :]]


def _record(cells: _Cells, names: Sequence[Column] | None, task: Task, path: Path, number: int) -> Record:
    if isinstance(cells, csv.Error):
        return Record({}, path, number, f"{path}, line {number}: {cells}")
    if names is None:
        return Record(_numbered(cells, task), path, number)
    wrong = ""
    if len(cells) != len(names):
        torn = len(cells) < len(names) and path.suffix.lower() != ".csv"
        hint = "; a tab is missing, or a text holds a line break" if torn else ""
        wrong = f"{path}, line {number}: {len(cells)} columns where the first line has {len(names)}{hint}"
    return Record(dict(zip(names, cells, strict=False)), path, number, wrong)


def _unquoted(file: Iterable[str]) -> Iterator[tuple[int, _Cells]]:
    for number, line in enumerate(file, 1):
        cells = line.rstrip("\r\n").split("\t")
        if cells != [""]:
            yield number, cells


def _quoted(file: Iterable[str]) -> Iterator[tuple[int, _Cells]]:
    """(line that it begins in, cells) of each row, or why it cannot be read: the next one may."""
    held: list[str] = []  # the lines of a row

    def lines() -> Iterator[str]:
        for line in file:
            held.append(line)
            yield line

    reader = csv.reader(lines())
    while True:
        held.clear()
        begun = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begun, error
            continue
        if len(held) > 1 and _is_open(held):
            yield begun, csv.Error(f'a quote (") is not closed; all {len(held)} lines from here on are one row')
        elif cells:
            yield begun, cells


def _is_open(lines: Sequence[str]) -> bool:
    """Whether the text ends in a quote."""
    try:
        list(csv.reader(lines, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


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
    known = any(column in first for column in (*asked, *task.also))
    return list(first) if task.header or not task.unnamed or known else None


def _renamed(row: Record, task: Task) -> Record:
    """With the columns that the task asks for, where the file has other names for them."""
    asked = {task.text, task.pair, task.label} - row.values.keys()
    names = {name: other for other, name in task.also.items() if name in asked and other in row.values}
    return replace(row, values={**row.values, **{name: row.values[other] for name, other in names.items()}})


def _numbered(cells: Sequence[str], task: Task) -> dict[Column, Any]:
    values: dict[Column, Any] = dict(enumerate(cells))
    for name, number in task.unnamed.items():
        if -len(cells) <= number < len(cells):
            values[name] = cells[number]
    return values


def read_json(path: Path) -> Iterator[Record]:
    """One object a line, or one list of objects."""
    try:
        yield from _objects(path)
    except UnicodeDecodeError as error:
        raise DataError(not_utf8(path, error)) from error


def not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    return f"{path} is no UTF-8 text: {error}. Convert it: iconv -f LATIN1 -t UTF-8"


def _objects(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig") as file:
        start = file.read(1)
        file.seek(0)
        if start == "[":
            try:
                rows = json.load(file)
            except json.JSONDecodeError as error:
                raise DataError(f"{path} is no JSON: {error}") from error
            for number, row in enumerate(rows, 1):
                yield _object(row, path, number)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield _object(json.loads(line), path, number)
                except ValueError as error:
                    wrong = f"{path}, line {number}: no JSON ({error}); expected one object a line"
                    yield Record({}, path, number, wrong)


def _object(row: Any, path: Path, number: int) -> Record:
    if isinstance(row, dict):
        return Record(row, path, number)
    wrong = f"{path}, line {number}: a {type(row).__name__} where an object is expected: {{…}}"
    return Record({}, path, number, wrong)


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
