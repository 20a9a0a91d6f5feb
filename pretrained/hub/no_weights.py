"""Why does this folder give no weights, and what would help?"""

import os
from collections.abc import Mapping

from pretrained.errors import ModelFileNotFoundError, UnsupportedFormatError
from pretrained.hub import cache, messages
from pretrained.hub.folder import Folder, Place, unfinished_downloads
from pretrained.hub.jsonfile import parse_json
from pretrained.hub.names import WEIGHTS_ENDINGS, WEIGHTS_EXPECTED, claim

_NO_WEIGHTS_KINDS = frozenset(
    {"unknown", "text", "json", "sentencepiece", "wordpiece", "model_config", "tokenizer_json"}
)


def may_be_weights(folder: Folder) -> list[str]:
    """Files whose names do not say what they are, and could be weights."""
    return [
        name
        for name, claimed in folder.claims()
        if claimed.role == "shard" or (not claimed.role and (name.lower().endswith(WEIGHTS_ENDINGS) or "." not in name))
    ]


def no_weights(place: Place) -> ModelFileNotFoundError | UnsupportedFormatError:
    """The error for a folder without weights that can be read, with the reason that its files suggest."""
    if other := _other_formats(place.folder):
        return unsupported(place, other)
    adapters = [name for name, of in place.folder.claims() if of.role == "adapter" and not name.endswith(".json")]
    if adapters:
        return adapter(place, adapters[0])
    closest, to_do = _closest(place)
    return ModelFileNotFoundError(
        place.message(f"{place.asked} has no weights.", expected=WEIGHTS_EXPECTED, closest=closest, to_do=to_do)
    )


def adapter(place: Place, name: str) -> UnsupportedFormatError:
    """The error for the small file of an adapter, where a whole model is asked for."""
    return UnsupportedFormatError(
        place.message(
            f"{name} is an adapter (LoRA): changes to a model, and not the model itself.",
            expected=WEIGHTS_EXPECTED,
            to_do=f"name the model that it changes{_base_of_adapter(place.folder)}, "
            "or save the two merged (merge_and_unload)",
        )
    )


def unsupported(place: Place, formats: Mapping[str, str]) -> UnsupportedFormatError:
    """The error for weights of formats that are recognised and not read: file name → description."""
    found = ", ".join(f"{name} ({text})" for name, text in formats.items())
    return UnsupportedFormatError(
        place.message(
            f"the weights of {place.asked} are in a format that this version does not read: {found}.",
            expected=WEIGHTS_EXPECTED,
            to_do=f"{place.bring(['model.safetensors'])} "
            "(or pytorch_model.bin, tf_model.h5, flax_model.msgpack of the same model)",
        )
    )


def _other_formats(folder: Folder) -> dict[str, str]:
    """File name → format, of weights that are recognised and not read."""
    found: dict[str, str] = {}
    for name, claimed in folder.claims():
        if claimed.role == "other" and claimed.detail:
            found[name] = claimed.detail
    for name in may_be_weights(folder):
        content = folder.sniff(name)
        if content.kind not in _NO_WEIGHTS_KINDS and not content.damaged:
            found.setdefault(name, str(content))
    return found


def _closest(place: Place) -> tuple[str, str]:
    """What comes nearest to weights, and what to do about it."""
    folder = place.folder
    for commit in _other_snapshots(place):
        return f"the snapshot {commit[:12]} of the same model has weights", f'ask for it with revision="{commit[:12]}"'
    unfinished = [
        f"{name} ({messages.size(folder.size(name))})" for name, of in folder.claims() if of.role == "unfinished"
    ]
    unfinished += unfinished_downloads(folder.path)
    unfinished += cache.unfinished(place.boundary) if place.in_cache else []
    if unfinished:
        closest = f"a download that was not finished: {messages.listing(unfinished)}"
        return closest, f"finish the download, or repeat it: {place.bring(['model.safetensors'])}"
    for name in folder.broken_links:
        if claim(name).role in ("weights", "shard", "part"):
            to_do = messages.allow(folder.path / name) if folder.is_closed(name) else place.bring([name])
            return f"{name}, {folder.broken_link(name)}", to_do
    for name in folder.folders:
        if _has_weights(Folder(folder.path / name)):
            return f"{name}{os.sep} holds weights", f"name that folder: {folder.path / name}"
    return "", place.bring(["model.safetensors"])


def _other_snapshots(place: Place) -> list[str]:
    snapshots = place.folder.path.parent
    if not place.in_cache or snapshots.name != "snapshots":
        return []
    return [
        path.name for path in sorted(snapshots.iterdir()) if path != place.folder.path and _has_weights(Folder(path))
    ]


def _has_weights(folder: Folder) -> bool:
    return folder.opens and any(claimed.role in ("weights", "index") for _, claimed in folder.claims())


def _base_of_adapter(folder: Folder) -> str:
    try:
        base = parse_json((folder.path / "adapter_config.json").read_bytes())["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f" ({base})"
