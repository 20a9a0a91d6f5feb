"""Small vocabularies and tokenizers that tests make themselves, and a tokenizer without a compiled engine."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import AddedToken

from pretrained.models.bert.tokenization_bert import BertTokenizer
from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.engine import PieceLists

SPECIAL = ["[PAD]", "[unused0]", "[unused1]", "[unused2]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
WORDS = [*SPECIAL, *LETTERS, "##ed", "##er", "##s", "un", "##want", "want", "low", "hello", "world", "the", "##n", "世"]
WORDS += list(",.!?'<>-")


def small_bert(**options: Any) -> BertTokenizer:
    """BERT with a vocabulary of letters and a few words."""
    return BertTokenizer(**{"vocab": WORDS, "do_lower_case": True, **options})


class WordEngine:
    """Words between blanks, in plain Python; capitals at the end of the alphabet stand for nothing."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = {word: index for index, word in enumerate(words)}
        self.added: dict[int, AddedToken] = {}

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> list[PieceLists]:
        return [self._words(text) if split_into_words else self._text(text) for text in texts]

    def _text(self, text: str) -> PieceLists:
        found = list(re.finditer(r"\S+", text))
        tokens = [match.group() for match in found]
        ids = [self.words.get(token, self.words["<unk>"]) for token in tokens]
        return PieceLists(ids, tokens, [match.span() for match in found], list(range(len(ids))))

    def _words(self, words: Sequence[str]) -> PieceLists:
        ids = [self.words.get(word, self.words["<unk>"]) for word in words]
        return PieceLists(ids, list(words), [(0, len(word)) for word in words], list(range(len(ids))))

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [pieces.ids for pieces in self.encode(texts)]

    def vocab(self) -> dict[str, int]:
        return {word: index for word, index in self.words.items() if word not in self.added_vocab}

    @property
    def vocab_size(self) -> int:
        return len(self.vocab())

    def token_to_id(self, token: str) -> int | None:
        return self.words.get(token)

    def id_to_token(self, index: int) -> str | None:
        return next((word for word, own in self.words.items() if own == index), None)

    @property
    def added_vocab(self) -> Mapping[str, int]:
        return {token.content: index for index, token in self.added.items() if not token.special}

    def add(self, tokens: Sequence[AddedToken]) -> None:
        for token in tokens:
            self.added[self.words.setdefault(token.content, len(self.words))] = token


class WordTokenizer(PreTrainedTokenizer):
    """XLNet's layout, which has its special tokens at the end: A <sep> <cls>."""

    padding_side = "left"
    pad_token_type_id = 3

    def __init__(self, words: Sequence[str], **kwargs: Any) -> None:
        names = {"unk_token": "<unk>", "sep_token": "<sep>", "cls_token": "<cls>", "pad_token": "<pad>"}
        super().__init__(WordEngine(words), **{**names, **kwargs})

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        sep, cls = self.sep_token_id, self.cls_token_id
        assert sep is not None
        assert cls is not None
        return [*token_ids_0, sep, *([] if token_ids_1 is None else [*token_ids_1, sep]), cls]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        second = [] if token_ids_1 is None else [1] * (len(token_ids_1) + 1)
        return [0] * (len(token_ids_0) + 1) + second + [2]


def word_tokenizer(**options: Any) -> WordTokenizer:
    return WordTokenizer(["<unk>", "<sep>", "<cls>", "<pad>", "one", "two", "three", "four", "five", "six"], **options)
