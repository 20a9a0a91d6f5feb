"""What does BERT's tokenization do, step by step? The algorithm one can read.

`BertTokenizer` runs the same in compiled code, and the tests hold both equal. What differs: Python's table of
characters is the newer one. Punctuation, accents and invisible characters that came after Unicode 8 (2015) are letters
to the compiled code, as is a code point that no character has yet; Python cuts, strips or drops them.
"""

import unicodedata
from collections.abc import Collection, Iterable


def whitespace_tokenize(text: str) -> list[str]:
    """Words between blanks."""
    return text.split()


class BasicTokenizer:
    """Text to words: cleans, lower-cases, strips accents, splits off punctuation and Chinese characters.

    Args:
        do_lower_case: lower-case every word.
        never_split: words, between blanks, that are left as they are.
        tokenize_chinese_chars: make each Chinese character a word of its own.
        strip_accents: take accents off; None: if `do_lower_case`.
    """

    def __init__(
        self,
        do_lower_case: bool = True,
        never_split: Iterable[str] | None = None,
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
    ) -> None:
        self.do_lower_case = do_lower_case
        self.never_split = frozenset(never_split or ())
        self.tokenize_chinese_chars = tokenize_chinese_chars
        self.strip_accents = strip_accents

    def tokenize(self, text: str, never_split: Iterable[str] | None = None) -> list[str]:
        """The words of a text, such as "Héllo, 世界" → hello , 世 界."""
        kept = self.never_split.union(never_split or ())
        text = clean_text(text)
        if self.tokenize_chinese_chars:
            text = "".join(f" {char} " if is_chinese(char) else char for char in text)
        words: list[str] = []
        for word in whitespace_tokenize(text):
            if word in kept:
                words.append(word)
            else:
                # a normal form may hold blanks
                words += [
                    part for piece in split_on_punctuation(self.normalize(word)) for part in whitespace_tokenize(piece)
                ]
        return words

    def normalize(self, word: str) -> str:
        """Lower case and accents."""
        if self.do_lower_case:
            word = lower(word)
        if self.do_lower_case if self.strip_accents is None else self.strip_accents:
            # é → e + combining acute accent (category Mn) → e
            word = "".join(char for char in unicodedata.normalize("NFD", word) if unicodedata.category(char) != "Mn")
        return word


class WordpieceTokenizer:
    """Words to pieces: the longest piece of the vocabulary first, then the longest of what is left.

    Args:
        vocab: the pieces; those inside a word begin with ##.
        unk_token: stands for a word that has no full cover, or is longer than `max_input_chars_per_word`.
    """

    def __init__(self, vocab: Collection[str], unk_token: str = "[UNK]", max_input_chars_per_word: int = 100) -> None:
        self.vocab = vocab
        self.unk_token = unk_token
        self.max_input_chars_per_word = max_input_chars_per_word

    def tokenize(self, text: str) -> list[str]:
        """The pieces of words between blanks, such as "unaffable" → un ##aff ##able."""
        return [piece for word in whitespace_tokenize(text) for piece in self._pieces(word)]

    def _pieces(self, word: str) -> list[str]:
        if len(word) > self.max_input_chars_per_word:
            return [self.unk_token]
        pieces, rest = self.cover(word)
        return [self.unk_token] if rest else pieces

    def cover(self, word: str) -> tuple[list[str], str]:
        """(pieces, the rest that no piece begins); the rest is empty for a word with a full cover."""
        pieces: list[str] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = prefix + word[start:end]
                if piece in self.vocab:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return pieces, word[start:]
        return pieces, ""


def clean_text(text: str) -> str:
    """Drops control characters, makes every blank a space."""
    return "".join(" " if is_whitespace(char) else char for char in text if char != "\ufffd" and not is_control(char))


def lower(text: str) -> str:
    """Lower case of each character by itself, so that Σ at the end of a word becomes σ, as in published ids."""
    return "".join(char.lower() for char in text)


def split_on_punctuation(word: str) -> list[str]:
    """The word cut before and after each punctuation character, such as "don't" → don ' t."""
    parts: list[str] = []
    inside = False
    for char in word:
        if is_punctuation(char):
            parts.append(char)
            inside = False
        elif inside:
            parts[-1] += char
        else:
            parts.append(char)
            inside = True
    return parts


def is_whitespace(char: str) -> bool:
    """Space, tab, line ends, and Unicode's space separators."""
    return char in " \t\n\r" or unicodedata.category(char) == "Zs"


def is_control(char: str) -> bool:
    """Unicode's categories C: control, format, private, unassigned; not those that are blanks here."""
    return char not in "\t\n\r" and unicodedata.category(char).startswith("C")


def is_punctuation(char: str) -> bool:
    """Unicode's punctuation, and each visible ASCII character that is neither letter nor number ($, ^, ` …)."""
    code = ord(char)
    ascii_symbol = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_symbol or unicodedata.category(char).startswith("P")


CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_chinese(char: str) -> bool:
    """Chinese ideographs; not Hangul, Hiragana or Katakana, whose words stand between blanks or are cut by pieces."""
    code = ord(char)
    return any(first <= code <= last for first, last in CHINESE)
