"""What do the files of a tiny model hold? Bytes that the hub can tell apart; others put real ones in their place."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:097417381d6c7230bd9e3557456d726de6e83245ec8b24f529f60198a67b203a\n"
    b"size 440473133\n"
)
HTML_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in - Company Proxy</title></head><body>Log in first.</body></html>\n"
)


def safetensors(tensors: Mapping[str, int]) -> bytes:
    """A safetensors file of float32 vectors: name → length."""
    header: dict[str, Any] = {}
    end = 0
    for name, length in tensors.items():
        header[name] = {"dtype": "F32", "shape": [length], "data_offsets": [end, end + 4 * length]}
        end += 4 * length
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def hdf5(size: int = 96) -> bytes:
    """The head of an HDF5 file of so many bytes, and nothing that could be read."""
    return (b"\x89HDF\r\n\x1a\n" + bytes((0, 0, 0, 0, 0, 8, 8, 0)) + bytes(24) + struct.pack("<Q", size)).ljust(
        size, b"\0"
    )


def tf_index(shards: int = 1) -> bytes:
    """The index of a TensorFlow checkpoint without tensors, as far as its head and its end."""
    return b"\0\0\x06\x08" + bytes([shards]) + b"\x1a\x02\x08\x01" + bytes(39) + bytes.fromhex("57fb808b247547db")


def torch_zip(members: Mapping[str, bytes] | None = None) -> bytes:
    """A zip as torch.save writes it; the pickle in it is an empty dict."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in (members or {"archive/data.pkl": b"\x80\x02}q\x00.", "archive/version": b"3\n"}).items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


@dataclass(frozen=True)
class Material:
    """The content of one model's files, in every layout that a folder may use."""

    config: dict[str, Any]
    """The content of config.json, with `model_type` and `architectures`."""
    vocab: list[str]
    """The lines of vocab.txt."""
    tokenizer_json: bytes
    safetensors: bytes
    pytorch_bin: bytes
    """The zip layout."""
    legacy_bin: bytes
    """The layout before PyTorch 1.6."""
    safetensors_shards: dict[str, bytes]
    """model-00001-of-00002.safetensors, model-00002-of-00002.safetensors."""
    safetensors_index: dict[str, Any]
    pytorch_shards: dict[str, bytes]
    """pytorch_model-00001-of-00002.bin, pytorch_model-00002-of-00002.bin."""
    pytorch_index: dict[str, Any]
    h5: bytes
    h5_shards: dict[str, bytes]
    """tf_model-00001-of-00002.h5, tf_model-00002-of-00002.h5."""
    h5_index: dict[str, Any]
    msgpack: bytes
    msgpack_shards: dict[str, bytes]
    """flax_model-00001-of-00002.msgpack, flax_model-00002-of-00002.msgpack."""
    msgpack_index: dict[str, Any]
    tf_checkpoint: dict[str, bytes]
    """Ending → content: .index and .data-00000-of-00001."""
    tf_checkpoint_shards: dict[str, bytes]
    """The same with two data files."""

    @staticmethod
    def tiny() -> "Material":
        """Files of a few bytes, told apart by their heads."""
        shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
        bins = [f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)]
        h5s = [f"tf_model-0000{n}-of-00002.h5" for n in (1, 2)]
        msgpacks = [f"flax_model-0000{n}-of-00002.msgpack" for n in (1, 2)]
        msgpack = b"\x82\xa4bert\x81\xa1x\xc0\xa3cls\xc0"
        return Material(
            config={
                "architectures": ["BertModel"],
                "hidden_size": 8,
                "model_type": "bert",
                "num_attention_heads": 2,
                "num_hidden_layers": 1,
                "vocab_size": 8,
            },
            vocab=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "here", "is", "##s"],
            tokenizer_json=b'{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"model":{}}',
            safetensors=safetensors({"a.weight": 4, "b.weight": 2}),
            pytorch_bin=torch_zip(),
            legacy_bin=LEGACY_MAGIC + b"\x80\x02}q\x00.",
            safetensors_shards={shards[0]: safetensors({"a.weight": 4}), shards[1]: safetensors({"b.weight": 2})},
            safetensors_index={
                "metadata": {"total_size": 24},
                "weight_map": {"a.weight": shards[0], "b.weight": shards[1]},
            },
            pytorch_shards={bins[0]: torch_zip(), bins[1]: torch_zip()},
            pytorch_index={"metadata": {"total_size": 24}, "weight_map": {"a.weight": bins[0], "b.weight": bins[1]}},
            h5=hdf5(),
            h5_shards=dict.fromkeys(h5s, hdf5()),
            h5_index={"metadata": {}, "weight_map": {"bert/a/kernel:0": h5s[0], "bert/b/kernel:0": h5s[1]}},
            msgpack=msgpack,
            msgpack_shards=dict.fromkeys(msgpacks, msgpack),
            msgpack_index={"metadata": {}, "weight_map": {"a/kernel": msgpacks[0], "b/kernel": msgpacks[1]}},
            tf_checkpoint={".index": tf_index(), ".data-00000-of-00001": bytes(24)},
            tf_checkpoint_shards={
                ".index": tf_index(2),
                ".data-00000-of-00002": bytes(16),
                ".data-00001-of-00002": bytes(8),
            },
        )

    # -- writing ------------------------------

    def json(self, value: object) -> bytes:
        return json.dumps(value, indent=2).encode()

    def config_bytes(self, *without: str) -> bytes:
        return self.json({key: value for key, value in self.config.items() if key not in without})

    def vocab_bytes(self) -> bytes:
        return "".join(f"{token}\n" for token in self.vocab).encode()

    def checkpoint(self, prefix: str = "bert_model.ckpt", *, shards: bool = False) -> dict[str, bytes]:
        """The files of a TensorFlow checkpoint, with the graph that was written beside it."""
        endings = (self.tf_checkpoint_shards if shards else self.tf_checkpoint) | {".meta": bytes(32)}
        return {f"{prefix}{ending}": data for ending, data in endings.items()}

    def google(self, **others: Any) -> dict[str, bytes]:
        """BERT as Google published it."""
        config = self.config_bytes("model_type", "architectures")
        return {"bert_config.json": config, "vocab.txt": self.vocab_bytes()} | self.checkpoint(**others)

    def files(self) -> dict[str, bytes]:
        """The three files of a model as it is published today."""
        return {
            "config.json": self.config_bytes(),
            "model.safetensors": self.safetensors,
            "vocab.txt": self.vocab_bytes(),
        }


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files, and the folders that they lie in; a name that ends with a slash is an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def write_cache(
    cache: Path,
    repository: str,
    files: Mapping[str, bytes],
    *,
    commit: str = "1dbc166cf8765166998eff31ade2eb64c8a40076",
    refs: tuple[str, ...] = ("main",),
    links: bool = True,
) -> Path:
    """One model in the layout of the Hugging Face cache; returns its `models--…` folder."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True, exist_ok=True)
    (folder / "blobs").mkdir(exist_ok=True)
    for ref in refs:
        write(folder / "refs", {ref: commit.encode()})
    for name, data in files.items():
        target = snapshot / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not links:
            target.write_bytes(data)
            continue
        blob = folder / "blobs" / f"{len(list((folder / 'blobs').iterdir())):040x}"
        blob.write_bytes(data)
        up = "/".join([".."] * (2 + name.count("/")))
        target.symlink_to(f"{up}/blobs/{blob.name}")
    return folder
