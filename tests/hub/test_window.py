"""Does a part of a file behave as a file of its own?"""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrained.errors import CorruptFileError
from pretrained.hub.window import Piece, Window


def windows(folder: Path, pieces: list[bytes]) -> Window:
    """A window over several files, each with other bytes around its piece."""
    found = []
    for number, content in enumerate(pieces):
        path = folder / str(number)
        path.write_bytes(b"<<<" + content + b">>")
        found.append(Piece(path, 3, len(content)))
    siblings: dict[str, Window] = {}
    siblings["0_Transformer/model.safetensors"] = Window(
        folder, "0_Transformer/model.safetensors", tuple(found), siblings
    )
    return siblings["0_Transformer/model.safetensors"]


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4), st.data())
def test_as_the_same_bytes_in_memory(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject
) -> None:
    window = windows(tmp_path_factory.mktemp("w"), pieces)
    content = b"".join(pieces)
    assert window.stat().st_size == len(content)
    assert window.read_bytes() == content
    expected = io.BytesIO(content)
    with window.open() as file:
        for _ in range(8):
            start = data.draw(st.integers(0, len(content) + 2))
            whence = data.draw(st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]))
            assert file.seek(start, whence) == expected.seek(start, whence)
            size = data.draw(st.integers(-1, len(content) + 2))
            assert file.read(size) == expected.read(size)
            assert file.tell() == expected.tell() or expected.tell() > len(content)


def test_what_a_reader_asks_for(tmp_path: Path) -> None:
    window = windows(tmp_path, [b"abc"])
    assert (window.name, window.stem, window.suffix) == ("model.safetensors", "model", ".safetensors")
    assert str(window) == f"{tmp_path}/0_Transformer/model.safetensors"
    assert (window.parent / "model.safetensors") is window
    assert list(window.parent.iterdir()) == [window]
    other = window.with_name("other")
    assert window.exists()
    assert not other.exists()
    for ask in (other.stat, other.open):
        with pytest.raises(FileNotFoundError):
            ask()
    with pytest.raises(TypeError, match="part of another file"):
        os.fspath(window)
    with pytest.raises(ValueError, match="only be read"):
        window.open("wb")


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    window = windows(tmp_path, [b"abc"])
    os.truncate(tmp_path / "0", 4)
    with pytest.raises(CorruptFileError, match="shorter"):
        window.open()
