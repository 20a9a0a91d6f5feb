"""How does SentencePiece normalize a text? By a table of replacements; then blanks are joined and made visible.

The table comes compiled, as a trie in a flat array of numbers. It is turned into a trie of characters once, and texts
are normalized by `str.translate` wherever no replacement of several characters can apply.
"""

import re
import struct
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

SPACE = "▁"
"""Stands for a blank inside pieces (U+2581)."""

_LONGEST_RULE = 32
"""Characters; SentencePiece itself looks no further."""
_LONGEST_REPLACEMENT = 1024
"""Bytes; the longest one of NFKC has 33."""
_GROWTH = 16
"""How many steps each node of the compiled trie may cost; those of NFKC cost less than one."""


class Rule(NamedTuple):
    """A place in the trie of characters."""

    replacement: str | None
    """Of the characters up to here; None if only longer ones are replaced."""
    children: "dict[str, Rule]"
    """Next character → the place it leads to; shared between places that continue alike."""


@lru_cache(maxsize=4)  # nearly all published models have one of two tables
def read_rules(table: bytes) -> dict[str, Rule]:
    """The replacements of a compiled table (`precompiled_charsmap`), as a trie, by their first characters.

    Layout: the size of the trie in bytes, 4 bytes; the trie; the replacements, each ended by a zero byte. A node of the
    trie is 4 bytes: the byte that leads to it, where its children begin, and whether a value stands there.

    Raises:
        ValueError: the table leads outside itself or round in circles, or holds what is no text.
    """
    if not table:
        return {}
    (size,) = struct.unpack_from("<I", table.ljust(4, b"\0"))
    if size % 4 or not 4 <= size <= len(table) - 4:
        raise ValueError(f"the table of replacements has {len(table):,} bytes, and says that its trie has {size:,}")
    return _Compiled(struct.unpack_from(f"<{size // 4}I", table, 4), table[4 + size :]).read()


_NONE: dict[str, Rule] = {}
_BYTES = [bytes((byte,)) for byte in range(256)]


