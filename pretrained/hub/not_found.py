"""Why is there no model of this name on this machine, what comes near, and how are its files brought here?"""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pretrained.hub import cache, catalogue, messages
from pretrained.hub.folder import Folder
from pretrained.hub.reference import Reference


def explain(
    reference: Reference,
    *,
    looked: Sequence[str],
    found: Sequence[str],
    advice: Sequence[str],
    cache_dir: str | os.PathLike[str] | None,
    revision: str | None,
    forbidden: str = "",
    subfolder: str = "",
) -> str:
    """The message for a name that led nowhere: `looked`, `found` and `advice` are what the search wrote down.

    `forbidden` is what kept the network from being asked.
    """
    if reference.kind == "disk":
        return _disk(reference, looked)
    if reference.kind == "package":
        return _package(reference, looked)
    name = reference.target
    caches = cache.cache_folders(cache_dir)
    stored = cache.stored(caches)
    states = {folder: "" if os.path.isdir(folder) else " (no such folder)" for folder in caches}
    places = [*looked, *(f"the cache {folder}{state}" for folder, state in states.items())]
    close = [*beside(name), *near(name, (*catalogue.short_names(), *stored))]
    here = [other for other in close if set(catalogue.hub_ids(other)) & stored.keys()]
    closest = ", ".join(f"{other}{' (in the cache)' if other in here else ''}" for other in close)
    which = f" with a folder {subfolder!r}" if subfolder else ""
    which += f' in revision "{revision}"' if revision else ""
    return messages.compose(
        f"no model {name!r}{which} on this machine.",
        looked=places,
        found="".join(f"\n  {line}" for line in found),
        closest=closest,
        to_do="\n  ".join(("", *dict.fromkeys(advice), *_bring(name, revision, forbidden, subfolder))),
    )


def near(name: str, names: Iterable[str]) -> list[str]:
    """Names that are spelled much alike; the owner is not needed. None for a short name, which is spelled right."""
    if catalogue.short_name(name):
        return []
    spelled: dict[str, str] = {}
    for known in names:
        spelled.setdefault(known.lower(), known)
        spelled.setdefault(known.lower().rpartition("/")[2], known)
    close = difflib.get_close_matches(name.lower(), spelled, n=6, cutoff=0.7)
    close += difflib.get_close_matches(name.lower().rpartition("/")[2], spelled, n=4, cutoff=0.7)
    return [known for known in dict.fromkeys(spelled[match] for match in close) if known != name]


def beside(name: str) -> list[str]:
    """Files and folders here whose path is spelled much like the name."""
    path = Path(name)
    try:
        siblings = sorted(os.listdir(path.parent))
    except (OSError, ValueError):
        return []
    close = difflib.get_close_matches(path.name, siblings, n=2, cutoff=0.6)
    return [f"./{(path.parent / other).as_posix()}" for other in close if other != path.name]


def _bring(name: str, revision: str | None, forbidden: str, subfolder: str) -> list[str]:
    """How to get the files here: over the network, or by hand."""
    known = catalogue.short_name(name)
    if known is None and "/" not in name:
        return [
            "check the spelling, write owner/name, or name the folder that has the files; "
            "an installed package is written package:NAME"
        ]
    if subfolder:
        return [
            f"{forbidden} forbids the network. Without that, the same call fetches {subfolder}/ if the model has it"
        ]
    folder = (known.hub_id if known else name).rpartition("/")[2]
    return [
        f"{forbidden} forbids the network. Without that, this fills the cache of this machine:",
        f"  {messages.download(name, revision=revision)}",
        "or, on another machine, this makes a folder to carry here and to name in place of the model:",
        f"  {messages.download(name, revision=revision, into=folder)}",
    ]


def _disk(reference: Reference, looked: Sequence[str]) -> str:
    path = (reference.path or Path()).absolute()
    parent = next(parent for parent in path.parents if os.path.isdir(parent))
    missing = path.relative_to(parent).parts[0]
    listed = Folder(parent)
    siblings = sorted(os.listdir(parent)) if listed.opens else []
    close = [name for name in siblings if name.lower() == missing.lower()]
    close += difflib.get_close_matches(missing, siblings, n=3, cutoff=0.6)
    close = [name for name in dict.fromkeys(close) if name != missing]
    found = f"{parent} is there, and has no {missing}"
    to_do = "check the path"
    if not listed.opens:
        found = f"{parent} is there, and may not be read"
        to_do = messages.allow(parent)
    elif missing in listed.broken_links:
        found = f"{missing} is {listed.broken_link(missing)}"
        to_do = "name the folder itself, where it is now"
    elif missing in siblings:
        found = f"{parent / missing} is neither a folder nor a file"
        to_do = "name a folder or a file"
        close = []
    elif reference.why_not_hub:
        to_do += f"; {reference.asked!r} cannot be a model of the hub either: {reference.why_not_hub}"
    elif catalogue.short_name(reference.asked):
        to_do += f"; for the model of that name in the cache, give it as text: {reference.asked!r}"
    if os.name != "nt" and (drive := re.match(r"(?:file:)?([A-Za-z]):[\\/](.*)", reference.asked)):
        found = f"{drive[1]}: is a drive of Windows, and this is another system"
        mounted = Path("/mnt", drive[1].lower(), *drive[2].replace("\\", "/").split("/"))
        to_do = f"name {mounted}" if os.path.exists(mounted) else "give the path that the folder has here"
    return messages.compose(
        f"no folder or file {reference.asked!r}.",
        looked=list(looked),
        found=found,
        closest=", ".join(str(parent / name) for name in close),
        to_do=to_do,
    )


def _package(reference: Reference, looked: Sequence[str]) -> str:
    name = reference.target
    if looked:
        return messages.compose(
            f"the package {name} carries no model.",
            looked=list(looked),
            found="no folder with config.json, a vocabulary and weights",
            to_do="name another package, or the folder of the model",
        )
    import importlib.metadata

    installed = [str(found.name) for found in importlib.metadata.distributions() if found.name]
    close = difflib.get_close_matches(name, installed, n=3, cutoff=0.7)
    return messages.compose(
        f"no package {name!r} is installed.",
        looked="the installed packages of this Python",
        closest=", ".join(close),
        to_do=f"write package:{close[0]}" if close else f"python -m pip install {name}",
    )
