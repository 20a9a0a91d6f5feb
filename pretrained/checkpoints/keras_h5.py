"""Which tensors does a tf_model.h5 hold?

Keras writes one group for each top-level layer. The attribute `layer_names` lists them, `weight_names` of each group
its tensors; only what these lists name is looked at. Whole models (`model.save`) have the same below
`model_weights`, and the shards of large models list their tensors without layers.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import torch

from pretrained.checkpoints.hdf5 import HDF5File, HDF5Object
from pretrained.checkpoints.hdf5_chunks import MAX_GROWTH, check_chunks, read_chunks
from pretrained.checkpoints.hdf5_values import Dataset, read_dataset, text_attribute
from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.checkpoints.names import MAX_NAME
from pretrained.checkpoints.tensorflow_vocabulary import KERAS, TENSORFLOW
from pretrained.errors import CheckpointError, UnsafeFileError, UnsupportedFormatError

_FREE_GROWTH = 1 << 20
_SHOWN = 8
_OWN = "top_level_model_weights"  # variables that a user's model has beside its layers


class KerasFile:
    """A Checkpoint over one h5 file of Keras weights."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        self.skipped: Mapping[str, str] = {}
        self.notes: list[str] = []  # grows: whether copies of a tensor agree is seen when it is read
        self._file = HDF5File(MappedFile(path))
        self._datasets: dict[str, list[Dataset]] = {}
        self._names: dict[int, str] = {}  # address of an object → the tensor that it is
        root = self._weights()
        layers = text_attribute(self._file, root, "layer_names") or []
        if _OWN in self._file.links(root):
            layers.append(_OWN)
        items = [(layer, self._file.find(root, layer)) for layer in dict.fromkeys(layers)]
        flat = [(name, item) for name, item in items if not self._file.is_group(item)]
        self.vocabulary = TENSORFLOW if flat else KERAS
        for name, item in flat:
            self._add(name, item)
        for _, item in items:
            if self._file.is_group(item):
                for name in text_attribute(self._file, item, "weight_names") or []:
                    self._add(name, self._file.find(item, name))
        self._check_places()

    # The Checkpoint protocol

    def keys(self) -> Collection[str]:
        return self._datasets.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        return self._of(key)[-1].shape

    def dtype(self, key: str) -> torch.dtype:
        return self._of(key)[-1].dtype

    def tensor(self, key: str, *, copy: bool = False) -> torch.Tensor:
        *copies, dataset = self._of(key)  # Keras loads one layer after another: the last one stays
        tensor = self._read(dataset, copy=copy)
        for other in copies:
            if not _same_bytes(tensor, self._read(other, copy=False)):
                self.notes.append(
                    f"Tied weights differ: {other.name} and {dataset.name} are one tensor, but not equal in "
                    f"{self.source}; {dataset.name} is used."
                )
        self._datasets[key] = [dataset]  # they are compared once
        return tensor

    def _of(self, key: str) -> list[Dataset]:
        if key not in self._datasets:
            raise CheckpointError(f"{self.source} has no tensor called {key!r}.")
        return self._datasets[key]

    def _read(self, dataset: Dataset, *, copy: bool) -> torch.Tensor:
        if dataset.chunk is not None:
            self._file.renew()
            return read_chunks(self._file, dataset)
        record = Record(dataset.name, dataset.offset, dataset.size, dataset.size)
        flat = self._file.file.flat(record, dataset.dtype, byteorder=dataset.byteorder, copy=copy)
        return flat.view(dataset.shape)

    # What is in the file

    def _weights(self) -> HDF5Object:
        """The group that lists the layers: the whole file, or a part of it."""
        root = self._file.root
        if text_attribute(self._file, root, "layer_names") is not None:
            return root
        members = list(self._file.links(root)) if self._file.is_group(root) else []
        if "model_weights" in members:
            weights = self._file.find(root, "model_weights")
            if text_attribute(self._file, weights, "layer_names") is not None:
                return weights
        found = f"It holds: {', '.join(members[:_SHOWN]) or 'nothing'}"
        if "layers" in members or "_layer_checkpoint_dependencies" in members:
            found += ". It looks like Keras 3's own .weights.h5, which does not hold the names of the tensors"
        raise UnsupportedFormatError(
            f"{self.source} is an HDF5 file without the list of layers that Keras weights have (layer_names). {found}. "
            "Save the model with save_pretrained of Transformers, or with Keras 2's save_weights."
        )

    def _add(self, name: str, item: HDF5Object) -> None:
        if len(name) > MAX_NAME:
            raise UnsafeFileError(f"{self.source} has a tensor name of {len(name):,} characters; not read.")
        known = self._names.get(item.address)
        if known == name:  # one object, reached through two layers
            return
        if known is not None:
            self._file.unsafe(item.name, f"shares its bytes with another tensor, as it is also called {name!r}")
        self._names[item.address] = name
        dataset = read_dataset(self._file, item)
        held = self._datasets.setdefault(name, [])
        if held and (held[0].shape, held[0].dtype) != (dataset.shape, dataset.dtype):
            raise CheckpointError(
                f"{self.source} has two different tensors that are both called {name!r}: {held[0].name} "
                f"{held[0].shape} and {dataset.name} {dataset.shape}. Remove one of them from the file."
            )
        held.append(dataset)

    def _check_places(self) -> None:
        """No two tensors may be the same bytes, and compressed ones may not grow beyond measure."""
        datasets = [dataset for held in self._datasets.values() for dataset in held if dataset.size]
        end, last = 0, ""
        for item in sorted(datasets, key=lambda dataset: dataset.offset):
            if item.offset < end:
                self._file.unsafe(item.name, f"shares its bytes with {last!r}")
            end, last = item.offset + (item.size if item.chunk is None else 1), item.name
        grown = sum(check_chunks(self._file, item) for item in datasets if item.chunk is not None)
        if grown > _FREE_GROWTH + MAX_GROWTH * self._file.file.size:
            raise UnsafeFileError(
                f"{self.source} would grow from {self._file.file.size:,} to {grown:,} bytes when it is read; not read."
            )


def _same_bytes(first: torch.Tensor, second: torch.Tensor) -> bool:
    return torch.equal(first.reshape(-1).view(torch.uint8), second.reshape(-1).view(torch.uint8))
