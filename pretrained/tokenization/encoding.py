"""What comes out? Ids and masks by name, and for each row the way back to the characters of the text."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, Self, TypeVar

from pretrained.errors import TokenizationError
from pretrained.tokenization.engine import Pieces
from pretrained.tokenization.tensors import check_kind, to_tensor

T = TypeVar("T")


class CharSpan(NamedTuple):
    """Characters start … end-1 of a text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens start … end-1 of a row."""

    start: int
    end: int


class Part(NamedTuple):
    """A stretch of a row: special tokens, padding, or a slice of one text's pieces."""

    ids: list[int]
    type_ids: list[int]
    tokens: list[str] | None = None
    """For special tokens and padding; those of a text are asked of its pieces."""
    attention: int = 1
    """0 for padding."""
    sequence: int | None = None
    """Which text of a pair, 0 or 1."""
    pieces: Pieces | None = None
    start: int = 0
    """Where the slice begins in the pieces."""


class Encoding:
    """One row: lists of one length, made when they are asked for.

    Offsets are positions in the text the token came from (in the word, for pre-split words), (0, 0) for tokens
    that came from nowhere; `word_ids` and `sequence_ids` are None there.
    """

    def __init__(self, parts: Sequence[Part], overflowing: Sequence["Encoding"] = ()) -> None:
        self.parts = tuple(parts)
        self.overflowing = list(overflowing)

    @property
    def ids(self) -> list[int]:
        return list(chain.from_iterable(part.ids for part in self.parts))

    @property
    def type_ids(self) -> list[int]:
        return list(chain.from_iterable(part.type_ids for part in self.parts))

    @property
    def attention_mask(self) -> list[int]:
        return self._fill(lambda part: part.attention)

    @property
    def special_tokens_mask(self) -> list[int]:
        return self._fill(lambda part: int(part.sequence is None))

    @property
    def sequence_ids(self) -> list[int | None]:
        return self._fill(lambda part: part.sequence)

    @property
    def tokens(self) -> list[str]:
        return list(
            chain.from_iterable(
                part.tokens if part.tokens is not None else _slice(part, part.pieces.tokens if part.pieces else [])
                for part in self.parts
            )
        )

    @property
    def offsets(self) -> list[tuple[int, int]]:
        return self._from_pieces(lambda pieces: pieces.offsets, (0, 0))

    @property
    def word_ids(self) -> list[int | None]:
        return self._from_pieces(lambda pieces: pieces.word_ids, None)

    @property
    def words(self) -> list[int | None]:
        return self.word_ids

    @property
    def n_sequences(self) -> int:
        return len({part.sequence for part in self.parts} - {None})

    def __len__(self) -> int:
        return sum(len(part.ids) for part in self.parts)

    def __repr__(self) -> str:
        return f"Encoding(num_tokens={len(self)}, tokens={' '.join(self.tokens)!r})"

    def __reduce__(self) -> Any:
        return (Encoding, (self.parts, self.overflowing))

    # -- between characters, words and tokens; None where there is no answer

    def token_to_sequence(self, token: int) -> int | None:
        return self.sequence_ids[token]

    def token_to_word(self, token: int) -> int | None:
        return self.word_ids[token]

    def token_to_chars(self, token: int) -> tuple[int, int] | None:
        return None if self.sequence_ids[token] is None else self.offsets[token]

    def char_to_token(self, char: int, sequence_index: int = 0) -> int | None:
        for index, ((start, end), sequence) in enumerate(zip(self.offsets, self.sequence_ids, strict=True)):
            if sequence == sequence_index and start <= char < end:
                return index
        return None

    def char_to_word(self, char: int, sequence_index: int = 0) -> int | None:
        token = self.char_to_token(char, sequence_index)
        return None if token is None else self.word_ids[token]

    def word_to_tokens(self, word: int, sequence_index: int = 0) -> tuple[int, int] | None:
        found = self._tokens_of(word, sequence_index)
        return (found[0], found[-1] + 1) if found else None

    def word_to_chars(self, word: int, sequence_index: int = 0) -> tuple[int, int] | None:
        found = self._tokens_of(word, sequence_index)
        return (self.offsets[found[0]][0], self.offsets[found[-1]][1]) if found else None

    def _tokens_of(self, word: int, sequence_index: int) -> list[int]:
        pairs = zip(self.word_ids, self.sequence_ids, strict=True)
        return [index for index, pair in enumerate(pairs) if pair == (word, sequence_index)]

    def _fill(self, value: Callable[[Part], T]) -> list[T]:
        result: list[T] = []
        for part in self.parts:
            result += [value(part)] * len(part.ids)
        return result

    def _from_pieces(self, values: Callable[[Pieces], list[T]], elsewhere: T) -> list[T]:
        result: list[T] = []
        for part in self.parts:
            result += _slice(part, values(part.pieces)) if part.pieces else [elsewhere] * len(part.ids)
        return result


