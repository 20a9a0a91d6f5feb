"""How are some words kept whole? They are cut out of the text before the engine sees it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import AddedToken

from pretrained.tokenization.basic import is_chinese, is_punctuation, lower
from pretrained.tokenization.engine import Engine, PieceLists, Pieces


class NeverSplitEngine:
    """An engine that leaves some words as they are, one token each; one that the vocabulary lacks becomes unknown.

    Such a word stands between blanks, or if it has no punctuation itself, between punctuation. As in the published
    tokenizers, two kinds are never found: with `lower_case`, a word with capitals, since the text is lower-cased first;
    with `chinese_apart`, a word with Chinese characters, since those are set apart first.
    """

    def __init__(
        self, engine: Engine, words: Sequence[str], *, lower_case: bool, chinese_apart: bool, unknown: str
    ) -> None:
        self.engine = engine
        self.unknown = unknown
        self.lower_case = lower_case
        self.chinese_apart = chinese_apart
        possible = [word for word in words if word and not (chinese_apart and any(map(is_chinese, word)))]
        self.words = sorted(possible, key=len, reverse=True)

    def _find(self, text: str) -> list[tuple[int, int]]:
        """Where such words stand; of two that overlap, the longer."""
        if self.lower_case:  # character by character, where that keeps places
            text = "".join(small if len(small := char.lower()) == 1 else char for char in text)
        found: list[tuple[int, int]] = []
        for word in self.words:
            plain = not any(map(is_punctuation, word))
            for match in re.finditer(re.escape(word), text):
                start, end = match.span()
                alone = self._is_edge(text[start - 1 : start], plain) and self._is_edge(text[end : end + 1], plain)
                if alone and all(end <= first or last <= start for first, last in found):
                    found.append((start, end))
        return sorted(found)

    def _is_edge(self, char: str, plain: bool) -> bool:
        """Whether a word may begin or end beside this character, "" at the ends of the text."""
        if not char or char.isspace():
            return True
        return (self.chinese_apart and is_chinese(char)) or (plain and is_punctuation(char))

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> Sequence[Pieces]:
        if split_into_words:
            return [_as_words([self._encode_one(word) for word in words]) for words in texts]
        results: list[Pieces] = list(self.engine.encode(texts))
        for index, text in enumerate(texts):
            if self._find(text):
                results[index] = self._encode_one(text)
        return results

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [pieces.ids for pieces in self.encode(texts)]

    def _encode_one(self, text: str) -> PieceLists:
        """Stretches between kept words go to the engine; then places and word numbers are moved to where they stand."""
        spans = self._find(text)
        ends = [0, *(end for _, end in spans)]
        starts = [*(start for start, _ in spans), len(text)]
        stretches = self.engine.encode([text[end:start] for end, start in zip(ends, starts, strict=True)])
        result = PieceLists([], [], [], [])
        for stretch, shift, start, end in zip(stretches, ends, starts, [*ends[1:], None], strict=True):
            words = 1 + max((word for word in result.word_ids if word is not None), default=-1)
            result.ids.extend(stretch.ids)
            result.tokens.extend(stretch.tokens)
            result.offsets.extend((first + shift, last + shift) for first, last in stretch.offsets)
            result.word_ids.extend(None if word is None else word + words for word in stretch.word_ids)
            if end is None:
                break
            kept = text[start:end]
            kept = lower(kept) if self.lower_case else kept
            index = self.engine.token_to_id(kept)
            index = self.engine.token_to_id(self.unknown) if index is None else index
            words = 1 + max((word for word in result.word_ids if word is not None), default=-1)
            result.ids.append(0 if index is None else index)
            result.tokens.append(kept)
            result.offsets.append((start, end))
            result.word_ids.append(words)
        return result

    def vocab(self) -> dict[str, int]:
        return self.engine.vocab()

    @property
    def vocab_size(self) -> int:
        return self.engine.vocab_size

    def token_to_id(self, token: str) -> int | None:
        return self.engine.token_to_id(token)

    def id_to_token(self, index: int) -> str | None:
        return self.engine.id_to_token(index)

    @property
    def added(self) -> Mapping[int, AddedToken]:
        return self.engine.added

    @property
    def added_vocab(self) -> Mapping[str, int]:
        return self.engine.added_vocab

    def add(self, tokens: Sequence[AddedToken]) -> None:
        self.engine.add(tokens)


def _as_words(words: Sequence[PieceLists]) -> PieceLists:
    """Pre-split words: places count in each word, and the word's number is its place in the list."""
    return PieceLists(
        [index for word in words for index in word.ids],
        [token for word in words for token in word.tokens],
        [span for word in words for span in word.offsets],
        [number for number, word in enumerate(words) for _ in word.ids],
    )
