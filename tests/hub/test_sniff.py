"""Is the content of a file told from its head, whatever its name?"""

import gzip
import os
import pickle
import random
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from pretrained.hub.sniff import DAMAGED, DESCRIPTIONS, looks_like_config, sniff, sniff_damage
from tests.hub.material import HTML_PAGE, LFS_POINTER, Material, hdf5, safetensors, tf_index, torch_zip
from tests.tf_bundle import write_bundle

TINY = Material.tiny()
KINDS = {
    "safetensors": TINY.safetensors,
    "torch": TINY.pytorch_bin,
    "torch_legacy": TINY.legacy_bin,
    "torchscript": torch_zip({"m/data.pkl": b"", "m/constants.pkl": b"", "m/code/x.py": b""}),
    "torch_tar": b"sys_info".ljust(257, b"\0") + b"ustar" + bytes(300),
    "pickle": pickle.dumps({"a": 1}),
    "hdf5": hdf5(),
    "tf_index": tf_index(),
    "msgpack": b"\x82\xa7version\x03\xa9optimizer\x80",
    "gguf": b"GGUF\x03\0\0\0",
    "numpy": b"\x93NUMPY\x01\0v\0",
    "npz": torch_zip({"a.npy": b"\x93NUMPY"}),
    "sentencepiece": b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02",
    "model_config": TINY.config_bytes(),
    "tokenizer_json": TINY.tokenizer_json,
    "wordpiece": TINY.vocab_bytes(),
    "json": b'{"max_seq_length": 128, "do_lower_case": false}',
    "text": b"Notes on the model.\nMore of them.\n",
    "zip_model": torch_zip({"bert/config.json": b"{}", "bert/vocab.txt": b""}),
    "zip": torch_zip({"a.txt": b""}),
    "archive": gzip.compress(b"x" * 100),
    "empty": b"",
    "lfs": LFS_POINTER,
    "html": HTML_PAGE,
    "error_reply": b'{"error":"Repository not found"}',
    "link_text": b"../../blobs/68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
    "truncated": TINY.safetensors[:-1],
    "unknown": bytes(range(256)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.any"
    path.write_bytes(KINDS[kind])
    content = sniff(path)
    assert content.kind == kind
    assert content.damaged == (kind in DAMAGED)
    assert str(content).startswith(DESCRIPTIONS[kind])


def test_every_kind_is_tried() -> None:
    assert KINDS.keys() | {"unreadable", "closed"} == DESCRIPTIONS.keys()


def test_a_file_of_somebody_else_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert sniff(tmp_path / "model.safetensors").kind == "closed"
    assert sniff_damage(tmp_path / "config.json").kind == "closed"


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    assert sniff(tmp_path / "nowhere").kind == "unreadable"
    assert sniff_damage(tmp_path / "nowhere").kind == "unreadable"


@pytest.mark.parametrize(
    "page",
    [
        b"\n\n  <!doctype HTML>\n<html>",
        b"\xef\xbb\xbf<html lang='en'>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">',
        b"<!-- saved page -->\n<html>",
        b"<head><title>x</title></head>",
    ],
)
def test_html_in_other_spellings(page: bytes, tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(page)
    assert sniff(tmp_path / "vocab.txt").kind == "html"
    assert sniff_damage(tmp_path / "vocab.txt").kind == "html"


@pytest.mark.parametrize(
    "reply",
    [
        b"Entry not found",
        b"404 page not found\n",
        b"Invalid username or password.",
        b"Access to model x/y is restricted and you are not in the authorized list.",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
    ],
)
def test_replies_of_servers(reply: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(reply)
    assert sniff(tmp_path / "model.bin").kind == "error_reply"


@pytest.mark.parametrize("text", [b"[PAD]\n[UNK]\nthe\n", b"<unk>\n<s>\n", b"#version: 0.2\nt h\n", b"{}", b"a\nb\n"])
def test_small_files_that_are_fine(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(text)
    assert sniff_damage(tmp_path / "file") is None


def test_published_vocabularies_and_files(shared_data: Path) -> None:
    for name in ("uncased", "cased", "chinese", "multilingual-cased"):
        assert sniff(shared_data / "vocab" / f"bert-base-{name}" / "vocab.txt").kind == "wordpiece"
    checkpoints = shared_data / "checkpoints"
    assert sniff(checkpoints / "bert-xsmall-dummy" / "pytorch_model.bin").kind == "torch_legacy"
    assert sniff(checkpoints / "camphr-ner-bert" / "pytorch_model.bin").kind == "torch"
    assert sniff(checkpoints / "t5x-tiny-flax" / "test_t5_tiny.checkpoint_0").kind == "msgpack"
    assert sniff(checkpoints / "t2t-transformer-tf1-ckpt" / "model.ckpt-1.index").kind == "tf_index"
    assert sniff(checkpoints / "t2t-transformer-tf1-ckpt" / "hparams.json").kind == "json"
    assert sniff(shared_data / "text" / "tinyshakespeare.txt").kind == "text"


@pytest.mark.parametrize(
    "path", ["vocab/xlnet-base-cased/spiece.model", "vocab/albert/spiece.model", "vocab/t5-base/spiece.model"]
)
def test_published_sentencepiece_models(shared_data: Path, path: str) -> None:
    found = next((shared_data / path).parent.glob("*.model"))
    assert sniff(found).kind == "sentencepiece"


@pytest.mark.parametrize("options", [{"libver": "earliest"}, {"libver": "latest"}, {"libver": "v108"}])
@pytest.mark.parametrize("size", [10, 100_000])
def test_hdf5_says_where_it_ends(options: dict[str, str], size: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w", **options) as file:
        file.create_dataset("bert/kernel:0", data=np.zeros(size, np.uint8))
    assert sniff(path).kind == "hdf5"
    os.truncate(path, path.stat().st_size - 1)
    assert sniff(path).kind == "truncated"
    assert "HDF5 of" in sniff(path).detail


def test_the_index_of_a_checkpoint_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt.index"
    write_bundle([("a", np.zeros((2, 3), np.float32))], tmp_path / "model.ckpt", shards=2)
    assert sniff(path).kind == "tf_index"
    whole = path.read_bytes()
    for size in range(12, len(whole)):
        path.write_bytes(whole[:size])
        assert sniff(path).kind == "truncated"


def test_real_model(minilm: Path) -> None:
    kinds = {path.name: sniff(path).kind for path in minilm.iterdir() if path.is_file()}
    assert kinds["model.safetensors"] == "safetensors"
    assert kinds["config.json"] == "model_config"
    assert kinds["vocab.txt"] == "wordpiece"
    assert kinds["tokenizer.json"] == "tokenizer_json"
    assert kinds["data_config.json"] == "json"


def test_a_large_file_costs_what_a_small_one_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten gigabytes (of holes) behind each head; what is read is counted."""
    for kind in ("torch_legacy", "hdf5", "tf_index", "gguf", "pickle", "msgpack", "unknown", "text", "wordpiece"):
        path = tmp_path / kind
        path.write_bytes(KINDS[kind])
        os.truncate(path, 10 * 2**30)
    big = tmp_path / "big.safetensors"
    big.write_bytes(safetensors({"w": 0}).replace(b"[0]", b"[9]"))
    read: list[int] = []

    class Counting:
        def __init__(self, file) -> None:
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error) -> None:
            self.file.close()

        def read(self, size: int = -1) -> bytes:
            data = self.file.read(size)
            read.append(len(data))
            return data

        def __getattr__(self, name: str):
            return getattr(self.file, name)

    monkeypatch.setattr(Path, "open", lambda self, mode: Counting(open(self, mode)))  # noqa: SIM115
    for path in tmp_path.iterdir():
        sniff(path)
    assert 0 < max(read) <= 4096


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "file"
    for data in KINDS.values():
        for _ in range(20):
            damaged = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                if damaged:
                    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            path.write_bytes(bytes(damaged[: rng.randint(0, len(damaged))]))
            assert sniff(path).kind in DESCRIPTIONS


def test_zip_whose_table_of_contents_is_damaged(tmp_path: Path) -> None:
    data = bytearray(torch_zip())
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = b"\xff\xff\xff\x7f"  # the size of the table
    (tmp_path / "model.bin").write_bytes(data)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(tmp_path / "model.bin")
    assert sniff(tmp_path / "model.bin").kind == "truncated"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"model_type": "bert"}, True),
        ({"architectures": ["BertModel"]}, True),
        ({"hidden_size": 8, "vocab_size": 9}, True),
        ({"n_embd": 8, "n_layer": 2}, True),
        ({"hidden_size": 8, "num_hidden_layers": 2, "layer_prepostprocess_dropout": 0.1}, False),
        ({"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True}, False),
        ({"__version__": "0.2.5"}, False),
        ({"vocab_size": 9}, False),
        ({}, False),
        ([{"model_type": "bert"}], False),
        ("bert", False),
    ],
)
def test_looks_like_config(value: object, expected: bool) -> None:
    assert looks_like_config(value) is expected
