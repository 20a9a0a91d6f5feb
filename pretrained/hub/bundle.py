"""How is a model read from one file, `out.pretrained`, that nobody vouches for?

A bundle is an ordinary zip, nothing compressed: `pretrained.json`, the manifest, then the files. It may be divided into
out.pretrained.001, .002 and so on, which one after another are the bundle. Weights are read where they lie. The small
files are wanted as files by others; they are kept, checked at each use, in a folder of the user's cache.

At opening names, sizes and places are checked; a side file's hash when it is used; weights' hashes by `verify`.
"""

import os
import re
import stat
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import cast

from pretrained.atomic import atomic_path
from pretrained.errors import (
    CorruptFileError,
    ModelNotFoundError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from pretrained.hub import messages
from pretrained.hub.bundle_name import MANIFEST, part_of
from pretrained.hub.manifest import FileHash, Manifest, check_names
from pretrained.hub.packed import PackedFiles, is_side_file
from pretrained.hub.user_cache import user_cache
from pretrained.hub.window import Piece, Window
from pretrained.hub.zip_table import STORED, Entry, Table, read_table

_UTF8 = 0x0800
_END_SIZES = (22, 22 + 76)  # of a zip without a comment, and of one with 64-bit numbers
_MAX_MANIFEST = 16 << 20
_ID = re.compile(r"[0-9a-f]{7,40}")


class _Bytes:
    """The bytes of a bundle, whether in one file or in parts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = [path] if path.is_file() else list(_parts(path))
        if not self.parts:
            raise ModelNotFoundError(f"no bundle {path}: there is neither that file nor {part_of(path, 1).name}.")
        self._sizes = [part.stat().st_size for part in self.parts]
        self.size = sum(self._sizes)

    def read(self, start: int, length: int) -> bytes:
        chunks = []
        for piece in self.pieces(start, max(0, min(length, self.size - start))):
            with piece.path.open("rb") as file:
                file.seek(piece.start)
                chunks.append(file.read(piece.size))
        return b"".join(chunks)

    def pieces(self, start: int, length: int) -> tuple[Piece, ...]:
        """Where a range of the bundle lies in its parts."""
        pieces = []
        begin = 0
        for part, size in zip(self.parts, self._sizes, strict=True):
            first, last = max(start, begin), min(start + length, begin + size)
            if first < last:
                pieces.append(Piece(part, first - begin, last - first))
            begin += size
        return tuple(pieces) or (Piece(self.parts[0], 0, 0),)


def _parts(path: Path) -> Iterator[Path]:
    number = 1
    while (part := part_of(path, number)).is_file():
        yield part
        number += 1


class Bundle:
    """One bundle, open: its names, sizes and places are as its manifest says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = _Bytes(path)
        try:
            self._table = read_table(self._bytes)
        except CorruptFileError as error:
            raise CorruptFileError(self._explained(error)) from None
        _check_entries(path, self._table, self._bytes.size)
        entry = self._table.entries[MANIFEST]
        content = self._bytes.read(entry.offset, entry.size) if entry.size <= _MAX_MANIFEST else b""
        if zlib.crc32(content) != entry.crc:
            raise CorruptFileError(f"{path} is damaged: the checksum of its manifest is wrong. Copy the file again.")
        self.manifest = Manifest.parse(content, f"the manifest of {path}")
        self.identity = FileHash.of_bytes(content).sha256
        """A hash over everything in it, by the manifest's hashes."""
        self._check_manifest()

    @property
    def divided(self) -> bool:
        return self._bytes.parts[0] != self.path

    @property
    def size(self) -> int:
        return self._bytes.size

    @cached_property
    def windows(self) -> dict[str, Window]:
        """Every file, by name."""
        windows: dict[str, Window] = {}
        for name in self.manifest.files:
            entry = self._table.entries[name]
            windows[name] = Window(self.path, name, self._bytes.pieces(entry.offset, entry.size), windows)
        return windows

    def files(self, name: str, notes: tuple[str, ...] = ()) -> PackedFiles:
        """The model in it, ready to be loaded."""
        mapped = {name: self.windows[name] for name in self.manifest.mapped}
        cut = [name for name, window in mapped.items() if len(window.pieces) > 1]
        if cut:
            notes += (
                f"{messages.listing(cut)} lies in several parts and is read into memory; "
                f"unpacked it would be mapped: pretrained unpack {self.path}",
            )
        paths = cast(dict[str, Path], mapped)
        return PackedFiles(self.side_folder(), self.manifest, paths, name=name, kind="bundle", notes=notes)

    def side_folder(self) -> Path:
        """The folder with the small files, each with the hash that the manifest gives it."""
        folder = user_cache("bundles", self.identity[:32])
        for name, expected in self.manifest.files.items():
            if not is_side_file(name, self.manifest):
                continue
            path = folder.joinpath(*name.split("/"))
            if not _is(path, expected):
                content = self.windows[name].read_bytes()
                self.check(name, FileHash.of_bytes(content))
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(path) as temporary:
                    temporary.write_bytes(content)
        return folder

    def check(self, name: str, found: FileHash) -> None:
        """Raises where a file's content is not what the manifest says."""
        if found != self.manifest.files[name]:
            raise CorruptFileError(
                messages.compose(
                    f"{self.path} is damaged: {name} is not what its manifest says.",
                    found=f"SHA-256 {found.sha256}",
                    expected=self.manifest.files[name].sha256,
                    to_do="copy the bundle again from where it was made; this lists what is wrong: "
                    f"pretrained verify {self.path}",
                )
            )

    def _check_manifest(self) -> None:
        names = self._table.entries.keys() - {MANIFEST}
        if lost := sorted(self.manifest.files.keys() - names):
            raise CorruptFileError(f"{self.path} lacks files that its manifest lists: {messages.listing(lost)}.")
        if more := sorted(names - self.manifest.files.keys()):
            raise UnsafeFileError(
                f"{self.path} holds files that its manifest does not list: {messages.listing(more)}. Not read."
            )
        for name, expected in self.manifest.files.items():
            if (size := self._table.entries[name].size) != expected.size:
                raise CorruptFileError(
                    f"{self.path}: {name} has {size:,} bytes, and its manifest says {expected.size:,}. "
                    "Copy the file again."
                )

    def _explained(self, error: CorruptFileError) -> str:
        if not self.divided:
            return f"{error}\nTo do: copy {self.path} again from where it was made"
        last = self._bytes.parts[-1]
        return messages.compose(
            f"{self.path} cannot be read from its {len(self._bytes.parts)} parts.",
            looked=self.path.parent,
            found=messages.listing(f"{part.name} ({messages.size(part.stat().st_size)})" for part in self._bytes.parts),
            expected=f"all parts, whole; the next would be {part_of(self.path, len(self._bytes.parts) + 1).name}",
            to_do=f"bring the parts that are missing after {last.name}, or that are smaller than where they were made",
        )


def _check_entries(path: Path, table: Table, size: int) -> None:
    """A bundle is stored, whole, and holds nothing that its table does not show."""
    entries = sorted(table.entries.values(), key=lambda entry: entry.header)
    if not entries or entries[0].name != MANIFEST:
        raise UnsupportedFormatError(
            messages.compose(
                f"{path} is a zip, and no bundle: it does not begin with {MANIFEST}.",
                found=messages.listing(entry.name for entry in entries),
                to_do=f"unpack it and name the folder: {messages.unzip(path, path.with_suffix(''))}",
            )
        )
    check_names((entry.name for entry in entries), str(path))
    end = 0
    for entry in entries:
        _check_entry(path, entry)
        if entry.header != end:
            raise UnsafeFileError(f"{path} holds bytes before {entry.name!r} that belong to no file. Not read.")
        end = entry.offset + entry.stored
    if table.start != end or size - table.end not in _END_SIZES:
        raise UnsafeFileError(f"{path} holds bytes after {entries[-1].name!r} that belong to no file. Not read.")


def _check_entry(path: Path, entry: Entry) -> None:
    if entry.method != STORED or entry.flags & ~_UTF8:
        raise UnsupportedFormatError(
            f"{path}: {entry.name!r} is compressed or written as a stream, and in a bundle nothing is. "
            "Make the bundle with: pretrained pack FOLDER"
        )
    if entry.name.encode("utf-8", "surrogateescape") != entry.raw_name:
        raise UnsafeFileError(f"{path} holds a name that is not UTF-8: {entry.raw_name!r}. Not read.")
    if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG):
        raise UnsafeFileError(f"{path}: {entry.name!r} is a link or another special file. Not read.")


def _is(path: Path, expected: FileHash) -> bool:
    """Whether a file of the user's cache is there and has the right content."""
    try:
        if os.path.islink(path) or path.stat().st_size != expected.size:
            return False
        return FileHash.of_bytes(path.read_bytes()) == expected
    except OSError:
        return False


def open_bundle(path: Path, *, name: str, revision: str | None = None, notes: tuple[str, ...] = ()) -> PackedFiles:
    """The model in a bundle. A commit that is not the bundle's is refused."""
    bundle = Bundle(path)
    held = bundle.manifest.revision
    if revision is not None and revision != held:
        if held is not None and _ID.fullmatch(revision) and not held.startswith(revision):
            raise ModelNotFoundError(
                messages.compose(
                    f"{path} holds the revision {held}, and {revision} was asked for.",
                    to_do=f"leave revision= away, or pack the other one: pretrained pack {bundle.manifest.source} "
                    f"--revision {revision}",
                )
            )
        if held is None or not held.startswith(revision):
            notes += (f"revision={revision!r} is not looked for: a bundle holds one revision",)
    return bundle.files(name, notes)
