"""Readable text from tokens."""

import pytest

from pretrained.tokenization.decoding import clean_up_tokenization


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hello , world ! how ? fine .", "hello, world! how? fine."),
        ("do n't i 'm it 's we 've you 're", "don't i'm it's we've you're"),
        ("the dogs ' bone", "the dogs'bone"),
        ("a . ? b", "a.? b"),
        ("we 'll ; no : change", "we 'll ; no : change"),
    ],
)
def test_clean_up(before: str, after: str) -> None:
    assert clean_up_tokenization(before) == after
