"""Which pieces are one word? For masking whole words (BERT's second release; for Chinese arXiv 1906.08101)."""

from collections.abc import Sequence
from typing import Any

from pretrained.errors import MissingDependencyError

_BEGIN = ("▁", "Ġ")  # SentencePiece and byte-level pieces that begin a word


def group_words(tokens: Sequence[str], places: Sequence[int]) -> list[list[int]]:
    """The places of the pieces of each word.

    Args:
        tokens: of a row.
        places: those that may be masked, in order.
    """
    begins = any(tokens[at].startswith(_BEGIN) for at in places)
    ends = any(tokens[at].endswith("</w>") for at in places)
    words: list[list[int]] = []
    for at in places:
        token = tokens[at]
        if ends:
            goes_on = bool(words) and words[-1][-1] == at - 1 and not tokens[at - 1].endswith("</w>")
        elif begins:
            goes_on = bool(words) and words[-1][-1] == at - 1 and not token.startswith(_BEGIN)
        else:
            goes_on = bool(words) and words[-1][-1] == at - 1 and token.startswith("##")
        if goes_on:
            words[-1].append(at)
        else:
            words.append([at])
    return _chinese(tokens, words)


def _chinese(tokens: Sequence[str], words: list[list[int]]) -> list[list[int]]:
    """Neighbouring Chinese characters, which are pieces of their own, as the words that a segmenter finds."""
    joined: list[list[int]] = []
    run: list[int] = []
    for word in [*words, []]:
        is_character = len(word) == 1 and _is_chinese(tokens[word[0]].removeprefix("##"))
        if is_character and (not run or run[-1] == word[0] - 1):
            run.append(word[0])
            continue
        joined += _segmented(tokens, run)
        run = [word[0]] if is_character else []
        if word and not is_character:
            joined.append(word)
    return joined


def _is_chinese(token: str) -> bool:
    return len(token) == 1 and "\u4e00" <= token <= "\u9fff"


def _segmented(tokens: Sequence[str], run: Sequence[int]) -> list[list[int]]:
    if len(run) < 2:
        return [list(run)] if run else []
    words = []
    start = 0
    for word in _segmenter().cut("".join(tokens[at].removeprefix("##") for at in run)):
        words.append(list(run[start : start + len(word)]))
        start += len(word)
    return words


def _segmenter() -> Any:
    try:
        import jieba  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "whole words of Chinese text need jieba: pip install 'pretrained[chinese]'"
        ) from error
    jieba.setLogLevel(60)
    return jieba
