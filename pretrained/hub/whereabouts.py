"""Where is a model of this name looked for, and what is there?"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pretrained.hub import cache, catalogue, older_caches
from pretrained.hub.bundle_name import find_bundle
from pretrained.hub.folder import Folder
from pretrained.hub.reference import Reference, parse

_KINDS = {
    "disk": "a folder or a file",
    "package": "an installed package",
    "hub": "a model of the hub",
    "name": "a folder or a file here, or else a model of the hub",
}


@dataclass(frozen=True)
class Whereabout:
    """One place, in the order in which they are looked at."""

    place: str
    found: str
    """"" for nothing."""


def kind(name: str) -> str:
    """What the name may name, in words. Raises ModelNotFoundError for one that names nothing."""
    reference = parse(name)
    known = catalogue.short_name(reference.target) if reference.kind in ("hub", "name") else None
    also = [other for other in catalogue.hub_ids(reference.target) if other != reference.target] if known else []
    more = (
        f"; a short name of a model of the family {known.architecture}, also called {', '.join(also)}" if known else ""
    )
    return _KINDS[reference.kind] + more


def whereabouts(name: str) -> Iterator[Whereabout]:
    """Every place where a model of this name is looked for on this machine."""
    reference = parse(name)
    if reference.kind in ("disk", "name") and reference.path is not None:
        yield Whereabout(f"the folder or file {reference.path.absolute()}", _on_disk(reference.path))
    if reference.kind in ("hub", "name"):
        yield from _in_caches(reference)
    if reference.kind == "package":
        yield from _in_package(reference)


def _on_disk(path: Path) -> str:
    if find_bundle(path) is not None:
        return "a bundle"
    if os.path.isdir(path):
        return Folder(path).described()
    return "a file" if os.path.isfile(path) else ""


def _in_caches(reference: Reference) -> Iterator[Whereabout]:
    for folder in cache.cache_folders():
        if not os.path.isdir(folder):
            yield Whereabout(f"the cache {folder}", "")
            continue
        names = [
            spelled
            for spelled in catalogue.hub_ids(reference.target)
            if os.path.isdir(cache.repository_folder(folder, spelled))
        ]
        for spelled in names:
            repository = cache.repository_folder(folder, spelled)
            yield Whereabout(f"the cache {folder}", f"{spelled}: {_in_repository(repository)}")
        if not names:
            yield Whereabout(f"the cache {folder}", "")
    for place in older_caches.places(reference.target):
        yield Whereabout(f"{place.what} ({place.folder})", Folder(place.model).described() if place.model else "")
    from pretrained.hub.wheels import announced_models

    wanted = catalogue.hub_ids(reference.target)
    found = [f"{folder}" for name, folder in announced_models().items() if name in wanted]
    yield Whereabout("the installed packages", ", ".join(found))


def _in_repository(repository: Path) -> str:
    found = cache.snapshot(repository)
    if isinstance(found, cache.Snapshot):
        return f"{cache.describe(repository)}; {Folder(found.path).described()}"
    return f"{cache.describe(repository)}; {found.reason}"


def _in_package(reference: Reference) -> Iterator[Whereabout]:
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    module = reference.target.replace("-", "_")
    spec = find_spec(module) if module.isidentifier() else None
    try:
        said = f"version {version(reference.target)}"
    except (PackageNotFoundError, ValueError):
        said = "a module" if spec else ""
    places = list(spec.submodule_search_locations or ()) if spec else []
    yield Whereabout(f"the package {reference.target}", ", ".join((said, *places)) if said else "")
