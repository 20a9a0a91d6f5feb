"""What is in this file, judged by its first bytes and never by its name?

Only the head of a file is read (and the tail of a zip), so a file of many gigabytes costs what a small one costs.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from pretrained.hub.jsonfile import parse_json

HEAD_BYTES = 4096
_ZIP_TAIL_BYTES = 22 + 65535  # the end record of a zip, and the longest comment that may follow it
_SAFETENSORS_HEADER_LIMIT = 100_000_000  # the limit of the format itself
_SMALL_JSON_BYTES = 2_000_000  # a model's config.json has a few kB; larger JSON is only named, not parsed

DESCRIPTIONS = {
    "safetensors": "safetensors weights",
    "torch": "PyTorch weights",
    "torch_legacy": "PyTorch weights, the layout before PyTorch 1.6",
    "torch_tar": "PyTorch weights, the tar layout before PyTorch 0.2",
    "torchscript": "a TorchScript program",
    "pickle": "a plain Python pickle",
    "hdf5": "HDF5, the format of TensorFlow and Keras weights",
    "msgpack": "msgpack, the format of Flax weights",
    "tf_index": "the index of a TensorFlow checkpoint",
    "gguf": "GGUF weights",
    "numpy": "a NumPy array",
    "npz": "a NumPy archive",
    "sentencepiece": "a SentencePiece model",
    "model_config": "a model's configuration",
    "tokenizer_json": "a compiled tokenizer (tokenizer.json)",
    "wordpiece": "a WordPiece vocabulary",
    "json": "JSON",
    "text": "text",
    "zip_model": "a zip of a model's files",
    "zip": "a zip archive",
    "archive": "a compressed archive",
    "empty": "empty",
    "lfs": "a git-lfs pointer, not the file itself",
    "html": "an HTML page",
    "error_reply": "a server's error reply",
    "link_text": "the text of a link, not the file itself",
    "truncated": "cut off",
    "closed": "may not be read",
    "unreadable": "cannot be read",
    "unknown": "an unknown format",
}

DAMAGED = frozenset({"empty", "lfs", "html", "error_reply", "link_text", "truncated", "closed", "unreadable"})
"""Kinds that no file of a model may have, whatever its name."""

WEIGHTS = frozenset({"safetensors", "torch", "torch_legacy", "hdf5", "msgpack"})
"""Kinds that are weights, whatever the file is called."""

_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"GGUF", "gguf"),
    (b"\x93NUMPY", "numpy"),
    (b"\x1f\x8b", "archive"),  # gzip
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"BZh", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),  # zstandard
    # The pickle of the number 0x1950a86a20f9469cfc6c, with which torch.save opened its files until 1.6.
    (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", "torch_legacy"),
)
_TABLE_END = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # the last bytes of the sorted tables that TensorFlow writes
# How they begin: an empty key, its value of a few bytes, and in it the number of data files.
_TF_INDEX = re.compile(rb"\x00\x00[\x06-\x20]\x08[^\x00]{1,5}\x1a", re.S)
_SIZES = frozenset(
    {"num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "vocab_size", "n_words"}
    | {"num_attention_heads", "n_head", "n_heads", "intermediate_size", "max_position_embeddings"}
)
_TENSOR2TENSOR = "layer_prepostprocess_dropout"  # a key of its hparams.json, whose networks are others
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,400}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_ERROR_TEXTS = re.compile(
    rb"(?:entry not found|not found|repository not found|invalid username|access to model|unauthori[sz]ed|forbidden"
    rb"|rate limit|bad gateway|[45]\d\d |(?:<\?xml[^>]*>\s*)?<error>)",
    re.I,
)
_SPECIAL_PIECES = (b"[PAD]", b"[UNK]", b"[CLS]", b"[SEP]", b"[MASK]")


@dataclass(frozen=True)
class Content:
    """The kind of a file (a key of DESCRIPTIONS), and what more its head tells."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return DESCRIPTIONS[self.kind] + (f": {self.detail}" if self.detail else "")

    @property
    def damaged(self) -> bool:
        return self.kind in DAMAGED


