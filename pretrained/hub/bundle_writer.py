"""How does a model become one file that can be carried, and a folder again?"""

import errno
import hashlib
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from pretrained.atomic import atomic_path, remove_leftovers
from pretrained.errors import ModelNotFoundError, PretrainedError, UnsafeFileError
from pretrained.hub import cache, messages
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_name import ENDING, MANIFEST
from pretrained.hub.files import ModelFiles
from pretrained.hub.manifest import FileHash, Manifest, check_names, read_manifest
from pretrained.hub.packed import PackedFiles
from pretrained.hub.selection import Selection, licence, published_as, select
from pretrained.hub.window import Window
from pretrained.hub.zip_writer import ALIGNMENT, Member, Placed, crc_of, place, total_size, write

Progress = Callable[[int], None]
_MAX_PARTS = 999
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Described:
    """The files of a model with sizes, hashes and checksums, ready to be written into a zip."""

    manifest: Manifest
    paths: dict[str, Path]
    crcs: dict[str, int]

    def member(self, name: str, path: str = "", *, aligned: bool = False) -> Member:
        """A file as a member called `path` (else as the file is)."""
        return Member(path or name, self.paths[name], self.manifest.files[name].size, self.crcs[name], aligned)


def describe(files: ModelFiles, progress: Progress | None = None) -> Described:
    """Reads every file of a model once."""
    selection = select(files)
    large = {*selection.weights, *selection.parts, selection.index}
    paths = {name if name in large else published_as(name): path for name, path in selection.paths.items()}
    paths |= selection.card
    check_names((MANIFEST, *paths), str(files.root))
    hashes, crcs = {}, {}
    for name in sorted(paths):
        hashes[name], crcs[name] = read_once(paths[name], progress)
    return Described(_manifest(files, selection, hashes), paths, crcs)


def size_of(files: ModelFiles) -> int:
    """How many bytes `describe` will read."""
    selection = select(files)
    return sum(path.stat().st_size for path in (*selection.paths.values(), *selection.card.values()))


def read_once(path: Path, progress: Progress | None = None) -> tuple[FileHash, int]:
    digest = hashlib.sha256()
    size = 0

    def see(chunk: memoryview) -> None:
        nonlocal size
        digest.update(chunk)
        size += len(chunk)
        if progress is not None:
            progress(len(chunk))

    crc = crc_of(path, see)
    return FileHash(size, digest.hexdigest()), crc


def _manifest(files: ModelFiles, selection: Selection, hashes: dict[str, FileHash]) -> Manifest:
    held = _held(files, hashes)
    stored = cache.repository_id(files.boundary) if files.boundary.name.startswith("models--") else None
    return Manifest(
        hashes,
        name=held.name if held else (stored or _called(files)),
        source=held.source if held else stored,
        revision=held.revision if held else files.revision,
        licence=licence(selection) or (held.licence if held else None),
        weights_format=selection.format,
        weights=selection.weights,
        parts=selection.parts,
        index=selection.index,
    )


def _held(files: ModelFiles, hashes: dict[str, FileHash]) -> Manifest | None:
    """The manifest that these files came with, if they are still the same."""
    try:
        manifest = files.manifest if isinstance(files, PackedFiles) else read_manifest(files.root)
    except PretrainedError:  # a file of that name that is something else
        return None
    return manifest if manifest is not None and hashes.items() <= manifest.files.items() else None


def _called(files: ModelFiles) -> str:
    """A folder is called as its owner called it, a package's model as the package."""
    package = files.name.removeprefix("package:")
    return package if package != files.name else Path(os.path.abspath(files.root)).name


# -- packing --------------------------------


def pack(
    described: Described, target: Path, *, split: int | None = None, progress: Progress | None = None
) -> list[Path]:
    """Writes a bundle, or its parts of at most `split` bytes. Returns the files written.

    Files appear when all of them are complete. Parts of an earlier bundle of that name are removed.
    """
    manifest = described.manifest
    content = manifest.to_bytes()
    side = [name for name in sorted(manifest.files) if name not in manifest.mapped]
    members = [Member(MANIFEST, content, len(content), zlib.crc32(content))]
    members += [described.member(name) for name in side]
    members += [described.member(name, aligned=True) for name in manifest.mapped]
    placed = place(members)
    size = total_size(placed)
    cuts = [0, *(_cuts(placed, size, split) if split is not None else ()), size]
    names = [target] if split is None else [Path(f"{target}.{n:03}") for n in range(1, len(cuts))]
    if len(names) > _MAX_PARTS:
        raise ValueError(f"that would be {len(names)} parts; {_MAX_PARTS} are the most. Choose larger ones.")
    remove_leftovers(target)
    require_space(target.parent, size)
    with (
        ExitStack() as temporary,
        _Parts([temporary.enter_context(atomic_path(name)) for name in names], cuts) as output,
    ):
        try:
            write(placed, output, progress)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            folder = target.parent.absolute()
            raise OSError(f"{folder} takes no file so large. To do: write parts, with --split 4G") from error
    for stale in _stale(target, names):
        stale.unlink()
    return names


