"""How does a Japanese BERT cut text? A dictionary finds the words, which are then covered with pieces or characters."""

import os
import re
import threading
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken

from pretrained.errors import MissingDependencyError, TokenizationError
from pretrained.models.bert.tokenization_bert import BertTokenizer
from pretrained.tokenization.basic import BasicTokenizer, WordpieceTokenizer
from pretrained.tokenization.engine import Engine
from pretrained.tokenization.extras import optional
from pretrained.tokenization.special_tokens import Token, added_token
from pretrained.tokenization.words import Piece, WordEngine

WORD_TOKENIZERS = ("basic", "mecab")
SUBWORD_TOKENIZERS = ("wordpiece", "character")
DICTIONARIES = ("ipadic", "unidic_lite", "unidic")

_SURROGATE = re.compile("[\ud800-\udfff]")
_BERTS_OWN = ("do_basic_tokenize", "tokenize_chinese_chars", "strip_accents")


class BertJapaneseTokenizer(BertTokenizer):
    """Words by MeCab or by BERT's own rules, then WordPiece or single characters.

    Args:
        vocab_file: a vocab.txt, one token a line; or `vocab`, the tokens as a dict token → id or a list.
        do_lower_case: lower-case words.
        do_word_tokenize: False for a text whose words are found already, with blanks between.
        do_subword_tokenize: False: a word is a token.
        word_tokenizer_type: "basic" (BERT's rules, Chinese characters stay together) or "mecab".
        subword_tokenizer_type: "wordpiece" or "character".
        never_split: words that are neither lower-cased nor cut.
        mecab_kwargs: arguments of `MecabTokenizer`, such as {"mecab_dic": "unidic_lite"}.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {"vocab_file": "vocab.txt"}

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool = False,
        do_word_tokenize: bool = True,
        do_subword_tokenize: bool = True,
        word_tokenizer_type: str = "basic",
        subword_tokenizer_type: str = "wordpiece",
        never_split: Sequence[str] | None = None,
        unk_token: Token = "[UNK]",
        sep_token: Token = "[SEP]",
        pad_token: Token = "[PAD]",
        cls_token: Token = "[CLS]",
        mask_token: Token = "[MASK]",
        mecab_kwargs: Mapping[str, Any] | None = None,
        *,
        vocab: Mapping[str, int] | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        _check("word_tokenizer_type", word_tokenizer_type, WORD_TOKENIZERS)
        _check("subword_tokenizer_type", subword_tokenizer_type, SUBWORD_TOKENIZERS)
        self.do_word_tokenize = do_word_tokenize
        self.do_subword_tokenize = do_subword_tokenize
        self.word_tokenizer_type = word_tokenizer_type
        self.subword_tokenizer_type = subword_tokenizer_type
        self.mecab_kwargs = dict(mecab_kwargs or {})
        self.word_tokenizer: BasicTokenizer | MecabTokenizer | None = None
        if do_word_tokenize and word_tokenizer_type == "mecab":
            self.word_tokenizer = MecabTokenizer(do_lower_case, never_split, **self.mecab_kwargs)
        elif do_word_tokenize:
            self.word_tokenizer = BasicTokenizer(do_lower_case, never_split, tokenize_chinese_chars=False)
        rest = {key: value for key, value in kwargs.items() if key not in _BERTS_OWN}
        super().__init__(
            vocab_file,
            do_lower_case,
            never_split=never_split,
            unk_token=unk_token,
            sep_token=sep_token,
            pad_token=pad_token,
            cls_token=cls_token,
            mask_token=mask_token,
            tokenize_chinese_chars=False,
            vocab=vocab,
            do_word_tokenize=do_word_tokenize,
            do_subword_tokenize=do_subword_tokenize,
            word_tokenizer_type=word_tokenizer_type,
            subword_tokenizer_type=subword_tokenizer_type,
            mecab_kwargs=mecab_kwargs,
            **rest,
        )

    # -- the two steps

    def _make_engine(self, words: dict[str, int]) -> Engine:
        wordpiece = self.subword_tokenizer_type == "wordpiece"
        self.subword_tokenizer: WordpieceTokenizer | CharacterTokenizer | None = None
        if self.do_subword_tokenize:
            chosen = WordpieceTokenizer if wordpiece else CharacterTokenizer
            self.subword_tokenizer = chosen(words, self._unknown)
        return WordEngine(words, self._words, self._pieces, unknown=self._unknown)

    def _words(self, text: str) -> list[str]:
        words = [text]
        if self.word_tokenizer is not None:
            words = self.word_tokenizer.tokenize(text, never_split=self.all_special_tokens)
        if isinstance(self.subword_tokenizer, WordpieceTokenizer):
            return [part for word in words for part in word.split()]
        if isinstance(self.subword_tokenizer, CharacterTokenizer):
            return [self.subword_tokenizer.normalize(word) for word in words]
        return words

    def _pieces(self, word: str) -> list[Piece]:
        if self.subword_tokenizer is None:
            return [(word, len(word))]
        pieces = self.subword_tokenizer.tokenize(word)
        if isinstance(self.subword_tokenizer, CharacterTokenizer):
            return [(piece, 1) for piece in pieces]
        if pieces == [self._unknown]:
            return [(self._unknown, len(word))]
        return [(piece, len(piece) - (2 if number else 0)) for number, piece in enumerate(pieces)]  # without the ##

    # -- what BERT's compiled engine has, and this one has not

    def pipeline_json(self) -> dict[str, Any] | None:  # type: ignore[override]
        return None

    def _added_token(self, token: Token, *, special: bool) -> AddedToken:
        return added_token(token, normalized=False, special=special)

    def _vanishes(self, char: str) -> bool:
        return False

    def _why_unknown(self, stretch: str) -> str:
        return "it is not in the vocabulary"


class MecabTokenizer:
    """Japanese text to words, by MeCab and a dictionary.

    Args:
        do_lower_case: lower-case each word.
        never_split: words that are not lower-cased.
        normalize_text: bring the text into Unicode's form NFKC first.
        mecab_dic: "ipadic", "unidic_lite" or "unidic"; None: a dictionary that `mecab_option` names.
        mecab_option: further options for MeCab, as its command line has them.

    Raises:
        MissingDependencyError: MeCab's package or that of the dictionary is not installed.
    """

    def __init__(
        self,
        do_lower_case: bool = False,
        never_split: Iterable[str] | None = None,
        normalize_text: bool = True,
        mecab_dic: str | None = "ipadic",
        mecab_option: str | None = None,
    ) -> None:
        self.do_lower_case = do_lower_case
        self.never_split = list(never_split or ())
        self.normalize_text = normalize_text
        option = mecab_option or ""
        if mecab_dic is not None:
            folder = _dictionary(mecab_dic)
            option = f'-d "{folder}" -r "{folder / "mecabrc"}" {option}'
        self._option = option
        self._start()

    def _start(self) -> None:
        package = optional(
            "fugashi",
            package="fugashi",
            extra="japanese",
            purpose="cutting Japanese text into words by MeCab",
        )
        try:
            self.mecab = package.GenericTagger(self._option)
        except RuntimeError as error:
            raise TokenizationError(f"MeCab does not start with the options {self._option!r}: {error}") from error
        self._lock = threading.Lock()  # MeCab keeps what it works on in the tagger

    def tokenize(self, text: str, never_split: Iterable[str] | None = None) -> list[str]:
        """The words of a text, such as "すもももももももものうち" → すもも も もも も もも の うち."""
        if self.normalize_text:
            text = unicodedata.normalize("NFKC", text)
        with self._lock:
            words = [word.surface for word in self.mecab(_SURROGATE.sub("\ufffd", text))]
        if not self.do_lower_case:
            return words
        kept = {*self.never_split, *(never_split or ())}
        return [word if word in kept else word.lower() for word in words]

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("mecab", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self._start()


class CharacterTokenizer:
    """Words to characters.

    Args:
        vocab: the characters that are known.
        unk_token: stands for each of the others.
        normalize_text: bring the word into Unicode's form NFKC first.
    """

    def __init__(self, vocab: Collection[str], unk_token: str, normalize_text: bool = True) -> None:
        self.vocab = vocab
        self.unk_token = unk_token
        self.normalize_text = normalize_text

    def tokenize(self, text: str) -> list[str]:
        return [char if char in self.vocab else self.unk_token for char in self.normalize(text)]

    def normalize(self, text: str) -> str:
        return unicodedata.normalize("NFKC", text) if self.normalize_text else text


def _dictionary(name: str) -> Path:
    _check("mecab_dic", name, DICTIONARIES)
    package = optional(
        name,
        package=name.replace("_", "-"),
        extra="japanese",
        install="pip install unidic; python -m unidic download" if name == "unidic" else "",
        purpose=f"MeCab with mecab_dic={name!r}",
    )
    folder = Path(package.DICDIR)
    if not folder.is_dir():
        raise MissingDependencyError(
            f"the dictionary {name} itself is not in {folder}. To do: python -m {name} download"
        )
    return folder


def _check(argument: str, value: Any, valid: Sequence[str]) -> None:
    if value not in valid:
        raise TokenizationError(f"{argument}={value!r}: the values are {', '.join(map(repr, valid))}")
