"""Words that are never split, against the readable algorithm and what 3.5.1 gave."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokenization.material import small_bert

KEPT = ["[unused1]", "c++", "low-low", "世a", "wanted"]


def test_words_between_blanks_are_kept() -> None:
    tokenizer = small_bert(never_split=KEPT)
    assert tokenizer.tokenize("a [unused1] c++ b[unused1]") == [
        "a",
        "[unused1]",
        "c++",
        "b",
        *small_bert().tokenize("[unused1]"),
    ]
    # one the vocabulary has keeps its id, another is unknown as a whole
    assert tokenizer.encode("[unused1] c++", add_special_tokens=False) == [2, 4]
    assert tokenizer.tokenize("[UNUSED1]") == ["[unused1]"]  # lower-cased before it is looked for
    assert small_bert(never_split=["[UNUSED1]"]).tokenize("[UNUSED1]") == small_bert().tokenize("[unused1]")


def test_a_word_without_punctuation_may_stand_between_punctuation() -> None:
    tokenizer = small_bert(never_split=["wanted", "low-low"])
    assert tokenizer.tokenize("(wanted) unwanted") == ["[UNK]", "wanted", "[UNK]", "un", "##want", "##ed"]
    assert tokenizer.tokenize("low-low -low-low") == ["low-low", "-", "low", "-", "low"]


def test_places_and_word_numbers() -> None:
    encoding = small_bert(never_split=KEPT)(["x", "unwanted c++ low"])
    assert encoding.tokens(1) == ["[CLS]", "un", "##want", "##ed", "c++", "low", "[SEP]"]
    assert encoding.word_ids(1) == [None, 0, 0, 0, 1, 2, None]
    assert encoding[1].offsets == [(0, 0), (0, 2), (2, 6), (6, 8), (9, 12), (13, 16), (0, 0)]


def test_pre_split_words() -> None:
    encoding = small_bert(never_split=KEPT)(["low", "c++", "a c++ b"], is_split_into_words=True)
    assert encoding.tokens() == ["[CLS]", "low", "c++", "a", "c++", "b", "[SEP]"]
    assert encoding.word_ids() == [None, 0, 1, 2, 2, 2, None]
    assert encoding[0].offsets[4] == (2, 5)


def test_the_rest_of_the_tokenizer_does_not_notice() -> None:
    tokenizer = small_bert(never_split=KEPT)
    assert tokenizer.encode_ragged(["a c++", "low"]) == tokenizer(["a c++", "low"])["input_ids"]
    assert tokenizer.add_tokens(["<new>"]) == 1
    assert tokenizer.tokenize("c++ <NEW>") == ["c++", "<new>"]
    assert tokenizer.use_unused_tokens(["<drug>"]) == {"<drug>": 1}
    assert tokenizer.tokenize("[unused1] <drug>") == ["[unused1]", "<drug>"]
    assert tokenizer.use_unused_tokens(["<gene>"]) == {"<gene>": 3}  # [unused1] is in use


def test_it_is_saved(tmp_path: Path) -> None:
    tokenizer = small_bert(never_split=KEPT)
    tokenizer.save_pretrained(tmp_path)
    assert type(tokenizer).from_pretrained(tmp_path).tokenize("a c++") == ["a", "c++"]


def test_words_with_chinese_characters_are_found_where_those_are_not_set_apart() -> None:
    assert small_bert(never_split=["世a"]).tokenize("x 世a") == ["x", "世", "a"]
    assert small_bert(never_split=["世a"], tokenize_chinese_chars=False).tokenize("x 世a") == ["x", "世a"]


pieces = st.sampled_from([*KEPT, "wanted", "C++", "low", "a", " ", "  ", "世", "-", ".", "é", "\t", "unwanted"])


@given(parts=st.lists(pieces, max_size=12), lower_case=st.booleans(), chinese=st.booleans())
@settings(max_examples=300, deadline=None)
def test_equal_to_the_readable_algorithm(parts: list[str], lower_case: bool, chinese: bool) -> None:
    text = "".join(parts)
    tokenizer = small_bert(never_split=KEPT, do_lower_case=lower_case, tokenize_chinese_chars=chinese)
    # the published tokenizers lower-cased the whole text before they looked for these words
    words = tokenizer.basic_tokenizer.tokenize(text.lower() if lower_case else text)
    expected = []
    for word in words:
        expected += [word] if word in KEPT else tokenizer.wordpiece_tokenizer.tokenize(word)
    assert tokenizer.tokenize(text) == expected
