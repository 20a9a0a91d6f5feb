"""How does a model become the same model in another format?

Tensor by tensor, into a folder of a temporary name that is renamed when all of it was read again and compared. The
source is only read; its configuration, the files of its tokenizer, its card and its licence come along.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from pretrained.atomic import atomic_folder, write_text
from pretrained.checkpoints import Checkpoint, Origin, Renamed, open_checkpoint, published, save_checkpoint
from pretrained.checkpoints.tensor_bytes import digest
from pretrained.checkpoints.writing import read_before, remove_stale, shard_limit, written_format
from pretrained.conversion.opened import Opened, by_class, open_model
from pretrained.errors import CheckpointError, InputError
from pretrained.hub import ModelFiles, WeightFiles
from pretrained.hub.names import MODEL_CARD, claim
from pretrained.loading import floating_type
from pretrained.saving import described, for_format

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how many bytes of how many are."""

_VOCABULARIES = ("vocab.txt", "tokenizer.json", "spiece.model")  # these are found whatever they are called

# What the files of OpenAI's releases are called since: their content is the same.
_TODAY = {
    "encoder.json": "vocab.json",
    "vocab.bpe": "merges.txt",
    "encoder_bpe_40000.json": "vocab.json",
    "vocab_40000.bpe": "merges.txt",
}


@dataclass(frozen=True)
class Conversion:
    """What was converted."""

    source: str
    target: Path
    format: str
    files: list[str]
    """All that was written, relative to the target."""
    tensors: int
    bytes: int
    model_class: str | None
    """None when nothing told it."""
    notes: list[str] = field(default_factory=list)
    """What is not as it was, in plain words."""


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    format: str,
    dtype: torch.dtype | str | None = None,
    shard_size: int | str | None = None,
    head: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Conversion:
    """Writes a model in another format, compares every tensor with the source, and only then gives it its name.

    Args:
        source: any way to name a model, see `pretrained.resolve`.
        target: a folder, which is not there yet or empty.
        format: "safetensors", "pytorch", "tf" or "flax".
        dtype: what floating tensors become; unless given, they stay what they are.
        shard_size: above it the weights are spread over several files: bytes, or text such as "2GB".
        head: the model's class, where its configuration does not say it.
        force: write into a folder that holds files; those of the same names are replaced.
        progress: see `Progress`.
        **options: hub options.

    Raises:
        InputError: the target is the source, or holds files and `force` was not given.
        UnsupportedFormatError: the format is not written, or not for this class.
        CheckpointError: what was written is not what was read; nothing is left of it.
    """
    shard_limit(shard_size)
    wanted = None if dtype is None or dtype == "auto" else floating_type(dtype)
    target = Path(target).expanduser()
    opened = open_model(source, head=head, **options)
    _refuse(target, opened.files, force=force)
    names = opened.checkpoint
    same, notes = _ties(opened, names)
    kept = Renamed(names, {key: Origin(key) for key in names.keys() if key not in same})
    prepared = for_format(kept, format, model=opened.model, dtype=wanted)
    written = prepared.checkpoint
    total = sum(prod(written.shape(key)) * written.dtype(key).itemsize for key in written.keys())
    with atomic_folder(target) as temporary:
        weights = opened.files.weights().paths[0]
        folder = temporary / _below(weights, opened.files).parent
        folder.mkdir(parents=True, exist_ok=True)
        paths = save_checkpoint(
            written,
            folder,
            format=format,
            shard_size=shard_size,
            same=same,
            progress=_counted("writing", total, progress),
        )
        _copy_side_files(opened.files, temporary)
        _write_config(opened, written, folder)
        expected = prepared.held
        if format == "pytorch":
            expected = Renamed(expected, {key: Origin(same.get(key, key)) for key in (*expected.keys(), *same)})
        _verify(expected, paths, format, opened, _counted("comparing", total, progress))
        files = sorted(path.relative_to(temporary).as_posix() for path in temporary.rglob("*") if path.is_file())
    folder = target / folder.relative_to(temporary)
    remove_stale(folder, format, [path.name for path in paths])
    notes = [*opened.notes, *notes, *prepared.notes]
    if (first := read_before(folder, format)) is not None:
        notes.append(f"{folder} also holds {first}, which is read before what was written now; remove it if it is old")
    kind = None if opened.model is None else type(opened.model).__name__
    return Conversion(opened.files.name, target, format, files, len(written.keys()), total, kind, notes)


