"""Which tensors does a file written by torch.save hold?

Both layouts are read, the zip archive of torch 1.6 and later and the stream of pickles before it. Neither
`torch.load` nor `pickle.load` is called: `pickle_data` describes the pickle, and here the descriptions of
tensors, and only those, become lazy views of the mapped file. All else stays a description.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch

from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import MAX_NAME, TORCH
from pretrained.checkpoints.tensor_views import STORAGE_TYPES, TensorView, innermost, is_tensor, view_of
from pretrained.checkpoints.torch_zip import read_records
from pretrained.errors import (
    CheckpointError,
    CorruptFileError,
    PretrainedError,
    UnsafeFileError,
    UnsupportedFormatError,
)
from pretrained.hub.sniff import sniff
from pretrained.pickle_data import Call, Dict, Name, Persistent, describe, read_pickle

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_SHOWN = 8
# Where training programs put the state dict inside what they save, and how deep we follow.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
_MAX_DEPTH = 3

_Pairs = list[tuple[object, object]]


class TorchPickleFile:
    """A Checkpoint over one pytorch_model.bin, whatever its age."""

    vocabulary = TORCH

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self._file = MappedFile(path)
        self._byteorder = "little"
        self._records: dict[str, Record] = {}  # storage key → where its bytes lie
        start = self._file.data[:4]
        if start == b"PK\x03\x04":
            root = self._open_zip()
        elif start[:1] == b"\x80":
            root = self._open_legacy()
        else:
            raise _not_ours(self._file)
        pairs, notes = _find_state_dict(root, self.source)
        self._views, self._skipped = self._read_entries(pairs)
        if pairs and not self._views:
            raise _no_tensors(self.source, self._skipped)
        self.skipped = {key: describe(value) for key, value in self._skipped.items()}
        if self._skipped:
            notes.append(f"entries that are no tensors were skipped: {_listed(self._skipped)}")
        self.notes = tuple(notes)
        uses = Counter(view.storage.key for view in self._views.values())
        self._shared = {key for key, count in uses.items() if count > 1}
        self._flat: dict[tuple[str, torch.dtype], torch.Tensor] = {}

    # The Checkpoint protocol

    def keys(self) -> Collection[str]:
        return self._views.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._view(key).shape

    def dtype(self, key: str) -> torch.dtype:
        return self._view(key).dtype

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        view = self._view(key)
        storage = view.storage
        shared = storage.key in self._shared  # tied weights stay one memory, and are read once
        flat = self._flat.get((storage.key, storage.dtype))
        if flat is None:
            record = self._records[storage.key]
            flat = self._file.flat(record, storage.dtype, byteorder=self._byteorder, copy=copy and not shared)
            if shared:
                self._flat[storage.key, storage.dtype] = flat
        return flat.as_strided(view.shape, view.stride, storage.start + view.offset)

    def _view(self, key: str) -> TensorView:
        if key in self._views:
            return self._views[key]
        if key in self._skipped:
            raise _not_a_tensor(self.source, f"the entry {key!r}", self._skipped[key])
        raise CheckpointError(f"{self.source} has no tensor called {key!r}.")

    # The two layouts: each fills self._records and returns the pickled object

    def _open_zip(self) -> object:
        records = read_records(self._file)
        pickles = [name for name in records if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise UnsupportedFormatError(
                f"{self.source} is a zip archive, but not one of torch.save; it holds: "
                f"{', '.join(sorted(records)[:_SHOWN]) or 'nothing'}. If that is a model folder, unpack it and "
                "give the folder."
            )
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in records:
            raise UnsupportedFormatError(
                f"{self.source} is a TorchScript program (torch.jit.save): code, not a state dict. Save the "
                "original model with torch.save(model.state_dict(), …)."
            )
        order = records.get(f"{root}byteorder")
        if order is not None:
            self._byteorder = self._file.content(order)[:8].decode("ascii", "replace")
            if self._byteorder not in ("little", "big"):
                raise CorruptFileError(f"{self.source} is damaged: its byte order is {self._byteorder!r}.")
        folder = f"{root}data/"
        self._records = {
            name.removeprefix(folder): record for name, record in records.items() if name.startswith(folder)
        }
        return read_pickle(self._file.content(records[pickles[0]]), self.source).value

    def _open_legacy(self) -> object:
        """Five pickles (magic, protocol, system, object, storage keys), then one storage after another."""
        data, source = self._file.data, self.source
        magic = read_pickle(data, source, max_opcodes=1000)
        if type(magic.value) is not int or magic.value != _LEGACY_MAGIC:
            raise UnsupportedFormatError(
                f"{source} is a pickle that torch.save did not write; only those of torch.save hold tensors "
                "that can be read without running code."
            )
        protocol = read_pickle(data, source, start=magic.end, max_opcodes=1000)
        if type(protocol.value) is not int or protocol.value != _LEGACY_PROTOCOL:
            raise UnsupportedFormatError(
                f"{source} is in torch's old layout, but of another version than {_LEGACY_PROTOCOL}; not read."
            )
        system = read_pickle(data, source, start=protocol.end, max_opcodes=1000)
        content = read_pickle(data, source, start=system.end)
        keys = read_pickle(data, source, start=content.end)
        if not isinstance(keys.value, list):
            raise CorruptFileError(f"{source} is damaged: its list of storages is {describe(keys.value)}.")
        self._records = self._legacy_records(keys.value, keys.end, content.persistent)
        return content.value

    def _legacy_records(self, keys: list[object], position: int, persistent: list[Persistent]) -> dict[str, Record]:
        # Only the type of a storage tells how long it is, and the types stand in the persistent ids, also in
        # those of optimizer states and other things that are no tensors to us.
        item_sizes: dict[str, int] = {}
        for item in persistent:
            match item.id:
                case ("storage", Name() as kind, str(key), *_):
                    if kind.attribute not in STORAGE_TYPES:
                        raise UnsupportedFormatError(f"{self.source} holds a {describe(kind)}, which is not read.")
                    size = STORAGE_TYPES[kind.attribute].itemsize
                    if item_sizes.setdefault(key, size) != size:
                        raise UnsafeFileError(f"{self.source} gives one storage two types; not read.")
        records: dict[str, Record] = {}
        for listed in keys:
            key = listed if isinstance(listed, str) else ""
            if key not in item_sizes or key in records:
                raise CorruptFileError(f"{self.source} is damaged: its list of storages does not fit its tensors.")
            count = int.from_bytes(self._file.data[position : position + 8], "little", signed=True)
            size = count * item_sizes[key]
            position += 8
            if count < 0 or position + size > self._file.size:
                raise CorruptFileError(
                    f"{self.source} ({self._file.size:,} bytes) is truncated: a storage should end at byte "
                    f"{position + size:,}. Fetch the file again."
                )
            records[key] = Record("a storage", position, size, size)
            position += size
        return records

    # From descriptions to views

    def _read_entries(self, pairs: Iterable[tuple[object, object]]) -> tuple[dict[str, TensorView], dict[str, object]]:
        views: dict[str, TensorView] = {}
        skipped: dict[str, object] = {}
        for key, value in pairs:
            name = key if isinstance(key, str) else f"<{describe(key)}>"
            if len(name) > MAX_NAME:
                raise UnsafeFileError(f"{self.source} has a tensor name of {len(name):,} characters; not read.")
            views.pop(name, None)  # as in a dict, the last value of a key counts
            skipped.pop(name, None)
            try:
                view = view_of(value) if isinstance(key, str) else None
                if view is not None:
                    self._check_storage(view)
            except PretrainedError as error:
                raise type(error)(f"{self.source}: the tensor {name!r} is refused: {error}.") from None
            if view is None:
                skipped[name] = value
            else:
                views[name] = view
        return views, skipped

    def _check_storage(self, view: TensorView) -> None:
        storage = view.storage
        record = self._records.get(storage.key)
        if record is None:
            raise CorruptFileError("its storage is not in the file; fetch the file again")
        if storage.total_bytes != record.size:
            raise UnsafeFileError(
                f"its storage claims {storage.total_bytes:,} bytes, the file holds {record.size:,} of it"
            )
        if view.expands and view.bytes > self._file.size:
            raise UnsafeFileError(f"shape {view.shape} would take {view.bytes:,} bytes, more than the file")


def _pairs(value: object) -> _Pairs | None:
    """The items of whatever is a mapping: dict, OrderedDict, or an unknown class with items set on it."""
    if isinstance(value, Dict):
        return value.pairs
    if not isinstance(value, Call) or not isinstance(value.function, Name):
        return None
    if value.pairs or value.function.attribute != "OrderedDict":
        return value.pairs or None
    rows = value.args[0] if value.args else []  # Python 2 gave the items to the constructor
    if not isinstance(rows, list):
        return None
    return [(row[0], row[1]) for row in rows if isinstance(row, list | tuple) and len(row) == 2]


def _find_state_dict(root: object, source: str) -> tuple[_Pairs, list[str]]:
    """The items of the top level when it holds tensors, else of the state dict that is wrapped in it."""
    top = _pairs(root)
    if top is None:
        if is_tensor(root):
            raise CheckpointError(f"{source} holds one bare tensor; a dict of name → tensor was expected.")
        raise _not_a_tensor(source, "the whole file", root)
    level, path = top, list[str]()
    while not any(is_tensor(value) for _, value in level):
        wrapped = {key: value for key, value in level if isinstance(key, str) and key in _WRAPPERS}
        key = next((key for key in _WRAPPERS if _pairs(wrapped.get(key))), None)
        if key is None or len(path) == _MAX_DEPTH:
            return top, []
        path.append(key)
        level = _pairs(wrapped[key]) or []
    return level, [f"the state dict was found under {'.'.join(path)!r}"] if path else []


def _listed(values: Mapping[str, object]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(f"{key} ({describe(value)})" for key, value in list(values.items())[:_SHOWN]) + more


def _not_a_tensor(source: str, place: str, value: object) -> PretrainedError:
    """What to say of a value that stands where tensors are needed."""
    value = innermost(value)
    if not isinstance(value, Call | Name):
        return CheckpointError(f"{source}: {place} is {describe(value)}, where tensors were expected.")
    if isinstance(value, Call) and describe(value).startswith("torch._utils._rebuild_"):
        return UnsupportedFormatError(
            f"{source}: {place} is a tensor of a kind that is not read ({describe(value)}: quantized, sparse "
            "or of another device). Save plain, dense tensors with torch.save(model.state_dict(), …)."
        )
    return UnsafeFileError(
        f"{source}: {place} is an object of {describe(value)}, which only running code that the file names "
        "could make; nothing was run. If the object is yours, save its tensors alone with "
        "torch.save(model.state_dict(), …) or as safetensors."
    )


def _no_tensors(source: str, skipped: Mapping[str, object]) -> PretrainedError:
    for key, value in skipped.items():
        if isinstance(value, Call | Name):
            return _not_a_tensor(source, f"there is no tensor in it, and its entry {key!r}", value)
    return CheckpointError(
        f"{source} holds no tensors, neither at the top nor under {', '.join(_WRAPPERS)}. It holds: {_listed(skipped)}."
    )


def _not_ours(file: MappedFile) -> PretrainedError:
    """What a file is that begins like no file of torch.save."""
    content = sniff(file.path)
    said = f"{file.path} ({file.size:,} bytes) is no file of torch.save, but {content}."
    if content.kind == "torch_tar":
        return UnsupportedFormatError(f"{said} Load it with torch 1.x and save it again with torch.save.")
    if content.damaged or content.kind in ("unknown", "text"):
        return CorruptFileError(f"{said} Fetch the file again.")
    return UnsupportedFormatError(f"{said} Give it the name that its format has.")
