"""Why a stretch became unknown, or vanished."""

import pytest

from pretrained.errors import TokenizationError
from tests.tokenization.material import small_bert, word_tokenizer


def test_ordinary_tokens_have_no_reason() -> None:
    assert small_bert().explain("unwanted, [UNK]") == [
        ("un", small_bert().convert_tokens_to_ids("un"), (0, 2), None),
        ("##want", small_bert().convert_tokens_to_ids("##want"), (2, 6), None),
        ("##ed", small_bert().convert_tokens_to_ids("##ed"), (6, 8), None),
        (",", small_bert().convert_tokens_to_ids(","), (8, 9), None),
        ("[UNK]", 4, (10, 15), None),  # it stands in the text
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ẘ", None),  # w once the ring is off
        ("ж", "the vocabulary has no 'ж' (U+0436 CYRILLIC SMALL LETTER ZHE)"),
        ("unж", "the vocabulary has no 'ж' (U+0436 CYRILLIC SMALL LETTER ZHE), which comes after un"),
        ("unb", "the vocabulary has no 'b' (U+0062 LATIN SMALL LETTER B) inside a word, which comes after un"),
        ("x" * 101, "the word has 101 characters, and only words of up to 100 are looked up"),
        ("世界", "the vocabulary has no '界' (U+754C CJK UNIFIED IDEOGRAPH-754C)"),
    ],
)
def test_unknown_stretches(text: str, reason: str | None) -> None:
    found = small_bert().explain(text)[-1]
    assert found.reason == reason
    assert (found.token == "[UNK]") is (reason is not None)


def test_a_piece_that_is_only_known_inside_a_word() -> None:
    vocab = [token for token in small_bert().vocab if token != "n"]
    (found,) = small_bert(vocab=vocab).explain("n")
    assert found.reason == "the vocabulary has no 'n' (U+006E LATIN SMALL LETTER N) at the start of a word"


def test_vanished_characters() -> None:
    a, control, b, joiner, replacement = small_bert().explain("a\x05 b \u200d \ufffd")
    assert (a.token, b.token) == ("a", "b")
    assert control == ("", None, (1, 2), "(U+0005): a control character, which is dropped")
    why = "(U+200D ZERO WIDTH JOINER): an invisible, private or unassigned character, which is dropped"
    assert joiner == ("", None, (5, 6), why)
    assert replacement == ("", None, (7, 8), "'\ufffd' (U+FFFD REPLACEMENT CHARACTER): dropped")


def test_a_character_that_vanishes_inside_a_word() -> None:
    low, dash = small_bert().explain("lo\xadw")
    assert (low.token, low.span, low.reason) == ("low", (0, 4), None)
    assert (dash.span, dash.reason) == (
        (2, 3),
        "(U+00AD SOFT HYPHEN): an invisible, private or unassigned character, which is dropped",
    )


def test_an_accent_by_itself() -> None:
    (found,) = small_bert().explain("\u0301")
    assert found.reason == "'\u0301' (U+0301 COMBINING ACUTE ACCENT): an accent, which is taken off"


def test_other_families_give_a_plain_reason() -> None:
    one, nine = word_tokenizer().explain("one nine")
    assert one.reason is None
    assert (nine.id, nine.reason) == (0, "it is not in the vocabulary")


def test_only_a_text_can_be_explained() -> None:
    with pytest.raises(TokenizationError, match="got list"):
        small_bert().explain(["a"])  # type: ignore[arg-type]


def test_half_of_a_surrogate_pair_is_explained_too() -> None:
    found = small_bert().explain("\ud800un")
    assert [token.span for token in found] == [(0, 1), (1, 3)]
    assert found[0].reason == "'\ufffd' (U+FFFD REPLACEMENT CHARACTER): dropped"