def _stale(target: Path, names: list[Path]) -> Iterator[Path]:
    """What is left of an earlier bundle of the same name."""
    kept = {name.name for name in names}
    for path in target.parent.glob(f"{target.name}*"):
        ending = path.name[len(target.name) :]
        if path.name not in kept and (not ending or (len(ending) == 4 and ending[1:].isdigit() and ending[0] == ".")):
            yield path


def _cuts(placed: list[Placed], size: int, split: int) -> Iterator[int]:
    """Where the parts end: at multiples of ALIGNMENT, and before a file of weights that fits into one part."""
    limit = split - split % ALIGNMENT
    if not limit:
        raise ValueError(f"a part of {split:,} bytes is too small; {ALIGNMENT:,} are the least.")
    start = 0
    while size - start > limit:
        end = start + limit
        for one in placed:
            if one.member.aligned and start < one.offset < end < one.offset + one.member.size <= one.offset + limit:
                end = one.offset
        start = end
        yield end


class _Parts:
    """Writes one stream of bytes into several files."""

    def __init__(self, paths: list[Path], cuts: list[int]) -> None:
        self._paths = paths
        self._sizes = [end - start for start, end in pairwise(cuts)]
        self._file: IO[bytes] | None = None
        self._next = self._left = 0

    def __enter__(self) -> "_Parts":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while len(view):
            if not self._left:
                self.__exit__()
                self._file, self._left = self._paths[self._next].open("wb"), self._sizes[self._next]
                self._next += 1
            assert self._file is not None
            count = self._file.write(view[: self._left])
            view, self._left = view[count:], self._left - count


def require_space(folder: Path, size: int) -> None:
    """Raises OSError, before anything is written, where a folder has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            messages.compose(
                f"{messages.size(size)} are needed in {folder.absolute()}, and {messages.size(free)} are free.",
                to_do="make room there, or write to another disk",
            )
        )


# -- unpacking --------------------------------


def default_folder(bundle: Path) -> Path:
    """Where a bundle is unpacked unless somebody says where: beside the caller, under its name."""
    return Path(bundle.name.removesuffix(ENDING) if bundle.name.endswith(ENDING) else f"{bundle.name}-unpacked")


def unpack(bundle: Bundle, folder: Path, progress: Progress | None = None) -> None:
    """Writes the files of a bundle into a folder, which appears when all of them are there and have their hashes."""
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UnsafeFileError(
            messages.compose(
                f"{folder} is there already, and not empty; nothing was unpacked.",
                to_do=f"name a folder that is not there: pretrained unpack {bundle.path} FOLDER",
            )
        )
    parent = Path(os.path.abspath(folder)).parent
    if not parent.is_dir():
        raise ModelNotFoundError(f"there is no folder {parent} to unpack into. To do: make it first")
    remove_leftovers(parent / folder.name)
    require_space(parent, bundle.size)
    with _folder_that_appears(folder, parent) as temporary:
        for name in bundle.manifest.files:
            path = temporary.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as target:
                bundle.check(name, _copy(bundle.windows[name], target, progress))
        (temporary / MANIFEST).write_bytes(bundle.manifest.to_bytes())


def _copy(window: Window, target: IO[bytes], progress: Progress | None) -> FileHash:
    digest, size = hashlib.sha256(), 0
    view = memoryview(bytearray(_CHUNK))
    with window.open() as file:
        while count := file.readinto(view):
            target.write(view[:count])
            digest.update(view[:count])
            size += count
            if progress is not None:
                progress(count)
    return FileHash(size, digest.hexdigest())


@contextmanager
def _folder_that_appears(folder: Path, parent: Path) -> Iterator[Path]:
    temporary = parent / f".{folder.name}.{secrets.token_hex(4)}"
    temporary.mkdir()
    try:
        yield temporary
        with suppress(FileNotFoundError):
            folder.rmdir()  # an empty one
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