class _Compiled:
    """The trie of bytes. A child stands at its parent's base combined with its byte by xor, a value at the base.

    Nodes that continue alike share one base.
    """

    def __init__(self, nodes: tuple[int, ...], texts: bytes) -> None:
        self.nodes = nodes
        self.texts = texts
        self.children: dict[int, list[int]] = {}
        for index, node in enumerate(nodes):
            if 0 < node & 0x8000_00FF < 0x100:  # no value, and led to by a byte that is not zero
                self.children.setdefault(index ^ (node & 0xFF), []).append(index)
        self.steps = _GROWTH * len(nodes)

    def base(self, index: int) -> int:
        node = self.nodes[index]
        return index ^ (node >> 10 << (node >> 6 & 8))

    def has_value(self, index: int) -> bool:
        return bool(self.nodes[index] & 0x100)

    def read(self) -> dict[str, Rule]:
        """The same trie by characters.

        Raises:
            ValueError: a path ends inside a character, or leads outside or back to itself.
        """
        if self.has_value(0):
            raise ValueError("the table of replacements replaces the empty text")
        start = self.base(0)
        places: dict[int, dict[str, Rule]] = {start: {}}
        todo = [start]
        while todo:
            base = todo.pop()
            place = places[base]
            for char, index in self._characters(base):
                following = self.base(index)
                children = places.get(following, _NONE)
                if children is _NONE and following in self.children:
                    children = places[following] = {}
                    todo.append(following)
                place[char] = Rule(self._value(following) if self.has_value(index) else None, children)
        level = [places[start]]
        for _ in range(_LONGEST_RULE):
            level = list({id(rule.children): rule.children for place in level for rule in place.values()}.values())
        if any(level):
            raise ValueError(f"the table of replacements goes on for more than {_LONGEST_RULE} characters")
        return places[start]

    def _characters(self, base: int) -> list[tuple[str, int]]:
        """(character, the node where it ends) of each one that continues from a base."""
        found = []
        todo = [(index, b"") for index in self.children.get(base, ())]
        self._count(len(todo))
        for index, before in todo:  # which grows meanwhile
            byte = self.nodes[index] & 0xFF
            char = before + _BYTES[byte]
            lead = char[0]
            if len(char) == 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0):
                found.append((char.decode(), index))
            elif self.has_value(index):
                raise ValueError("the table of replacements replaces a part of a character")
            else:
                children = self.children.get(self.base(index), ())
                self._count(len(children))
                todo += [(child, char) for child in children]
        return found

    def _value(self, base: int) -> str:
        start = self.nodes[base] & 0x7FFF_FFFF if base < len(self.nodes) else -1
        end = self.texts.find(b"\0", start)
        if not 0 <= start <= end:
            raise ValueError("the table of replacements leads outside itself")
        if end - start > _LONGEST_REPLACEMENT:
            raise ValueError(f"the table of replacements has one of {end - start:,} bytes")
        self._count((end - start) // 16)
        return self.texts[start:end].decode()

    def _count(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise ValueError("the table of replacements comes to many times its size")


class Normalizer:
    """What SentencePiece does to a text before it cuts it.

    Args:
        rules: see `read_rules`; of several that begin at one place the longest counts.
        kept: texts that are never changed, and count before rules.
        add_dummy_prefix: put a blank before each text, so that its first word reads as any other.
        remove_extra_whitespaces: join blanks, and drop those at the ends.
        escape_whitespaces: write blanks as `SPACE`.
    """

    def __init__(
        self,
        rules: dict[str, Rule],
        *,
        kept: Collection[str] = (),
        add_dummy_prefix: bool = True,
        remove_extra_whitespaces: bool = True,
        escape_whitespaces: bool = True,
    ) -> None:
        self.space = SPACE if escape_whitespaces else " "
        self._rules = rules
        self._prefix = self.space if add_dummy_prefix else ""
        self._remove_extra = remove_extra_whitespaces
        self._single = str.maketrans(
            {char: rule.replacement for char, rule in rules.items() if rule.replacement is not None}
        )
        self._kept = sorted(kept, key=len, reverse=True)
        self._first_kept = {text[0] for text in kept}
        following, replacements = _members(rules)
        # a replacement of several characters begins with any one before these
        self._several = re.compile(f"(?s:.)[{_escaped(following)}]+") if following else None
        self._only_beyond_ascii = not any(map(str.isascii, following))
        # texts with one of these go the long way, for a rule might apply inside it or across its end
        touched = following.union(rules, " ")
        special = [text for text in self._kept if touched & set(text)]
        self._special = re.compile("|".join(map(re.escape, special))) if special else None
        self._usual_blanks = not any("  " in text for text in replacements)

    def __call__(self, text: str) -> str:
        """The normalized text."""
        if not self._usual(text):
            return self.align(text)[0]
        changed = self._replace(text)
        if self._remove_extra:
            if "  " in changed:
                changed = re.sub(" {2,}", " ", changed)
            return (self._prefix + changed.strip(" ").replace(" ", self.space)).rstrip(self.space)
        return self._prefix + changed.replace(" ", self.space) if text else ""

    def _usual(self, text: str) -> bool:
        """Whether rules may be applied to the whole text at once."""
        return self._usual_blanks and (self._special is None or not self._special.search(text))

    def _replace(self, text: str) -> str:
        """Every rule applied."""
        if self._several is None or (self._only_beyond_ascii and text.isascii()):
            return text.translate(self._single)
        out: list[str] = []
        last = 0
        for match in self._several.finditer(text):
            out.append(text[last : match.start()].translate(self._single))
            out += [new for _, new in self._chunks(match.group())]
            last = match.end()
        out.append(text[last:].translate(self._single))
        return "".join(out)

    def _chunks(self, text: str) -> Iterator[tuple[int, str]]:
        """(where it begins, what it becomes) of each stretch that changes as one."""
        at = 0
        while at < len(text):
            char = text[at]
            kept = next((k for k in self._kept if text.startswith(k, at)), "") if char in self._first_kept else ""
            if kept:
                new, end = kept, at + len(kept)
            else:
                new, end = char, at + 1
                rule, place = self._rules.get(char), end
                while rule is not None:
                    if rule.replacement is not None:
                        new, end = rule.replacement, place
                    rule = rule.children.get(text[place : place + 1])
                    place += 1
            yield at, new
            at = end

    def align(self, text: str) -> tuple[str, list[int]]:
        """(normalized text, place in `text` of each of its characters and of its end)."""
        if self._usual(text):
            normal = self(text)
            if normal == self._prefix + text.replace(" ", self.space):  # nothing changed
                return normal, [0] * len(self._prefix) + [*range(len(text) + 1)]
        out: list[str] = []
        places: list[int] = []
        after_blank = self._remove_extra
        for at, new in self._chunks(text):
            if not places:
                if self._remove_extra and new == " ":
                    continue
                out.append(self._prefix)
                places += [at] * len(self._prefix)
            if after_blank:
                new = new.lstrip(" ")
            if new:
                out.append(new.replace(" ", self.space))
                places += [at] * len(new)
                after_blank = self._remove_extra and new.endswith(" ")
        normal = "".join(out)
        places.append(len(text))
        if self._remove_extra:
            shorter = normal.rstrip(self.space)
            del places[len(shorter) + 1 :]
            normal = shorter
        return normal, places


def _members(rules: dict[str, Rule]) -> tuple[set[str], set[str]]:
    """(characters that stand in a rule after its first one, replacements)."""
    following: set[str] = set()
    replacements: set[str] = set()
    seen: set[int] = set()
    todo = [rules]
    while todo:
        for rule in todo.pop().values():
            if rule.replacement is not None:
                replacements.add(rule.replacement)
            if rule.children and id(rule.children) not in seen:
                seen.add(id(rule.children))
                following.update(rule.children)
                todo.append(rule.children)
    return following, replacements


def _escaped(chars: Iterable[str]) -> str:
    return "".join(map(re.escape, sorted(chars)))
