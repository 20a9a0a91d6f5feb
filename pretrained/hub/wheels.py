"""Which models came as installed packages that announce them?

The wheels of `pretrained wheel`, and packages of others, name their models in the entry point group
`pretrained.models`: name of the model → the module in whose folder its files lie. The module is located and never
imported. A large model comes in several wheels; their pieces meet in one folder.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from pretrained.errors import ModelFileNotFoundError
from pretrained.hub import catalogue, messages
from pretrained.hub.files import ModelFiles
from pretrained.hub.folder import Located
from pretrained.hub.manifest import read_manifest
from pretrained.hub.packed import PackedFiles
from pretrained.hub.window import Piece, Window

GROUP = "pretrained.models"
_MODULE = re.compile(r"\w+(\.\w+)*")


def installed_model(
    name: str, *, asked: str, revision: str | None = None, notes: Sequence[str] = ()
) -> ModelFiles | None:
    """The model of this name, or of another name that it has; None where no package announces it."""
    wanted = catalogue.hub_ids(name)
    announced = entry_points(group=GROUP)
    for entry in sorted((entry for entry in announced if entry.name in wanted), key=lambda entry: entry.name != name):
        folder = _folder(entry)
        if folder is None:
            continue
        found = open_folder(folder, name=asked, notes=notes)
        if found is None:
            found = ModelFiles(Located(folder, folder), name=asked, kind="package", notes=notes)
        if revision is None or (found.revision or "").startswith(revision):
            return found
    return None


def announced_models() -> dict[str, Path]:
    """Every announced name → the folder with its files."""
    found = ((entry.name, _folder(entry)) for entry in entry_points(group=GROUP))
    return {name: folder for name, folder in found if folder is not None}


def open_folder(folder: Path, *, name: str, notes: Sequence[str] = ()) -> ModelFiles | None:
    """The model of an installed folder with a manifest, whose weights may lie in pieces; None without a manifest."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    windows: dict[str, Window] = {}
    mapped: dict[str, Path] = {}
    for member in manifest.mapped:
        path = folder.joinpath(*member.split("/"))
        if path.is_file():
            mapped[member] = path
            continue
        pieces = tuple(_pieces(path))
        size = sum(piece.size for piece in pieces)
        if size != manifest.files[member].size:
            package = folder.name.replace("_", "-")
            raise ModelFileNotFoundError(
                messages.compose(
                    f"{name} is installed without all of {member}.",
                    looked=folder,
                    found=f"{messages.size(size)} in {len(pieces)} pieces",
                    expected=messages.size(manifest.files[member].size),
                    to_do=f"install it again, with the packages of its parts: "
                    f"python -m pip install --force-reinstall {package}",
                )
            )
        windows[member] = Window(folder, member, pieces, windows)
        mapped[member] = cast(Path, windows[member])
    if windows:
        notes = [*notes, f"{messages.listing(windows)} came in pieces and is read into memory, not mapped"]
    return PackedFiles(folder, manifest, mapped, name=name, kind="package", notes=notes)


def _pieces(path: Path) -> Iterator[Piece]:
    number = 1
    while (piece := path.with_name(f"{path.name}.{number:03}")).is_file():
        yield Piece(piece, 0, piece.stat().st_size)
        number += 1


def _folder(entry: EntryPoint) -> Path | None:
    """The folder of the module that an entry names."""
    module = entry.value.partition(":")[0].strip()
    if not _MODULE.fullmatch(module):
        return None
    parts = module.split(".")
    if entry.dist is not None:
        folder = Path(str(entry.dist.locate_file("/".join(parts))))
        if folder.is_dir():
            return folder
    import importlib.util

    spec = importlib.util.find_spec(parts[0])  # of a package that is worked on where it lies
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (folder := Path(place, *parts[1:])).is_dir():
            return folder
    return None
