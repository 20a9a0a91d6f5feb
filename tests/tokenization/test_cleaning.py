"""Texts are cleaned as ALBERT and XLNet cleaned them, and each character is known by its place before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.tokenization.cleaning import Cleaner
from tests.tokenization.sentencepiece_material import texts


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  a \t\n b\u3000c ", "a b c"),
        ("``a'' 'b' ```", '"a" \'b\' "`'),
        ("falsé ﬁne Ⅷ ½", "false fine VIII 1⁄2"),
        ("कि", "कि"),  # a vowel sign is no accent
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_steps(text: str, cleaned: str) -> None:
    assert Cleaner()(text) == cleaned


def test_options() -> None:
    assert Cleaner(remove_space=False)(" a  ``b'' ") == ' a  "b" '
    assert Cleaner(keep_accents=True)("É ﬁ") == "É ﬁ"
    assert Cleaner(do_lower_case=True)("ÀΒΣ İI 𝐀") == "aβσ ii a"
    assert Cleaner(do_lower_case=True, keep_accents=True)("ÉΣ") == "éσ"


def test_places() -> None:
    assert Cleaner(do_lower_case=True).align(" Á  ``B'' ") == ('a "b"', [1, 2, 4, 6, 7, 9])
    assert Cleaner().align("ﬁ\u0301x") == ("fix", [0, 0, 2, 3])
    assert Cleaner().align("\u0301") == ("", [1])
    assert Cleaner().align("  ") == ("", [0])


@settings(max_examples=400, deadline=None)
@given(
    text=st.one_of(texts, st.text(st.sampled_from("aÁΣσİǅﬁ½क्षि가𝚺'` \n\u0301"), max_size=12)),
    remove_space=st.booleans(),
    keep_accents=st.booleans(),
    do_lower_case=st.booleans(),
)
def test_the_aligned_text_is_the_cleaned_one(
    text: str, remove_space: bool, keep_accents: bool, do_lower_case: bool
) -> None:
    cleaner = Cleaner(remove_space=remove_space, keep_accents=keep_accents, do_lower_case=do_lower_case)
    cleaned, places = cleaner.align(text)
    assert cleaned == cleaner(text)
    assert len(places) == len(cleaned) + 1
    assert places == sorted(places)
    assert places[-1] <= len(text)
