"""Is GPT read from the numbered .npy files in which OpenAI published it?"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pretrained.checkpoints.numpy_parts import NumpyParts
from pretrained.errors import CheckpointError, CorruptFileError, ModelFileNotFoundError

GOLDEN = Path(__file__).parents[1] / "goldens" / "tf_bundle" / "openai_gpt"
SHAPES = [[3, 4], [5, 4], [1, 4, 6], [6]]
NAMES = ["model/we:0", "model/h0/attn/c_attn/w:0", "model/h0/attn/c_attn/b:0"]
COUNT = 12 + 20 + 24 + 6


def write(folder: Path, *, parts: int = 4, dtype: str = "<f4", names: object = NAMES, shapes: object = SHAPES) -> Path:
    row = np.arange(COUNT).astype(dtype)
    for index, part in enumerate(np.array_split(row, parts)):
        np.save(folder / f"params_{index}.npy", part)
    if names is not None:
        (folder / "parameters_names.json").write_text(json.dumps(names))
    (folder / "params_shapes.json").write_text(json.dumps(shapes))
    return folder / "params_shapes.json"


@pytest.mark.parametrize("parts", [1, 2, 4, 30])
@pytest.mark.parametrize("copy", [False, True])
def test_tensors_are_cut_from_the_row(tmp_path: Path, parts: int, copy: bool) -> None:
    checkpoint = NumpyParts(write(tmp_path, parts=parts))
    start = 0
    for key, shape in zip(checkpoint.keys(), SHAPES, strict=True):
        size = int(np.prod(shape))
        expected = torch.arange(start, start + size, dtype=torch.float32).view(shape)
        assert torch.equal(checkpoint.tensor(key, copy=copy), expected)
        assert checkpoint.shape(key) == tuple(shape)
        start += size
    assert list(checkpoint.keys())[:3] == ["model/positions_embed:0", "model/tokens_embed:0", NAMES[1]]


@pytest.mark.parametrize(("written", "read"), [("<f2", torch.float16), (">f4", torch.float32), ("<f8", torch.float64)])
def test_types(tmp_path: Path, written: str, read: torch.dtype) -> None:
    checkpoint = NumpyParts(write(tmp_path, dtype=written))
    assert checkpoint.dtype("model/tokens_embed:0") == read
    assert checkpoint.tensor("model/tokens_embed:0")[0].tolist() == [12, 13, 14, 15]


def test_the_names_need_not_be_there(tmp_path: Path) -> None:
    for path in GOLDEN.glob("params_*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    named, unnamed = NumpyParts(GOLDEN / "params_shapes.json"), NumpyParts(tmp_path / "params_shapes.json")
    assert list(named.keys()) == list(unnamed.keys())


def test_shapes_that_are_not_those_of_a_gpt(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="4 shapes, and the names for them are 2"):
        NumpyParts(write(tmp_path, names=None))


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"shapes": [[3, 4], [5, 4], [1, 4, 6], [7]]}, "shapes of 63 numbers, and the 4 files .* hold 62"),
        ({"shapes": [[3, 4], [5, 4], [1, 4, 6], [-6]]}, "should be a list of shapes"),
        ({"shapes": [[3, 4], [5, 4], [1, 4, 6], [6.0]]}, "should be a list of shapes"),
        ({"shapes": [[3, 4], [5, 4], [1, 4, 6], [True]]}, "should be a list of shapes"),
        ({"shapes": {"a": [1]}}, "should be a list of shapes"),
        ({"shapes": [[1 << 40, 1 << 40]]}, "should be a list of shapes"),
        ({"names": {"a": 1}}, "should be a list of names"),
        ({"names": ["a", 1]}, "should be a list of names"),
    ],
)
def test_lists_that_lie(tmp_path: Path, changes: dict[str, object], pattern: str) -> None:
    with pytest.raises(CorruptFileError, match=pattern):
        NumpyParts(write(tmp_path, **changes))  # type: ignore[arg-type]


def test_one_name_twice(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="4 \\(3 different ones\\)"):
        NumpyParts(write(tmp_path, names=["model/we:0", "model/a/w:0", "model/a/w:0"]))


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "params_2.npy").unlink()  # what comes behind a gap is not looked for
    with pytest.raises(CorruptFileError, match="the 2 files"):
        NumpyParts(path)
    (tmp_path / "params_0.npy").unlink()
    with pytest.raises(ModelFileNotFoundError, match=r"params_0\.npy is not there"):
        NumpyParts(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"\x93NUMPY\x03\x00\x10\x00\x00\x00",
        b"\x93NUMPY\x01\x00\xff\xff{",
        # an array of objects is a pickle, which is never read
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '|O', 'fortran_order': False, 'shape': (3,), }".ljust(80)
        + b"cos\nsystem\n",
    ],
)
def test_files_that_are_no_numbers(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path)
    (tmp_path / "params_1.npy").write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"params_1\.npy"):
        NumpyParts(path)
