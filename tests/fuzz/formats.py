"""Which formats are there, what are good files of each, and what is it to read one? A new format is one line."""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import h5py
import torch

from pretrained import BertConfig, BertModel
from pretrained.checkpoints import open_checkpoint, published, save_checkpoint
from pretrained.checkpoints.checkpoint import Weights
from pretrained.hub import resolve
from pretrained.hub.bundle_writer import describe, pack
from tests.fuzz.mutations import Damage, blocks_rechecked, damaged, header_rechecked, rezipped

GOLDENS = Path(__file__).parents[1] / "goldens"


@dataclass(frozen=True)
class Example:
    """A good file, or several that belong together; `opened` is the one that the reader is given."""

    files: Mapping[str, bytes]
    opened: str


@dataclass(frozen=True)
class Format:
    examples: Callable[[Path], Iterator[Example]]
    """Of an empty folder → good files."""
    read: Callable[[Path], None]
    """Reads a file whole; raises what the reader raises."""
    damages: Mapping[str, tuple[Damage, ...]]
    """End of a file's name → how such files are damaged."""


def _checkpoint(kind: str) -> Callable[[Path], None]:
    return lambda path: _read(SimpleNamespace(format=kind, paths=(path,), index=None), path.parent)


def _bundle(path: Path) -> None:
    files = resolve(path)
    files.config()
    _read(files.weights(), path.parent)


def _read(weights: Weights, folder: Path) -> None:
    size = sum(file.stat().st_size for file in folder.iterdir())
    checkpoint = open_checkpoint(weights)
    for number, key in enumerate(checkpoint.keys()):
        tensor = checkpoint.tensor(key, copy=number % 2 == 0)
        assert tuple(tensor.shape) == checkpoint.shape(key), f"{key}: not the shape that was said"
        assert tensor.dtype == checkpoint.dtype(key), f"{key}: not the type that was said"
        assert tensor.nbytes <= 4 * size, f"{key}: {tensor.nbytes} bytes from a folder of {size}"
        tensor.contiguous().view(-1).view(torch.uint8).sum()  # reads every byte
    named = published(checkpoint)
    for key in named.keys():
        named.shape(key)


def _sentencepiece(path: Path) -> None:
    from pretrained.tokenization.processor import SentencePiece
    from pretrained.tokenization.sentencepiece import parse_model, read_file

    SentencePiece(parse_model(read_file(path), source=str(path))).encode_as_ids("Ａn exämple, of text: ① 12")


def _pickled_vocabulary(path: Path) -> None:
    from pretrained.models.transfo_xl.vocabulary_transfo_xl import read_pickled

    read_pickled(path)


def _tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = {f"layer.{dtype}": torch.randn(3, 4, generator=generator).to(dtype) for dtype in (torch.float32, torch.half)}
    made |= {"encoder.LayerNorm.gamma": torch.ones(5), "bool": torch.tensor([True, False]), "none": torch.empty(0, 7)}
    return made | {"scalar": torch.tensor(3), "bfloat16": torch.ones(2, 2, dtype=torch.bfloat16)}


def _safetensors(folder: Path) -> Iterator[Example]:
    save_checkpoint(_tensors(), folder)
    yield Example({"model.safetensors": (folder / "model.safetensors").read_bytes()}, "model.safetensors")
    for name, content in _archived("safetensors/models.tar.xz", "GPT2LMHeadModel/model.safetensors"):
        yield Example({Path(name).name: content}, Path(name).name)


def _torch_zip(folder: Path) -> Iterator[Example]:
    tensors = _tensors()
    for saved in (tensors, {"state_dict": tensors, "epoch": 3, "tied": tensors["bool"]}):
        torch.save(saved, folder / "file")
        yield Example({"pytorch_model.bin": (folder / "file").read_bytes()}, "pytorch_model.bin")


def _torch_legacy(folder: Path) -> Iterator[Example]:
    tensors = _tensors()
    for saved in (tensors, {"state_dict": tensors, "view": tensors["layer.torch.float32"].T}):
        torch.save(saved, folder / "file", _use_new_zipfile_serialization=False)
        yield Example({"pytorch_model.bin": (folder / "file").read_bytes()}, "pytorch_model.bin")


