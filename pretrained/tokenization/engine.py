"""What turns text into pieces? A compiled pipeline of the `tokenizers` package, behind a small interface.

A family whose algorithm that package cannot express brings an object of its own with the same methods.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tokenizers import AddedToken, Tokenizer
from tokenizers import Encoding as CompiledEncoding

from pretrained.errors import TokenizationError


class Pieces(Protocol):
    """The tokens of one text, without special tokens: four lists of one length."""

    def __len__(self) -> int: ...

    @property
    def ids(self) -> list[int]: ...

    @property
    def tokens(self) -> list[str]: ...

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """First character and the one after the last, in the text (in the word, for pre-split words)."""

    @property
    def word_ids(self) -> list[int | None]: ...


class Engine(Protocol):
    """Text to pieces, and the vocabulary."""

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> Sequence[Pieces]:
        """The pieces of each text; with `split_into_words`, a text is a list of words."""

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Only the ids of each text, as fast as possible."""

    def vocab(self) -> dict[str, int]:
        """The vocabulary without added tokens."""

    @property
    def vocab_size(self) -> int: ...

    def token_to_id(self, token: str) -> int | None: ...

    def id_to_token(self, index: int) -> str | None: ...

    @property
    def added(self) -> Mapping[int, AddedToken]:
        """Tokens that are cut out of a text before anything else; their ids may lie in the vocabulary or after it."""

    @property
    def added_vocab(self) -> Mapping[str, int]:
        """Those of them that the vocabulary itself lacks."""

    def add(self, tokens: Sequence[AddedToken]) -> None:
        """Adds tokens; one that has an id keeps it, others get the next ones."""


@dataclass(frozen=True)
class PieceLists:
    """Pieces as plain lists."""

    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    word_ids: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)


class CompiledPieces:
    """Pieces that stay in the compiled engine until a list is asked for."""

    __slots__ = ("_encoding", "_spelling")

    def __init__(self, encoding: CompiledEncoding, spelling: Mapping[int, str]) -> None:
        self._encoding = encoding
        self._spelling = spelling

    def __len__(self) -> int:
        return len(self._encoding)

    @property
    def ids(self) -> list[int]:
        return self._encoding.ids

    @property
    def tokens(self) -> list[str]:
        tokens = self._encoding.tokens
        if self._spelling:
            tokens = [self._spelling.get(index, token) for index, token in zip(self.ids, tokens, strict=True)]
        return tokens

    @property
    def offsets(self) -> list[tuple[int, int]]:
        return self._encoding.offsets

    @property
    def word_ids(self) -> list[int | None]:
        return self._encoding.word_ids

    def __reduce__(self) -> Any:
        return (PieceLists, (self.ids, self.tokens, self.offsets, self.word_ids))


class CompiledEngine:
    """An `Engine` over a `tokenizers.Tokenizer`.

    Cutting and padding are never switched on in the pipeline: a call changes nothing in it, so several threads may
    share it. Batches run in parallel unless TOKENIZERS_PARALLELISM=false.
    """

    def __init__(self, pipeline: Tokenizer) -> None:
        pipeline.no_truncation()
        pipeline.no_padding()
        self.pipeline = pipeline
        self._note_added()

    def _note_added(self) -> None:
        self.added: dict[int, AddedToken] = self.pipeline.get_added_tokens_decoder()
        in_vocabulary = self.pipeline.model.token_to_id
        added = self.added.items()
        self.added_vocab = {token.content: index for index, token in added if in_vocabulary(token.content) is None}
        # the pipeline gives these back as they were matched: in normalized spelling, or with the blanks they took
        self._spelling = {
            index: token.content for index, token in added if token.normalized or token.lstrip or token.rstrip
        }

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> Sequence[Pieces]:
        encodings = self._run(self.pipeline.encode_batch, texts, split_into_words)
        return [CompiledPieces(encoding, self._spelling) for encoding in encodings]

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._run(self.pipeline.encode_batch_fast, texts, False)]

    @staticmethod
    def _run(method: Any, texts: Sequence[Any], split_into_words: bool) -> list[CompiledEncoding]:
        texts = texts if isinstance(texts, list) else list(texts)
        try:
            result: list[CompiledEncoding] = method(texts, is_pretokenized=split_into_words, add_special_tokens=False)
        except TypeError:  # half of a surrogate pair, which UTF-8 cannot hold
            texts = [without_surrogates(text) for text in texts]
            result = method(texts, is_pretokenized=split_into_words, add_special_tokens=False)
        except Exception as error:  # the package raises this plain class, for a vocabulary without the unknown token
            raise TokenizationError(f"the tokenization engine stopped: {error}") from error
        return result

    def vocab(self) -> dict[str, int]:
        return self.pipeline.get_vocab(with_added_tokens=False)

    @property
    def vocab_size(self) -> int:
        return self.pipeline.get_vocab_size(with_added_tokens=False)

    def token_to_id(self, token: str) -> int | None:
        return self.pipeline.token_to_id(token)

    def id_to_token(self, index: int) -> str | None:
        added = self.added.get(index)
        if added is not None:
            return added.content
        return self.pipeline.id_to_token(index) if 0 <= index < 2**32 else None

    def add(self, tokens: Sequence[AddedToken]) -> None:
        self.pipeline.add_tokens(list(tokens))
        self._note_added()

    def to_json(self) -> dict[str, Any]:
        """The pipeline as tokenizer.json has it."""
        content: dict[str, Any] = json.loads(self.pipeline.to_str())
        return content


def without_surrogates(text: Any) -> Any:
    """Lone surrogates as U+FFFD, which keeps every position; a list of words word by word."""
    if isinstance(text, str):
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return [without_surrogates(word) for word in text]
