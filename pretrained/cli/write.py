"""How do vectors become a file? Under a temporary name first, so that half a file is never left."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pretrained.atomic import atomic_path
from pretrained.errors import MissingDependencyError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Batch:
    """Some texts and what became of them; their tokens where somebody wants to see them."""

    texts: list[str]
    vectors: "np.ndarray | list[np.ndarray]"
    """(hidden,) for each text, or (tokens, hidden) when `per_token`."""
    per_token: bool
    tokens: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One JSON object per text. Nine digits give back the same float32."""
        for index, (text, vector) in enumerate(zip(self.texts, self.vectors, strict=True)):
            row: dict[str, Any] = {"text": text}
            if self.tokens is not None:
                row["tokens"] = self.tokens[index]
            if self.per_token:
                row["vectors"] = [_numbers(token_vector) for token_vector in vector]
            else:
                row["vector"] = _numbers(vector)
            yield row


def _numbers(vector: "np.ndarray") -> list[float]:
    return [float(f"{value:.9g}") for value in vector.tolist()]


def check_output(path: Path, *, per_token: bool) -> None:
    """Says what cannot work before a model is loaded and hours are spent."""

    def refuse(message: str) -> typer.BadParameter:
        return typer.BadParameter(message, param_hint="--output")

    if path.suffix not in _FORMATS:
        raise refuse(f"{path.name!r} names no format; it must end in {', '.join(_FORMATS)}.")
    if per_token and path.suffix == ".npy":
        raise refuse(
            "--tokens gives each text its own number of vectors, which a .npy array cannot hold; "
            "take .jsonl or .parquet."
        )
    if path.is_dir():
        raise refuse(f"{path} is a folder.")
    if not path.absolute().parent.is_dir():
        raise refuse(f"there is no folder {path.parent}.")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise MissingDependencyError(
            f"{path.name} is a Parquet file, which the package pyarrow writes, and it is not installed. "
            'Install it: pip install "pretrained[parquet]"'
        )


def write(path: Path, batches: Iterator[Batch]) -> None:
    """Writes batch after batch, in the format that the file's name ends in."""
    with atomic_path(path) as temporary:
        _FORMATS[path.suffix](temporary, batches)


def _write_npy(path: Path, batches: Iterator[Batch]) -> None:
    import numpy as np
    from numpy.lib import format as npy

    def write_header(count: int, width: int) -> None:
        # numpy leaves room for the number of rows, so that a header of more of them is as long
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (count, width)})

    with path.open("wb") as file:
        count = width = 0
        for batch in batches:
            block = np.asarray(batch.vectors, dtype="<f4")  # (texts of the batch, hidden)
            if not count:
                width = block.shape[1]
                write_header(0, width)
            file.write(block.tobytes())
            count += len(block)
        file.seek(0)
        write_header(count, width)


def _write_jsonl(path: Path, batches: Iterator[Batch]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in batches:
            for row in batch.rows():
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_parquet(path: Path, batches: Iterator[Batch]) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    def table(batch: Batch) -> Any:
        columns = {"text": pa.array(batch.texts, pa.string())}
        if batch.tokens is not None:
            columns["tokens"] = pa.array(batch.tokens, pa.list_(pa.string()))
        flat = np.concatenate([np.atleast_2d(vector) for vector in batch.vectors])  # (all vectors, hidden)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel(), pa.float32()), flat.shape[1])
        if batch.per_token:
            ends = np.cumsum([0, *map(len, batch.vectors)], dtype=np.int32)
            columns["vectors"] = pa.ListArray.from_arrays(pa.array(ends), vectors)
        else:
            columns["vector"] = vectors
        return pa.table(columns)

    writer = None
    try:
        for batch in batches:
            rows = table(batch)
            writer = writer or pq.ParquetWriter(path, rows.schema)
            writer.write_table(rows)
    finally:
        if writer is not None:
            writer.close()


_FORMATS: dict[str, Callable[[Path, Iterator[Batch]], None]] = {
    ".npy": _write_npy,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
