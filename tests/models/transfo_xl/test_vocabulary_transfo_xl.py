"""Are the vocabulary files of all years read alike, is nothing in them run, and are bad ones refused?"""

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrained.errors import (
    CorruptFileError,
    ModelFileNotFoundError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from pretrained.models.transfo_xl.vocabulary_transfo_xl import read_pickled, read_text

GOLDEN = Path(__file__).parents[2] / "goldens" / "transfo_xl_tokenizer"
WORDS = ["<eos>", "<unk>", "the", "naïve"]
IDS = {word: index for index, word in enumerate(WORDS)}


def write(folder: Path, content: Any, protocol: int = 2) -> Path:
    path = folder / "vocab.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("name", ["vocab.pkl", "legacy.bin", "zip.bin"])
def test_every_published_layout(name: str) -> None:
    words = (GOLDEN / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    found = read_pickled(GOLDEN / name)
    assert found.symbols == words == read_text(GOLDEN / "vocab.txt").symbols
    assert found.counter == {word: 2 + number for number, word in enumerate(words)}
    assert (found.lower_case, found.delimiter, found.min_freq, found.max_size) == (False, None, 0, None)
    assert found.special == ([] if name == "vocab.pkl" else ["<eos>"])


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(tmp_path: Path, protocol: int) -> None:
    content = {"sym2idx": OrderedDict(IDS), "counter": Counter(the=3), "idx2sym": WORDS, "lower_case": True}
    found = read_pickled(write(tmp_path, content, protocol))
    assert found.symbols == WORDS
    assert found.counter == {"the": 3}
    assert found.lower_case is True


def test_the_pickle_of_python_2(tmp_path: Path) -> None:
    # collections.OrderedDict was called with a list of lists of two, and text was bytes
    path = tmp_path / "vocab.pkl"
    rows = b"(lp0\n(lp1\nS'a'\naI0\naa(lp2\nS'b'\naI1\naa"
    path.write_bytes(b"(dS'sym2idx'\nccollections\nOrderedDict\n(" + rows + b"tRs.")
    assert read_pickled(path).symbols == ["a", "b"]


def test_nothing_is_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "made"),))

    for content in ({"sym2idx": IDS, "moses": Hostile()}, {"sym2idx": Hostile()}, Hostile()):
        path = write(tmp_path, content)
        if isinstance(content, dict) and content["sym2idx"] is IDS:
            assert read_pickled(path).symbols == WORDS
        else:
            with pytest.raises((CorruptFileError, UnsupportedFormatError)):
                read_pickled(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ([1, 2], UnsupportedFormatError, "list of 2, and a dict with sym2idx was expected"),
        ({"idx2sym": WORDS}, CorruptFileError, "no sym2idx.*It has: idx2sym"),
        ({"sym2idx": {"a": 0, "b": 2}}, CorruptFileError, "2 words ids from 0 to 2.*from 0 to 1"),
        ({"sym2idx": {"a": 0, "b": 0}}, CorruptFileError, "2 words ids from 0 to 0"),
        ({"sym2idx": {"a": "0"}}, CorruptFileError, "sym2idx has str → str, not word → number"),
        ({"sym2idx": {1: 0}}, CorruptFileError, "sym2idx has int → int"),
        ({"sym2idx": IDS, "counter": {"the": None}}, CorruptFileError, "counter has str → NoneType"),
        (
            {"sym2idx": IDS, "idx2sym": WORDS[::-1]},
            CorruptFileError,
            "idx2sym has 4 words, in another order than the 4",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, content: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_pickled(write(tmp_path, content))


def test_damaged_files(tmp_path: Path) -> None:
    whole = {name: (GOLDEN / name).read_bytes() for name in ("vocab.pkl", "legacy.bin", "zip.bin")}
    path = tmp_path / "vocab.bin"
    for content in whole.values():
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(CorruptFileError):
            read_pickled(path)
    with pytest.raises(ModelFileNotFoundError, match="there is no file"):
        read_pickled(tmp_path / "other.pkl")
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(CorruptFileError, match="not text in UTF-8"):
        read_text(path)


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return content.getvalue()


def test_archives_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "vocab.bin"
    path.write_bytes(archive({"readme.txt": b"hello"}))
    with pytest.raises(UnsupportedFormatError, match=r"not one of torch\.save"):
        read_pickled(path)
    path.write_bytes(archive({"vocab/data.pkl": b"\0" * 10_000_000}, zipfile.ZIP_DEFLATED))
    with pytest.raises(UnsafeFileError, match="is compressed"):
        read_pickled(path)
    broken = bytearray(archive({"vocab/data.pkl": pickle.dumps({"sym2idx": IDS})}))
    broken[60] ^= 0xFF
    path.write_bytes(broken)
    with pytest.raises(CorruptFileError, match="damaged zip archive"):
        read_pickled(path)


def test_tensors_in_the_file_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "vocab.bin"
    for new in (True, False):
        torch.save({"sym2idx": IDS, "tensor": torch.ones(3)}, path, _use_new_zipfile_serialization=new)
        assert read_pickled(path).symbols == WORDS


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("the 12\r\n\n<unk>\tx\nthe\nnaïve".encode())
    assert read_text(path).symbols == ["the", "<unk>", "naïve"]