def _slice(part: Part, values: list[T]) -> list[T]:
    return values[part.start : part.start + len(part.ids)]


class BatchEncoding(dict[str, Any]):
    """The names and values a model is called with: `model(**encoding)`.

    Reads as a dict (`encoding["input_ids"]`) and by attribute (`encoding.input_ids`); `encoding[0]` is the first
    row as an `Encoding`. What was made by a tokenizer call also leads from tokens to words and characters.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        encoding: Encoding | Sequence[Encoding] | None = None,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
    ) -> None:
        super().__init__(data or {})
        self._encodings = [encoding] if isinstance(encoding, Encoding) else None if encoding is None else list(encoding)
        if tensor_type is not None:
            self.convert_to_tensors(tensor_type, prepend_batch_axis=prepend_batch_axis)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{name!r} is not in this encoding; it has {', '.join(self)}") from None

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        if isinstance(key, int):
            return self._rows()[key]
        if isinstance(key, slice):
            return {name: value[key] for name, value in self.items()}
        raise KeyError(f"{key!r}: an encoding is read by name, by the number of a row, or by a slice of rows")

    def __reduce__(self) -> Any:
        return (type(self), (dict(self), self._encodings))

    def copy(self) -> Self:
        return type(self)(self, self._encodings)

    @property
    def data(self) -> Self:
        return self

    @property
    def is_fast(self) -> bool:
        """Whether tokens, words and characters can be asked for."""
        return self._encodings is not None

    @property
    def encodings(self) -> list[Encoding] | None:
        """The rows, None for what did not come from a text."""
        return self._encodings

    @property
    def n_sequences(self) -> int | None:
        """1, or 2 for pairs."""
        return self._encodings[0].n_sequences if self._encodings else None

    # -- tensors

    def convert_to_tensors(self, tensor_type: str | None = None, prepend_batch_axis: bool = False) -> Self:
        """Turns every value into a tensor ("pt") or an array ("np"), in place."""
        if tensor_type is None:
            return self
        check_kind(tensor_type)
        for key, value in self.items():
            if value is not None:
                self[key] = to_tensor(key, [value] if prepend_batch_axis else value, tensor_type)
        return self

    def to(self, device: Any, **kwargs: Any) -> Self:
        """Moves the tensors to a device, in place."""
        for key, value in self.items():
            if hasattr(value, "to"):
                self[key] = value.to(device, **kwargs)
        return self

    # -- rows; `batch_index` may be left away when there is one row

    def tokens(self, batch_index: int = 0) -> list[str]:
        return self._rows()[batch_index].tokens

    def words(self, batch_index: int = 0) -> list[int | None]:
        return self.word_ids(batch_index)

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        return self._rows()[batch_index].word_ids

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        return self._rows()[batch_index].sequence_ids

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        row, token = self._token(batch_or_token_index, token_index)
        return row.token_to_sequence(token)

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        row, token = self._token(batch_or_token_index, token_index)
        return row.token_to_word(token)

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        row, token = self._token(batch_or_token_index, token_index)
        span = row.token_to_chars(token)
        return CharSpan(*span) if span else None

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        row, word = self._row(batch_or_word_index, word_index)
        span = row.word_to_tokens(word, sequence_index)
        return TokenSpan(*span) if span else None

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        row, word = self._row(batch_or_word_index, word_index)
        span = row.word_to_chars(word, sequence_index)
        return CharSpan(*span) if span else None

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        row, char = self._row(batch_or_char_index, char_index)
        return row.char_to_token(char, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        row, char = self._row(batch_or_char_index, char_index)
        return row.char_to_word(char, sequence_index)

    def _row(self, first: int, second: int | None) -> tuple[Encoding, int]:
        """One number is a place in row 0, two are a row and a place in it."""
        return (self._rows()[0], first) if second is None else (self._rows()[first], second)

    def _token(self, first: int, second: int | None) -> tuple[Encoding, int]:
        row, token = self._row(first, second)
        if not -len(row) <= token < len(row):
            raise TokenizationError(f"there is no token {token}; the row has {len(row)}")
        return row, token

    def _rows(self) -> list[Encoding]:
        if self._encodings is None:
            raise TokenizationError(
                "this encoding was put together from ids, so nothing is known of words and characters; "
                "ask the one that the tokenizer made from the text"
            )
        return self._encodings
