"""How is a tf_model.h5 written, one tensor at a time?

The file is as Keras 2 writes it: a group for each layer, `layer_names` and `weight_names` as attributes, and the
numbers in one piece each.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from pretrained.checkpoints.checkpoint import Checkpoint
from pretrained.checkpoints.hdf5_writer import DTYPES, Array, Group, lay_out
from pretrained.checkpoints.tensor_bytes import pieces
from pretrained.errors import UnsupportedFormatError

_KERAS = "2.15.0"  # the version whose layout it is; readers ask whether it is 1 or 2
_MAX_ATTRIBUTE = 64512  # bytes, as Keras has it; HDF5 keeps an attribute within the header of its object


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
        if checkpoint.dtype(key) not in DTYPES:
            raise UnsupportedFormatError(
                f"the tensor {key!r} of {checkpoint.source} is of type {checkpoint.dtype(key)}, which a tf_model.h5 "
                "does not hold. Convert it first."
            )
    root = Group({"backend": "tensorflow", "keras_version": _KERAS} | _names("layer_names", list(layers)))
    if not shard:
        root.add("top_level_model_weights", Group(_names("weight_names", [])))
        for layer, names in layers.items():
            root.add(layer, Group(_names("weight_names", names)))
    arrays: dict[str, Array] = {}
    for key in checkpoint.keys():
        arrays[key] = Array(checkpoint.shape(key), checkpoint.dtype(key))
        root.add(key.partition("/")[2] if shard else key, arrays[key])
    head, places, size = lay_out(root)
    with path.open("wb") as file:
        file.write(head)
        for key, array in arrays.items():
            tensor = checkpoint.tensor(key, copy=True)
            if array.size:
                file.seek(places[array])
            for piece in pieces(tensor):
                file.write(piece)
            if progress is not None:
                progress(key, tensor.nbytes)
        file.truncate(size)


def _names(attribute: str, names: list[str]) -> dict[str, str | Sequence[str]]:
    """An attribute that is too long for HDF5 becomes several, with numbers."""
    width = max((len(name.encode()) for name in names), default=1)
    if width * len(names) <= _MAX_ATTRIBUTE:
        return {attribute: names}
    rows = max(1, _MAX_ATTRIBUTE // width)
    return {
        f"{attribute}{number}": names[start : start + rows] for number, start in enumerate(range(0, len(names), rows))
    }
