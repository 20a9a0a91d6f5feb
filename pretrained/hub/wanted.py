"""Does a folder of a model have what is wanted of it, or should the rest be fetched?"""

from pretrained.hub.folder import Folder
from pretrained.hub.jsonfile import parse_json
from pretrained.hub.names import WEIGHTS_ENDINGS, Claim, claim


def has(folder: Folder, part: str) -> bool:
    """Whether a folder of a model has what a part of it needs: "model" (its weights), "tokenizer" or "config"."""
    claims = folder.claims()
    if part == "model":
        if any(claimed.role == "index" for _, claimed in claims):
            return any(_is_complete(folder, name) for name, claimed in claims if claimed.role in ("index", "weights"))
        return any(claimed.role in ("weights", "adapter") or _may_hold(name, claimed) for name, claimed in claims)
    endings = (".txt", ".json", ".model", ".vocab") if part == "tokenizer" else (".json",)
    return any(claimed.role == part or (not claimed.role and name.endswith(endings)) for name, claimed in claims)


def _may_hold(name: str, claimed: Claim) -> bool:
    """Whether a file may be weights under a name of its own."""
    return claimed.role in ("", "shard", "other") and name.lower().endswith(WEIGHTS_ENDINGS)


def _is_complete(folder: Folder, name: str) -> bool:
    """Whether all shards of an index are here; one file of weights is complete by itself."""
    if claim(name).role != "index":
        return True
    try:
        weight_map = parse_json((folder.path / name).read_bytes())["weight_map"]
        return all(shard in folder for shard in weight_map.values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return True  # what is wrong with it is said where it is read
