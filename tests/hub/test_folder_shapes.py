"""Does every shape of a folder give what the table says?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pretrained.hub import ModelFiles, resolve
from tests.hub.folder_shapes import SHAPES
from tests.hub.material import Material
from tests.hub.shape import Fails, Shape, vocabulary

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shape(shape: Shape, tmp_path: Path) -> None:
    if shape.links and os.name == "nt":
        pytest.skip("needs symbolic links")
    tmp_path = tmp_path / "model"
    tmp_path.mkdir()
    asked = shape.build(tmp_path, Material.tiny()) or tmp_path
    if shape.error is not None:
        with pytest.raises(shape.error.error) as raised:
            resolve(asked)
        _has_words(str(raised.value), shape.error)
        return
    files = resolve(asked)
    _check_part(files, shape.config, lambda: files.config() and files.get("config.json"))
    _check_part(files, shape.vocab, lambda: vocabulary(files))
    if isinstance(shape.weights, Fails):
        _check_part(files, shape.weights, files.weights)
    else:
        weights = _weights(files, shape)
        assert tuple(path.relative_to(files.root).as_posix() for path in weights.paths) == shape.weights
        assert all(path.is_file() for path in weights.paths)
        assert weights.format == _format(weights.paths[0])
    notes = "\n".join(files.notes)
    for words in shape.notes:
        assert words in notes
    assert files.root.is_dir()


def _format(path: Path) -> str:
    head = path.read_bytes()[:9]
    if path.suffix in (".json", ".index"):
        return "numpy" if path.suffix == ".json" else "tf_checkpoint"
    if head[8:] == b"{":
        return "safetensors"
    return (
        "h5" if head.startswith(b"\x89HDF") else "flax" if path.suffix in (".msgpack", ".checkpoint_0") else "pytorch"
    )


def _weights(files: ModelFiles, shape: Shape):
    if not shape.warns:
        return files.weights()
    with pytest.warns(UserWarning, match=shape.warns):
        return files.weights()


def _check_part(files: ModelFiles, expected, read) -> None:
    if isinstance(expected, Fails):
        with pytest.raises(expected.error) as raised:
            read()
        _has_words(str(raised.value), expected)
    else:
        path = read()
        assert (path and path.relative_to(files.root).as_posix()) == expected


def _has_words(message: str, expected: Fails) -> None:
    for words in expected.words:
        assert words in message


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 40


@pytest.mark.skipif(os.name == "nt", reason="the page shows commands of POSIX")
def test_page_is_up_to_date() -> None:
    script = ROOT / "scripts" / "folder_shapes.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
