"""Which folders of installed packages hold models?"""

import os
from collections.abc import Iterator
from pathlib import Path

from pretrained.hub.folder import Folder, holds_model


def package_folders(name: str) -> Iterator[Path]:
    """The folders of a module of that name, then those of a distribution of that name."""
    import importlib.util

    module = name.replace("-", "_")
    if module.isidentifier():
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            spec = None
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if os.path.isdir(place):
                yield Path(place)
    import importlib.metadata

    try:
        files = importlib.metadata.distribution(name).files or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return
    folders = {file.parts[0]: file for file in files if len(file.parts) > 1 and file.parts[0] != ".."}
    for top, file in folders.items():
        if not top.endswith((".dist-info", ".egg-info")) and top != module:
            yield Path(str(file.locate())).parents[len(file.parts) - 2]


def models_below(folder: Path, depth: int) -> Iterator[Path]:
    listed = Folder(folder)
    if not listed.opens:
        return
    if holds_model(listed, by_content=False):  # programs and examples have files of all kinds
        yield folder
    elif depth:
        for name in listed.folders:
            if name != "__pycache__":
                yield from models_below(folder / name, depth - 1)
