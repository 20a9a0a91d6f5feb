"""How does Transformer-XL cut text? Into words by Moses' rules, numbers and dashes apart; each word is one token."""

import os
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pretrained.atomic import atomic_path, write_text
from pretrained.errors import ModelFileNotFoundError, TokenizationError
from pretrained.models.transfo_xl.vocabulary_transfo_xl import PublishedVocabulary, read_pickled, read_text
from pretrained.tokenization import moses
from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.basic import lower
from pretrained.tokenization.inputs import check_texts
from pretrained.tokenization.special_tokens import Token
from pretrained.tokenization.tables import Table
from pretrained.tokenization.tensors import to_tensor
from pretrained.tokenization.words import Piece, WordEngine

_INSIDE_NUMBER = re.compile(r"(?<=\d)[,.](?=\d)")
_UNKNOWN = ("<unk>", "<UNK>")


def tokenize_numbers(words: Iterable[str]) -> list[str]:
    """Numbers cut at commas and points, such as "5,000" → 5 @,@ 000."""
    return [part for word in words for part in _INSIDE_NUMBER.sub(r" @\g<0>@ ", word).split()]


def detokenize_numbers(text: str) -> str:
    """The opposite, in a text: "5 @,@ 000" → "5,000"."""
    return text.replace(" @,@ ", ",").replace(" @.@ ", ".")


