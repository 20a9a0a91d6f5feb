"""What is one shape of a model's folder: how is it made, and what is expected of it?"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pretrained.errors import (
    CorruptFileError,
    ModelFileNotFoundError,
)
from pretrained.hub import ModelFiles
from tests.hub.material import Material, torch_zip, write, write_cache

Build = Callable[[Path, Material], Path | None]
SAFETENSORS = ("model.safetensors",)
SAFETENSORS_SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
PYTORCH_SHARDS = ("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin")
H5_SHARDS = ("tf_model-00001-of-00002.h5", "tf_model-00002-of-00002.h5")
MSGPACK_SHARDS = ("flax_model-00001-of-00002.msgpack", "flax_model-00002-of-00002.msgpack")
QUERY = ("@" if os.name == "nt" else "?") + "download=true"
"""What wget leaves at the end of a name."""
COMMIT = "1dbc166cf8765166998eff31ade2eb64c8a40076"


@dataclass(frozen=True)
class Fails:
    """An error, and words that its message must have."""

    error: type[Exception]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """One shape of a folder. File names are relative to the folder in which the model is found."""

    name: str
    build: Build
    """Makes the shape in an empty folder; returns what is named instead of that folder, if anything."""
    config: str | Fails | None = "config.json"
    weights: tuple[str, ...] | Fails = SAFETENSORS
    vocab: str | Fails | None = "vocab.txt"
    notes: tuple[str, ...] = ()
    """Words that the notes of the result must have."""
    warns: str = ""
    """Words of the UserWarning that reading the weights gives."""
    error: Fails | None = None
    """The error of naming the folder, when that alone fails."""
    links: bool = False
    """Whether making it needs symbolic links."""
    reading: Fails | None = None
    """The error of reading the weights, when only that tells what is wrong."""
    family: str = "bert"

    @property
    def loads(self) -> bool:
        """Whether a BERT and its tokenizer can be made of it."""
        parts = (self.config, self.weights, self.vocab)
        broken = self.error or self.reading or any(part is None or isinstance(part, Fails) for part in parts)
        return self.family == "bert" and not broken


VOCABULARIES = (
    *("vocab.txt", "tokenizer.json", "spiece.model", "vocab.json", "encoder.json", "encoder_bpe_40000.json"),
)


def vocabulary(files: ModelFiles) -> Path | None:
    """The file that a tokenizer would begin with."""
    return next((path for name in VOCABULARIES if (path := files.get(name)) is not None), None)


# -- building ------------------------------


def plain(files: Callable[[Material], Mapping[str, bytes]], named: str = "") -> Build:
    """A folder with these files; `named` is the file or folder in it that is asked for."""

    def build(folder: Path, material: Material) -> Path | None:
        write(folder, files(material))
        return folder / named if named else None

    return build


def published(extra: Callable[[Material], Mapping[str, bytes]] = lambda m: {}, without: str = "") -> Build:
    """The three published files with others added; `without` some of them, parted by blanks."""
    return plain(lambda m: {k: v for k, v in (m.files() | dict(extra(m))).items() if k not in without.split()})


def with_weights(name: str, data: Callable[[Material], bytes]) -> Build:
    """The published files, with these weights only."""
    return published(lambda m: {name: data(m)}, without="" if name == "model.safetensors" else "model.safetensors")


def prefixed(prefix: str, m: Material) -> dict[str, bytes]:
    return {
        f"{prefix}-config.json": m.config_bytes(),
        f"{prefix}-pytorch_model.bin": m.pytorch_bin,
        f"{prefix}-vocab.txt": m.vocab_bytes(),
    }


def shards(m: Material, index: object = None) -> dict[str, bytes]:
    index_json = m.json(m.safetensors_index if index is None else index)
    return m.safetensors_shards | {"model.safetensors.index.json": index_json}


def sharded(index: object = None) -> Build:
    return published(lambda m: shards(m, index), without="model.safetensors")


def _two_weights(folder: Path, m: Material, *, bin_newer_by: float) -> None:
    write(folder, m.files() | {"pytorch_model.bin": m.pytorch_bin})
    os.utime(folder / "model.safetensors", (1_700_000_000, 1_700_000_000))
    os.utime(folder / "pytorch_model.bin", (1_700_000_000 + bin_newer_by, 1_700_000_000 + bin_newer_by))


def h5_newer(folder: Path, m: Material) -> None:
    files = published(lambda m: {"pytorch_model.bin": m.pytorch_bin, "tf_model.h5": m.h5}, without="model.safetensors")
    files(folder, m)
    os.utime(folder / "pytorch_model.bin", (1_700_000_000, 1_700_000_000))
    os.utime(folder / "tf_model.h5", (1_700_000_000 + 7200, 1_700_000_000 + 7200))


def bin_older(folder: Path, m: Material) -> None:
    _two_weights(folder, m, bin_newer_by=-86400)


def bin_newer(folder: Path, m: Material) -> None:
    _two_weights(folder, m, bin_newer_by=3 * 86400)


def shard_links_outside(folder: Path, m: Material) -> Path:
    model, outside = folder / "model", folder / "outside.safetensors"
    write(model, m.files() | shards(m))
    (model / "model.safetensors").unlink()
    outside.write_bytes(m.safetensors_shards[SAFETENSORS_SHARDS[1]])
    (model / SAFETENSORS_SHARDS[1]).unlink()
    (model / SAFETENSORS_SHARDS[1]).symlink_to(outside)
    return model


def weights_link_outside(folder: Path, m: Material) -> Path:
    model, outside = folder / "model", folder / "store.safetensors"
    write(model, m.files())
    (model / "model.safetensors").unlink()
    outside.write_bytes(m.safetensors)
    (model / "model.safetensors").symlink_to(outside)
    return model


def data_links_outside(folder: Path, m: Material) -> Path:
    model, data = folder / "model", "bert_model.ckpt.data-00000-of-00001"
    write(model, m.google())
    (model / data).rename(folder / "outside")
    (model / data).symlink_to(folder / "outside")
    return model


def cached(named: str = "", *, sharded: bool = False, links: bool = True, without: str = "") -> Build:
    """The folder of one model in a Hugging Face cache."""

    def build(folder: Path, m: Material) -> Path:
        files = (m.files() | shards(m)) if sharded else m.files()
        drop = {"model.safetensors", *without.split()} if sharded else set(without.split())
        files = {name: data for name, data in files.items() if name not in drop}
        return write_cache(folder, "google-bert/bert-base-uncased", files, links=links) / named

    return build


def cached_files(files: Callable[[Material], Mapping[str, bytes]]) -> Build:
    """A model in a Hugging Face cache with these files."""
    return lambda folder, m: write_cache(folder, "google-bert/bert-base-uncased", files(m))


def cached_blob_missing(folder: Path, m: Material) -> Path:
    repository = write_cache(folder, "google-bert/bert-base-uncased", m.files())
    (repository / "snapshots" / COMMIT / "model.safetensors").resolve().unlink()
    return repository


def cached_unfinished(folder: Path, m: Material) -> Path:
    files = {name: data for name, data in m.files().items() if name != "model.safetensors"}
    repository = write_cache(folder, "google-bert/bert-base-uncased", files)
    write(repository / "blobs", {"7a1f5bb1d9d3.incomplete": bytes(2_500_000)})
    return repository


def cached_link_text(folder: Path, m: Material) -> Path:
    files = m.files() | {
        "model.safetensors": b"../../blobs/68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"
    }
    return write_cache(folder, "google-bert/bert-base-uncased", files, links=False)


def cached_other_snapshot(folder: Path, m: Material) -> Path:
    write_cache(folder, "google-bert/bert-base-uncased", m.files(), commit="a" * 40, refs=())
    return write_cache(folder, "google-bert/bert-base-uncased", {"config.json": m.config_bytes()})


def sentence_transformers(m: Material, transformer: str) -> dict[str, bytes]:
    modules = [
        {"idx": 0, "name": "0", "path": transformer, "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
    below = f"{transformer}/" if transformer else ""
    return {f"{below}{name}": data for name, data in m.files().items()} | {
        "modules.json": m.json(modules),
        "1_Pooling/config.json": m.json(pooling),
        f"{below}sentence_bert_config.json": m.json({"max_seq_length": 128}),
    }


def old_sentence_transformers(m: Material) -> dict[str, bytes]:
    return sentence_transformers(m, "0_Transformer") | {"config.json": m.json({"__version__": "0.2.5"})}


def zipped(m: Material) -> bytes:
    return torch_zip({f"bert-base-uncased/{name}": data for name, data in m.files().items()})


def trailing_commas(m: Material) -> bytes:
    text = m.json(m.config | {"id2label": {"0": "a,]", "1": 'b,}"'}}).decode()
    return text.replace("\n}", ",\n}").replace('"BertModel"', '"BertModel",').encode()


TRAINING = {
    "optimizer.pt": torch_zip(),
    "rng_state.pth": torch_zip(),
    "scheduler.pt": torch_zip(),
    "trainer_state.json": b'{"global_step": 500}',
    "training_args.bin": torch_zip(),
}
FOREIGN = {
    "model.onnx": b"\x08\x07\x12\x07pytorch",
    "openvino_model.bin": bytes(64),
    "openvino_model.xml": b"<?xml version='1.0'?><net/>",
    "rust_model.ot": torch_zip(),
    "model.gguf": b"GGUF\x03\0\0\0",
    "model.tflite": b"\x1c\0\0\0TFL3",
    "model_state.pdparams": b"\x80\x04}q\0.",
    "saved_model.pb": b"\x08\x01",
}
NO_WEIGHTS = Fails(ModelFileNotFoundError, ("has no weights", "Found:", "Expected:", "model.safetensors", "To do:"))


def corrupt(*words: str) -> Fails:
    return Fails(CorruptFileError, (*words, "Found:", "To do:"))
