"""Where are the files of the model with this name?

One function per source, and one order: a folder or file on disk, an installed package, the caches of this machine,
and only then the network.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from pretrained.errors import (
    DownloadError,
    ModelNotFoundError,
    UnsafeFileError,
    UnsupportedFormatError,
    did_you_mean,
)
from pretrained.hub import cache, catalogue, messages, options
from pretrained.hub.bundle_name import find_bundle
from pretrained.hub.files import ModelFiles
from pretrained.hub.folder import Folder, Located, holds_model, is_of_a_model, locate, nothing_in
from pretrained.hub.names import WEIGHTS_ENDINGS, claim
from pretrained.hub.packages import models_below, package_folders
from pretrained.hub.reference import Reference, parse
from pretrained.hub.sniff import sniff
from pretrained.hub.wanted import has

if TYPE_CHECKING:
    from pretrained.hub.lock import LockedModel


@dataclass
class _Search:
    """What was asked, and what came to light on the way."""

    reference: Reference
    revision: str | None
    cache_dir: str | os.PathLike[str] | None
    subfolder: str
    part: str
    partial: ModelFiles | None = None
    """Files of the model that are here, and not all that are wanted."""
    looked: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def resolve(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    subfolder: str = "",
    part: str = "model",
    lock: str | os.PathLike[str] | None = None,
    token: str | bool | None = None,
    use_auth_token: str | bool | None = None,
    proxies: Mapping[str, str] | None = None,
    **published_options: Any,
) -> ModelFiles:
    """The files of a model: a folder, a file, `package:NAME`, owner/name or a short name.

    Files that are on this machine are used without asking the network; what is not here is downloaded into the cache,
    unless `local_files_only=True` or HF_HUB_OFFLINE=1 forbid it. `force_download=True` asks the network anyway, and
    replaces files that are not what it lists.

    `revision` is a branch, tag or (abbreviated) commit, `cache_dir` a cache in place of the usual ones, `subfolder` a
    folder below the model's own. `part` says what is wanted: a "model" with its weights, a "tokenizer", or a "config".
    With `lock`, a lock file (else PRETRAINED_LOCK names one), these very files are taken and no others.
    `token` (or its earlier name, `use_auth_token`) and `proxies` are for the download; other published options of
    downloading are accepted and have no effect.
    """
    options.check(published_options)
    if revision is not None and not isinstance(revision, str):
        raise TypeError(f'revision={revision!r} is {type(revision).__name__}; give a str, such as "main" or a commit')
    if part not in ("model", "tokenizer", "config"):
        raise ValueError(f"part {part!r} is none of model, tokenizer, config")
    reference = parse(name)
    subfolder = _relative(subfolder)
    locked = _locked(lock, reference)
    if locked is not None:
        revision = locked.chosen_revision(revision)
    search = _Search(reference, revision, cache_dir, subfolder, part)
    found = _find(search, local_files_only=local_files_only, refresh=force_download)
    if found is None:
        asked = use_auth_token if token is None else token
        names = tuple(locked.files) if locked is not None and part == "model" else ()
        found = _downloaded(search, names, refresh=force_download, token=asked, proxies=proxies)
    return found if locked is None else locked.check(found, part)


def _locked(lock: str | os.PathLike[str] | None, reference: Reference) -> "LockedModel | None":
    lock = os.environ.get("PRETRAINED_LOCK") if lock is None else lock  # lock="" asks for none
    if not lock:
        return None
    from pretrained.hub.lock import locked_files

    return locked_files(lock, reference.asked)


def _find(search: _Search, *, local_files_only: bool, refresh: bool) -> ModelFiles | None:
    """The files on this machine; None where the network is to be asked for them."""
    sources = {
        "disk": (_on_disk,),
        "package": (_in_package,),
        "hub": (_in_cache, _in_older_cache, _in_wheel),
        "name": (_on_disk, _in_cache, _in_older_cache, _in_wheel),  # all packages take milliseconds, so at last
    }[search.reference.kind]
    on_the_hub = search.reference.kind in ("hub", "name")
    for source in sources:
        if refresh and source in (_in_cache, _in_older_cache):
            continue
        if (found := source(search)) is not None:
            if refresh:
                found.note(f"force_download= is for models of the hub; this is a {found.kind}")
            return found
    forbidden = options.forbidden(local_files_only) if on_the_hub else ""
    if on_the_hub and not forbidden:
        return None
    if refresh and on_the_hub:
        raise DownloadError(
            f"force_download=True asks for a fresh copy of {search.reference.asked}, and {forbidden} forbids the "
            "network.\nTo do: leave one of the two away"
        )
    if search.partial is not None:
        return search.partial
    raise _not_found(search, forbidden)


def _relative(subfolder: str) -> str:
    parts = PureWindowsPath(subfolder)
    if parts.drive or parts.root or ".." in parts.parts:
        raise UnsafeFileError(f"subfolder={subfolder!r} leaves the folder of the model; give a path below it")
    return "/".join(parts.parts)


# -- disk --------------------------------


def _on_disk(search: _Search) -> ModelFiles | None:
    """A folder, or a file with the side files beside it. A bare name counts only where it holds a model."""
    path, sure = search.reference.path, search.reference.kind == "disk"
    if path is None:
        return None
    if (bundle := find_bundle(path)) is not None:
        return _bundle(search, bundle)
    if os.path.isdir(path):
        if search.subfolder and not os.path.isdir(path / search.subfolder):
            _refuse_subfolder(search, path)
            return None
        path = path / search.subfolder
        return _folder(search, path) if sure else _folder_of_that_name(search, path)
    if os.path.isfile(path):
        if not sure and not _belongs_to_a_model(path) and _is_known(search):
            search.notes.append(f"the file {path} is no file of a model, and is passed over")
            return None
        return _file(search, path)
    index = path.with_name(f"{path.name}.index")  # "model.ckpt" stands for model.ckpt.index and its data files
    if os.path.isfile(index) and (claim(index.name).role == "weights" or sniff(index).kind == "tf_index"):
        return _file(search, index)
    search.looked.append(f"a folder or file {path.absolute()}")
    return None


def _is_known(search: _Search) -> bool:
    """Whether a name is certainly one of the hub: a published short name, or one that lies in the cache."""
    name = search.reference.target
    return catalogue.short_name(name) is not None or next(_stored(search), None) is not None


def _refuse_subfolder(search: _Search, path: Path) -> None:
    """Raises for a folder without the one that `subfolder=` names; a name that is known may still lead elsewhere."""
    folder = Folder(path)
    folders = messages.listing(f"{name}{os.sep}" for name in folder.folders)
    problem = f"{path} has no folder {search.subfolder!r}{did_you_mean(search.subfolder, folder.folders)}"
    to_do = f"leave subfolder={search.subfolder!r} away"
    if folder.folders:
        to_do = f"give one of its folders as subfolder=, or {to_do}"
    if search.reference.kind == "name" and (_is_known(search) or not holds_model(folder)):
        search.looked.append(f"the folder {path.absolute()}")
        search.found.append(f"{problem}; its folders: {folders}")
        search.advice.append(to_do)
        return
    found = f"folders: {folders}"
    raise ModelNotFoundError(messages.compose(f"{problem}.", looked=path.absolute(), found=found, to_do=to_do))


def _bundle(search: _Search, path: Path) -> ModelFiles:
    from pretrained.hub.bundle import open_bundle

    if search.subfolder:
        raise ModelNotFoundError(f"{path} is a bundle of one model; it has no subfolder {search.subfolder!r}.")
    return open_bundle(path, name=search.reference.asked, revision=search.revision, notes=tuple(search.notes))


def _folder(search: _Search, path: Path) -> ModelFiles:
    located = locate(path, revision=search.revision, asked=search.reference.asked)
    if search.revision and not located.revision:
        search.notes.append("revision= chooses among versions in a cache; a folder has only one")
    return ModelFiles(located, name=search.reference.asked, kind="folder", notes=search.notes)


def _folder_of_that_name(search: _Search, path: Path) -> ModelFiles | None:
    """The folder wins over a model of the same name in the cache, and says so; without model files it does not."""
    try:
        files = _folder(search, path)
        # checkpoints of a run beside the script do not hide a model that is known by that name
        if not holds_model(Folder(files.root), oddly_named=not _is_known(search)):
            raise nothing_in(Folder(path), str(path))
    except (ModelNotFoundError, UnsupportedFormatError) as error:
        if isinstance(error, UnsupportedFormatError) and not _is_known(search):
            raise  # a model that is still packed is what was meant
        problem, _, rest = str(error).partition("\n")
        search.looked.append(f"the folder {path.absolute()}")
        search.found.append(problem)
        search.advice.append(rest.partition("To do: ")[2] or f"look into {path}")
        search.notes.append(f"the folder {path} is passed over: {problem}")
        return None
    stored = next(_stored(search), None)
    if stored is not None:
        files.note(f"the folder {path} is used; {stored} has a model of that name too (hub:{search.reference.target})")
    return files


def _belongs_to_a_model(path: Path) -> bool:
    """By its name, or by its content: README.md does not, nor does optimizer.pt."""
    role = claim(path.name).role
    return role not in ("side", "training", "unfinished") if role else is_of_a_model(sniff(path))


def _file(search: _Search, path: Path) -> ModelFiles:
    content = sniff(path)
    if content.kind in ("zip_model", "zip", "archive"):
        target = path.with_suffix("")
        command = messages.unzip(path, target) if content.kind != "archive" else f"unpack {path}"
        raise UnsupportedFormatError(
            messages.compose(
                f"{path.name} is {content}; models are read unpacked.",
                looked=path.parent,
                found=f"{path.name} ({messages.size(path.stat().st_size)})",
                to_do=f"{command}, and name the folder",
            )
        )
    named_so = bool(claim(path.name).role) or path.name.lower().endswith(WEIGHTS_ENDINGS)
    damaged = content.kind == "closed" or (content.damaged and named_so)
    if not _belongs_to_a_model(path) and not damaged:
        hub = f"; for a model of the hub: hub:{search.reference.target}" if search.reference.kind == "name" else ""
        raise ModelNotFoundError(
            messages.compose(
                f"{path.name} is no file of a model, but {content}.",
                looked=path.parent,
                expected="weights, a configuration, a vocabulary, or the folder that holds them",
                to_do=f"name the folder: {path.parent}{hub}",
            )
        )
    root = path.parent
    boundary: Path = root
    revision: str | None = None
    if root.parent.name == "snapshots" and cache.is_repository(root.parent.parent):
        boundary, revision = root.parent.parent, root.name
    return ModelFiles(
        Located(root, boundary, revision),
        name=search.reference.asked,
        kind="file",
        chosen=path.name,
        notes=search.notes,
    )


# -- installed packages --------------------------------


def _in_package(search: _Search) -> ModelFiles | None:
    """A model folder inside an installed package, which is located and never imported."""
    name = search.reference.target
    for folder in package_folders(name):
        search.looked.append(f"the package folder {folder}")
        models = list(models_below(folder / search.subfolder, depth=4))
        if len(models) > 1:
            shown = messages.listing(model.relative_to(folder).as_posix() for model in models)
            raise ModelNotFoundError(
                messages.compose(
                    f"the package {name} carries several models, and the name does not say which.",
                    looked=folder,
                    found=shown,
                    to_do=f'choose one of them, such as subfolder="{models[0].relative_to(folder).as_posix()}"',
                )
            )
        if models:
            from pretrained.hub.wheels import open_folder

            if (packed := open_folder(models[0], name=search.reference.asked, notes=search.notes)) is not None:
                return packed
            found = Located(models[0], models[0])
            return ModelFiles(found, name=search.reference.asked, kind="package", notes=search.notes)
    return None


def _in_wheel(search: _Search) -> ModelFiles | None:
    """A model whose package announces this name, as the wheels of `pretrained wheel` do."""
    from pretrained.hub.wheels import installed_model

    name, asked = search.reference.target, search.reference.asked
    return installed_model(name, asked=asked, revision=search.revision, notes=search.notes)


# -- caches --------------------------------


def _in_cache(search: _Search) -> ModelFiles | None:
    """The first cache that has what is wanted of the model, under any id it had. Less than that is kept in mind."""
    for repository in _stored(search):
        found = cache.snapshot(repository, search.revision)
        if isinstance(found, cache.NoSnapshot):
            search.found.append(f"{repository}: {found.reason} ({found.found})")
            search.advice.append(found.to_do)
            continue
        root = found.path / search.subfolder
        folder = Folder(root)
        if not folder.opens or not holds_model(folder):
            search.found.append(f"{root}: {_unusable(root, repository)}")
            if search.subfolder and not os.path.isdir(root):
                below = messages.listing(f"{name}{os.sep}" for name in Folder(found.path).folders)
                search.advice.append(
                    f"leave subfolder={search.subfolder!r} away, or give one that is here; folders: {below}"
                )
            continue
        located = Located(root, repository, revision=found.path.name, notes=found.notes)
        notes = list(search.notes)
        if cache.repository_id(repository) != search.reference.target:
            notes.append(f"{search.reference.target} lies in the cache as {cache.repository_id(repository)}")
        files = ModelFiles(located, name=search.reference.asked, kind="cache", notes=notes)
        if has(folder, search.part):
            return files
        search.partial = search.partial or files
    return None


def _in_older_cache(search: _Search) -> ModelFiles | None:
    """Caches of earlier days and of other libraries, which have one version of a model."""
    from pretrained.hub import older_caches

    if search.revision or search.subfolder:
        return None
    for place in older_caches.places(search.reference.target, search.cache_dir):
        if search.cache_dir is None:  # which is named as a cache already
            search.looked.append(f"{place.what} ({place.folder})")
        if place.model is not None:
            note = f"{search.reference.target} lies in {place.what}"
            found = Located(place.model, place.model, notes=(note,), hub_id=search.reference.target)
            files = ModelFiles(found, name=search.reference.asked, kind="cache", notes=search.notes)
            if has(Folder(place.model), search.part):
                return files
            search.partial = search.partial or files
    return None


def _stored(search: _Search) -> Iterator[Path]:
    """Folders of the caches that hold something of the model: under the name as given, then under its others."""
    name = search.reference.target
    caches = cache.cache_folders(search.cache_dir)
    for folder in caches:
        if cache.is_repository(repository := cache.repository_folder(folder, name)):
            yield repository
    for folder in caches:
        for other in catalogue.hub_ids(name):
            repository = cache.repository_folder(folder, other)
            if other != name and cache.is_repository(repository):
                yield repository


def _unusable(root: Path, repository: Path) -> str:
    if not os.path.isdir(root):
        return "there is no such folder"
    if not Folder(root).opens:
        return f"it may not be read ({messages.allow(root)})"
    parts = [Folder(root).described(), *cache.unfinished(repository)]
    return f"no file of a model ({messages.listing(parts)})"


# -- the network --------------------------------


def _downloaded(
    search: _Search,
    names: tuple[str, ...],
    *,
    refresh: bool,
    token: str | bool | None,
    proxies: Mapping[str, str] | None,
) -> ModelFiles:
    """The model, after what was not here of it came over the network; `names` are the only files that may come."""
    from pretrained.hub.download import Wish, download, shown

    name = search.reference.target
    wish = Wish(search.revision, weights=search.part == "model", subfolder=search.subfolder, names=names)
    caches = [f"the cache {folder}" for folder in cache.cache_folders(search.cache_dir)]
    try:
        with shown() as progress:
            done = download(
                name,
                wish,
                cache_dir=search.cache_dir,
                refresh=refresh,
                token=token,
                proxies=proxies,
                progress=progress,
                looked=[*search.looked, *caches],
                found=[*search.found, *(f"to use what is here: {advice}" for advice in search.advice)],
            )
    except ModelNotFoundError as error:
        if search.partial is None or refresh:
            raise
        search.partial.note(f"what is missing was not fetched: {str(error).partition(chr(10))[0]}")
        return search.partial
    notes = list(search.notes)
    if done.plan.missing:
        notes.append(f"{len(done.plan.missing)} files were downloaded from {done.plan.endpoint}")
    return done.files(search.reference.asked, search.subfolder, notes)


# -- nothing found --------------------------------


def _not_found(search: _Search, forbidden: str) -> ModelNotFoundError:
    from pretrained.hub.not_found import explain

    return ModelNotFoundError(
        explain(
            search.reference,
            looked=search.looked,
            found=search.found,
            advice=search.advice,
            cache_dir=search.cache_dir,
            revision=search.revision,
            forbidden=forbidden,
            subfolder=search.subfolder,
        )
    )
