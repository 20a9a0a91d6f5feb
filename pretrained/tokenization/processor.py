"""How does a SentencePiece model cut a text? It is normalized, then covered word by word, and words are remembered."""

import math
from array import array
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pretrained.errors import TokenizationError
from pretrained.tokenization.charsmap import Normalizer, read_rules
from pretrained.tokenization.segmentation import segmenter
from pretrained.tokenization.sentencepiece import BYTE_PIECES, PieceType, SentencePieceModel

_REMEMBERED = 40_000
"""Words, and as many again that were not asked for of late; each costs somewhat less than a kilobyte."""
_LONG = 32
"""Characters from which on a word is not remembered: text of a script without blanks, hardly ever seen again."""


class Word(NamedTuple):
    """The pieces of a word, or of a text that is not cut into words."""

    ids: Sequence[int]
    pieces: Sequence[str]
    """As they stand in the normalized text; bytes by their names."""
    lengths: Sequence[int]
    """Characters of each there; the bytes of a character have 0 but for the last of them."""
    scores: Sequence[float]
    """What is added up, see `segmentation.Cover`."""
    total: float
    """How far from zero they come at most."""
    margin: float


_LATER = Word((), (), (), (), 0.0, -1.0)
"""Stands for a word that is covered only when it is known what stands before it."""


class Words:
    """The pieces of normalized texts, by words.

    Args:
        space: what a word begins with; None if pieces may go on from one word into the next, and a text is one word.
        word: gives the pieces of one word; see `Segmenter.cover`.
    """

    def __init__(self, space: str | None, word: Callable[[str, float | None], Word]) -> None:
        self.space = space
        self._word = word
        self._memory = _Memory(space or "", word)

    def __call__(self, normal: str) -> Sequence[Word]:
        if self.space is None:
            return [self._word(normal, 0.0)] if normal else []
        first, *rest = normal.split(self.space)
        found = [*map(self._memory.__getitem__, rest)]
        if first:  # a text that does not begin with a blank
            found.insert(0, self._word(first, None))
        if min([word.margin for word in found], default=math.inf) > _distance(sum([word.total for word in found])):
            return found
        return self._exactly([*([first] if first else []), *(self.space + text for text in rest)], found)

    def _exactly(self, texts: Sequence[str], found: Sequence[Word]) -> Sequence[Word]:
        """The same where rounding decides: scores are added up from the beginning of the text, in 32 bits."""
        result = []
        total = array("f", (0.0,))
        for text, word in zip(texts, found, strict=True):
            before = total[0]
            if word.margin <= _distance(abs(before) + word.total):  # as that of _LATER always is
                word = self._word(text, before)
            for score in word.scores:
                total[0] += score
            result.append(word)
        return result


class _Memory(dict[str, Word]):
    """Word without its blank → its pieces."""

    def __init__(self, space: str, word: Callable[[str, float | None], Word]) -> None:
        self._space = space
        self._word = word
        self._older: dict[str, Word] = {}

    def __missing__(self, rest: str) -> Word:
        if len(rest) > _LONG:
            return _LATER
        if len(self) >= _REMEMBERED:
            self._older = dict(self)
            self.clear()
        word = self._older.get(rest)
        if word is None:
            word = self._word(self._space + rest, None)
        self[rest] = word
        return word


def _distance(value: float) -> float:
    """From a number of 32 bits to the next one, near this value."""
    return math.ldexp(1.0, max(math.frexp(value)[1] - 24, -149))


