"""How is a model read whose weights lie inside other files, in a bundle or in pieces?"""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pretrained.errors import CorruptFileError
from pretrained.hub.files import FileFacts, ModelFiles
from pretrained.hub.folder import Located
from pretrained.hub.jsonfile import parse_json
from pretrained.hub.manifest import Manifest
from pretrained.hub.sniff import DESCRIPTIONS, sniff
from pretrained.hub.weights import WeightFiles


class PackedFiles(ModelFiles):
    """The files of a model with a manifest: side files in a folder, weights as windows."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        windows: Mapping[str, Path],
        *,
        name: str,
        kind: str,
        notes: Sequence[str] = (),
    ) -> None:
        located = Located(folder, folder, revision=manifest.revision)
        super().__init__(located, name=name, kind=kind, notes=notes)
        self.manifest = manifest
        self.windows = windows

    @property
    def published_name(self) -> str:
        return self.manifest.source or self.manifest.name or self.name

    @cached_property
    def _weights(self) -> WeightFiles:
        manifest = self.manifest
        paths = tuple(self.windows[name] for name in manifest.weights)
        if not paths:
            raise CorruptFileError(f"the manifest of {self.name} names no weights.")
        index = None
        if manifest.index is not None:
            value = parse_json((self.root / manifest.index).read_bytes())
            index = value.get("weight_map") if isinstance(value, dict) else None
            if not isinstance(index, dict) or set(index.values()) != {path.name for path in paths}:
                raise CorruptFileError(f"{self.name}: {manifest.index} does not name the weights of the manifest.")
        return WeightFiles(manifest.weights_format, paths, index)

    def member(self, name: str) -> Path | None:
        return self.windows[name] if name in self.windows else super().member(name)

    def listing(self) -> tuple[FileFacts, ...]:
        facts = {fact.name: fact for fact in super().listing()}
        for name, window in self.windows.items():
            facts[name] = FileFacts(name, window, window.stat().st_size, DESCRIPTIONS[sniff(window).kind])
        return tuple(facts[name] for name in sorted(facts))


def is_side_file(name: str, manifest: Manifest) -> bool:
    """Whether a file must be there as a file, because others than readers of weights want it."""
    return name not in manifest.mapped or os.path.splitext(name)[1] == ".json"
