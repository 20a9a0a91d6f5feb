"""Texts are normalized as the sentencepiece package normalizes them, and a table of replacements cannot do harm."""

import random
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pretrained.tokenization.charsmap import Normalizer, read_rules
from tests.tokenization.sentencepiece_material import package, processor, read, texts, train

OPTIONS: list[dict[str, Any]] = [
    {},
    {"normalization_rule_name": "identity"},
    {"normalization_rule_name": "nfkc_cf"},
    {"add_dummy_prefix": False},
    {"remove_extra_whitespaces": False},
    {"remove_extra_whitespaces": False, "add_dummy_prefix": False},
    {"symbols": ("the", "=", "<x>", " a", "é")},
]


def check(normalizer: Normalizer, data: bytes, text: str) -> None:
    normal, places = package(data)._processor._NormalizeWithOffsets(text)
    assert normalizer(text) == normal
    aligned, own = normalizer.align(text)
    assert aligned == normal
    assert len(own) == len(normal) + 1
    if normal:
        assert own == places


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@settings(max_examples=100, deadline=None)
@given(text=texts)
def test_texts_and_places_are_those_of_the_package(options: dict[str, Any], text: str) -> None:
    data = train(**options)
    check(processor(data).normalizer, data, text)


def test_rules_of_ones_own(tmp_path: Path) -> None:
    rules = [("ab", "X"), ("abc", "y  z"), ("b", ""), ("é", "e e"), ("世界", " "), ("c", " ")]
    lines = ["\t".join(" ".join(f"{ord(char):X}" for char in side) for side in rule) for rule in rules]
    path = tmp_path / "rules.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = train(normalization_rule_tsv=str(path))
    normalizer = processor(data).normalizer
    for text in ("abc", "ab abcab", "aabb", " b c abc ", "bcé世界世abcab", "ccab", "cc", "b", "a b c"):
        check(normalizer, data, text)


def test_each_character_alone() -> None:
    data = train()
    normalizer = processor(data).normalizer
    chance = random.Random(0)
    chars = [chr(code) for code in [*range(1, 0x3000), *chance.sample(range(0x3000, 0xD800), 2000)]]
    chars += [chr(code) for code in [*range(0xF900, 0x10000), *chance.sample(range(0x10000, 0x110000), 2000)]]
    check(normalizer, data, "a".join(chars))
    check(normalizer, data, "".join(chance.sample(chars, len(chars))))


# -- tables: a node is led to by `label` and has its children at `base`, each xor its own label, and its value there


def table(nodes: dict[int, int], texts: bytes = b"\0", size: int = 1024) -> bytes:
    return struct.pack("<I", 4 * size) + struct.pack(f"<{size}I", *(nodes.get(at, 0) for at in range(size))) + texts


def node(at: int, base: int, label: int = 0, *, value: bool = False) -> int:
    return (at ^ base) << 10 | value << 8 | label


def child(parent_base: int, label: int, base: int, *, value: bool = False) -> dict[int, int]:
    at = parent_base ^ label
    return {at: node(at, base, label, value=value)}


def test_a_table_by_hand() -> None:
    ends = {8: 0x8000_0000, 9: 0x8000_0002}
    nodes = {0: node(0, 256), **child(256, 0x61, 8, value=True), **child(8, 0x62, 9, value=True), **ends}
    rules = read_rules(table(nodes, b"xyz\0"))
    assert rules["a"].replacement == "xyz"
    assert rules["a"].children["b"].replacement == "z"
    assert Normalizer(rules)("ba abb") == "▁bxyz▁zb"
    assert read_rules(b"") == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\1", "says that its trie has 1"),
        (b"\xff\xff\xff\x7f" + b"\0" * 8, "says that its trie has"),
        (table({0: node(0, 256, value=True)}), "replaces the empty text"),
        (table({0: node(0, 256), **child(256, 0x61, 5000, value=True)}), "leads outside itself"),
        (table({0: node(0, 256), **child(256, 0x61, 8, value=True), 8: 0x8000_0009}), "leads outside itself"),
        (table({0: node(0, 256), **child(256, 0x61, 8, value=True), 8: 0x8000_0000}, b"x"), "leads outside itself"),
        (table({0: node(0, 256), **child(256, 0x61, 8, value=True)}, b"\xff\0"), "can't decode"),
        (table({0: node(0, 256), **child(256, 0x61, 256)}), "more than 32 characters"),
        (table({0: node(0, 256), **child(256, 0xC3, 8, value=True)}), "a part of a character"),
        (table({0: node(0, 256), **child(256, 0x80, 8, value=True)}), "can't decode"),
        (table({0: node(0, 256), **child(256, 0xC3, 8), **child(8, 0x61, 16)}), "can't decode"),
    ],
)
def test_damaged_tables(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rules(data)


def test_a_small_table_cannot_stand_for_a_great_one() -> None:
    characters = {0: node(0, 256)}  # 3 * 64 * 64 * 64 of them, on 195 nodes
    for base, labels, following in (
        (256, range(0xF1, 0xF4), 512),
        (512, range(0x80, 0xC0), 768),
        (768, range(0x80, 0xC0), 0),
        (0, range(0x80, 0xC0), 0x3FF),
    ):
        for label in labels:
            characters |= child(base, label, following)
    with pytest.raises(ValueError, match="many times its size"):
        read_rules(table(characters))
    replacements = {0: node(0, 256), 8: 0x8000_0000}  # each is the one long text
    for label in range(1, 128):
        replacements |= child(256, label, 8, value=True)
    with pytest.raises(ValueError, match="many times its size"):
        read_rules(table(replacements, b"x" * 1000 + b"\0", size=400))
    with pytest.raises(ValueError, match="one of 2,000 bytes"):
        read_rules(table(replacements, b"x" * 2000 + b"\0"))


def test_damage_of_a_real_table_is_an_error_or_other_rules() -> None:
    data = read(train()).charsmap
    chance = random.Random(1)
    for _ in range(12):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 5)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            rules = read_rules(bytes(changed))
        except ValueError:
            continue
        assert isinstance(Normalizer(rules)("Ünï ½ 가 e\u0301"), str)
