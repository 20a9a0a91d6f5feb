"""Are Moses' rules called as the published tokenizers called them?"""

import sys

import pytest

from pretrained.errors import MissingDependencyError
from pretrained.tokenization import moses

SENTENCE = "Hello (bracket) and side-scrolled [and] Henry's $5,000 with 3.34 m. What's up!?"


def test_words() -> None:
    assert moses.words("Isn't it (well-known)?", "en") == ["Isn", "'t", "it", "(", "well-known", ")", "?"]
    assert moses.words("l'été & co", "fr") == ["l'", "été", "&", "co"]  # and no &amp;
    assert moses.words("well-known", "en", split_dashes=True) == ["well", "@-@", "known"]


def test_protected_stretches_are_no_patterns() -> None:
    assert moses.words("a [CLS] C", "en") == ["a", "[", "CLS", "]", "C"]
    assert moses.words("a [CLS] C", "en", protected=["[CLS]"]) == ["a", "[CLS]", "C"]


def test_joining_is_the_opposite() -> None:
    words = moses.words(SENTENCE, "en", split_dashes=True)
    assert moses.join(words, "en") == SENTENCE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“a”，《b》、「c」", '"a","b","c"'),
        ("１２３４５６７８９０％", "1234567890%"),
        ("。\u3000x．y", ". x. y"),
        ("？！；：∶～’…━〈〉【】（）", "?!;::~'...-<>[]()"),
        ("déjà — vu", "déjà — vu"),
    ],
)
def test_unicode_punctuation(text: str, expected: str) -> None:
    assert moses.replace_unicode_punctuation(text) == expected


def test_non_printing_characters() -> None:
    assert moses.remove_non_printing("a\u200b\tb\x00\n\ue000\ud800é c") == "abé c"


def test_punctuation_of_a_language() -> None:
    assert moses.normalize_punctuation("« a »", "fr") == '" a "'
    assert moses.normalize_punctuation("1\u00a0000", "fr") == "1,000"
    assert moses.normalize_punctuation("1\u00a0000", "en") == "1.000"


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    moses._tokenizer.cache_clear()
    with pytest.raises(MissingDependencyError, match=r'sacremoses.*pip install "pretrained\[moses\]"'):
        moses.words("a", "en")
