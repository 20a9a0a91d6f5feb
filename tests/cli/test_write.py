"""Do vectors come back from a file as they went in, and is a file complete or absent?"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer

from pretrained.cli import write as module
from pretrained.cli.write import Batch, check_output, write
from pretrained.errors import MissingDependencyError

VECTORS = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
TEXTS = ["a", "b", "ünïcode 文字", "", "line\nend"]
LENGTHS = [2, 1, 4, 1, 3]
TOKENS = [[f"token{i}" for i in range(length)] for length in LENGTHS]
TOKEN_VECTORS = [np.random.default_rng(length).standard_normal((length, 3)).astype(np.float32) for length in LENGTHS]


def sentence_batches() -> Iterator[Batch]:
    yield Batch(texts=TEXTS[:3], vectors=VECTORS[:3], per_token=False)
    yield Batch(texts=TEXTS[3:], vectors=VECTORS[3:], per_token=False)


def token_batches() -> Iterator[Batch]:
    for part in (slice(0, 2), slice(2, 5)):
        yield Batch(texts=TEXTS[part], vectors=TOKEN_VECTORS[part], per_token=True, tokens=TOKENS[part])


def test_npy(tmp_path: Path) -> None:
    write(tmp_path / "v.npy", sentence_batches())
    read = np.load(tmp_path / "v.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, VECTORS)


def test_npy_of_so_many_that_their_number_is_long(tmp_path: Path) -> None:
    """The header is written first, when nobody knows how many there will be."""
    vectors = np.arange(24_000, dtype=np.float32).reshape(-1, 2)
    write(tmp_path / "v.npy", (Batch([""] * 1000, part, per_token=False) for part in np.split(vectors, 12)))
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), vectors)


def test_jsonl_gives_back_the_same_floats(tmp_path: Path) -> None:
    write(tmp_path / "v.jsonl", sentence_batches())
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert [row["text"] for row in rows] == TEXTS
    np.testing.assert_array_equal(np.array([row["vector"] for row in rows], dtype=np.float32), VECTORS)


def test_jsonl_of_token_vectors(tmp_path: Path) -> None:
    write(tmp_path / "v.jsonl", token_batches())
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert [row["tokens"] for row in rows] == TOKENS
    for row, vectors in zip(rows, TOKEN_VECTORS, strict=True):
        np.testing.assert_array_equal(np.array(row["vectors"], dtype=np.float32), vectors)


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "v.parquet", sentence_batches())
    table = parquet.read_table(tmp_path / "v.parquet")
    assert table.column_names == ["text", "vector"]
    assert table["text"].to_pylist() == TEXTS
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), dtype=np.float32), VECTORS)


def test_parquet_of_token_vectors(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "v.parquet", token_batches())
    table = parquet.read_table(tmp_path / "v.parquet")
    assert table["tokens"].to_pylist() == TOKENS
    for row, vectors in zip(table["vectors"].to_pylist(), TOKEN_VECTORS, strict=True):
        np.testing.assert_array_equal(np.array(row, dtype=np.float32), vectors)


@pytest.mark.parametrize("ending", [".npy", ".jsonl", ".parquet"])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"v{ending}"
    path.write_text("earlier")

    def failing() -> Iterator[Batch]:
        yield from sentence_batches()
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write(path, failing())
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "per_token", "message"),
    [
        ("v.csv", False, r"must end in \.npy, \.jsonl, \.parquet"),
        ("v", False, "names no format"),
        ("v.npy", True, "cannot hold"),
        ("nowhere/v.npy", False, "there is no folder"),
        ("folder.npy", False, "is a folder"),
    ],
)
def test_what_cannot_work_is_said_at_once(name: str, per_token: bool, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(typer.BadParameter, match=message):
        check_output(tmp_path / name, per_token=per_token)


def test_a_missing_pyarrow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*pretrained\[parquet\]"):
        check_output(tmp_path / "v.parquet", per_token=False)