def _h5(folder: Path) -> Iterator[Example]:
    for _, content in _archived("keras_h5/models.tar.xz", "sharded/tf_model-00003-of-00003.h5"):
        yield Example({"tf_model.h5": content}, "tf_model.h5")
    with h5py.File(folder / "packed", "w") as file:
        file.attrs["layer_names"] = ["dense/kernel:0", "dense/bias:0"]
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("dense/kernel:0", data=torch.randn(9, 7).numpy(), chunks=(4, 3), **packed)
        file.create_dataset("dense/bias:0", data=torch.randn(7).numpy(), chunks=(3,))
    yield Example({"tf_model.h5": (folder / "packed").read_bytes()}, "tf_model.h5")


def _bundles(folder: Path) -> Iterator[Example]:
    BertModel(BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(
        folder
    )
    pack(describe(resolve(folder)), folder / "bert.pretrained")
    yield Example({"bert.pretrained": (folder / "bert.pretrained").read_bytes()}, "bert.pretrained")


def _tensorflow(folder: Path) -> Iterator[Example]:
    for name in ("types/all", "gpt2/model.ckpt", "objects/weights"):
        prefix = GOLDENS / "tf_bundle" / name
        files = {path.name: path.read_bytes() for path in sorted(prefix.parent.glob(f"{prefix.name}.*"))}
        yield Example(files, f"{prefix.name}.index")


def _flax(folder: Path) -> Iterator[Example]:
    for name in ("arrays", "values"):
        yield Example({"flax_model.msgpack": (GOLDENS / "flax" / f"{name}.msgpack").read_bytes()}, "flax_model.msgpack")
    for _, content in _archived("flax/models.tar.xz", "GPT2LMHeadModel/flax_model.msgpack"):
        yield Example({"flax_model.msgpack": content}, "flax_model.msgpack")


def _numpy(folder: Path) -> Iterator[Example]:
    parts = GOLDENS / "tf_bundle" / "openai_gpt"
    files = {path.name: path.read_bytes() for path in sorted(parts.iterdir()) if path.suffix in (".npy", ".json")}
    yield Example(files, "params_shapes.json")


def _sentencepiece_models(folder: Path) -> Iterator[Example]:
    import sentencepiece

    rules = folder / "rules.tsv"
    rules.write_text("FF21\t41\nE4\t61 308\n2460\t31\nFB01\t66 69\n", encoding="utf-8")
    text = "an example of a text with words that are there more than once: an example, a text, once more and more"
    for algorithm in ("unigram", "bpe"):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text.split(",") * 20),
            model_writer=model,
            model_type=algorithm,
            vocab_size=60,
            hard_vocab_limit=False,
            normalization_rule_tsv=str(rules),
            minloglevel=2,
        )
        yield Example({"spiece.model": model.getvalue()}, "spiece.model")


def _vocabularies(folder: Path) -> Iterator[Example]:
    for name in ("vocab.pkl", "legacy.bin", "zip.bin"):
        yield Example({"vocab.bin": (GOLDENS / "transfo_xl_tokenizer" / name).read_bytes()}, "vocab.bin")


def _archived(archive: str, end: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(GOLDENS / archive) as opened:
        for entry in opened:
            if entry.name.endswith(end):
                content = opened.extractfile(entry)
                assert content is not None
                yield entry.name, content.read()


FORMATS: dict[str, Format] = {
    "safetensors": Format(_safetensors, _checkpoint("safetensors"), {"": (damaged, header_rechecked)}),
    "pytorch_zip": Format(_torch_zip, _checkpoint("pytorch"), {"": (damaged, rezipped)}),
    "pytorch_legacy": Format(_torch_legacy, _checkpoint("pytorch"), {"": (damaged,)}),
    "h5": Format(_h5, _checkpoint("h5"), {"": (damaged,)}),
    "bundle": Format(_bundles, _bundle, {"": (damaged,)}),
    "tf_checkpoint": Format(
        _tensorflow, _checkpoint("tf_checkpoint"), {".index": (damaged, blocks_rechecked), "": (damaged,)}
    ),
    "flax": Format(_flax, _checkpoint("flax"), {"": (damaged,)}),
    "numpy": Format(_numpy, _checkpoint("numpy"), {"": (damaged,)}),
    "sentencepiece": Format(_sentencepiece_models, _sentencepiece, {"": (damaged,)}),
    "vocabulary": Format(_vocabularies, _pickled_vocabulary, {"": (damaged, rezipped)}),
}
