"""How are the files of a model taken out of the archives in which the first models were published?

`bert-base-uncased.tar.gz` of 2018 holds `./bert_config.json` and `./pytorch_model.bin`.
"""

import gzip
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import IO, cast

from pretrained.atomic import atomic_folder, write_text
from pretrained.hub.names import claim

ENDING = ".tar.gz"
_NAME = re.compile(r"\w[\w.-]*", re.A)  # no folder, no drive
_WANTED = ("config", "tokenizer", "weights")
_GROWS_AT_MOST = 4  # weights hardly compress; what grows more is no archive of a model
_SPARE = 1 << 20
_BLOCK = 1 << 20


class _Bounded(RawIOBase):
    """A stream that ends with an error after so many bytes, whatever the archive says."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError("it is larger inside than an archive of a model can be")
        return data


def unpack_once(archive: Path, folder: Path) -> None:
    """Puts the files of a model into the folder, unless that was done before. Links, folders and other names stay out.

    Of an archive that is damaged, nothing is taken.
    """
    done = folder / f".{archive.name[:32]}.unpacked"
    if done.exists():
        return
    try:
        with atomic_folder(folder) as temporary:
            for name, content in _members(archive):
                with open(temporary / name, "wb") as file:
                    shutil.copyfileobj(content, file, _BLOCK)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        return
    write_text(done, "")


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    most = archive.stat().st_size * _GROWS_AT_MOST + _SPARE
    with gzip.open(archive) as unzipped:
        stream = cast(IO[bytes], _Bounded(cast(IO[bytes], unzipped), most))
        with tarfile.open(fileobj=stream, mode="r|") as entries:
            for entry in entries:
                name = entry.name.removeprefix("./")
                wanted = entry.isreg() and _NAME.fullmatch(name) and claim(name).role in _WANTED
                if wanted and (content := entries.extractfile(entry)) is not None:
                    yield name, content
        while stream.read(_BLOCK):  # to the end, where its checksum is
            pass
