"""Where do added tokens stand in a text? The leftmost first, and of those that begin at one place the longest."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from tokenizers import AddedToken


class Found(NamedTuple):
    """An added token in a text."""

    start: int
    end: int
    """With the blanks that the token takes on either side."""
    id: int


class AddedTokens:
    """Finds tokens in running text; the cost does not grow with their number.

    Args:
        tokens: id → token with its rules.
        lower_case: texts are lower-cased, so `normalized` tokens are found in any spelling.
    """

    def __init__(self, tokens: Mapping[int, AddedToken], *, lower_case: bool) -> None:
        plain = {token.content: index for index, token in tokens.items() if not (lower_case and token.normalized)}
        small = {lower_each(token.content): index for index, token in tokens.items() if lower_case and token.normalized}
        self._plain = _Table(plain)
        self._small = _Table(small) if small else None
        self.tokens = dict(tokens)

    def find(self, text: str) -> list[Found]:
        """The tokens in the order of the text; none overlaps another."""
        found = [*self._plain.find(text)]
        if self._small is not None:
            found += self._small.find(lower_each(text))
            found.sort(key=lambda one: (one.start, -one.end))
        result: list[Found] = []
        end = 0
        for one in found:
            rules = self.tokens[one.id]
            if one.start < end or (rules.single_word and _inside_word(text, one)):
                continue
            start, stop = one.start, one.end
            while rules.lstrip and start > end and text[start - 1].isspace():
                start -= 1
            while rules.rstrip and stop < len(text) and text[stop].isspace():
                stop += 1
            result.append(Found(start, stop, one.id))
            end = stop
        return result

    def stretches(self, text: str) -> Iterator[tuple[int, int, int | None]]:
        """(start, end, id) of each added token and, with None for the id, of what is between them."""
        position = 0
        for found in self.find(text):
            if position < found.start:
                yield position, found.start, None
            yield found
            position = found.end
        if position < len(text):
            yield position, len(text), None


class Numbered(Protocol):
    """What gives tokens numbers, those of its vocabulary first."""

    added_vocab: dict[str, int]

    @property
    def added(self) -> dict[int, AddedToken]: ...

    @property
    def vocab_size(self) -> int: ...

    def token_to_id(self, token: str) -> int | None: ...


def add_tokens(engine: Numbered, tokens: Sequence[AddedToken]) -> None:
    """Those that the engine knows keep their ids, the others get the next ones."""
    for token in tokens:
        index = engine.token_to_id(token.content)
        if index is None:
            index = engine.vocab_size + len(engine.added_vocab)
            engine.added_vocab[token.content] = index
        engine.added[index] = token


class _Table:
    """Texts by their first character and their lengths."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = ids
        lengths: dict[str, set[int]] = {}
        for content in ids:
            lengths.setdefault(content[0], set()).add(len(content))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}
        self._firsts = re.compile(f"[{''.join(map(re.escape, self._lengths))}]") if lengths else None

    def find(self, text: str) -> Iterator[Found]:
        if self._firsts is None:
            return
        for match in self._firsts.finditer(text):
            start = match.start()
            for length in self._lengths[match.group()]:
                index = self._ids.get(text[start : start + length])
                if index is not None and start + length <= len(text):
                    yield Found(start, start + length, index)


def _inside_word(text: str, one: Found) -> bool:
    before, after = text[one.start - 1 : one.start], text[one.end : one.end + 1]
    return any(char.isalnum() or char == "_" for char in before + after)


def lower_each(text: str) -> str:
    """Lower-cased character by character, where that keeps every place."""
    small = text.lower()
    if len(small) == len(text) and "Σ" not in text:  # which is lower-cased by what stands around it
        return small
    return "".join(one if len(one := char.lower()) == 1 else char for char in text)
