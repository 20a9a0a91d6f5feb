"""The readable algorithm: its published cases, and equal to the compiled one on every character and text."""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.tokenization.basic import (
    BasicTokenizer,
    WordpieceTokenizer,
    is_control,
    is_punctuation,
    is_whitespace,
    whitespace_tokenize,
)
from tests.tokenization.material import small_bert


def test_whitespace() -> None:
    assert whitespace_tokenize(" a\tb \n c ") == ["a", "b", "c"]
    assert whitespace_tokenize(" ") == []


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("Héllo, 世界", {}, ["hello", ",", "世", "界"]),
        (" \tHeLLo!how  \n Are yoU?  ", {}, ["hello", "!", "how", "are", "you", "?"]),
        ("HäLLo", {"strip_accents": False}, ["hällo"]),
        ("HäLLo", {"do_lower_case": False}, ["HäLLo"]),
        ("HäLLo", {"do_lower_case": False, "strip_accents": True}, ["HaLLo"]),
        ("世界", {"tokenize_chinese_chars": False}, ["世界"]),
        ("a [X] b", {"never_split": ["[X]"]}, ["a", "[X]", "b"]),
        ("a[X]", {"never_split": ["[X]"]}, ["a", "[", "x", "]"]),
        ("ΟΔΟΣ", {}, ["οδοσ"]),
        ("a\u00adb\ufffdc\u0000", {}, ["abc"]),
        ("don't stop$", {}, ["don", "'", "t", "stop", "$"]),
    ],
)
def test_words(text: str, options: dict[str, Any], words: list[str]) -> None:
    assert BasicTokenizer(**options).tokenize(text) == words


def test_never_split_can_be_given_with_the_text() -> None:
    assert BasicTokenizer().tokenize("[X] [Y]", never_split=["[X]"]) == ["[X]", "[", "y", "]"]


def test_pieces() -> None:
    pieces = WordpieceTokenizer({"un", "##aff", "##able", "[UNK]", "a"})
    assert pieces.tokenize("unaffable a") == ["un", "##aff", "##able", "a"]
    assert pieces.tokenize("unaffably") == ["[UNK]"]
    assert pieces.tokenize("a" * 101) == ["[UNK]"]
    assert WordpieceTokenizer({"a"}, unk_token="?", max_input_chars_per_word=1).tokenize("a aa") == ["a", "?"]
    assert pieces.cover("unaffX") == (["un", "##aff"], "X")
    assert pieces.cover("") == ([], "")


def test_published_cases(shared_data: Path) -> None:
    golden = json.loads((shared_data / "golden" / "golden.json").read_text(encoding="utf-8"))
    seen = 0
    for group in golden["tiny_vocab"]:
        if group["model"] == "bert basic tokenizer":
            for case in group["cases"]:
                options = {name: case[name] for name in ("strip_accents", "never_split") if name in case}
                found = BasicTokenizer(do_lower_case=case["lower"], **options).tokenize(case["input"])
                assert found == case["tokens"], case
                seen += 1
        elif group["model"] == "wordpiece only":
            pieces = WordpieceTokenizer(group["vocab_in_order"])
            for text, tokens in group["cases"]:
                assert pieces.tokenize(text) == tokens
                seen += 1
    assert seen > 10
    classes = golden["char_classes"]
    for name, test in (("whitespace", is_whitespace), ("control", is_control), ("punctuation", is_punctuation)):
        assert all(map(test, classes[f"{name}_true"]))
        assert not any(map(test, classes[f"{name}_false"]))


# -- against the compiled engine


def compiled_words(text: str, **options: Any) -> list[str]:
    pipeline = small_bert(**options)._engine.pipeline  # type: ignore[attr-defined]
    return [word for word, _ in pipeline.pre_tokenizer.pre_tokenize_str(pipeline.normalizer.normalize_str(text))]


def chunks(codes: Iterable[int]) -> Iterator[list[str]]:
    chars = [chr(code) for code in codes if not 0xD800 <= code < 0xE000]
    for start in range(0, len(chars), 512):
        yield chars[start : start + 512]


@pytest.mark.parametrize("lower_case", [True, False])
def test_equal_on_every_character(lower_case: bool) -> None:
    readable = BasicTokenizer(do_lower_case=lower_case)
    pipeline = small_bert(do_lower_case=lower_case)._engine.pipeline  # type: ignore[attr-defined]

    def compiled(text: str) -> list[str]:
        return [word for word, _ in pipeline.pre_tokenizer.pre_tokenize_str(pipeline.normalizer.normalize_str(text))]

    different = []
    beyond = (*range(0x10000, 0x20000), *range(0x2B700, 0x2CF00), *range(0xE0000, 0xE0200)) if lower_case else ()
    for chars in chunks((*range(0x10000), *beyond)):
        text = " ".join(f"a{char}b" for char in chars)
        if readable.tokenize(text) != compiled(text):
            different += [char for char in chars if readable.tokenize(f"a{char}b") != compiled(f"a{char}b")]
    # their class was changed after Unicode 8
    reclassified = {"\u166d", "\u1734", "\u1885", "\u1886", "\U000111c9", "\U00011938"}
    for char in set(different) - reclassified:
        # no character in the days of Unicode 8, so a letter to the engine
        category = unicodedata.category(char)
        assert compiled(f"a{char}b") == [f"a{char}b"] or category == "Cn", hex(ord(char))
        assert category in ("Cn", "Cf", "Mn", "Po", "Ps", "Pe", "Pd", "Pi", "Pf"), hex(ord(char))
    assert {char for char in different if unicodedata.ucd_3_2_0.category(char) != "Cn"} <= reclassified
    assert "\ufffe" not in different  # never a character: dropped by both
    assert "\U0002b820" not in different  # the first of Chinese extension E


assigned = st.characters(codec="utf-8").filter(lambda char: unicodedata.ucd_3_2_0.category(char) != "Cn")
texts = st.text(
    st.one_of(assigned, st.sampled_from(" \t\n'.,-aAéİßΣ世ｶ한\u0301\u200b"), st.characters(max_codepoint=0x24F))
)


@given(text=texts, lower_case=st.booleans(), strip_accents=st.none() | st.booleans(), chinese=st.booleans())
@settings(max_examples=500, deadline=None)
def test_equal_on_any_text(text: str, lower_case: bool, strip_accents: bool | None, chinese: bool) -> None:
    if set(text) & {"\u166d", "\u1734", "\u1885", "\u1886"}:
        return
    readable = BasicTokenizer(lower_case, strip_accents=strip_accents, tokenize_chinese_chars=chinese)
    options = {"do_lower_case": lower_case, "strip_accents": strip_accents, "tokenize_chinese_chars": chinese}
    assert readable.tokenize(text) == compiled_words(text, **options)


@given(text=st.text("abdehlnorstuw, \u0301é世界", max_size=40))
@settings(max_examples=300, deadline=None)
def test_words_and_pieces_together_equal_the_tokenizer(text: str) -> None:
    tokenizer = small_bert()
    words = tokenizer.basic_tokenizer.tokenize(text)
    assert tokenizer.tokenize(text) == [
        piece for word in words for piece in tokenizer.wordpiece_tokenizer.tokenize(word)
    ]
