"""Added tokens are found in running text by their rules."""

import time

import pytest
from tokenizers import AddedToken

from pretrained.tokenization.added import AddedTokens


def find(text: str, *tokens: AddedToken | str, lower_case: bool = False) -> list[tuple[str, int]]:
    made = [AddedToken(token, normalized=False) if isinstance(token, str) else token for token in tokens]
    table = AddedTokens(dict(enumerate(made)), lower_case=lower_case)
    return [(text[found.start : found.end], found.id) for found in table.find(text)]


def test_the_leftmost_first_and_the_longest_of_those() -> None:
    assert find("xabcabd", "ab", "abc", "bca") == [("abc", 1), ("ab", 0)]
    assert find("aaaa", "aa") == [("aa", 0), ("aa", 0)]
    assert find("nothing here", "[x]") == []
    assert AddedTokens({0: AddedToken("<a>"), 1: AddedToken("<abc>")}, lower_case=False).find("x<a>") == [(1, 4, 0)]
    assert find("anything") == []
    assert find("a]b^c-d\\e", "]", "^", "-", "\\") == [("]", 0), ("^", 1), ("-", 2), ("\\", 3)]


def test_blanks_beside_a_token() -> None:
    left = AddedToken("<m>", lstrip=True, normalized=False)
    right = AddedToken("<m>", rstrip=True, normalized=False)
    assert find("a \t<m> b", left) == [(" \t<m>", 0)]
    assert find("a <m> \n b", right) == [("<m> \n ", 0)]
    assert find("<m>  <m>", AddedToken("<m>", lstrip=True, rstrip=True)) == [("<m>  ", 0), ("<m>", 0)]


@pytest.mark.parametrize(("text", "count"), [("ab", 1), ("xab", 0), ("ab_", 0), ("(ab)", 1), ("é ab 1", 1), ("abé", 0)])
def test_whole_words_only(text: str, count: int) -> None:
    assert len(find(text, AddedToken("ab", single_word=True))) == count
    # a shorter token may stand where a longer one may not
    assert find("abc", AddedToken("ab", single_word=True), "a") == [("a", 1)]


def test_tokens_of_lower_cased_texts() -> None:
    tokens = (AddedToken("New", normalized=True), AddedToken("[MASK]", normalized=False, special=True))
    assert find("NEW new [mask] [MASK]", *tokens, lower_case=True) == [("NEW", 0), ("new", 0), ("[MASK]", 1)]
    assert find("NEW New new", *tokens) == [("New", 0)]
    assert find("İİ new ΣNEW", *tokens, lower_case=True) == [("new", 0), ("NEW", 0)]


def test_many_tokens_cost_no_more_than_few() -> None:
    text = "some <text> with <t5> and <t7> " * 200
    times = []
    for count in (10, 20_000):
        table = AddedTokens({index: AddedToken(f"<t{index}>") for index in range(count)}, lower_case=False)
        begun = time.process_time()
        assert len(table.find(text)) == 400
        times.append(time.process_time() - begun)
    assert times[1] < 20 * times[0] + 0.05
