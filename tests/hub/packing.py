"""What do tests of bundles, wheels and locks share? Tiny models, and bundles made of them or made to deceive."""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pretrained.hub import resolve, zip_writer
from pretrained.hub.bundle_name import MANIFEST
from pretrained.hub.bundle_writer import describe, pack
from pretrained.hub.manifest import FileHash, Manifest
from tests.hub.material import Material, write

TINY = Material.tiny()
CARD = b"---\nlanguage: en\nlicense: apache-2.0\ntags:\n- x\n---\n# A model\n"
FILES = TINY.files() | {"README.md": CARD}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, an empty home and empty caches."""
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    for variable in ("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def packed(name: str | Path, target: Path, *, split: int | None = None) -> Path:
    """A bundle of a model."""
    pack(describe(resolve(name)), target, split=split)
    return target


def bundle_of(folder: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """A bundle of the given files, made in a folder."""
    write(folder / "model", files)
    return packed(folder / "model", folder / "a.pretrained")


def manifest_of(files: Mapping[str, bytes], *, weights: tuple[str, ...] = ("model.safetensors",)) -> Manifest:
    hashes = {name: FileHash.of_bytes(content) for name, content in files.items()}
    return Manifest(hashes, name="model", weights_format="safetensors", weights=weights)


def stored(members: Mapping[str, bytes]) -> bytes:
    """A zip as bundles are, of any members in this order."""
    placed = zip_writer.place(
        zip_writer.Member(name, content, len(content), zlib.crc32(content), name == "model.safetensors")
        for name, content in members.items()
    )
    target = io.BytesIO()
    zip_writer.write(placed, target)
    return target.getvalue()


def hostile(files: Mapping[str, bytes], *, manifest: bytes | None = None) -> bytes:
    """A bundle of any files; its manifest lists them unless another is given."""
    content = manifest_of(files).to_bytes() if manifest is None else manifest
    return stored({MANIFEST: content} | dict(files))


def by_zipfile(files: Mapping[str, bytes], change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    """The same, written by zipfile, with each entry changed before."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in ({MANIFEST: manifest_of(files).to_bytes()} | dict(files)).items():
            info = zipfile.ZipInfo(name)
            change(info)
            archive.writestr(info, content, info.compress_type)
    return target.getvalue()
