"""Which of a model's files does this library need, and how many bytes are they?"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrained.hub import messages
from pretrained.hub.download.listing import RemoteFile
from pretrained.hub.names import MODEL_CARD, claim

FORMATS = ("safetensors", "bin", "h5", "msgpack", "ckpt")
"""Formats of weights, the preferred one first."""

# Each format as its published names: one file, or an index with the shards that go with it.
_ONE_FILE = {
    "safetensors": "model.safetensors",
    "bin": "pytorch_model.bin",
    "h5": "tf_model.h5",
    "msgpack": "flax_model.msgpack",
}
_SHARDS = {
    "safetensors": re.compile(r"model-\d{5}-of-\d{5}\.safetensors"),
    "bin": re.compile(r"pytorch_model-\d{5}-of-\d{5}\.bin"),
    "h5": re.compile(r"tf_model-\d{5}-of-\d{5}\.h5"),
    "msgpack": re.compile(r"flax_model-\d{5}-of-\d{5}\.msgpack"),
}
_TF1 = re.compile(r"(?P<stem>.*ckpt.*)\.(index|meta|data-\d{5}-of-\d{5})")
_ENDINGS = {"safetensors": (".safetensors",), "bin": (".bin", ".pt", ".pth"), "h5": (".h5",), "msgpack": (".msgpack",)}
_NO_WEIGHTS = re.compile(r"(optimizer|scheduler|scaler|rng_state|training_args|openvino|adapter_model)", re.I)
_SIDE = ("generation_config.json", "modules.json", "config_sentence_transformers.json")
_LENGTHS = re.compile(r"sentence_[\w-]+_config\.json")  # sentence_bert_config.json: the longest sequence
_MODULE = re.compile(r"\d+_\w+")  # a part of a sentence-transformers model: 0_Transformer, 1_Pooling, 2_Dense


@dataclass(frozen=True)
class Needed:
    """The names to fetch, weights last, so that a model whose weights are here is whole."""

    names: tuple[str, ...]
    format: str | None
    """The format of the weights among them; None without weights."""
    formats: tuple[str, ...]
    """Every format the model is published in."""


def needed(
    names: Iterable[str],
    *,
    weights: bool = True,
    format: str | None = None,
    everything: bool = False,
    subfolder: str = "",
) -> Needed:
    """The files of a model that are needed. `format` chooses the weights, `everything` takes all files there are.

    A format that the model does not have gives a plan without weights whose `formats` say what there is.
    """
    prefix = f"{subfolder.strip('/')}/" if subfolder else ""
    here = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    folders = [""]
    if "modules.json" in here:
        folders += sorted({name.partition("/")[0] for name in here if _MODULE.fullmatch(name.partition("/")[0])})
    side = [_joined(folder, name) for folder in folders for name in _within(here, folder) if _is_side(name)]
    found = [by_format for folder in folders if (by_format := _by_format(here, folder))]
    formats = tuple(found[0]) if found else ()
    chosen = format if format is not None else next(iter(formats), None)
    chosen = chosen if chosen in formats and weights else None
    last: list[str] = []
    if chosen is not None:  # a part such as 2_Dense may have weights in one other format only
        last = [name for by_format in found for name in by_format.get(chosen, next(iter(by_format.values())))]
        side += [name for name in here if MODEL_CARD.fullmatch(name)]  # its licence goes where the model goes
    if everything:
        side = [name for name in here if name not in last]
    return Needed(tuple(prefix + name for name in dict.fromkeys((*side, *last))), chosen, formats)


def _by_format(names: Sequence[str], folder: str) -> dict[str, list[str]]:
    """The weights of one folder, by format, the preferred one first."""
    within = _within(names, folder)
    for choose in (_weights, _by_ending):
        found = {known: [_joined(folder, name) for name in choose(within, known)] for known in FORMATS}
        if any(found.values()):
            return {known: files for known, files in found.items() if files}
    return {}


def _within(names: Sequence[str], folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    inside = (name[len(start) :] for name in names if name.startswith(start))
    return [name for name in inside if "/" not in name]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_side(name: str) -> bool:
    if name in _SIDE or _LENGTHS.fullmatch(name):
        return True
    return claim(name).role in ("config", "tokenizer") and not _NO_WEIGHTS.match(name)


def _weights(names: Sequence[str], format: str) -> list[str]:
    """One file before shards, the shards before their index."""
    if format == "ckpt":
        stems = sorted({match["stem"] for name in names if (match := _TF1.fullmatch(name)) and match[2] == "index"})
        return [name for name in names if stems and (m := _TF1.fullmatch(name)) and m["stem"] == stems[0]]
    name = _ONE_FILE[format]
    if name in names:
        return [name]
    if f"{name}.index.json" in names:
        return [*(shard for shard in names if _SHARDS[format].fullmatch(shard)), f"{name}.index.json"]
    return []


def _by_ending(names: Sequence[str], format: str) -> list[str]:
    """Weights under a name of their own, where there is one such file and no published name."""
    found = [name for name in names if name.endswith(_ENDINGS.get(format, ())) and not _NO_WEIGHTS.match(name)]
    return found if len(found) == 1 else []


@dataclass(frozen=True)
class Plan:
    """What one download will do."""

    repository: str
    revision: str
    commit: str
    endpoint: str
    """The server that gave the list."""
    folder: Path
    """Where the files go: a cache, or the folder of --to."""
    files: tuple[RemoteFile, ...]
    """What the model needs, weights last."""
    missing: tuple[RemoteFile, ...]
    """Those of them that are not here."""
    received: int
    """Bytes of these that an earlier download has left."""
    format: str | None
    formats: tuple[str, ...]

    @property
    def to_fetch(self) -> int:
        """Bytes that will come over the network."""
        return sum(file.size or 0 for file in self.missing) - self.received

    def summary(self) -> str:
        """One line for people."""
        weights = f", weights as {self.format}" if self.format else ""
        already = f", {messages.size(self.received)} of them are here already" if self.received else ""
        size = messages.size(sum(file.size or 0 for file in self.missing))
        return (
            f"{self.repository} ({self.commit[:12]}) from {self.endpoint}: {len(self.missing)} of {len(self.files)} "
            f"files, {size}{already}{weights}; into {self.folder}"
        )