def unreadable(error: OSError) -> Content:
    """What is said of a file that cannot be opened, or not read to its end."""
    return Content("closed") if isinstance(error, PermissionError) else Content("unreadable", error.strerror or "")


def sniff(path: Path) -> Content:
    """The content of a file, from at most a few kB of it."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = path.stat().st_size
    except OSError as error:
        return unreadable(error)
    if not head:
        return Content("empty")
    return _binary(path, head, size) or _text(path, head, size)


def sniff_damage(path: Path) -> Content | None:
    """Says what is wrong with a file that should hold text or JSON, or None. Cheaper than `sniff`."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
            size = path.stat().st_size
    except OSError as error:
        return unreadable(error)
    if not head:
        return Content("empty")
    return _damaged_text(head, size)


def _binary(path: Path, head: bytes, size: int) -> Content | None:
    if head.startswith(b"PK\x03\x04"):
        return _zip(path, head, size)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return _hdf5(head, size) if kind == "hdf5" else Content(kind)
    if len(head) > 8 and head[8:9] == b"{":  # before pickle: the length of a header may begin like one
        length: int = struct.unpack("<Q", head[:8])[0]
        if 2 <= length <= _SAFETENSORS_HEADER_LIMIT:
            return _safetensors(path, length, size)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Content("pickle")
    if head[257:262] == b"ustar":
        return Content("torch_tar" if head[:100].rstrip(b"\0") in (b"sys_info", b"pickle", b"storages") else "archive")
    if _is_msgpack_map(head):
        return Content("msgpack")
    if head[:1] == b"\n" and (b"<unk>" in head[:64] or b"\xe2\x96\x81" in head[:64]):
        return Content("sentencepiece")
    return _tf_index(path, head, size)


def _tf_index(path: Path, head: bytes, size: int) -> Content | None:
    with path.open("rb") as file:
        file.seek(max(0, size - len(_TABLE_END)))
        if file.read() == _TABLE_END:
            return Content("tf_index")
    if _TF_INDEX.match(head):
        return Content("truncated", f"the index of a TensorFlow checkpoint without its end, after {size:,} bytes")
    return None


def _hdf5(head: bytes, size: int) -> Content:
    """HDF5 says near its beginning where it ends; in the usual layout of that, addresses have eight bytes."""
    address_bytes, at = {0: (13, 40), 1: (13, 44)}.get(head[8], (9, 28)) if len(head) > 48 else (0, 0)
    expected = int.from_bytes(head[at : at + 8], "little")
    if at and head[address_bytes] == 8 and size < expected:
        return Content("truncated", f"HDF5 of {expected:,} bytes, of which {size:,} are here")
    return Content("hdf5")


def _is_msgpack_map(head: bytes) -> bool:
    """Whether a file opens with a map whose first key is a string. 0x80 alone would be a pickle as well."""
    first = head[0]
    at = 1 if 0x81 <= first <= 0x8F else 3 if first == 0xDE else 5 if first == 0xDF else 0
    if not at or len(head) <= at + 1:
        return False
    return (0xA1 <= head[at] <= 0xBF and chr(head[at + 1]).isprintable()) or head[at] in (0xD9, 0xDA)


def _safetensors(path: Path, length: int, size: int) -> Content:
    if 8 + length > size:
        return Content("truncated", f"safetensors whose header needs {8 + length:,} bytes, the file has {size:,}")
    try:
        with path.open("rb") as file:
            file.seek(8)
            header = parse_json(file.read(length))
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Content("unknown", "begins like safetensors, but its header cannot be read")
    if size < expected:
        return Content("truncated", f"safetensors of {expected:,} bytes, of which {size:,} are here")
    return Content("safetensors")


