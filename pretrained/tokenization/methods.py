"""What if a tokenizer class cuts texts by a Python method of its own, as code for the uncompiled classes did?

A class with a `tokenize` or `_tokenize` of its own has `is_fast` False, and its texts become ids by these methods. One
that also says which token has which id needs no engine at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from pretrained.tokenization.added import AddedTokens, add_tokens
from pretrained.tokenization.special_tokens import added_token

if TYPE_CHECKING:
    from pretrained.tokenization.vocabulary import Vocabulary


@dataclass(frozen=True)
class UnplacedPieces:
    """Pieces that came from no text, or from one by a method that does not say where in it they stand."""

    ids: list[int]
    tokens: list[str]
    word_ids: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def offsets(self) -> NoReturn:
        raise TokenizationError(
            "where these tokens stand in the text is not known: they were given as ids or tokens, or the tokenizer's "
            "class has a tokenize or _tokenize of its own. To do: leave return_offsets_mapping and the like away"
        )


class MethodEngine:
    """An `Engine` that asks the tokenizer's own `_convert_token_to_id`, `_convert_id_to_token` and `vocab_size`.

    It asks when something is looked for and not before: the vocabulary may be read after the base constructor ran.
    """

    def __init__(self, tokenizer: "Vocabulary") -> None:
        self._tokenizer = tokenizer
        self.added_vocab: dict[str, int] = {}

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> NoReturn:
        raise TypeError(f"{type(self._tokenizer).__name__} has neither an engine nor a _tokenize")

    def encode_ids(self, texts: Sequence[str]) -> NoReturn:
        self.encode(texts)

    def vocab(self) -> dict[str, int]:
        return {self._tokenizer._convert_id_to_token(index): index for index in range(self.vocab_size)}

    @property
    def vocab_size(self) -> int:
        return self._tokenizer.vocab_size

    def token_to_id(self, token: str) -> int | None:
        """An unknown token has the id of another one."""
        if token in self.added_vocab:
            return self.added_vocab[token]
        index = self._tokenizer._convert_token_to_id(token)
        return index if index is not None and self._tokenizer._convert_id_to_token(index) == token else None

    def id_to_token(self, index: int) -> str | None:
        return self._tokenizer._id_to_token(index)

    @cached_property
    def added(self) -> dict[int, AddedToken]:
        """At first the special tokens that the vocabulary knows."""
        made = [
            added_token(token, normalized=False, special=True) for token in self._tokenizer.all_special_tokens_extended
        ]
        return {index: token for token in made if (index := self.token_to_id(token.content)) is not None}

    def add(self, tokens: Sequence[AddedToken]) -> None:
        add_tokens(self, tokens)


def tokens_between(
    text: str,
    added: Mapping[int, AddedToken],
    cut: Callable[[str], Sequence[str]],
    *,
    lower_case: bool,
    blanks_apart: bool,
) -> list[str]:
    """The added tokens of a text, and between them what `cut` makes of each stretch.

    Args:
        lower_case: the stretches are lower-cased before.
        blanks_apart: blanks beside an added token belong to no stretch.
    """
    tokens: list[str] = []
    for start, end, index in AddedTokens(added, lower_case=lower_case).stretches(text):
        if index is not None:
            tokens.append(added[index].content)
            continue
        stretch = text[start:end]
        if blanks_apart:
            stretch = stretch.lstrip() if start else stretch
            stretch = stretch.rstrip() if end < len(text) else stretch
        if stretch:
            tokens.extend(cut(stretch.lower() if lower_case else stretch))
    return tokens
