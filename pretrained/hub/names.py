"""What does a file's name claim that the file is?

One table for every name under which files of models have been published. A claim is only the first opinion:
`sniff` has the second, and where they differ the content decides.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

# Published name → role. Names are compared in lower case; "bert-base-uncased-vocab.txt" is "vocab.txt" with a prefix.
TF_CHECKPOINT = "model.ckpt.index"
"""What every index of a TensorFlow checkpoint stands for: bert_model.ckpt.index, model.ckpt-1000.index."""

NUMPY_SHAPES = "params_shapes.json"
"""What OpenAI put beside the arrays of GPT, params_0.npy to params_9.npy."""

_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", NUMPY_SHAPES)
_INDEXES = tuple(f"{name}.index.json" for name in _WEIGHTS if name != NUMPY_SHAPES)
_TOKENIZER = (
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "prophetnet.tokenizer",
    "source.spm",
    "target.spm",
    "vocab.pkl",
    "vocab.bin",
    "bpe.codes",
    "encoder.json",  # the names in which OpenAI published GPT-2
    "vocab.bpe",
    "encoder_bpe_40000.json",  # and GPT
    "vocab_40000.bpe",
    "vocab-src.json",
    "vocab-tgt.json",
    "chat_template.jinja",
)
_SIDE = (
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "data_config.json",
    "quantization_config.json",
    "quantize_config.json",
    "modelcard.json",
    "all_results.json",
    "eval_results.json",
    "train_results.json",
)
_KNOWN = (
    {"config.json": "config"}
    | dict.fromkeys(_WEIGHTS, "weights")
    | dict.fromkeys(_INDEXES, "index")
    | dict.fromkeys(_TOKENIZER, "tokenizer")
    | dict.fromkeys(_SIDE, "side")
    | {"adapter_config.json": "adapter", "adapter_model.bin": "adapter", "adapter_model.safetensors": "adapter"}
    | {"training_args.bin": "training", "trainer_state.json": "training"}
    | {
        "openvino_model.bin": "other",
        "openvino_model.xml": "other",
        "rust_model.ot": "other",
        "saved_model.pb": "other",
    }
)
PUBLISHED_SIDE_FILES = tuple(name for name, role in _KNOWN.items() if role in ("config", "tokenizer", "side"))
"""What a model may have beside its weights."""

MODEL_CARD = re.compile(r"(readme|licen[cs]e|notice|copying|authors|citation)(\.\w{1,4})?", re.I)
"""Files that people read about a model."""

_TRAINING = re.compile(
    r"(optimizer|opt_state|scheduler|scaler|rng_state|random_states?|training_state|events\.out|zero_pp_rank)"
)
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.(?P<ending>safetensors|bin|h5|msgpack)", re.I)
_BUNDLE = re.compile(r"(?P<stem>.+)\.(?P<part>index|meta|data-\d{5}-of-(?P<count>\d{5}))", re.I)
_NUMPY_PART = re.compile(r"params_\d\.npy", re.I)
TF_GRAPH = "the graph of a TensorFlow checkpoint, without its numbers"
_COPY = re.compile(r" ?\(\d+\)(?=\.)| - copy(?=\.)", re.I)  # "config (1).json", "config - Copy.json"
_QUERY = re.compile(r"(?:\?|@(?=\w+=)).*")  # "config.json?download=true", as wget keeps addresses; @ on Windows
_HIDDEN = ".txt"  # what an editor or a browser appends where Windows does not show it: "config.json.txt"

UNFINISHED = (
    ".incomplete",
    ".crdownload",
    ".part",
    ".partial",
    ".download",
    ".downloading",
    ".opdownload",
    ".aria2",
    ".xltd",
)
"""What browsers and download tools append to a file that is not complete."""

WEIGHTS_ENDINGS = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".model", ".weights"),
    *(".h5", ".hdf5", ".msgpack", ".index"),
)
"""A file that ends so may hold weights under a name of its own; its content tells."""

_OTHER_FORMATS = {
    ".onnx": "an ONNX graph",
    ".gguf": "GGUF weights (llama.cpp)",
    ".ot": "Rust weights (tch)",
    ".tflite": "a TensorFlow Lite graph",
    ".pb": "a TensorFlow graph",
    ".mlmodel": "a Core ML model",
    ".pdparams": "PaddlePaddle weights",
    ".pdiparams": "PaddlePaddle weights",
    ".npz": "NumPy arrays",
    ".xml": "an OpenVINO graph",
}


WEIGHTS_EXPECTED = (
    "model.safetensors, pytorch_model.bin, tf_model.h5 or flax_model.msgpack, their shards with an index, one file of "
    "these formats by any name, or a TensorFlow checkpoint (model.ckpt.index and its data files)"
)
EXPECTED = {
    "config.json": "config.json, PREFIX-config.json, bert_config.json, hparams.json (of GPT-2), "
    "or any JSON file that describes a network",
    "vocab.txt": "vocab.txt, PREFIX-vocab.txt, or any text file with one WordPiece a line",
    "tokenizer.json": "tokenizer.json, PREFIX-tokenizer.json, or any JSON file with a compiled tokenizer",
}
"""Published name → what is accepted in its place, for messages."""


@dataclass(frozen=True)
class Claim:
    """What a name says: the published name it stands for ("" when it is none), and what comes before that."""

    role: str
    """config, weights, index, shard, part, tokenizer, side, adapter, training, other, unfinished, or "" for no claim.

    An index and its shards are read together; a part has no names of its own and is read through its `whole`."""
    published: str = ""
    prefix: str = ""
    detail: str = ""


def plain(name: str) -> str:
    """A name without what browsers, wget, copies and hidden endings have added to it."""
    name = _COPY.sub("", _QUERY.sub("", name))
    stem = name[: -len(_HIDDEN)]
    hides = name.lower().endswith(_HIDDEN) and (_known(stem.lower()) or _SHARD.fullmatch(stem))
    return stem if hides else name


@lru_cache(maxsize=4096)
def claim(name: str) -> Claim:
    """What one file name claims."""
    lower = name.lower()
    for ending in UNFINISHED:
        if lower.endswith(ending):
            return Claim("unfinished", published=name[: -len(ending)])
    lower = plain(name).lower()
    known = _known(lower)
    if known is not None:
        return known
    if _TRAINING.match(lower):
        return Claim("training")
    if _SHARD.fullmatch(lower):
        return Claim("shard")
    if bundle := _BUNDLE.fullmatch(lower):
        if bundle["count"]:
            return Claim("part", detail="tensors of a TensorFlow checkpoint")
        if "ckpt" in bundle["stem"]:
            graph = bundle["part"] == "meta"
            return Claim("part", detail=TF_GRAPH) if graph else Claim("weights", TF_CHECKPOINT)
    if _NUMPY_PART.fullmatch(lower):
        return Claim("part")
    return Claim("other", detail=detail) if (detail := _other_format(lower)) else Claim("")


def _known(lower: str) -> Claim | None:
    """The longest published name that a name is, or ends with after a separator."""
    if role := _KNOWN.get(lower):
        return Claim(role, lower, detail=_other_format(lower))
    for at, character in enumerate(lower):
        if character in "-_." and at and (role := _KNOWN.get(lower[at + 1 :])):
            return Claim(role, lower[at + 1 :], prefix=lower[: at + 1], detail=_other_format(lower))
    return None


def _other_format(lower: str) -> str:
    if lower.startswith("openvino_model"):
        return "an OpenVINO graph"
    return next((text for ending, text in _OTHER_FORMATS.items() if lower.endswith(ending)), "")


def shard_names(name: str, *, first: int = 1) -> list[str]:
    """Every shard of the set that one of them ("model-00002-of-00003.safetensors") belongs to; [] when it is none."""
    match = _SHARD.fullmatch(plain(name))
    if match is None:
        return []
    digits, count = len(match["number"]), int(match["count"])
    return [f"{match['stem']}-{n:0{digits}}-of-{match['count']}.{match['ending']}" for n in range(first, first + count)]


def shard_index(name: str) -> str:
    """The index that goes with a shard: "model.safetensors.index.json"."""
    match = _SHARD.fullmatch(plain(name))
    return f"{match['stem']}.{match['ending']}.index.json" if match else ""


def whole(name: str) -> str:
    """The file through which a part is read: "model.ckpt.index" for the data files and the .meta beside it."""
    if _NUMPY_PART.fullmatch(name):
        return NUMPY_SHAPES
    match = _BUNDLE.fullmatch(name)
    return f"{match['stem']}.index" if match and match["part"].lower() != "index" else ""


def data_count(name: str) -> int:
    """How many data files the checkpoint has that this one belongs to, as it says itself; 0 when it is none."""
    match = _BUNDLE.fullmatch(name)
    return int(match["count"]) if match and match["count"] else 0


def data_files(stem: str, count: int) -> list[str]:
    """So many data files of a checkpoint."""
    return [f"{stem}.data-{number:05}-of-{count:05}" for number in range(count)]
