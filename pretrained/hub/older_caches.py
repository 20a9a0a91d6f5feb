"""Which models lie in the caches of earlier years and of other libraries?

~/.cache/torch/transformers, ~/.cache/huggingface/transformers   files named by hashes, each with a .json beside it
~/.pytorch_pretrained_bert                                       the same, and archives
~/.cache/torch/sentence_transformers                             a folder for each model: owner_name
~/.cache/modelscope/hub                                          a folder for each model: owner/name
~/.cache/torch/hub/checkpoints                                   files under the names of their addresses

They are only read. Files named by hashes become a folder of links under their published names, in a cache of our own;
an archive is unpacked there once.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pretrained.hub import catalogue, model_archive
from pretrained.hub.folder import Folder, holds_model
from pretrained.hub.names import claim
from pretrained.hub.user_cache import user_cache

_HASHED = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{64})?(\.h5)?")
_RESOLVE = re.compile(r"/(?P<repository>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<file>[^?]+)")
_ENTRIES_AT_MOST = 20_000
_SAYS_AT_MOST = 65536  # bytes of one .json beside a file


@dataclass(frozen=True)
class Place:
    """One cache that was looked into, and the folder of the model, if it is there."""

    what: str
    folder: Path
    model: Path | None = None


def places(name: str, cache_dir: str | os.PathLike[str] | None = None) -> Iterator[Place]:
    """The older caches of this machine that exist, with the model of this name or of one that it had before.

    `cache_dir` is a folder in place of them all; it may be of the kind that has files named by hashes.
    """
    names = catalogue.hub_ids(name)
    if cache_dir is not None:
        chosen = Folder(_path(os.fspath(cache_dir)).absolute())
        if chosen.opens:
            yield Place("an older cache of Transformers", chosen.path, _in_hashed(chosen.path, names))
        return
    for what, folder in _hashed():
        if Folder(folder).opens:
            yield Place(what, folder, _in_hashed(folder, names))
    for what, folder, spelled in _folders(names):
        if os.path.isdir(folder):
            found = (folder / spelling for spelling in spelled)
            yield Place(what, folder, next((path for path in found if _is_model(path)), None))
    checkpoints = _torch_home() / "hub" / "checkpoints"
    if Folder(checkpoints).opens:
        yield Place("the cache of torch.hub", checkpoints, _in_checkpoints(checkpoints, names))


def folders() -> Iterator[tuple[str, Path]]:
    """Every older cache that exists."""
    found = [*_hashed(), *((what, folder) for what, folder, _ in _folders(()))]
    found.append(("the cache of torch.hub", _torch_home() / "hub" / "checkpoints"))
    yield from ((what, folder) for what, folder in found if os.path.isdir(folder))


def _torch_home() -> Path:
    home = os.environ.get("TORCH_HOME")
    return _path(home) if home else _path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"


def _path(name: str) -> Path:
    return Path(os.path.expanduser(os.path.expandvars(name)))


def _hashed() -> Iterator[tuple[str, Path]]:
    """Folders with files named by hashes, each once."""
    named = [
        os.environ.get(variable, "")
        for variable in ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE")
    ]
    home = os.environ.get("HF_HOME")
    huggingface = _path(home) if home else _path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    found = [
        *(("an older cache of Transformers", _path(folder)) for folder in named if folder),
        ("an older cache of Transformers", _torch_home() / "transformers"),
        ("an older cache of Transformers", huggingface / "transformers"),
        ("the cache of pytorch_pretrained_bert", _path("~/.pytorch_pretrained_bert")),
        ("the cache of pytorch_transformers", _torch_home() / "pytorch_transformers"),
    ]
    seen: set[Path] = set()
    for what, folder in found:
        if folder not in seen:
            seen.add(folder)
            yield what, folder


def _folders(names: tuple[str, ...]) -> Iterator[tuple[str, Path, list[str]]]:
    """Folders that hold a folder for each model, with the names that it may have there."""
    sentence = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    underscored = [name.replace("/", "_") for name in names]
    # short names there belong to the library's own models
    owned = [f"sentence-transformers_{name}" for name in names if "/" not in name]
    place = _path(sentence) if sentence else _torch_home() / "sentence_transformers"
    yield "the cache of sentence-transformers", place, [*underscored, *owned]
    scope = os.environ.get("MODELSCOPE_CACHE")
    base = _path(scope) if scope else _path("~/.cache/modelscope")
    escaped = [name.replace(".", "___") for name in names]
    spelled = list(dict.fromkeys((*names, *escaped)))
    for folder in (base / "hub" / "models", base / "hub", base / "models", base):
        yield "the cache of ModelScope", folder, spelled


def _is_model(path: Path) -> bool:
    folder = Folder(path)
    return folder.opens and holds_model(folder, by_content=False)


# -- files named by hashes --------------------------------


def _in_hashed(folder: Path, names: tuple[str, ...]) -> Path | None:
    """A folder of links to the files of one model; the newest wins where a file is there twice."""
    found: dict[str, Path] = {}
    for path, url in _entries(folder):
        file = _file_of(url, names)
        if file and (file not in found or path.stat().st_mtime > found[file].stat().st_mtime):
            found[file] = path
    return _linked(folder, names[0], found) if found else None


def _entries(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each whole file, with the address that it came from."""
    with os.scandir(folder) as entries:
        listed = [entry.name for _, entry in zip(range(_ENTRIES_AT_MOST), entries, strict=False)]
    present = set(listed)
    for name in sorted(listed):
        beside = f"{name}.json"
        if not _HASHED.fullmatch(name) or beside not in present or not os.path.isfile(folder / name):
            continue
        with suppress(OSError, ValueError, RecursionError):
            path = folder / beside
            if path.stat().st_size > _SAYS_AT_MOST:
                continue
            said = json.loads(path.read_bytes())
            url = said.get("url") if isinstance(said, dict) else None
            # the name is the hash of the address: another one was not written by that library
            if isinstance(url, str) and name.startswith(hashlib.sha256(url.encode()).hexdigest()):
                yield folder / name, url


