"""Which h5 files did TensorFlow write for the tests, and how are the tensors of a BertModel written in this way?

Files of TensorFlow itself (tests/goldens/make_keras_h5.py) test the reader; those that are written here are for shapes
of folders that are too many to keep.
"""

import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

GOLDENS = Path(__file__).parent / "goldens" / "keras_h5" / "models.tar.xz"
_SPECIAL = ("named", "sharded", "users")


def golden_names() -> list[str]:
    """The classes of which there is a file."""
    with tarfile.open(GOLDENS) as archive:
        return sorted({member.name.partition("/")[0] for member in archive} - set(_SPECIAL))


def golden_files(folder: Path) -> Path:
    """Puts all of them into a folder: one of each class, and three that were saved in other ways."""
    with tarfile.open(GOLDENS) as archive:
        archive.extractall(folder, filter="data")
    return folder


def keras_names(tensors: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Their names and layout, from ours."""
    for name, tensor in tensors.items():
        if "word_embeddings" not in name and name.startswith("embeddings.") and name.endswith("_embeddings.weight"):
            name = name.removesuffix("weight") + "embeddings"
        elif "LayerNorm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        elif name.endswith(".weight") and "word_embeddings" not in name:
            name, tensor = name.removesuffix("weight") + "kernel", tensor.T
        layer = re.sub(r"layer\.(\d+)\.", r"layer_@_\1/", name)
        yield f"tf_bert_model/bert/{layer.replace('.', '/').replace('@', '.')}:0", tensor


def write_keras(tensors: Iterable[tuple[str, np.ndarray]], path: Path, *, shard: bool = False) -> None:
    """Writes what `save_weights` would: one layer with all weights; or a shard, where the names lack the model's."""
    weights = dict(tensors)
    if shard:
        weights = {name.partition("/")[2]: tensor for name, tensor in weights.items()}
    with h5py.File(path, "w") as file:
        layer = file if shard else file.create_group("bert")
        names = [name.encode() for name in weights]
        file.attrs["layer_names"] = names if shard else [b"bert"]
        if not shard:
            layer.attrs["weight_names"] = names
        for name, tensor in weights.items():
            layer.create_dataset(name, data=tensor)
