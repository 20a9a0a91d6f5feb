"""How did GPT's own training text become words? Repaired by ftfy, spaced out, split by spaCy's rules for English."""

import re
from collections.abc import Sequence
from typing import Any

from pretrained.tokenization.extras import optional
from pretrained.tokenization.pairs import PairMerger

_CHARACTERS = str.maketrans({"—": "-", "–": "-", "―": "-", "…": "...", "´": "'"})
_RUNS = re.compile(r'([-~!";?+,()\\/*\[\]{}|_])\1*')
_LINE_ENDS = re.compile(r"\s*\n\s*")
_BLANKS = re.compile(r"[^\S\n]+")


def standardize(text: str) -> str:
    """Plain dashes, dots and quotes; blanks around punctuation that is repeated or not, and around line ends."""
    text = _RUNS.sub(r" \g<0> ", text.translate(_CHARACTERS))
    return _BLANKS.sub(" ", _LINE_ENDS.sub(" \n ", text)).strip()


class SpacyWords:
    """Text to lower-cased words, as ftfy and spaCy make them.

    Raises:
        MissingDependencyError: one of the two is not installed.
    """

    def __init__(self) -> None:
        need = {"extra": "openai-gpt", "purpose": "GPT's own way to words (use_spacy=False has BERT's)"}
        self._repair = optional("ftfy", package="ftfy", **need).fix_text
        self._split = optional("spacy.lang.en", package="spacy", **need).English().tokenizer

    def __call__(self, text: str) -> list[str]:
        words = [str(token.text).lower() for token in self._split(standardize(self._repair(text)))]
        return ["\n" if word == "\n " else word for word in words]

    def __reduce__(self) -> Any:
        return (SpacyWords, ())


class MergedWord:
    """A word to its pieces, and how many of its characters each covers."""

    def __init__(self, merges: Sequence[tuple[str, str]], end: str) -> None:
        self._merger = PairMerger({pair: rank for rank, pair in enumerate(merges)}, suffix=end)

    def __call__(self, word: str) -> list[tuple[str, int]]:
        *inner, last = self._merger.merge(word)
        return [*((piece, len(piece)) for piece in inner), (last, len(last) - len(self._merger.suffix))]