def _zip(path: Path, head: bytes, size: int) -> Content:
    with path.open("rb") as file:
        file.seek(max(0, size - _ZIP_TAIL_BYTES))
        complete = b"PK\x05\x06" in file.read()
    if not complete:
        return Content("truncated", f"a zip (as PyTorch writes it) without its end, after {size:,} bytes")
    name_length = int.from_bytes(head[26:28], "little")
    if head[30 : 30 + name_length].endswith(b".npy"):
        return Content("npz")
    import zipfile  # only here: it costs 10 ms to import

    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        return Content("truncated", f"a zip whose table of contents cannot be read ({error})")
    last = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in last:
        return Content("torchscript" if "constants.pkl" in last else "torch")
    model_names = last & {"config.json", "vocab.txt", "pytorch_model.bin", "model.safetensors", "bert_config.json"}
    return Content("zip_model", ", ".join(sorted(model_names))) if model_names else Content("zip")


def _text(path: Path, head: bytes, size: int) -> Content:
    damage = _damaged_text(head, size)
    if damage is not None:
        return damage
    if _is_wordpiece(head, size):  # before JSON: most vocabularies begin with [PAD]
        return Content("wordpiece")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"{", b"["):
        return _json(path, start, size)
    if b"\0" in head:
        return Content("unknown")
    try:
        text = head[: -4 if size > len(head) else None].decode()
    except UnicodeDecodeError:
        return Content("unknown")
    return Content("text", _quote(text)) if text.strip() else Content("empty", "only blanks")


def _damaged_text(head: bytes, size: int) -> Content | None:
    start = head.removeprefix(b"\xef\xbb\xbf")
    if start.startswith(_LFS):
        found = re.search(rb"^size (\d+)", start, re.M)
        return Content("lfs", f"the real file has {int(found[1]):,} bytes" if found else "")
    if _HTML.match(start):
        title = re.search(rb"<title[^>]*>([^<]{1,200})", start, re.I)
        return Content("html", _quote(title[1].decode(errors="replace")) if title else "")
    if size <= len(head) and size < 512:
        if start.startswith((b"../../blobs/", b"..\\..\\blobs\\")):
            return Content("link_text", start.decode(errors="replace").strip())
        if (_ERROR_TEXTS.match(start.strip()) and start.count(b"\n") < 5) or start.lstrip().startswith(b'{"error"'):
            return Content("error_reply", _quote(start.decode(errors="replace")))
    return None


def _json(path: Path, start: bytes, size: int) -> Content:
    opening = start[:400]
    if b'"version"' in opening and (b'"truncation"' in opening or b'"added_tokens"' in opening):
        return Content("tokenizer_json")
    if size > _SMALL_JSON_BYTES:
        return Content("json")
    try:
        value = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return Content("text", "begins like JSON, but is none")
    return Content("model_config" if looks_like_config(value) else "json")


def looks_like_config(value: object) -> bool:
    """Whether parsed JSON describes a network: it says so, or gives a width together with another size."""
    if not isinstance(value, dict) or _TENSOR2TENSOR in value:
        return False
    keys = value.keys()
    return bool(
        keys & {"model_type", "architectures"}
        or (keys & {"hidden_size", "n_embd", "d_model", "dim", "emb_dim"} and keys & _SIZES)
    )


def _is_wordpiece(head: bytes, size: int) -> bool:
    """One piece a line, no blanks inside, and the special pieces of BERT or ## pieces among them."""
    lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
    if size > len(head):
        lines = lines[:-1]  # the last one is cut off
    pieces = [line.rstrip() for line in lines]
    if len(pieces) < 3 or any(b" " in piece or b"\t" in piece for piece in pieces):
        return False
    return sum(piece in _SPECIAL_PIECES for piece in pieces) >= 2 or (
        b"[PAD]" in pieces and any(piece.startswith(b"[unused") for piece in pieces)
    )


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line[:60]}…”" if len(line) > 60 else f"“{line}”"
