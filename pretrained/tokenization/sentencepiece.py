"""What does a SentencePiece model file say? Its pieces and scores, and how a text is normalized before it is cut.

The file is a protocol buffer. It is read here field by field, without generated code: no length in it is trusted, and
reading costs time and memory in proportion to its size.
"""

import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsupportedFormatError
from pretrained.tokenization.charsmap import read_rules

BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]


class PieceType(IntEnum):
    """What a piece is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    """Has an id and never stands for text."""
    USER_DEFINED = 4
    """Never cut, whatever stands around it."""
    UNUSED = 5
    BYTE = 6


class Algorithm(IntEnum):
    """How the pieces of a text are chosen."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


@dataclass(frozen=True, kw_only=True)
class SentencePieceModel:
    """A model as its file has it; the defaults are those of the format."""

    pieces: Sequence[str]
    """Id → piece."""
    scores: Sequence[float]
    """Id → log probability, or rank of a merge; numbers of 32 bits."""
    types: Sequence[int]
    """Id → `PieceType`."""
    algorithm: Algorithm = Algorithm.UNIGRAM
    byte_fallback: bool = False
    """Whether what no piece covers becomes the pieces of its bytes."""
    charsmap: bytes = field(default=b"", repr=False)
    """What characters are normalized to; see `charsmap.read_rules`."""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True
    """See `charsmap.Normalizer`."""
    bos_piece: str = "<s>"
    eos_piece: str = "</s>"
    pad_piece: str = "<pad>"

    @property
    def unknown_id(self) -> int:
        return self.types.index(PieceType.UNKNOWN)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises:
        ModelFileNotFoundError: there is no such file.
    """
    if not Path(path).is_file():
        raise ModelFileNotFoundError(f"there is no SentencePiece model {path}")
    return Path(path).read_bytes()


def parse_model(data: bytes, *, source: str) -> SentencePieceModel:
    """The model in the bytes of a file, which errors name as `source`.

    Raises:
        CorruptFileError: this is no SentencePiece model, or a damaged one.
        UnsupportedFormatError: it is one whose algorithm is not written here.
    """
    try:
        parts, trainer, normalizer = _parse(data)
        return check_model(_model(parts, trainer, normalizer))
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(f"{source}: {error}") from None
    except (ValueError, IndexError, struct.error) as error:
        why = str(error) if type(error) is ValueError else f"it is cut off, or damaged ({error})"
        raise CorruptFileError(
            f"{source} is not a SentencePiece model that can be read: {why}. It has {len(data):,} bytes. "
            "To do: download it again"
        ) from error


def dump_model(model: SentencePieceModel) -> bytes:
    """The file of a model."""
    out = bytearray()
    for piece, score, kind in zip(model.pieces, model.scores, model.types, strict=True):
        entry = _bytes_field(1, piece.encode()) + b"\x15" + struct.pack("<f", score)
        if kind != PieceType.NORMAL:
            entry += _number_field(3, kind)
        out += _bytes_field(1, entry)
    ids = {name: model.pieces.index(name) if name in model.pieces else -1 for name in _names(model)}
    trainer = _number_field(3, model.algorithm) + _number_field(4, len(model.pieces))
    trainer += _number_field(35, model.byte_fallback) + _number_field(40, model.unknown_id)
    for number, name in zip((41, 42, 43), _names(model), strict=True):
        trainer += _number_field(number, ids[name])
    trainer += _bytes_field(45, model.pieces[model.unknown_id].encode())
    for number, name in zip((46, 47, 48), _names(model), strict=True):
        trainer += _bytes_field(number, name.encode())
    normalizer = _bytes_field(2, model.charsmap)
    flags = (model.add_dummy_prefix, model.remove_extra_whitespaces, model.escape_whitespaces)
    for number, flag in zip((3, 4, 5), flags, strict=True):
        normalizer += _number_field(number, flag)
    return bytes(out + _bytes_field(2, trainer) + _bytes_field(3, normalizer))


def _names(model: SentencePieceModel) -> tuple[str, str, str]:
    return model.bos_piece, model.eos_piece, model.pad_piece


# -- the wire format: each field is a number and a kind, then a varint, four or eight bytes, or a length and bytes

Value = int | bytes
"""Of a field: a number, or bytes."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, where the next field begins)."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise ValueError(f"a number has more than ten bytes, at byte {at}")


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """(number of the field, value), in the order of the bytes."""
    at = 0
    while at < len(data):
        number, value, at = _field(data, at)
        yield number, value


def _field(data: bytes, at: int) -> tuple[int, Value, int]:
    """(number of the field, value, where the next one begins)."""
    key, at = _varint(data, at)
    number, kind = key >> 3, key & 7
    if kind == 0:
        value, at = _varint(data, at)
        return number, value, at
    if kind == 2:
        size, at = _varint(data, at)
    elif kind in (1, 5):
        size = 8 if kind == 1 else 4
    else:
        raise ValueError(f"a field of the kind {kind}, which no such file has, at byte {at}")
    if number == 0 or size > len(data) - at:
        raise ValueError(f"a field of {size:,} bytes where {len(data) - at:,} are left")
    return number, data[at : at + size], at + size


def _bytes_field(number: int, content: bytes) -> bytes:
    return _packed(number << 3 | 2) + _packed(len(content)) + content


def _number_field(number: int, value: int) -> bytes:
    return _packed(number << 3) + _packed(value & 0xFFFF_FFFF_FFFF_FFFF)


