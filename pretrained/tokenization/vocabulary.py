"""Which tokens are there, which id has each, and which of them are special?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from pretrained.tokenization.engine import Engine
from pretrained.tokenization.methods import MethodEngine
from pretrained.tokenization.special_tokens import (
    NAMED,
    SPECIAL_TOKENS_ATTRIBUTES,
    SpecialToken,
    SpecialTokenId,
    Token,
    added_token,
    check_token,
)


class Vocabulary:
    """Tokens and ids: the half of a tokenizer that knows no text. `PreTrainedTokenizer` adds the other half."""

    SPECIAL_TOKENS_ATTRIBUTES = SPECIAL_TOKENS_ATTRIBUTES

    bos_token, bos_token_id = SpecialToken("bos_token"), SpecialTokenId("bos_token")
    eos_token, eos_token_id = SpecialToken("eos_token"), SpecialTokenId("eos_token")
    unk_token, unk_token_id = SpecialToken("unk_token"), SpecialTokenId("unk_token")
    sep_token, sep_token_id = SpecialToken("sep_token"), SpecialTokenId("sep_token")
    pad_token, pad_token_id = SpecialToken("pad_token"), SpecialTokenId("pad_token")
    cls_token, cls_token_id = SpecialToken("cls_token"), SpecialTokenId("cls_token")
    mask_token, mask_token_id = SpecialToken("mask_token"), SpecialTokenId("mask_token")

    def __init__(self, engine: Engine | None, special_tokens: Mapping[str, Any], *, verbose: bool) -> None:
        self.verbose = verbose
        self._engine: Engine = MethodEngine(self) if engine is None else engine
        self._special: dict[str, Token] = {
            name: check_token(name, special_tokens[name]) for name in NAMED if special_tokens.get(name) is not None
        }
        additional = special_tokens.get("additional_special_tokens") or ()
        self._additional = [check_token("additional_special_tokens", token) for token in additional]
        if engine is not None:
            self._keep_whole(self.all_special_tokens_extended)

    # -- sizes and tables

    @property
    def vocab_size(self) -> int:
        """The size of the vocabulary without added tokens; `len(tokenizer)` counts them."""
        return self._engine.vocab_size

    def __len__(self) -> int:
        return self.vocab_size + len(self._engine.added_vocab)

    def get_vocab(self) -> dict[str, int]:
        """Token → id, with added tokens."""
        return {**self._engine.vocab(), **self._engine.added_vocab}

    def get_added_vocab(self) -> dict[str, int]:
        """Token → id of the tokens that were added after the vocabulary."""
        return dict(self._engine.added_vocab)

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        return self.get_added_vocab()

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Id → token, for every token that is cut out of a text in one piece, special ones too."""
        return dict(self._engine.added)

    # -- between tokens and ids

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int | None: ...  # type: ignore[overload-overlap]
    @overload
    def convert_tokens_to_ids(self, tokens: Sequence[str]) -> list[int]: ...
    @overload
    def convert_tokens_to_ids(self, tokens: None) -> None: ...
    def convert_tokens_to_ids(self, tokens: str | Sequence[str] | None) -> Any:
        """The id of a token, or of each; that of the unknown token for one that is not in the vocabulary."""
        if tokens is None or isinstance(tokens, str):
            return None if tokens is None else self._token_to_id(tokens)
        return [self._token_to_id(token) for token in tokens]

    def _token_to_id(self, token: str) -> int | None:
        index = self._engine.added_vocab.get(token)
        return self._convert_token_to_id(token) if index is None else index

    def _convert_token_to_id(self, token: str) -> int | None:
        """The id of a token that was not added. A class may say so itself."""
        index = self._find(token)
        if index is None and "unk_token" in self._special:
            index = self._find(str(self._special["unk_token"]))
        return index

    def _find(self, token: str) -> int | None:
        return self._engine.token_to_id(token)

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(self, ids: Iterable[int], skip_special_tokens: bool = False) -> list[str]: ...
    def convert_ids_to_tokens(self, ids: int | Iterable[int], skip_special_tokens: bool = False) -> str | list[str]:
        """The token of an id, or of each."""
        if isinstance(ids, int):
            return self._id_to_token(ids)
        skipped = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._id_to_token(index) for index in map(int, ids) if index not in skipped]

    def _id_to_token(self, index: int) -> str:
        added = self._engine.added.get(index)
        return self._convert_id_to_token(index) if added is None else added.content

    def _convert_id_to_token(self, index: int) -> str:
        """The token of an id that was not added. A class may say so itself."""
        token = self._engine.id_to_token(index)
        if token is None:  # an id beyond the vocabulary reads as unknown
            token = str(self._special.get("unk_token", ""))
        return token

    # -- added tokens

    def add_tokens(self, new_tokens: Token | Sequence[Token], special_tokens: bool = False) -> int:
        """Adds tokens that the vocabulary lacks, and returns how many those were.

        The model's embedding must then grow: `model.resize_token_embeddings(len(tokenizer))`.
        """
        given = [new_tokens] if isinstance(new_tokens, str | AddedToken) else new_tokens
        added: dict[str, AddedToken] = {}
        count = 0
        for token in given:
            made = self._added_token(check_token("a new token", token), special=special_tokens)
            index = self._engine.token_to_id(made.content)
            if index is None and made.content not in added:
                count += 1
                added[made.content] = made
            elif special_tokens and index is not None and index not in self._engine.added:
                added[made.content] = made  # it is there, and stays in one piece from now on
        if added:
            self._engine.add(list(added.values()))
        return count

    def _added_token(self, token: Token, *, special: bool) -> AddedToken:
        """How a token is looked for in a text; families that change letters look for the changed ones."""
        return added_token(token, normalized=False, special=special)

    # -- special tokens

    def _set_special(self, name: str, token: Token | None) -> None:
        if token is None:
            self._special.pop(name, None)
        else:
            self._special[name] = check_token(name, token)
            self._keep_whole([token])

    def _keep_whole(self, tokens: Sequence[Token]) -> None:
        """Has special tokens that the vocabulary knows cut out of a text in one piece."""
        known = {str(token): self._engine.token_to_id(str(token)) for token in tokens}
        added = self._engine.added
        missing = [
            added_token(token, normalized=False, special=True)
            for token in tokens
            if (index := known[str(token)]) is not None and not (index in added and added[index].special)
        ]
        if missing:
            self._engine.add(missing)

    @property
    def additional_special_tokens(self) -> list[str]:
        return [str(token) for token in self._additional]

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Sequence[Token]) -> None:
        self._additional = [check_token("additional_special_tokens", token) for token in tokens]
        self._keep_whole(self._additional)

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        return self.convert_tokens_to_ids(self.additional_special_tokens)

    @property
    def special_tokens_map_extended(self) -> dict[str, Any]:
        """Attribute → token, or list of tokens; only those that are set, AddedTokens as such."""
        named: dict[str, Any] = {name: self._special[name] for name in NAMED if name in self._special}
        return named | ({"additional_special_tokens": list(self._additional)} if self._additional else {})

    @property
    def special_tokens_map(self) -> dict[str, Any]:
        """The same as plain texts."""
        named: dict[str, Any] = {name: str(self._special[name]) for name in NAMED if name in self._special}
        return named | ({"additional_special_tokens": self.additional_special_tokens} if self._additional else {})

    @property
    def all_special_tokens_extended(self) -> list[Token]:
        tokens = [self._special[name] for name in NAMED if name in self._special]
        return list({str(token): token for token in [*tokens, *self._additional]}.values())

    @property
    def all_special_tokens(self) -> list[str]:
        """Each special token once, in the order of the attributes."""
        return [str(token) for token in self.all_special_tokens_extended]

    @property
    def all_special_ids(self) -> list[int]:
        return [index for token in self.all_special_tokens if (index := self._token_to_id(token)) is not None]

    def add_special_tokens(self, special_tokens_dict: Mapping[str, Token | Sequence[Token]]) -> int:
        """Sets special tokens, adds those that the vocabulary lacks, and returns how many were added."""
        unknown = [name for name in special_tokens_dict if name not in SPECIAL_TOKENS_ATTRIBUTES]
        if unknown:
            raise TokenizationError(
                f"{', '.join(map(repr, unknown))} is no special token; they are {', '.join(SPECIAL_TOKENS_ATTRIBUTES)}"
            )
        count = 0
        for name, value in special_tokens_dict.items():
            tokens = [value] if isinstance(value, str | AddedToken) else list(value)
            if name != "additional_special_tokens" and len(tokens) != 1:
                raise TokenizationError(f"{name} is one token; got {tokens!r}")
            count += self.add_tokens(tokens, special_tokens=True)
            if name == "additional_special_tokens":
                self.additional_special_tokens = tokens
            else:
                self._set_special(name, tokens[0])
        return count

    def sanitize_special_tokens(self) -> int:
        """Adds the special tokens that the vocabulary lacks, and returns how many those were."""
        return self.add_tokens(self.all_special_tokens_extended, special_tokens=True)
