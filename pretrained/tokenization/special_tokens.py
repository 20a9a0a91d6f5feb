"""Which tokens stand for something other than text? Special, added and unused ones."""

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, overload

from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from pretrained.tokenization.basic import lower

if TYPE_CHECKING:
    from pretrained.tokenization.vocabulary import Vocabulary

log = logging.getLogger("pretrained")

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
SPECIAL_TOKENS_ATTRIBUTES = [*NAMED, "additional_special_tokens"]

Token = str | AddedToken
"""An AddedToken says more than its text: whether it takes blanks beside it, or matches whole words only."""

_UNUSED = re.compile(r"\[unused(\d+)\]")


class SpecialToken:
    """`tokenizer.cls_token`: the token's text, or None. Setting it does not add it to the vocabulary."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, tokenizer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, tokenizer: "Vocabulary", owner: type) -> str | None: ...
    def __get__(self, tokenizer: "Vocabulary | None", owner: type) -> Self | str | None:
        if tokenizer is None:
            return self
        token = tokenizer._special.get(self.name)
        if token is None and tokenizer.verbose:
            log.error("this tokenizer has no %s", self.name)
        return None if token is None else str(token)

    def __set__(self, tokenizer: "Vocabulary", token: Token | None) -> None:
        tokenizer._set_special(self.name, token)


class SpecialTokenId:
    """`tokenizer.cls_token_id`: the id of that token, None where there is no such token."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, tokenizer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, tokenizer: "Vocabulary", owner: type) -> int | None: ...
    def __get__(self, tokenizer: "Vocabulary | None", owner: type) -> Self | int | None:
        if tokenizer is None:
            return self
        token = tokenizer._special.get(self.name)
        return None if token is None else tokenizer._token_to_id(str(token))

    def __set__(self, tokenizer: "Vocabulary", index: int | None) -> None:
        tokenizer._set_special(self.name, None if index is None else tokenizer._id_to_token(index))


def check_token(name: str, token: Any) -> Token:
    """Raises for what cannot be a token."""
    if not isinstance(token, str | AddedToken) or not str(token).strip():
        raise TokenizationError(f"{name} must be a text that is not blank, or an AddedToken; got {token!r}")
    return token


def added_token(token: Token, *, normalized: bool, special: bool) -> AddedToken:
    """An AddedToken of a text; one that was made by the caller keeps its own rules."""
    if isinstance(token, str):
        return AddedToken(token, normalized=normalized, special=special)
    rules = {"lstrip": token.lstrip, "rstrip": token.rstrip, "single_word": token.single_word}
    return AddedToken(
        token.content, **rules, normalized=token.normalized and not special, special=special or token.special
    )


def lower_cased_token(token: Token) -> AddedToken:
    """A new token of a tokenizer that lower-cases: found in any spelling, as it is looked for in lower-cased text."""
    made = added_token(token, normalized=True, special=False)
    rules = {"lstrip": made.lstrip, "rstrip": made.rstrip, "single_word": made.single_word}
    return AddedToken(lower(made.content), normalized=made.normalized, special=made.special, **rules)


def to_json(value: Any, *, marked: bool) -> Any:
    """AddedTokens inside any JSON value as objects; `marked` with their type, as tokenizer_config.json has them."""
    if isinstance(value, AddedToken):
        content = {
            "content": value.content,
            "lstrip": value.lstrip,
            "normalized": value.normalized,
            "rstrip": value.rstrip,
            "single_word": value.single_word,
            "special": value.special,
        }
        return content | ({"__type": "AddedToken"} if marked else {})
    if isinstance(value, Mapping):
        return {str(key): to_json(item, marked=marked) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item, marked=marked) for item in value]
    return value


def from_json(value: Any) -> Any:
    """The opposite: every object with a "content" that is a text becomes an AddedToken."""
    if isinstance(value, Mapping):
        if isinstance(value.get("content"), str):
            rules = ("lstrip", "rstrip", "single_word", "normalized", "special")
            return AddedToken(value["content"], **{key: bool(value[key]) for key in rules if key in value})
        return {key: from_json(item) for key, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def unused_places(vocab: Mapping[str, int]) -> list[str]:
    """The vocabulary's `[unusedN]` entries in the order of their ids."""
    return sorted((token for token in vocab if _UNUSED.fullmatch(token)), key=vocab.__getitem__)


def fill_unused(vocab: Mapping[str, int], tokens: Iterable[str], *, taken: Collection[str] = ()) -> dict[str, int]:
    """The vocabulary with new tokens in place of its first `[unusedN]` entries, each with the id of that place.

    Args:
        taken: tokens that are in use already, in the vocabulary or not.

    Raises:
        TokenizationError: a token is there already, or given twice, or cannot stand in a vocabulary file; or there are
            fewer free places than tokens.
    """
    wanted = list(tokens)
    for position, token in enumerate(wanted):
        if not token.strip() or token != token.strip() or "\n" in token:
            raise TokenizationError(f"{token!r} cannot be a token: it is blank, or begins or ends with a blank")
        if token in vocab or token in taken:
            raise TokenizationError(
                f"{token!r} is a token already" + (f", with the id {vocab[token]}" if token in vocab else "")
            )
        if token in wanted[:position]:
            raise TokenizationError(f"{token!r} is given twice")
    free = [place for place in unused_places(vocab) if place not in taken]
    if len(free) < len(wanted):
        raise TokenizationError(
            f"{len(wanted)} unused places are wanted and {len(free)} are free in this vocabulary of {len(vocab)}. "
            "To do: tokenizer.add_tokens(…), which makes new places, then "
            "model.resize_token_embeddings(len(tokenizer))"
        )
    places = dict(zip(free, wanted, strict=False))
    return {places.get(token, token): index for token, index in vocab.items()}
