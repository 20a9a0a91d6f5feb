"""How does XLM cut text? Into a language's words, lower-cased without accents, and these by byte-pair encoding."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pretrained.atomic import write_text
from pretrained.errors import TokenizationError
from pretrained.hub import ModelFiles
from pretrained.models.xlm.languages_xlm import find_words, lower_without_accents
from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.bpe import read_merges, read_vocab
from pretrained.tokenization.notices import warn
from pretrained.tokenization.pairs import PairMerger
from pretrained.tokenization.special_tokens import Token
from pretrained.tokenization.tables import Table
from pretrained.tokenization.words import Piece, WordEngine

END_OF_WORD = "</w>"
ADDITIONAL = tuple(f"<special{number}>" for number in range(10))


class XLMTokenizer(PreTrainedTokenizer):
    """Moses' words, then byte-pair encoding.

    Every encoding call takes two keywords more: `lang`, the ISO code of the text's language ("en" if it is left away),
    and `bypass_tokenizer=True` for a text whose words are found already, with blanks between.

    Args:
        vocab_file: a vocab.json; or `vocab`, token → id.
        merges_file: a merges.txt; or `merges`, the pairs in their order.
        lang2id: language → the number that the model's `langs` input has for it.
        id2lang: the opposite; made from `lang2id` when it is left away.
        do_lowercase_and_remove_accent: lower-case words and take accents off; None: as `do_lower_case` says, else True.
            The models of 17 and 100 languages do not.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {"vocab_file": "vocab.json", "merges_file": "merges.txt"}
    text_options: ClassVar[tuple[str, ...]] = ("lang", "bypass_tokenizer")

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        unk_token: Token = "<unk>",
        bos_token: Token = "<s>",
        sep_token: Token = "</s>",
        pad_token: Token = "<pad>",
        cls_token: Token = "</s>",
        mask_token: Token = "<special1>",
        additional_special_tokens: Sequence[Token] = ADDITIONAL,
        lang2id: Mapping[str, int] | None = None,
        id2lang: Mapping[int, str] | Mapping[str, str] | None = None,
        do_lowercase_and_remove_accent: bool | None = None,
        *,
        do_lower_case: bool | None = None,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[tuple[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        if (vocab is None and vocab_file is None) or (merges is None and merges_file is None):
            name = type(self).__name__
            raise TokenizationError(
                f"{name} needs a vocabulary and merges: {name}.from_pretrained(name), or vocab_file= with "
                f"merges_file=, or vocab= with merges=; got vocab_file={vocab_file!r}, merges_file={merges_file!r}"
            )
        if do_lowercase_and_remove_accent is None:
            do_lowercase_and_remove_accent = do_lower_case is not False
        self.do_lowercase_and_remove_accent = do_lowercase_and_remove_accent
        self.lang2id, self.id2lang = _language_tables(lang2id, id2lang)
        pairs = read_merges(merges_file, counted=True) if merges is None and merges_file is not None else merges or ()
        self.bpe_ranks = Table(((left, right), rank) for rank, (left, right) in enumerate(pairs))
        self._merger = PairMerger(self.bpe_ranks, suffix=END_OF_WORD)
        words = read_vocab(vocab_file) if vocab is None and vocab_file is not None else vocab or {}
        super().__init__(
            WordEngine(words, self._words, self._pieces, unknown=str(unk_token)),
            unk_token=unk_token,
            bos_token=bos_token,
            sep_token=sep_token,
            pad_token=pad_token,
            cls_token=cls_token,
            mask_token=mask_token,
            additional_special_tokens=list(additional_special_tokens),
            lang2id=self.lang2id,
            id2lang=self.id2lang,
            do_lowercase_and_remove_accent=do_lowercase_and_remove_accent,
            **kwargs,
        )

    @classmethod
    def vocabulary_file(cls, files: ModelFiles) -> Path | None:
        """The file of a model that holds the tokens, see `PreTrainedTokenizer`; it is nothing without the merges."""
        return files.get("vocab.json") if files.get("merges.txt") is not None else None

    # -- the two steps

    def _words(self, text: str, *, lang: str = "en", bypass_tokenizer: bool = False) -> list[str]:
        if self.lang2id and lang not in self.lang2id and self._once(f"language {lang}"):
            warn(
                f"the model does not know the language {lang!r}; it knows {', '.join(self.lang2id)}. "
                "To do: pass the text's language as lang=…"
            )
        if bypass_tokenizer:
            return text.split()
        words = find_words(text, lang)
        if self.do_lowercase_and_remove_accent:
            words = lower_without_accents(words)
        return [word for word in words if word]

    def _pieces(self, word: str) -> list[Piece]:
        symbols = self._merger.merge(word)
        if " " in word:  # Thai words may be a blank; published ids have what splitting at blanks gives
            symbols = " ".join(symbols).split(" ")
        return [(symbol, len(symbol.removesuffix(END_OF_WORD))) for symbol in symbols]

    def bpe(self, token: str) -> str:
        """The pieces of one word with blanks between, such as "lower" → "low er</w>"."""
        return " ".join(piece for piece, _ in self._pieces(token))

    # -- layout

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """<s> A </s>, or <s> A </s> B </s>."""
        bos, sep = [self.bos_token_id], [self.sep_token_id]
        return [*bos, *token_ids_0, *sep] if token_ids_1 is None else [*bos, *token_ids_0, *sep, *token_ids_1, *sep]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 up to the first </s>, 1 for the second text and its </s>."""
        first = [0] * (len(token_ids_0) + 2)
        return first if token_ids_1 is None else first + [1] * (len(token_ids_1) + 1)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(tokens).replace(END_OF_WORD, " ").strip()

    # -- vocabulary

    @property
    def do_lower_case(self) -> bool:
        return self.do_lowercase_and_remove_accent

    @property
    def encoder(self) -> dict[str, int]:
        """Token → id, without added tokens."""
        return Table(self._engine.vocab())

    @property
    def decoder(self) -> dict[int, str]:
        """Id → token, without added tokens."""
        return Table((index, token) for token, index in self._engine.vocab().items())

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes vocab.json and merges.txt, which has no first line here, into a folder."""
        folder = Path(save_directory)
        if not folder.is_dir():
            raise TokenizationError(f"{folder} is no folder; {type(self).__name__} writes two files, into a folder")
        names = (f"{filename_prefix}-{name}" if filename_prefix else name for name in self.vocab_files_names.values())
        vocab_path, merges_path = (folder / name for name in names)
        write_text(vocab_path, json.dumps(self.encoder, ensure_ascii=False))
        in_order = sorted(self.bpe_ranks, key=self.bpe_ranks.__getitem__)  # a pair that is there twice counts last
        write_text(merges_path, "".join(f"{left} {right}\n" for left, right in in_order))
        return (str(vocab_path), str(merges_path))


def _language_tables(
    lang2id: Mapping[str, int] | None, id2lang: Mapping[int, str] | Mapping[str, str] | None
) -> tuple[dict[str, int] | None, dict[int, str] | None]:
    """Both tables, numbers as numbers: JSON files have them as text."""
    forth = None if lang2id is None else {lang: int(index) for lang, index in lang2id.items()}
    back = None if id2lang is None else {int(index): lang for index, lang in id2lang.items()}
    if forth is None and back is not None:
        forth = {lang: index for index, lang in back.items()}
    if back is None and forth is not None:
        back = {index: lang for lang, index in forth.items()}
    if forth is not None and back is not None and len(forth) != len(back):
        raise TokenizationError(f"lang2id has {len(forth)} languages and id2lang {len(back)}; both name the same ones")
    return forth, back
