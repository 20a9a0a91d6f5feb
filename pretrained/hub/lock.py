"""Are the files of a model those that somebody wrote down, and no others?

`pretrained.lock` lists models with their revision and every file's size and SHA-256. With `lock=` or PRETRAINED_LOCK a
model is loaded from these very bytes or not at all.

What is promised: at every load each listed file is there with its size and hash, and no file that is not listed is
read. A file is hashed in full the first time, and again when its size, times or inode change (see `hash_record`);
`pretrained verify --lock` always hashes in full. Who can write to the files while they are loaded is not kept out.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, ModelNotFoundError
from pretrained.hub import cache, catalogue, messages
from pretrained.hub.bundle import Bundle
from pretrained.hub.bundle_name import find_bundle
from pretrained.hub.files import ModelFiles
from pretrained.hub.hash_record import remembered_hash
from pretrained.hub.manifest import FileHash, files_from_json, files_to_json, read_object
from pretrained.hub.names import claim
from pretrained.hub.packed import PackedFiles
from pretrained.hub.selection import select

LOCK = "pretrained.lock"
_WEIGHTS = ("weights", "index", "shard", "part")


@dataclass(frozen=True)
class LockedModel:
    """One model of a lock file."""

    lock: Path
    name: str
    source: str | None
    """Its id at the hub, where that is known."""
    revision: str | None
    files: Mapping[str, FileHash]

    def chosen_revision(self, asked: str | None) -> str | None:
        """The locked revision. Raises where another commit was asked for."""
        if asked is None or self.revision is None or self.revision.startswith(asked):
            return self.revision
        raise ModelNotFoundError(
            messages.compose(
                f'{self.lock} locks {self.name} to the revision {self.revision}, and revision="{asked}" was asked for.',
                to_do=f"leave revision= away; or lock the other one: pretrained lock {self.name} --revision {asked}",
            )
        )

    def check(self, files: ModelFiles, part: str = "model") -> ModelFiles:
        """Raises unless the files found are the locked ones; from then on no others are read.

        Where only the tokenizer or the configuration is wanted, weights need not be there.
        """
        if self.revision and files.revision and files.revision != self.revision:
            raise self._differs(files, f"the revision {files.revision}", f"the revision {self.revision}")
        for name, expected in self.files.items():
            if part != "model" and claim(name.rpartition("/")[2]).role in _WEIGHTS:
                continue
            path = files.member(name)
            if path is None:
                raise ModelFileNotFoundError(
                    messages.compose(
                        f"{self.lock} lists {name} for {self.name}, and it is not here.",
                        looked=files.root,
                        to_do=self._again(),
                    )
                )
            size = path.stat().st_size
            if size != expected.size:
                raise self._differs(files, f"{name} with {size:,} bytes", f"{expected.size:,} bytes")
            if (found := remembered_hash(path)) != expected:
                raise self._differs(files, f"{name} with SHA-256 {found.sha256}", expected.sha256)
        files.restrict(self.files, str(self.lock))
        return files

    def _differs(self, files: ModelFiles, found: str, expected: str) -> CorruptFileError:
        return CorruptFileError(
            messages.compose(
                f"{self.name} is not what {self.lock} locks; nothing was loaded.",
                looked=files.root,
                found=found,
                expected=expected,
                to_do=self._again(),
            )
        )

    def _again(self) -> str:
        return f"pretrained download {self.name} --locked {self.lock}"


def read_lock(path: Path) -> dict[str, LockedModel]:
    """Name → model."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFoundError(
            f"the lock file {path} cannot be read: {error.strerror}. To do: pretrained lock NAME… --output {path}"
        ) from error
    models = read_object(content, str(path)).get("models")
    if not isinstance(models, dict) or not all(isinstance(model, dict) for model in models.values()):
        raise CorruptFileError(f"{path} is no lock file: it lists no models.")
    found = {}
    for name, model in models.items():
        source, revision = model.get("source"), model.get("revision")
        if not all(text is None or isinstance(text, str) for text in (source, revision)):
            raise CorruptFileError(f"{path}: source and revision of {name!r} must be texts.")
        found[name] = LockedModel(path, name, source, revision, files_from_json(model.get("files"), f"{path}: {name}"))
    return found


def locked_files(lock: str | os.PathLike[str], name: str | os.PathLike[str]) -> LockedModel:
    """What a lock file says of a model, under any of the names it has. Raises ModelNotFoundError where it is not in."""
    path = Path(os.path.expanduser(lock))
    models = read_lock(path)
    asked = os.fsdecode(name)
    for known_as in (_names(asked), _names_in_bundle(Path(os.path.expanduser(asked)))):
        for locked in models.values():
            if known_as & (_names(locked.name) | ({locked.source} if locked.source else set())):
                return locked
    raise ModelNotFoundError(
        messages.compose(
            f"{path} does not lock {asked!r}, and nothing else may be loaded.",
            found=messages.listing(models),
            to_do=f"use one of these, or lock it as well: pretrained lock {' '.join([*models, asked])} --output {path}",
        )
    )


def _names(name: str) -> set[str]:
    """Every name that means the same model: short, with its owner, or as a path."""
    return {name, *catalogue.hub_ids(name.removeprefix("hub:")), os.path.normpath(name).replace("\\", "/")}


def _names_in_bundle(path: Path) -> set[str]:
    """What the model in a bundle is called; its bytes decide in the end."""
    if (found := find_bundle(path)) is None:
        return set()
    manifest = Bundle(found).manifest
    return {name for said in (manifest.source, manifest.name) if said for name in _names(said)}


def lock_text(models: Iterable[tuple[str, ModelFiles]], hashes: Mapping[str, Mapping[str, FileHash]]) -> str:
    """The content of a lock file: the same for the same files, wherever it is written."""
    entries = {}
    for name, files in models:
        held = files.manifest if isinstance(files, PackedFiles) else None
        stored = cache.repository_id(files.boundary) if files.boundary.name.startswith("models--") else None
        entries[name] = {
            "source": held.source if held else stored,
            "revision": files.revision,
            "files": files_to_json(hashes[name]),
        }
    value = {"format": 1, "models": {name: entries[name] for name in sorted(entries)}}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def files_to_lock(files: ModelFiles) -> dict[str, Path]:
    """Every file of a model that is read when it is loaded."""
    return dict(sorted(select(files).paths.items()))
