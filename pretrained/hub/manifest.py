"""Which files belong together, and what are their sizes and hashes?

A bundle, an unpacked bundle and the wheels of a model hold a manifest; a lock file lists the files of several models
in the same way. Nothing that a manifest says is believed before the files were compared with it.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretrained.errors import CorruptFileError, UnsafeFileError, UnsupportedFormatError
from pretrained.hub.bundle_name import MANIFEST
from pretrained.hub.jsonfile import parse_json

_FORMAT = 1
_MAX_BYTES = 16 << 20
_MAX_NAME = 1000
_MAX_PART = 255  # bytes of one name, as most file systems have it
_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.I)


@dataclass(frozen=True, slots=True)
class FileHash:
    """The size of one file in bytes, and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str

    @staticmethod
    def of_bytes(content: bytes) -> "FileHash":
        return FileHash(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """The files of one model, and where they came from."""

    files: Mapping[str, FileHash]
    """Name relative to the model's folder, with "/" between folders → size and hash."""
    name: str = ""
    """What the model is called, such as "bert-base-uncased"."""
    source: str | None = None
    """Its id at the hub, where that is known."""
    revision: str | None = None
    """The commit, where that is known."""
    licence: str | None = None
    """As its model card states it."""
    weights_format: str = ""
    weights: tuple[str, ...] = ()
    """The files that are handed to the reader of that format."""
    parts: tuple[str, ...] = ()
    """Files that the reader opens beside those, such as the data files of a TensorFlow checkpoint."""
    index: str | None = None
    """The file that says which tensor is in which of them."""

    @property
    def mapped(self) -> tuple[str, ...]:
        """The large files, which are read where they lie."""
        return self.weights + self.parts

    def to_bytes(self) -> bytes:
        """JSON; the same for the same files, wherever and whenever it is written."""
        value = {
            "format": _FORMAT,
            "name": self.name,
            "source": self.source,
            "revision": self.revision,
            "licence": self.licence,
            "weights": {
                "format": self.weights_format,
                "files": list(self.weights),
                "parts": list(self.parts),
                "index": self.index,
            },
            "files": files_to_json(self.files),
        }
        return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()

    @staticmethod
    def parse(content: bytes, source: str) -> "Manifest":
        """The manifest in a file; `source` says in errors where it was found."""
        value = read_object(content, source)
        weights = value.get("weights")
        if not isinstance(weights, dict):
            weights = {}
        manifest = Manifest(
            files_from_json(value.get("files"), source),
            name=_text(value, "name", source) or "",
            source=_text(value, "source", source),
            revision=_text(value, "revision", source),
            licence=_text(value, "licence", source),
            weights_format=_text(weights, "format", source) or "",
            weights=_names(weights, "files"),
            parts=_names(weights, "parts"),
            index=_text(weights, "index", source),
        )
        named = [*manifest.mapped, *([] if manifest.index is None else [manifest.index])]
        strangers = [name for name in named if name not in manifest.files]
        if strangers:
            raise CorruptFileError(f"{source} names {strangers[0]!r} as weights, which is not among its files.")
        return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest that lies in a folder; None where there is none."""
    path = folder / MANIFEST
    try:
        content = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Manifest.parse(content, str(path))


def read_object(content: bytes, source: str) -> dict[str, Any]:
    """A JSON object of a format that this version knows."""
    if not content or len(content) > _MAX_BYTES:
        raise CorruptFileError(f"{source} is empty, or larger than the {_MAX_BYTES:,} bytes that such a file may have.")
    try:
        value = parse_json(content)
    except ValueError as error:
        raise CorruptFileError(f"{source} is not JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("format"), int):
        raise CorruptFileError(f"{source} is no list of a model's files: it has no format number.")
    if value["format"] != _FORMAT:
        raise UnsupportedFormatError(
            f"{source} is of the format {value['format']}, and this version knows {_FORMAT}.\n"
            "To do: python -m pip install --upgrade pretrained"
        )
    return value


def files_to_json(files: Mapping[str, FileHash]) -> dict[str, Any]:
    return {name: {"size": files[name].size, "sha256": files[name].sha256} for name in sorted(files)}


def files_from_json(value: object, source: str) -> dict[str, FileHash]:
    """Name → size and hash, as far as the names are harmless and the numbers such numbers."""
    if not isinstance(value, dict) or not value:
        raise CorruptFileError(f"{source} lists no files.")
    files = {}
    for name, facts in value.items():
        size, digest = (facts.get("size"), facts.get("sha256")) if isinstance(facts, dict) else (None, None)
        if type(size) is not int or size < 0 or not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise CorruptFileError(f"{source} gives no size and SHA-256 for {name!r}.")
        files[name] = FileHash(size, digest)
    check_names(files, source)
    return files


def _names(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = value.get(key)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _text(value: Mapping[str, Any], key: str, source: str) -> str | None:
    text = value.get(key)
    if text is not None and not isinstance(text, str):
        raise CorruptFileError(f"{source} holds a {type(text).__name__} as {key}, where a text was expected.")
    return text


# -- names --------------------------------


def check_names(names: Iterable[str], source: str) -> None:
    """Refuses names that would lead out of a folder, or be one file on one system and two on another."""
    seen: dict[str, str] = {}
    folders: set[str] = set()
    for name in names:
        if why := _why_unsafe(name):
            raise UnsafeFileError(f"{source} holds the name {name!r}: {why}. Nothing was read from it.")
        folded = _folded(name)
        if folded in seen:
            raise UnsafeFileError(
                f"{source} holds {seen[folded]!r} and {name!r}, which are one file on some systems. "
                "Nothing was read from it."
            )
        seen[folded] = name
        parts = folded.split("/")
        folders |= {"/".join(parts[:end]) for end in range(1, len(parts))}
    if both := sorted(folders & seen.keys()):
        raise UnsafeFileError(f"{source} holds {seen[both[0]]!r} as a file and as a folder. Nothing was read from it.")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _why_unsafe(name: str) -> str:
    """Why no file may have this name on some system; "" for a good one."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is no text"
    if not name or length > _MAX_NAME:
        return "it is empty or too long"
    if found := _FORBIDDEN.search(name):
        return f"it has the character {found[0]!r}"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "it leaves its folder, or names none"
        if part[-1] in ". " or part[0] == " ":
            return "a part of it begins with a blank, or ends with a blank or a dot"
        if _DEVICE.fullmatch(part):
            return "it is a device of Windows"
        if len(part.encode()) > _MAX_PART:
            return "a part of it is too long"
    return ""


# -- hashes --------------------------------


def hash_file(path: Path, progress: Callable[[int], None] | None = None) -> FileHash:
    """Size and SHA-256 of a file, read from its first byte to its last; `progress` is told each step in bytes."""
    digest, size = hashlib.sha256(), 0
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with path.open("rb") as file:
        while count := file.readinto(view):
            digest.update(view[:count])
            size += count
            if progress is not None:
                progress(count)
    return FileHash(size, digest.hexdigest())
