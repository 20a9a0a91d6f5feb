"""What is in a vocabulary file of Transformer-XL? Text with one word a line, or a pickle, which is read and never run.

vocab.txt    the word is the first thing on its line
vocab.pkl    a pickled dict with "sym2idx" (word → id), "counter" (word → how often), "lower_case" …
vocab.bin    the same dict, as torch.save writes it: a zip archive since torch 1.6, a row of pickles before
"""

import io
import os
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsafeFileError, UnsupportedFormatError
from pretrained.pickle_data import Call, Dict, Name, describe, read_pickle

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_HEADER = 3  # the pickles before the object: magic number, protocol, system


@dataclass
class PublishedVocabulary:
    """What a vocabulary file says; None for what it leaves open."""

    symbols: list[str]
    """The words in the order of their ids."""
    counter: Counter[str] = field(default_factory=Counter)
    special: list[str] = field(default_factory=list)
    lower_case: bool | None = None
    delimiter: str | None = None
    min_freq: int | None = None
    max_size: int | None = None


def read_text(path: str | os.PathLike[str]) -> PublishedVocabulary:
    """A vocab.txt. A word that is there twice keeps its first place, and later ones move up, as published."""
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path} is not text in UTF-8: {error}") from error
    lines = (line.split() for line in text.split("\n"))
    return PublishedVocabulary(list(dict.fromkeys(parts[0] for parts in lines if parts)))


def read_pickled(path: str | os.PathLike[str]) -> PublishedVocabulary:
    """A vocab.pkl or vocab.bin; which of them is told by the content.

    Raises:
        CorruptFileError: it is damaged, or its words and ids do not fit each other.
        UnsupportedFormatError: it is a pickle of something else.
    """
    content = _read(path)
    source = str(path)
    value = _torch_zip(content, source) if content[:4] == b"PK\x03\x04" else _pickle(content, source)
    entries = _pairs(value)
    if entries is None:
        raise UnsupportedFormatError(f"{source} holds {describe(value)}, and a dict with sym2idx was expected")
    found = {key: item for key, item in entries if isinstance(key, str)}
    special, lower_case, delimiter = found.get("special"), found.get("lower_case"), found.get("delimiter")
    return PublishedVocabulary(
        _symbols(found, source),
        Counter(dict(_numbers(found.get("counter"), "counter", source))),
        [word for word in special if isinstance(word, str)] if isinstance(special, list) else [],
        lower_case if isinstance(lower_case, bool) else None,
        delimiter if isinstance(delimiter, str) else None,
        _number(found.get("min_freq")),
        _number(found.get("max_size")),
    )


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ModelFileNotFoundError(
            f"there is no file {path}; for a model by its name use from_pretrained(name)"
        ) from None


def _pickle(content: bytes, source: str) -> object:
    """The object of a plain pickle, or of torch.save's old layout, where it is the fourth one."""
    pickle = read_pickle(content, source)
    if pickle.value == _TORCH_MAGIC and type(pickle.value) is int:
        for _ in range(_LEGACY_HEADER):
            pickle = read_pickle(content, source, start=pickle.end)
    return pickle.value


def _torch_zip(file: bytes, source: str) -> object:
    content = b""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:  # in memory, an entry cannot be longer than the file
            pickles = [entry for entry in archive.infolist() if entry.filename.rpartition("/")[2] == "data.pkl"]
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in pickles)
            if len(pickles) == 1 and stored:
                content = archive.read(pickles[0])
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        raise CorruptFileError(f"{source} is a damaged zip archive: {error}. Fetch the file again.") from error
    if len(pickles) != 1:
        raise UnsupportedFormatError(f"{source} is a zip archive, but not one of torch.save")
    if not stored:
        raise UnsafeFileError(f"{source} is compressed, which torch.save never does; not read")
    return read_pickle(content, source).value


def _symbols(found: dict[str, object], source: str) -> list[str]:
    """The words in the order of their ids, which must be 0, 1, 2 …"""
    numbers = _numbers(found.get("sym2idx"), "sym2idx", source)
    if not numbers:
        raise CorruptFileError(f"{source} has no sym2idx, the table of words and ids. It has: {', '.join(found)}")
    ids = dict(numbers)
    ordered = sorted(ids, key=ids.__getitem__)
    if [ids[word] for word in ordered] != list(range(len(ordered))):
        raise CorruptFileError(
            f"{source} gives {len(ordered)} words ids from {min(ids.values())} to {max(ids.values())}, and they should "
            f"be those from 0 to {len(ordered) - 1}, each once"
        )
    listed = found.get("idx2sym")
    if isinstance(listed, list) and listed and listed != ordered:
        raise CorruptFileError(f"{source}: idx2sym has {len(listed)} words, in another order than the {len(ids)} ids")
    return ordered


def _numbers(value: object, name: str, source: str) -> list[tuple[str, int]]:
    """The items of a dict, OrderedDict or Counter of words and numbers; [] for what is no such thing."""
    items: list[tuple[str, int]] = []
    for word, number in _pairs(value) or ():
        if not isinstance(word, str) or type(number) is not int:
            raise CorruptFileError(f"{source}: {name} has {describe(word)} → {describe(number)}, not word → number")
        items.append((word, number))
    return items


def _pairs(value: object) -> list[tuple[object, object]] | None:
    """The items of a dict, or of a class of dicts, however its pickle hands them over."""
    if isinstance(value, Dict):
        return value.pairs
    if not isinstance(value, Call) or not isinstance(value.function, Name):
        return None
    if value.function.attribute not in ("OrderedDict", "Counter"):
        return None
    given = value.args[0] if value.args else None
    first: list[tuple[object, object]] = []
    if isinstance(given, Dict):
        first = given.pairs
    elif isinstance(given, list):  # Python 2 handed over lists of two
        first = [(row[0], row[1]) for row in given if isinstance(row, list | tuple) and len(row) == 2]
    return [*first, *value.pairs]


def _number(value: object) -> int | None:
    return value if type(value) is int else None