class SentencePiece:
    """What a SentencePiece model does to a text, id for id as the sentencepiece package does it.

    This is `tokenizer.sp_model`. It has those methods of the package's `SentencePieceProcessor` that tokenizers were
    asked for, under both spellings; pieces are not sampled, and there are no n-best lists.
    """

    def __init__(self, model: SentencePieceModel) -> None:
        self.model = model
        self.normalizer = _normalizer(model)
        self._segmenter = segmenter(model)
        self._unknown = model.unknown_id
        self.word_begins = self.normalizer.space if _keeps_words_apart(model, self.normalizer.space) else None
        """What words begin with, if each can be covered by itself."""
        self._words = Words(self.word_begins, self.word)

    def __getstate__(self) -> SentencePieceModel:
        return self.model  # all else is made of it

    def __setstate__(self, model: SentencePieceModel) -> None:
        self.__init__(model)  # type: ignore[misc]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: index for index, piece in enumerate(self.model.pieces)}

    def word(self, text: str, before: float | None) -> Word:
        """The pieces of a stretch of normalized text; see `Segmenter.cover`."""
        cover = self._segmenter.cover(text, before)
        ids: list[int] = []
        pieces: list[str] = []
        lengths: list[int] = []
        at = 0
        for index, length in zip(cover.ids, cover.lengths, strict=True):
            piece = text[at : at + length]
            at += length
            if index == self._unknown and self.model.byte_fallback:
                names = [BYTE_PIECES[byte] for byte in piece.encode()]
                ids += [self._ids[name] for name in names]
                pieces += names
                lengths += [0] * (len(names) - 1) + [length]
            elif index == self._unknown and ids and ids[-1] == index:  # neighbours that are unknown are one piece
                pieces[-1] += piece
                lengths[-1] += length
            else:
                ids.append(index)
                pieces.append(piece)
                lengths.append(length)
        return Word(ids, pieces, lengths, cover.scores, sum(map(abs, cover.scores)), cover.margin)

    # -- as the sentencepiece package has it

    def encode_as_ids(self, text: str) -> list[int]:
        """The ids of a text's pieces."""
        return [index for word in self._words(self.normalizer(text)) for index in word.ids]

    def encode_as_pieces(self, text: str) -> list[str]:
        """The pieces of a text; what is unknown as it stands there."""
        return [piece for word in self._words(self.normalizer(text)) for piece in word.pieces]

    def piece_to_id(self, piece: str) -> int:
        """The id of a piece, that of the unknown piece where there is no such piece."""
        return self._ids.get(piece, self._unknown)

    def id_to_piece(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise TokenizationError(f"there is no piece {index}; this model has {len(self)}")
        return self.model.pieces[index]

    def piece_size(self) -> int:
        return len(self)

    def __len__(self) -> int:
        return len(self.model.pieces)

    def unk_id(self) -> int:
        return self._unknown

    def bos_id(self) -> int:
        """The id of the piece that stands for the beginning of a text, -1 where there is none."""
        return self._ids.get(self.model.bos_piece, -1)

    def eos_id(self) -> int:
        return self._ids.get(self.model.eos_piece, -1)

    def pad_id(self) -> int:
        return self._ids.get(self.model.pad_piece, -1)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"sp_model has no {name}; it has encode_as_ids, encode_as_pieces, piece_to_id, id_to_piece, piece_size, "
            "unk_id, bos_id, eos_id and pad_id. Pieces are not sampled, and there are no n-best lists"
        )

    EncodeAsIds = encode_as_ids
    EncodeAsPieces = encode_as_pieces
    PieceToId = piece_to_id
    IdToPiece = id_to_piece
    GetPieceSize = piece_size


def _keeps_words_apart(model: SentencePieceModel, space: str) -> bool:
    """Whether a blank is a piece, and is nowhere in a piece but at its beginning."""
    kinds = zip(model.pieces, model.types, strict=True)
    odd = (PieceType.UNKNOWN, PieceType.CONTROL, PieceType.BYTE)
    if space not in model.pieces or model.types[model.pieces.index(space)] in (*odd, PieceType.UNUSED):
        return False
    inside = "\n".join(model.pieces).count(space) - sum([piece.startswith(space) for piece in model.pieces])
    return inside == 0 or not any(space in piece[1:] for piece, kind in kinds if kind not in odd)


def _normalizer(model: SentencePieceModel) -> Normalizer:
    kinds = zip(model.pieces, model.types, strict=True)
    return Normalizer(
        read_rules(model.charsmap),
        kept=[piece for piece, kind in kinds if kind == PieceType.USER_DEFINED],
        add_dummy_prefix=model.add_dummy_prefix,
        remove_extra_whitespaces=model.remove_extra_whitespaces,
        escape_whitespaces=model.escape_whitespaces,
    )