def _packed(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


# -- the fields that matter

_Parts = tuple[list[str], list[float], list[int]]
_Fields = dict[int, Value]


def _parse(data: bytes) -> tuple[_Parts, _Fields, _Fields]:
    """(pieces with scores and types, fields of the trainer, fields of the normalizer)."""
    parts: _Parts = ([], [], [])
    trainer: _Fields = {}
    normalizer: _Fields = {}
    at = 0
    while at < len(data):
        at = _usual_pieces(data, at, parts)
        if at < len(data):
            number, value, at = _field(data, at)
            if number == 1:
                _unusual_piece(dict(_fields(_as_bytes(value))), parts)
            elif number == 2:
                trainer.update(_fields(_as_bytes(value)))
            elif number == 3:
                normalizer.update(_fields(_as_bytes(value)))
    return parts, trainer, normalizer


def _usual_pieces(data: bytes, at: int, parts: _Parts) -> int:
    """Reads pieces as long as they are in the one form that everybody writes, and returns where they end.

    It is: 0A, size of all; 0A, size, text; 15, score; and 18, type, unless it is a normal piece. A model has up to a
    million of them, so this reads them in one go.
    """
    pieces, scores, types = parts
    unpack = _FLOAT.unpack_from
    end = len(data) - 10
    while at < end and data[at] == 0x0A and data[at + 2] == 0x0A:
        size, length = data[at + 1], data[at + 3]
        score = at + 4 + length
        extra = size - length - 7  # 0, or 2 with a type
        if size > 0x7F or extra not in (0, 2) or score > end or data[score] != 0x15:
            break
        if extra and (data[score + 5] != 0x18 or data[score + 6] > 0x7F):
            break
        pieces.append(data[at + 4 : score].decode())
        scores += unpack(data, score + 1)
        types.append(data[score + 6] if extra else 1)
        at += 2 + size
    return at


def _unusual_piece(fields: _Fields, parts: _Parts) -> None:
    pieces, scores, types = parts
    pieces.append(_text(fields, 1, ""))
    scores += _FLOAT.unpack(_as_bytes(fields.get(2, bytes(4))))
    types.append(_number(fields, 3, PieceType.NORMAL))


_FLOAT = struct.Struct("<f")


def _as_bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where text or fields should stand")
    return value


def _number(fields: _Fields, number: int, default: int) -> int:
    value = fields.get(number, default)
    if not isinstance(value, int):
        raise ValueError(f"the field {number} holds bytes where a number should stand")
    return value


def _text(fields: _Fields, number: int, default: str) -> str:
    return _as_bytes(fields[number]).decode() if number in fields else default


def _model(parts: _Parts, trainer: _Fields, normalizer: _Fields) -> SentencePieceModel:
    pieces, scores, types = parts
    algorithm = _number(trainer, 3, Algorithm.UNIGRAM)
    if algorithm not in (Algorithm.UNIGRAM, Algorithm.BPE):
        known = algorithm in (Algorithm.WORD, Algorithm.CHAR)
        name = Algorithm(algorithm).name if known else f"number {algorithm}"
        raise UnsupportedFormatError(f"it cuts texts by the algorithm {name}; UNIGRAM and BPE are read")
    if _number(trainer, 24, 0):
        raise UnsupportedFormatError("it puts blanks at the end of pieces (treat_whitespace_as_suffix)")
    return SentencePieceModel(
        pieces=pieces,
        scores=scores,
        types=types,
        algorithm=Algorithm(algorithm),
        byte_fallback=bool(_number(trainer, 35, 0)),
        add_dummy_prefix=bool(_number(normalizer, 3, 1)),
        remove_extra_whitespaces=bool(_number(normalizer, 4, 1)),
        escape_whitespaces=bool(_number(normalizer, 5, 1)),
        charsmap=_as_bytes(normalizer.get(2, b"")),
        bos_piece=_text(trainer, 46, "<s>"),
        eos_piece=_text(trainer, 47, "</s>"),
        pad_piece=_text(trainer, 48, "<pad>"),
    )


def check_model(model: SentencePieceModel) -> SentencePieceModel:
    """The model.

    Raises:
        ValueError: its parts contradict each other.
    """
    if not model.pieces:
        raise ValueError("it has no pieces")
    if "" in model.pieces:
        raise ValueError(f"piece {model.pieces.index('')} is empty")
    if len(set(model.pieces)) < len(model.pieces):
        first: dict[str, int] = {}
        twice = next(index for index, piece in enumerate(model.pieces) if first.setdefault(piece, index) != index)
        raise ValueError(f"the pieces {first[model.pieces[twice]]} and {twice} are both {model.pieces[twice]!r}")
    unknown = model.types.count(PieceType.UNKNOWN)
    if unknown != 1:
        raise ValueError(f"{unknown} of its pieces stand for unknown text, and one must")
    if not all(map(math.isfinite, model.scores)):
        raise ValueError("a score is not a number")
    strange = set(model.types) - set(PieceType)
    if strange:
        raise ValueError(f"a piece has the type {min(strange)}, which there is not")
    in_bytes = {piece for piece, kind in zip(model.pieces, model.types, strict=True) if kind == PieceType.BYTE}
    if in_bytes - set(BYTE_PIECES) or (in_bytes and not model.byte_fallback):
        raise ValueError(f"it has pieces for bytes, such as {min(in_bytes)!r}, that nothing uses")
    if model.byte_fallback and len(in_bytes) < 256:
        raise ValueError(f"it writes unknown text in bytes, and has pieces for {len(in_bytes)} of 256")
    read_rules(model.charsmap)
    return model