class TransfoXLTokenizer(PreTrainedTokenizer):
    """Word-level tokenization.

    Without a vocabulary file it makes one: `count_file` or `count_sents`, then `build_vocab`.

    Args:
        special: words that come first in a vocabulary that is made.
        min_freq: words that are counted less often are left out of it.
        max_size: at most so many counted words are taken; None: all.
        lower_case: lower-case the text; None: as the vocabulary file says, else False.
        delimiter: "" makes every character a token; None: Moses' words.
        vocab_file: a vocab.txt, one word a line; it counts more than a pickled one.
        pretrained_vocab_file: a vocab.pkl or vocab.bin. It is read without running what is in it.
        never_split: stretches that are kept in one piece; None: the special tokens.
        unk_token: stands for words that the vocabulary lacks; None: <unk>, or <UNK> where the vocabulary has that.
        language: whose rules Moses follows.
        pretrained_vocab_file_torch: a vocab.bin; it is read where there is no other file.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {
        "pretrained_vocab_file": "vocab.pkl",
        "pretrained_vocab_file_torch": "vocab.bin",
        "vocab_file": "vocab.txt",
    }
    model_input_names: Sequence[str] = ("input_ids",)
    is_fast = True  # its tokenize only puts <eos> behind what the engine makes

    def __init__(
        self,
        special: Sequence[str] | None = None,
        min_freq: int | None = None,
        max_size: int | None = None,
        lower_case: bool | None = None,
        delimiter: str | None = None,
        vocab_file: str | os.PathLike[str] | None = None,
        pretrained_vocab_file: str | os.PathLike[str] | None = None,
        never_split: Sequence[str] | None = None,
        unk_token: Token | None = None,
        eos_token: Token = "<eos>",
        additional_special_tokens: Sequence[Token] = ("<formula>",),
        language: str = "en",
        *,
        pretrained_vocab_file_torch: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        pickled = pretrained_vocab_file or pretrained_vocab_file_torch
        found = PublishedVocabulary([])
        if vocab_file is not None:
            found = read_text(vocab_file)
        elif pickled is not None:
            found = read_pickled(pickled)
        self.vocab_file = vocab_file
        self.counter = found.counter
        self.special = list(found.special if special is None else special)
        self.min_freq = (found.min_freq if min_freq is None else min_freq) or 0
        self.max_size = found.max_size if max_size is None else max_size
        self.lower_case = bool(found.lower_case if lower_case is None else lower_case)
        self.delimiter = found.delimiter if delimiter is None else delimiter
        self.language = language
        if unk_token is None:
            unk_token = next((word for word in _UNKNOWN if word in found.symbols), _UNKNOWN[0])
        super().__init__(
            self._make_engine(found.symbols, str(unk_token)),
            special=self.special,
            min_freq=self.min_freq,
            max_size=self.max_size,
            lower_case=self.lower_case,
            delimiter=self.delimiter,
            never_split=never_split,
            unk_token=unk_token,
            eos_token=eos_token,
            additional_special_tokens=list(additional_special_tokens),
            language=language,
            **kwargs,
        )
        self.never_split = self.all_special_tokens if never_split is None else list(never_split)

    # -- text to words

    def _make_engine(self, symbols: Iterable[str], unknown: str) -> WordEngine:
        vocab = {word: index for index, word in enumerate(symbols)}
        self._words_engine = WordEngine(vocab, self._words, _whole, unknown=unknown)
        return self._words_engine

    def _words(self, text: str) -> list[str]:
        text = text.strip()
        if self.lower_case:
            text = lower(text)
        return list(text) if self.delimiter == "" else self.moses_pipeline(text)

    def moses_pipeline(self, text: str) -> list[str]:
        """The words of a text, such as "23,000 people" → 23 @,@ 000 people."""
        text = moses.normalize_punctuation(text, self.language)
        return tokenize_numbers(moses.words(text, self.language, split_dashes=True, protected=self.never_split))

    def tokenize(
        self,
        text: str,
        pair: str | None = None,
        add_special_tokens: bool = False,
        add_eos: bool = False,
        add_double_eos: bool = False,
        **options: Any,
    ) -> list[str]:
        """The tokens of a text; there needs to be no vocabulary yet.

        Args:
            add_special_tokens: changes nothing, as this family puts none around a text.
            add_eos: <eos> at the end.
            add_double_eos: <S> at both ends, as the One Billion Word benchmark has it.
        """
        if options:
            tokens = super().tokenize(text, pair, add_special_tokens, **options)
        else:
            texts = [text] if pair is None else [text, pair]
            check_texts(texts, split_into_words=False)
            tokens = [token for part in texts for token in self._words_engine.tokens(part)]
        if add_double_eos:
            return ["<S>", *tokens, "<S>"]
        return [*tokens, "<eos>"] if add_eos else tokens

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return detokenize_numbers(moses.join(tokens, self.language)).strip()

    @property
    def do_lower_case(self) -> bool:
        return self.lower_case

    # -- vocabulary

    @property
    def sym2idx(self) -> dict[str, int]:
        """Word → id, without added tokens."""
        return Table(self._engine.vocab())

    @property
    def idx2sym(self) -> list[str]:
        """The words in the order of their ids, without added tokens."""
        return list(self._engine.vocab())

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes vocab.txt, where line n is the word with the id n, into a folder.

        Every release of Transformers that has this family reads it; how often a word was counted is not in it. A blank
        as a token, as vocabularies of characters have it, cannot stand there: vocab.pkl is written then, a pickle of
        plain dicts, lists and numbers.
        """
        folder = Path(save_directory)
        if not folder.is_dir():
            raise TokenizationError(f"{folder} is no folder; TransfoXLTokenizer writes its vocabulary into a folder")
        words = self.idx2sym
        prefix = f"{filename_prefix}-" if filename_prefix else ""
        text, pickled = folder / f"{prefix}vocab.txt", folder / f"{prefix}vocab.pkl"
        if all(word.split() == [word] for word in words):
            write_text(text, "".join(f"{word}\n" for word in words))
            return (str(text),)
        content = {
            "sym2idx": dict(self.sym2idx),
            "idx2sym": words,
            "counter": dict(self.counter),
            "special": self.special,
        }
        with atomic_path(pickled) as temporary:
            temporary.write_bytes(pickle.dumps(content, protocol=2))
        text.unlink(missing_ok=True)  # an older one would count more
        return (str(pickled),)

    def move_added_token(self, token: str, target_idx: int) -> None:
        """Gives an added token a place in the vocabulary, and moves the words behind: for a cluster before the last."""
        if token not in self._engine.added_vocab:
            raise TokenizationError(f"{token!r} is no added token; they are {', '.join(self._engine.added_vocab)}")
        symbols = self.idx2sym
        symbols.insert(target_idx, token)
        self._replace(symbols)

    def _replace(self, symbols: Iterable[str]) -> None:
        """Another vocabulary, with the same added tokens."""
        added = [token for _, token in sorted(self._engine.added.items())]
        self._engine = self._make_engine(symbols, str(self._special["unk_token"]))
        if added:
            self._engine.add(added)
        self._keep_whole(self.all_special_tokens_extended)

    # -- a vocabulary and ids of a corpus

    def add_symbol(self, sym: str) -> None:
        """Puts a word behind the vocabulary, unless it is there."""
        if sym not in self.sym2idx:
            self._replace([*self.idx2sym, sym])

    def add_special(self, sym: str) -> None:
        self.add_symbol(sym)

    def count_file(self, path: str | os.PathLike[str], verbose: bool = False, add_eos: bool = False) -> list[list[str]]:
        """Counts the words of a text file, and returns those of each line."""
        sents = [self.tokenize(line, add_eos=add_eos) for line in _lines(path)]
        self.count_sents(sents)
        return sents

    def count_sents(self, sents: Iterable[Iterable[str]], verbose: bool = False) -> None:
        """Counts the words of sentences that are cut already."""
        for symbols in sents:
            self.counter.update(symbols)

    def build_vocab(self) -> None:
        """Makes the vocabulary: that of `vocab_file`, or the special words and then the counted ones, the most frequent
        first.
        """
        if self.vocab_file is not None:
            self._replace(read_text(self.vocab_file).symbols)
            return
        counted = [word for word, count in self.counter.most_common(self.max_size) if count >= self.min_freq]
        self._replace(dict.fromkeys([*self.special, *counted]))

    def encode_file(
        self,
        path: str | os.PathLike[str],
        ordered: bool = False,
        verbose: bool = False,
        add_eos: bool = True,
        add_double_eos: bool = False,
    ) -> Any:
        """The ids of a text file's lines: a list of tensors, or with `ordered` one tensor of all in a row."""
        lines = (self.tokenize(line, add_eos=add_eos, add_double_eos=add_double_eos) for line in _lines(path))
        return self.encode_sents(lines, ordered=ordered)

    def encode_sents(self, sents: Iterable[Sequence[str]], ordered: bool = False, verbose: bool = False) -> Any:
        """The ids of sentences that are cut already; see `encode_file`."""
        if ordered:
            return self.convert_to_tensor([symbol for symbols in sents for symbol in symbols])
        return [self.convert_to_tensor(symbols) for symbols in sents]

    def convert_to_tensor(self, symbols: Sequence[str]) -> Any:
        """The ids of tokens as a torch tensor (tokens)."""
        ids = self.convert_tokens_to_ids(list(symbols))
        for symbol, index in zip(symbols, ids, strict=True):
            if index is None:
                raise TokenizationError(
                    f"{symbol!r} is not in this vocabulary of {self.vocab_size} tokens, nor is {self.unk_token!r}, "
                    "which would stand for it"
                )
        return to_tensor("input_ids", ids, "pt")


def _whole(word: str) -> tuple[Piece, ...]:
    return ((word, len(word)),)


def _lines(path: str | os.PathLike[str]) -> Iterable[str]:
    try:
        with open(path, encoding="utf-8") as file:
            yield from file
    except FileNotFoundError:
        raise ModelFileNotFoundError(f"there is no file {path}") from None
