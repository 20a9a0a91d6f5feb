"""How does a model become a wheel, so that an index of packages serves models as it serves code?

`NAME-model` holds the files, the manifest and the announcement of the model's names. What is too large for one wheel
goes on in `NAME-model-part2` and so on, on which the first depends; all of them fill one folder.
"""

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pretrained.atomic import atomic_path
from pretrained.errors import ConfigurationError
from pretrained.hub import catalogue
from pretrained.hub.bundle_name import MANIFEST
from pretrained.hub.bundle_writer import Described, read_once, require_space
from pretrained.hub.manifest import FileHash, Manifest
from pretrained.hub.wheels import GROUP
from pretrained.hub.window import Piece, Window
from pretrained.hub.zip_writer import Member, place, total_size, write

_VERSION = re.compile(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?")
_MAX_PARTS = 99
_LEAST = 1 << 16
_OWN = 1 << 20  # what a wheel holds besides: its metadata, the manifest


@dataclass
class _Wheel:
    """One wheel to be written: member name → (content, its size and hash, its checksum)."""

    package: str
    members: list[tuple[str, Path | bytes, FileHash, int]] = field(default_factory=list)
    size: int = 0

    def add(self, name: str, content: Path | bytes, found: FileHash, crc: int) -> None:
        self.members.append((name, content, found, crc))
        self.size += found.size

    def add_text(self, name: str, text: str | bytes) -> None:
        content = text.encode() if isinstance(text, str) else text
        self.add(name, content, FileHash.of_bytes(content), zlib.crc32(content))


def package_name(manifest: Manifest, name: str | None = None) -> str:
    """What the package of a model is called: "bert-base-uncased-model"; `name` is one that the user chose."""
    names = catalogue.hub_ids(name or manifest.source or manifest.name)
    name = next((name for name in names if "/" not in name), names[0])
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"
    return f"{plain}-model" if plain[0].isalpha() else f"model-{plain}-model"


def write_wheels(
    described: Described,
    folder: Path,
    *,
    version: str = "1.0",
    max_size: int = 1_900_000_000,
    name: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Writes the wheel of a model, or several of at most `max_size` bytes; the first is the one to install.

    Args:
        described: the files.
        folder: where the wheels go.
        version: of the package; it says which of two wheels is the newer one.
        name: of the model, for one that has no published name; it is found by this name too.
    """
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(f"{version!r} is no version of a package; write digits and dots, such as 1.0")
    if max_size < _LEAST + _OWN:
        raise ValueError(f"a wheel of {max_size:,} bytes is too small; {_LEAST + _OWN:,} are the least.")
    package = package_name(described.manifest, name)
    module = package.replace("-", "_")
    wheels = list(_fill(described, package, module, max_size - _OWN))
    if len(wheels) > _MAX_PARTS:
        raise ValueError(f"that would be {len(wheels)} wheels; {_MAX_PARTS} are the most. Choose larger ones.")
    main = wheels[0]
    main.add_text(f"{module}/__init__.py", f'"""The files of the model {described.manifest.name}."""\n')
    main.add_text(f"{module}/{MANIFEST}", described.manifest.to_bytes())
    require_space(folder, sum(wheel.size for wheel in wheels))
    written = []
    for wheel in reversed(wheels):  # the one that needs the others is written when they are there
        needs = [other.package for other in wheels[1:]] if wheel is main else []
        announced = _names(described.manifest, name) if wheel is main else []
        written.append(_write(wheel, folder, described.manifest, version, module, needs, announced, progress))
    return written[::-1]


def _names(manifest: Manifest, name: str | None) -> list[str]:
    """Every name under which the model is announced."""
    known = catalogue.hub_ids(manifest.source or manifest.name)
    names = {*known, *([name] if name else [])}
    return sorted(name for name in names if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name))


def _fill(described: Described, package: str, module: str, limit: int) -> Iterator[_Wheel]:
    """Files into wheels, in order; a file that is larger than a wheel is cut into pieces."""
    wheel, number = _Wheel(package), 1
    manifest = described.manifest
    side = [name for name in sorted(manifest.files) if name not in manifest.mapped]
    for name in (*side, *manifest.mapped):
        path, facts = described.paths[name], manifest.files[name]
        if wheel.members and wheel.size + facts.size > limit:
            yield wheel
            number += 1
            wheel = _Wheel(f"{package}-part{number}")
        if facts.size <= limit or name in side:
            wheel.add(f"{module}/{name}", path, facts, described.crcs[name])
            continue
        for piece, start in enumerate(range(0, facts.size, limit), 1):
            if wheel.members:
                yield wheel
                number += 1
                wheel = _Wheel(f"{package}-part{number}")
            window = cast(Path, _cut(path, start, min(limit, facts.size - start)))
            wheel.add(f"{module}/{name}.{piece:03}", window, *read_once(window))
    yield wheel


def _cut(path: Path, start: int, size: int) -> Window:
    """A range of a file that is a window itself, or of a file."""
    whole = path.pieces if isinstance(path, Window) else (Piece(path, 0, start + size),)
    pieces, begin = [], 0
    for piece in whole:
        first, last = max(start, begin), min(start + size, begin + piece.size)
        if first < last:
            pieces.append(Piece(piece.path, piece.start + first - begin, last - first))
        begin += piece.size
    return Window(Path(str(path)), path.name, tuple(pieces), {})


def _write(
    wheel: _Wheel,
    folder: Path,
    manifest: Manifest,
    version: str,
    module: str,
    needs: list[str],
    announced: list[str],
    progress: Callable[[int], None] | None,
) -> Path:
    file_name = wheel.package.replace("-", "_")
    info = f"{file_name}-{version}.dist-info"
    what = f"The files of the model {manifest.name}"
    lines = ["Metadata-Version: 2.1", f"Name: {wheel.package}", f"Version: {version}"]
    lines += [f"Summary: {what if wheel.package == module.replace('_', '-') else f'{what}, continued'}"]
    lines += [f"License: {' '.join(manifest.licence.split())}"] if manifest.licence else []
    lines += [f"Requires-Dist: {package} (=={version})" for package in needs]
    if manifest.source:
        lines += ["", f"{manifest.source}, revision {manifest.revision}"]
    wheel.add_text(f"{info}/METADATA", "\n".join(lines) + "\n")
    wheel.add_text(
        f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: pretrained\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if announced:
        entries = "".join(f"{name} = {module}\n" for name in announced)
        wheel.add_text(f"{info}/entry_points.txt", f"[{GROUP}]\n{entries}")
    records = [f"{_quoted(name)},sha256={_base64(found)},{found.size}" for name, _, found, _ in wheel.members]
    wheel.add_text(f"{info}/RECORD", "\n".join([*records, f"{info}/RECORD,,"]) + "\n")
    placed = place(Member(name, content, found.size, crc) for name, content, found, crc in wheel.members)
    target = folder / f"{file_name}-{version}-py3-none-any.whl"
    require_space(folder, total_size(placed))
    with atomic_path(target) as temporary, temporary.open("wb") as output:
        write(placed, output, progress)
    return target


def _base64(found: FileHash) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(found.sha256)).rstrip(b"=").decode()


def _quoted(name: str) -> str:
    """A name in a table of comma-separated values."""
    return f'"{name}"' if "," in name else name
