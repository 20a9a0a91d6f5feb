"""How is a text tokenized whose words no compiled rule finds? Python cuts it into words, and the words into pieces."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from pretrained.tokenization.added import AddedTokens, add_tokens
from pretrained.tokenization.alignment import Span, align
from pretrained.tokenization.engine import PieceLists, Pieces

Piece = tuple[str, int]
"""A piece of a word, and how many of the word's characters it covers."""

_REMEMBERED = 100_000
_LONG = 100


class WordPieces:
    """The tokens of one text. Where they stand is looked for when it is asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.ids: list[int] = []
        self.tokens: list[str] = []
        self.word_ids: list[int | None] = []
        self.stretches: list[tuple[Span, list[tuple[str, Sequence[Piece]]] | None]] = []
        """Places in the text, with their words and the words' pieces; None for an added token."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def offsets(self) -> list[Span]:
        found: list[Span] = []
        for (start, end), words in self.stretches:
            if words is None:
                found.append((start, end))
                continue
            places = align(self.text[start:end], [word for word, _ in words])
            for (_, pieces), spans in zip(words, places, strict=True):
                found += [(start + first, start + last) for first, last in _spans(pieces, spans)]
        return found

    def __reduce__(self) -> Any:
        return (PieceLists, (self.ids, self.tokens, self.offsets, self.word_ids))


def _spans(pieces: Sequence[Piece], characters: Sequence[Span]) -> Iterator[Span]:
    """The place of each piece, from those of the word's characters."""
    done = 0
    position = characters[0][0] if characters else 0
    for _, length in pieces:
        own = characters[done : done + length]
        standing = [span for span in own if span[0] < span[1]]
        if standing:
            yield standing[0][0], standing[-1][1]
        else:
            yield (own[0] if own else (position, position))
        position = own[-1][1] if own else position
        done += length


class WordEngine:
    """An `Engine` whose two steps are given as functions.

    Args:
        vocab: token → id.
        words: a text's words. Keywords of a call that are in the tokenizer's `text_options` are handed on to it.
        pieces: a word's pieces.
        unknown: the token for pieces that the vocabulary lacks.
    """

    def __init__(
        self,
        vocab: Mapping[str, int],
        words: Callable[..., Sequence[str]],
        pieces: Callable[[str], Sequence[Piece]],
        *,
        unknown: str,
    ) -> None:
        self._vocab = dict(vocab)
        self._tokens = {index: token for token, index in vocab.items()}
        self._words = words
        self._pieces = pieces
        self._unknown = unknown
        self._cut: dict[str, Sequence[Piece]] = {}
        self._finder = AddedTokens({}, lower_case=False)
        self.added: dict[int, AddedToken] = {}
        self.added_vocab: dict[str, int] = {}

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False, **options: Any) -> Sequence[Pieces]:
        if split_into_words:
            return [as_words([self._encode(word, options) for word in words]) for words in texts]
        return [self._encode(text, options) for text in texts]

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._encode(text, {}).ids for text in texts]

    def tokens(self, text: str, **options: Any) -> list[str]:
        """The tokens of a text; they need no ids, so this works with an empty vocabulary."""
        found: list[str] = []
        for start, end, added in self._finder.stretches(text):
            if added is not None:
                found.append(self.added[added].content)
            else:
                words = self._words(text[start:end], **options)
                found += [piece for word in words for piece, _ in self._pieces_of(word)]
        return found

    def _encode(self, text: str, options: Mapping[str, Any]) -> WordPieces:
        result = WordPieces(text)
        number = 0
        for start, end, added in self._finder.stretches(text):
            if added is not None:
                result.ids.append(added)
                result.tokens.append(self.added[added].content)
                result.word_ids.append(number)
                result.stretches.append(((start, end), None))
                number += 1
                continue
            words = [(word, self._pieces_of(word)) for word in self._words(text[start:end], **options)]
            result.stretches.append(((start, end), words))
            for _, pieces in words:
                result.ids += [self._id(piece) for piece, _ in pieces]
                result.tokens += [piece for piece, _ in pieces]
                result.word_ids += [number] * len(pieces)
                number += 1
        return result

    def _pieces_of(self, word: str) -> Sequence[Piece]:
        pieces = self._cut.get(word)
        if pieces is None:
            pieces = self._pieces(word)
            if len(word) <= _LONG:
                if len(self._cut) >= _REMEMBERED:
                    self._cut.clear()
                self._cut[word] = pieces
        return pieces

    def _id(self, token: str) -> int:
        index = self.token_to_id(token)
        if index is None:
            index = self.token_to_id(self._unknown)
        if index is None:
            raise TokenizationError(
                f"{token!r} is not in this vocabulary of {self.vocab_size} tokens, nor is {self._unknown!r}, which "
                "would stand for it"
            )
        return index

    def vocab(self) -> dict[str, int]:
        return dict(self._vocab)

    @property
    def vocab_size(self) -> int:
        return len(self._vocab)

    def token_to_id(self, token: str) -> int | None:
        index = self._vocab.get(token)
        return self.added_vocab.get(token) if index is None else index

    def id_to_token(self, index: int) -> str | None:
        token = self._tokens.get(index)
        if token is None and index in self.added:
            token = self.added[index].content
        return token

    def add(self, tokens: Sequence[AddedToken]) -> None:
        """Added tokens are found as they are spelled, also in a tokenizer that lower-cases."""
        add_tokens(self, tokens)
        self._finder = AddedTokens(self.added, lower_case=False)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_cut": {}}


def as_words(words: Sequence[Pieces]) -> PieceLists:
    """Pre-split words: places count in each word, and the word's number is its place in the list."""
    return PieceLists(
        [index for word in words for index in word.ids],
        [token for word in words for token in word.tokens],
        [span for word in words for span in word.offsets],
        [number for number, word in enumerate(words) for _ in word.ids],
    )
