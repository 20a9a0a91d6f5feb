"""How is a tf_model.h5 written, one tensor at a time?

The file is as Keras 2 writes it: a group for each layer, `layer_names` and `weight_names` as attributes, and the
numbers in one piece each.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from pretrained.checkpoints.checkpoint import Checkpoint
from pretrained.checkpoints.tensor_bytes import pieces
from pretrained.errors import UnsupportedFormatError

_KERAS = b"2.15.0"  # the version whose layout it is; readers ask whether it is 1 or 2
_MAX_ATTRIBUTE = 64512  # bytes; HDF5 keeps an attribute within the header of its object
_DTYPES = {
    torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
}  # fmt: skip


def write_h5(
    checkpoint: Checkpoint, path: Path, *, shard: bool = False, progress: Callable[[str, int], None] | None = None
) -> None:
    """Writes the file. The keys are places in it, the layer first: "bert/tf_bert_model/bert/pooler/dense/bias:0".

    In a `shard` there are no layers: the keys are variables, "tf_bert_model/bert/pooler/dense/bias:0", and as in those
    that Transformers writes, the name of the model is left out and each stands for itself.
    """
    layers: dict[str, list[str]] = {}
    for key in checkpoint.keys():
        first, _, name = key.partition("/")
        layers.setdefault(name if shard else first, []).append(name)
        if checkpoint.dtype(key) not in _DTYPES:
            raise UnsupportedFormatError(
                f"the tensor {key!r} of {checkpoint.source} is of type {checkpoint.dtype(key)}, which a tf_model.h5 "
                "does not hold. Convert it first."
            )
    places: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = _KERAS
        _set_names(file, "layer_names", list(layers))
        if not shard:
            _set_names(file.create_group("top_level_model_weights"), "weight_names", [])
            for layer, names in layers.items():
                _set_names(file.create_group(layer), "weight_names", names)
        for key in checkpoint.keys():
            name = key.partition("/")[2] if shard else key
            places[key] = _reserve(file, name, checkpoint.shape(key), checkpoint.dtype(key))
    # The numbers go straight to their places: HDF5's own way through memory would keep parts of the whole model there.
    with path.open("r+b") as numbers:
        for key, place in places.items():
            tensor = checkpoint.tensor(key, copy=True)
            numbers.seek(place)
            for piece in pieces(tensor):
                numbers.write(piece)
            if progress is not None:
                progress(key, tensor.nbytes)


def _set_names(group: Any, attribute: str, names: list[str]) -> None:
    """An attribute that is too long for HDF5 becomes several, with numbers."""
    values = np.array([name.encode() for name in names], dtype=np.bytes_)
    if values.nbytes <= _MAX_ATTRIBUTE:
        group.attrs[attribute] = values
        return
    rows = max(1, _MAX_ATTRIBUTE // values.itemsize)
    for number, start in enumerate(range(0, len(values), rows)):
        group.attrs[f"{attribute}{number}"] = values[start : start + rows]


def _reserve(group: Any, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> int:
    """Makes a dataset in one piece, and tells where in the file its numbers belong."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.CONTIGUOUS)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = np.dtype(str(dtype).removeprefix("torch.")).newbyteorder("<")
    dataset = group.create_dataset(name, shape, kind, dcpl=creation)
    return dataset.id.get_offset() or 0  # none where there is no number