def _refuse(target: Path, files: ModelFiles, *, force: bool) -> None:
    there = target.is_dir()
    if target.exists() and not there:
        raise InputError(
            f"the target {target} is a file, and a folder is written. Name a folder that is not there yet."
        )
    sources = [Path(str(folder)) for folder in (files.root, files.weights().paths[0].parent)]
    if there and any(folder.is_dir() and target.samefile(folder) for folder in sources):
        raise InputError(f"the target {target} is the folder of the source, which is never changed. Name another one.")
    # What a killed process left has a name of its own, and goes away in time.
    held = [path.name for path in target.iterdir() if not path.name.startswith(f".{target.name}.")] if there else []
    if held and not force:
        found = ", ".join(sorted(held)[:4])
        raise InputError(
            f"the target {target} holds files ({found}, …). Name another folder, or add --force (force=True), which "
            "replaces those of the same names."
        )


def _ties(opened: Opened, checkpoint: Checkpoint) -> tuple[dict[str, str], list[str]]:
    """Parameter → the parameter that it is the same as, in this checkpoint; and what is to be said of them."""
    same: dict[str, str] = {}
    notes: list[str] = []
    held = checkpoint.keys()
    for target, source in ({} if opened.model is None else opened.model._ties()).items():
        if source not in held:
            continue
        if target not in held or _digest(checkpoint, target) == _digest(checkpoint, source):
            same[target] = source
        else:
            notes.append(f"{target} and {source} are one parameter of the class, but differ here; both are kept")
    return same, notes


def _copy_side_files(files: ModelFiles, folder: Path) -> None:
    """The tokenizer's and other small files under their published names, in the places where they lie; the card too."""
    listed = [PurePosixPath(facts.name).name for facts in files.listing()]
    names = {of.published for of in map(claim, listed) if of.role in ("tokenizer", "side")} | set(_VOCABULARIES)
    names |= {name for name in listed if MODEL_CARD.fullmatch(name)}
    found = {name: path for name in sorted(names) if (path := files.get(name)) is not None}
    for name, path in found.items():
        _copy(path, folder / _below(path, files).parent / _TODAY.get(name, name))
    network = _below(files.weights().paths[0], files).parent
    modules = files.json("modules.json") if "modules.json" in found else None
    for module in modules if isinstance(modules, list) else ():
        below = module.get("path") if isinstance(module, dict) else None
        for name in ("config.json", "model.safetensors", "pytorch_model.bin"):
            # The other modules of a sentence-transformers folder are small, and stay as they are.
            if below and (path := files.get(f"{below}/{name}")) and _below(path, files).parent != network:
                _copy(path, folder / _below(path, files))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written)


def _below(path: Path, files: ModelFiles) -> Path:
    """Where a file lies in its model's folder, which may be a bundle."""
    own, root = Path(str(path)), Path(str(files.root))
    return own.relative_to(root) if own.is_relative_to(root) else Path(own.name)


def _write_config(opened: Opened, written: Checkpoint, folder: Path) -> None:
    values = opened.files.config()
    if values is None:
        return
    model = opened.model
    if model is not None:
        # Original releases call it n_vocab or n_token; other libraries look for the published name.
        sizes = {key for key, name in type(model.config).aliases.items() if name == "vocab_size" and key in values}
        if "vocab_size" not in values:
            values = {"vocab_size" if key in sizes else key: value for key, value in values.items()}
        values = {"model_type": model.config.model_type} | values
    values |= described(values, written, None if model is None else type(model).__name__)
    write_text(folder / "config.json", json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _verify(
    expected: Checkpoint, paths: list[Path], format: str, opened: Opened, progress: Callable[[str, int], None]
) -> None:
    """Reads the files again and compares every tensor, bit by bit."""
    weights = tuple(path for path in paths if path.suffix != ".json")
    again: Checkpoint = open_checkpoint(WeightFiles(written_format(format).reads, weights))
    if opened.model is not None:
        again = by_class(published(again, opened.model.renames), opened.model)
    held = again.keys()
    for key in expected.keys():
        shape, dtype = expected.shape(key), expected.dtype(key)
        if key not in held:
            problem = "it is not there"
        elif (again.shape(key), again.dtype(key)) != (shape, dtype):
            problem = f"it is {again.dtype(key)} {again.shape(key)}, and should be {dtype} {shape}"
        elif _digest(again, key) != _digest(expected, key):
            problem = "its values differ"
        else:
            progress(key, prod(shape) * dtype.itemsize)
            continue
        raise CheckpointError(
            f"{expected.source} was written in the format {format!r} and read again, and the tensor {key!r} did not "
            f"come back: {problem}. Nothing was kept. If it happens again, and the disk is sound, please report it."
        )


def _digest(checkpoint: Checkpoint, key: str) -> bytes:
    return digest(checkpoint.tensor(key, copy=True))  # one tensor is in memory at a time


def _counted(what: str, total: int, progress: Progress | None) -> Callable[[str, int], None]:
    done = 0

    def count(_: str, size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(what, done, total)

    return count
