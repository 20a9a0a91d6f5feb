"""What turns text into a family's ids by a SentencePiece model? Added tokens are cut out, the rest is cut into pieces.

The `tokenizers` package has this algorithm, but not bit for bit: it adds scores in 64 bits, normalizes letter groups
where SentencePiece takes the longest match, and counts places differently. This engine gives the ids, pieces and places
of the sentencepiece package, and is as fast where words come again.
"""

import re
from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken

from pretrained.tokenization.added import AddedTokens, add_tokens
from pretrained.tokenization.cleaning import Cleaner
from pretrained.tokenization.engine import PieceLists, Pieces
from pretrained.tokenization.processor import SentencePiece, Word, Words


class SentencePieceEngine:
    """An `Engine` over a SentencePiece model.

    Args:
        processor: the model.
        tokens: id → token, in the numbering of the family.
        ids: piece → id in that numbering.
        cleaner: what is done to a text before; None: nothing.
        split_commas: cut the comma off pieces such as "12,", and what is before it anew.
    """

    def __init__(
        self,
        processor: SentencePiece,
        tokens: Sequence[str],
        ids: Sequence[int],
        *,
        cleaner: Cleaner | None = None,
        split_commas: bool = False,
    ) -> None:
        self.processor = processor
        self.cleaner = cleaner
        self._split_commas = split_commas
        self._tokens = tokens
        self._family_ids = ids
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._words = Words(processor.word_begins, self._word)
        self.added: dict[int, AddedToken] = {}
        self.added_vocab: dict[str, int] = {}
        self._finder = AddedTokens({}, lower_case=False)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_words"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._words = Words(self.processor.word_begins, self._word)

    # -- text to pieces

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> Sequence[Pieces]:
        if split_into_words:
            return [self._of_words(words) for words in texts]
        return [_LazyPieces(self, text, self._finder) for text in texts]

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.ids_of(text) for text in texts]

    def ids_of(self, text: str) -> list[int]:
        """The ids of one text."""
        text = _whole(text)
        ids: list[int] = []
        for start, end, index in self._finder.stretches(text):
            if index is None:
                ids += [index for word in self._words(self.normal(text[start:end])) for index in word.ids]
            else:
                ids.append(index)
        return ids

    def pieces_of(self, text: str, finder: AddedTokens) -> PieceLists:
        """The same with tokens, places and words."""
        text = _whole(text)
        result = PieceLists([], [], [], [])
        number = -1
        for start, end, index in finder.stretches(text):
            if index is not None:
                number += 1
                result.ids.append(index)
                result.tokens.append(finder.tokens[index].content)
                result.offsets.append((start, end))
                result.word_ids.append(number)
                continue
            normal, places = self._align(text[start:end])
            if start:
                places = [start + place for place in places]
            at = 0
            for word in self._words(normal):
                result.ids.extend(word.ids)
                result.tokens.extend(word.pieces)
                if self._words.space is None:
                    numbers = self._numbers(normal, word.lengths, number)
                    result.word_ids.extend(numbers)
                    number = numbers[-1]
                else:
                    number += 1
                    result.word_ids.extend([number] * len(word.ids))
                for length in word.lengths:
                    result.offsets.append((places[at], places[at + length]))
                    at += length
        return result

    def _numbers(self, normal: str, lengths: Sequence[int], last: int) -> list[int]:
        """The numbers of the words that pieces belong to, where a word may begin inside a piece; none is `last`."""
        numbers: list[int] = []
        at, before = 0, -1
        for length in lengths:  # the bytes of one character stand at one place
            if not numbers or (at != before and normal.startswith(self.processor.normalizer.space, at)):
                last += 1
            numbers.append(last)
            at, before = at + length, at
        return numbers

    def _of_words(self, words: Sequence[str]) -> PieceLists:
        """Each word as a text of its own; places count in the word."""
        parts = [self.pieces_of(word, self._finder) for word in words]
        return PieceLists(
            [index for part in parts for index in part.ids],
            [token for part in parts for token in part.tokens],
            [span for part in parts for span in part.offsets],
            [number for number, part in enumerate(parts) for _ in part.ids],
        )

    def normal(self, text: str) -> str:
        """The text as it is cut into pieces."""
        return self.processor.normalizer(text if self.cleaner is None else self.cleaner(text))

    def _align(self, text: str) -> tuple[str, list[int]]:
        """(normalized text, place in `text` of each of its characters and of its end)."""
        if self.cleaner is None:
            return self.processor.normalizer.align(text)
        cleaned, outer = self.cleaner.align(text)
        normal, places = self.processor.normalizer.align(cleaned)
        return normal, [outer[place] for place in places]

    def _word(self, text: str, before: float | None) -> Word:
        """The pieces of a word with the ids of the family."""
        word = self.processor.word(text, before)
        ids = [self._family_ids[index] for index in word.ids]
        if not (self._split_commas and any(map(_ends_in_number_comma, word.pieces))):
            return word._replace(ids=ids)
        new_ids: list[int] = []
        pieces: list[str] = []
        lengths: list[int] = []
        for index, piece, length in zip(ids, word.pieces, word.lengths, strict=True):
            if not _ends_in_number_comma(piece):
                new_ids.append(index)
                pieces.append(piece)
                lengths.append(length)
                continue
            parts = self._without_comma(piece)
            new_ids += [self._ids.get(part, self._family_ids[self.processor.unk_id()]) for part in parts]
            pieces += parts
            for part in parts[:-1]:
                lengths.append(min(len(part), length))
                length -= lengths[-1]
            lengths.append(length)
        return word._replace(ids=new_ids, pieces=pieces, lengths=lengths)

    def _without_comma(self, piece: str) -> list[str]:
        """The pieces of "▁12" and the comma, for "▁12,"; without the blank if there was none."""
        space = self.processor.normalizer.space
        parts = self.processor.encode_as_pieces(piece[:-1].replace(space, ""))
        if not piece.startswith(space) and parts[:1] and parts[0].startswith(space):
            parts = [*([parts[0][len(space) :]] if len(parts[0]) > 1 else []), *parts[1:]]
        return [*parts, ","]

    # -- vocabulary

    def vocab(self) -> dict[str, int]:
        return dict(self._ids)

    @property
    def vocab_size(self) -> int:
        return len(self._tokens)

    def token_to_id(self, token: str) -> int | None:
        return self._ids.get(token, self.added_vocab.get(token))

    def id_to_token(self, index: int) -> str | None:
        if index in self.added:
            return self.added[index].content
        return self._tokens[index] if 0 <= index < len(self._tokens) else None

    def add(self, tokens: Sequence[AddedToken]) -> None:
        add_tokens(self, tokens)
        self.added = dict(sorted(self.added.items()))
        lower_case = self.cleaner is not None and self.cleaner.do_lower_case
        self._finder = AddedTokens(self.added, lower_case=lower_case)


