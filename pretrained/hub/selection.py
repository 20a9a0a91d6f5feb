"""Which files are one model, when a folder holds more than that?

The configuration, the tokenizer, the weights that are read (one format), and what sentence-transformers put beside
them. Bundles, wheels and lock files take these.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pretrained.errors import ModelFileNotFoundError, UnsafeFileError
from pretrained.hub import messages
from pretrained.hub.bundle_name import MANIFEST
from pretrained.hub.files import ModelFiles
from pretrained.hub.folder import Folder
from pretrained.hub.jsonfile import parse_json
from pretrained.hub.names import MODEL_CARD, PUBLISHED_SIDE_FILES, claim, plain
from pretrained.hub.weights import WeightFiles
from pretrained.hub.window import member_name

_LENGTHS = re.compile(r"sentence_[\w-]+_config\.json")
_LEFT_OUT = ("training", "unfinished", "other")
_LICENCE = re.compile(r"^licen[cs]e(?:_name)?:[ \t]*(?:\n[ \t]*-[ \t]*)?([^\n]+)$", re.M)
_CARD_BYTES = 1 << 20


@dataclass
class Selection:
    """The files of one model, by their names relative to its folder."""

    format: str
    weights: tuple[str, ...]
    """Handed to the reader of the format."""
    parts: tuple[str, ...] = ()
    """Opened by that reader beside them."""
    index: str | None = None
    paths: dict[str, Path] = field(default_factory=dict)
    """Every file, the model card left out."""
    card: dict[str, Path] = field(default_factory=dict)
    """What people read about the model."""


def select(files: ModelFiles) -> Selection:
    """The files of a model that is here. Raises where its weights or its configuration cannot be read."""
    found = files.weights()
    weights = {member_name(path, files.root): path for path in found.paths}
    parts = {member_name(path, files.root): path for path in found.parts}
    selection = Selection(found.format, tuple(weights), tuple(parts), paths=weights | parts)
    if found.index is not None:
        index = _index(found)
        selection.index = member_name(index, files.root)
        selection.paths[selection.index] = index
    for published in PUBLISHED_SIDE_FILES:
        if (path := files.get(published)) is not None:
            selection.paths[member_name(path, files.root)] = path
    root = Folder(files.root)
    for name in root.files:
        if _LENGTHS.fullmatch(name):
            selection.paths[name] = root.path / name
        elif MODEL_CARD.fullmatch(name):
            selection.card[name] = root.path / name
    _add_modules(files, selection)
    return selection


def published_as(name: str) -> str:
    """The name without what somebody put before it: "vocab.txt" for "bert-base-uncased-vocab.txt"."""
    folder, slash, last = name.rpartition("/")
    claimed = claim(last)
    return f"{folder}{slash}{claimed.published}" if claimed.prefix and claimed.published else name


def licence(selection: Selection) -> str | None:
    """What the model card's head says."""
    card = next((path for name, path in selection.card.items() if name.lower() == "readme.md"), None)
    if card is None or card.stat().st_size > _CARD_BYTES:
        return None
    head = re.match(r"\ufeff?---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.S)
    said = _LICENCE.search(head[1]) if head else None
    return said[1].strip().strip("\"'") or None if said else None


def _index(found: WeightFiles) -> Path:
    """The index file by which the shards were found."""
    shards = {path.name for path in found.paths}
    folder = found.paths[0].parent
    for path in sorted(folder.iterdir(), key=str):
        if claim(path.name).role == "index":
            weight_map = parse_json(path.read_bytes()).get("weight_map")
            if isinstance(weight_map, dict) and set(weight_map.values()) == shards:
                return path
    for name in sorted(shards):
        if (published := plain(name)) != name:
            raise ModelFileNotFoundError(
                f"the index of {folder} names {published}, and the file is called {name}.\n"
                f"To do: {messages.move(folder / name, folder / published)}"
            )
    raise UnsafeFileError(f"{folder} was changed while it was read; try again.")


def _add_modules(files: ModelFiles, selection: Selection) -> None:
    """The folders that modules.json names, with weights of one format each."""
    modules = files.json("modules.json")
    for module in modules if isinstance(modules, list) else ():
        below = module.get("path") if isinstance(module, dict) else None
        if not isinstance(below, str) or not below or (probe := files.get(f"{below}/config.json")) is None:
            continue
        folder = Folder(probe.parent)
        if any(member_name(path, files.root).startswith(f"{below}/") for path in selection.paths.values()):
            continue  # the network itself
        whole = "model.safetensors" in folder
        for name in folder.files:
            if claim(name).role in _LEFT_OUT or (whole and name == "pytorch_model.bin") or name == MANIFEST:
                continue
            selection.paths[member_name(folder.path / name, files.root)] = folder.path / name
