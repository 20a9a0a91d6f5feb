"""Does an engine of two Python steps keep added tokens whole, count places and words, and stay picklable?"""

import pickle
from collections.abc import Sequence

import pytest
from tokenizers import AddedToken

from pretrained.errors import TokenizationError
from pretrained.tokenization.words import Piece, WordEngine, as_words

VOCAB = {word: index for index, word in enumerate(["<unk>", "<mask>", "one", "two", "he", "llo", "!"])}


def words(text: str, *, shout: bool = False) -> list[str]:
    """Lower-cased words between blanks, with "!" apart."""
    return [*text.lower().replace("!", " ! ").split(), *(["!"] if shout else [])]


def pieces(word: str) -> Sequence[Piece]:
    return [("he", 2), ("llo", 3)] if word == "hello" else [(word, len(word))]


def engine(vocab: dict[str, int] | None = None) -> WordEngine:
    return WordEngine(VOCAB if vocab is None else vocab, words, pieces, unknown="<unk>")


def test_words_become_pieces_with_places_and_numbers() -> None:
    (found,) = engine().encode(["One  HELLO three!"])
    assert found.tokens == ["one", "he", "llo", "three", "!"]
    assert found.ids == [2, 4, 5, 0, 6]
    assert found.word_ids == [0, 1, 1, 2, 3]
    assert found.offsets == [(0, 3), (5, 7), (7, 10), (11, 16), (16, 17)]
    assert len(found) == 5


def test_pre_split_words_count_places_in_each() -> None:
    (found,) = engine().encode([["hello!", "", "one two"]], split_into_words=True)
    assert found.tokens == ["he", "llo", "!", "one", "two"]
    assert found.word_ids == [0, 0, 0, 2, 2]
    assert found.offsets == [(0, 2), (2, 5), (5, 6), (0, 3), (4, 7)]


def test_options_reach_the_words() -> None:
    (found,) = engine().encode(["one"], shout=True)
    assert found.tokens == ["one", "!"]
    assert engine().tokens("one", shout=True) == ["one", "!"]


def test_added_tokens_stay_whole_the_longest_first() -> None:
    made = engine()
    made.add([AddedToken("<mask>", special=True), AddedToken("new"), AddedToken("newest")])
    (found,) = made.encode(["one<mask>newest NEW new!"])
    assert found.tokens == ["one", "<mask>", "newest", "new", "new", "!"]
    assert found.ids == [2, 1, 8, 7, 7, 6]  # a word that is spelled as an added token is that token
    assert found.offsets == [(0, 3), (3, 9), (9, 15), (16, 19), (20, 23), (23, 24)]
    assert made.tokens("one<mask>") == ["one", "<mask>"]
    assert made.added_vocab == {"new": 7, "newest": 8}
    assert made.vocab_size == 7
    assert made.vocab() == VOCAB
    assert made.token_to_id("newest") == 8
    assert [made.id_to_token(index) for index in (8, 1, 99)] == ["newest", "<mask>", None]


def test_a_token_added_twice_keeps_its_id() -> None:
    made = engine()
    made.add([AddedToken("new")])
    made.add([AddedToken("new"), AddedToken("more")])
    assert made.added_vocab == {"new": 7, "more": 8}


def test_added_tokens_follow_their_rules() -> None:
    made = engine()
    made.add([AddedToken("on", single_word=True), AddedToken("<mask>", lstrip=True)])
    (found,) = made.encode(["one on  <mask> two"])
    assert found.tokens == ["one", "on", "<mask>", "two"]
    assert found.offsets[2] == (6, 14)


def test_without_an_unknown_token_there_is_an_error_that_names_the_word() -> None:
    bare = engine({"one": 0})
    assert bare.encode_ids(["one"]) == [[0]]
    assert bare.tokens("one nine") == ["one", "nine"]
    with pytest.raises(TokenizationError, match="'nine' is not in this vocabulary of 1 tokens, nor is '<unk>'"):
        bare.encode_ids(["one nine"])


def test_engine_and_pieces_are_pickled() -> None:
    made = engine()
    made.add([AddedToken("new")])
    again = pickle.loads(pickle.dumps(made))
    (found,) = made.encode(["hello new"])
    copy = pickle.loads(pickle.dumps(found))
    assert again.encode_ids(["hello new"]) == [found.ids]
    assert (copy.ids, copy.tokens, copy.offsets, copy.word_ids) == (
        found.ids,
        found.tokens,
        found.offsets,
        found.word_ids,
    )


def test_what_is_remembered_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretrained.tokenization.words._REMEMBERED", 3)
    made = engine()
    made.encode_ids(["a b c d e f " + "g" * 1000])
    assert len(made._cut) <= 3
    assert all(len(word) <= 100 for word in made._cut)


def test_words_of_words() -> None:
    found = as_words(engine().encode(["hello", "one"]))
    assert found.word_ids == [0, 0, 1]