class _LazyPieces:
    """Pieces of which only the ids are made until more is asked for."""

    __slots__ = ("_engine", "_finder", "_full", "_text", "ids")

    def __init__(self, engine: SentencePieceEngine, text: str, finder: AddedTokens) -> None:
        self.ids = engine.ids_of(text)
        self._engine = engine
        self._finder = finder  # the engine may get more tokens meanwhile
        self._text = text
        self._full: PieceLists | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def _all(self) -> PieceLists:
        if self._full is None:
            self._full = self._engine.pieces_of(self._text, self._finder)
        return self._full

    @property
    def tokens(self) -> list[str]:
        return self._all().tokens

    @property
    def offsets(self) -> list[tuple[int, int]]:
        return self._all().offsets

    @property
    def word_ids(self) -> list[int | None]:
        return self._all().word_ids

    def __reduce__(self) -> Any:
        full = self._all()
        return (PieceLists, (full.ids, full.tokens, full.offsets, full.word_ids))


def _ends_in_number_comma(piece: str) -> bool:
    return piece[-1:] == "," and piece[-2:-1].isdigit()


def _whole(text: str) -> str:
    """Halves of surrogate pairs, which no piece can hold, as U+FFFD."""
    if _SURROGATE.search(text):
        return _SURROGATE.sub("\ufffd", text)
    return text


_SURROGATE = re.compile("[\ud800-\udfff]")