def _file_of(url: str, names: tuple[str, ...]) -> str | None:
    """The published name of a file of this model, by its address; None for a file of another one."""
    path = unquote(urlsplit(url).path)
    if match := _RESOLVE.fullmatch(path):
        right = match["repository"] in names and match["revision"] == "main"
        return match["file"] if right and "/" not in match["file"] else None
    *above, last = path.strip("/").split("/")
    for name in names:
        owner, _, short = name.rpartition("/")
        if owner and above[-2:] == [owner, short]:
            return last  # …/owner/name/config.json
        if not owner and last == f"{name}{model_archive.ENDING}":
            return last  # …/bert/bert-base-uncased.tar.gz
        if not owner and last.startswith(f"{name}-") and claim(last).prefix == f"{name}-":
            return last.removeprefix(f"{name}-")  # …/bert/bert-base-uncased-config.json
    return None


def _linked(folder: Path, name: str, files: dict[str, Path]) -> Path | None:
    """A folder in which the files have their names. It is made anew when the cache has changed."""
    facts = [(file, str(path), path.stat().st_mtime_ns, path.stat().st_size) for file, path in sorted(files.items())]
    key = hashlib.sha256(repr((str(folder), facts)).encode()).hexdigest()[:16]
    place = user_cache("older", f"{name.replace('/', '--')}-{key}")
    for file, path in files.items():
        target = place / file
        if file.endswith(model_archive.ENDING):
            model_archive.unpack_once(path, place)
            continue
        if target.exists():
            continue
        with suppress(FileExistsError):
            try:
                target.symlink_to(path.absolute())
            except FileExistsError:
                raise
            except (OSError, NotImplementedError):
                _second_name(path, target)
    return place


def _second_name(path: Path, target: Path) -> None:
    """A hard link, else a copy: where links are not possible."""
    try:
        os.link(path, target)
    except (OSError, NotImplementedError):
        from pretrained.atomic import atomic_path

        with atomic_path(target) as temporary:
            shutil.copyfile(path, temporary)


def _in_checkpoints(folder: Path, names: tuple[str, ...]) -> Path | None:
    """torch.hub keeps files of all models side by side, under the last part of their addresses."""
    found = {}
    for name in names:
        for file in Folder(folder).files:
            if file.startswith(f"{name}-") and claim(file).prefix.startswith(f"{name}-"):
                found[file.removeprefix(f"{name}-")] = folder / file
    return _linked(folder, names[0], found) if found else None
