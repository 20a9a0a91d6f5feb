"""What do all tokenizers over byte-pair encoding share? Their files, and the tables that code of before reads."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pretrained.hub import ModelFiles
from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.bpe import BpeSource, write_merges, write_vocab
from pretrained.tokenization.engine import Engine
from pretrained.tokenization.explaining import name_of
from pretrained.tokenization.pairs import PairMerger
from pretrained.tokenization.saved import restore_added
from pretrained.tokenization.tables import Table, cached_table


class BpeTokenizer(PreTrainedTokenizer):
    """A tokenizer with vocab.json and merges.txt, or one tokenizer.json that holds both.

    Args:
        source: what was read of these.
        engine: made of it.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    old_file_names: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Argument → names under which the authors of the model published the same file."""

    word_end: ClassVar[str] = ""
    """What marks the last character of a word in the merges."""

    model_input_names: Sequence[str] = ("input_ids", "attention_mask")

    def __init__(self, source: BpeSource, engine: Engine, **kwargs: Any) -> None:
        self._merges = source.merges
        super().__init__(engine, **kwargs)
        if source.pipeline is not None:
            restore_added(self, source.pipeline["added_tokens"], source="tokenizer.json")

    @classmethod
    def from_files(cls, files: ModelFiles, *init_inputs: Any, **kwargs: Any) -> Self:
        """The tokenizer whose files these are; see `from_pretrained`."""
        if not init_inputs and not kwargs.keys() & {*cls.vocab_files_names, "vocab"}:
            kwargs |= cls._old_files(files)
        return super().from_files(files, *init_inputs, **kwargs)

    @classmethod
    def vocabulary_file(cls, files: ModelFiles) -> Path | None:
        """The file of a model that holds the tokens, see `PreTrainedTokenizer`; neither is one without merges."""
        if cls._find_file(files, "merges_file") is not None:
            return cls._find_file(files, "vocab_file")
        pipeline = cls.vocab_files_names.get("tokenizer_file")
        return None if pipeline is None else files.get(pipeline)

    @classmethod
    def _old_files(cls, files: ModelFiles) -> dict[str, str]:
        """The two files under older names, where they have no other; neither is enough without the other."""
        parts = {key: name for key, name in cls.vocab_files_names.items() if key != "tokenizer_file"}
        missing = [key for key, name in parts.items() if files.get(name) is None]
        pipeline = cls.vocab_files_names.get("tokenizer_file")
        if not missing or (pipeline is not None and files.get(pipeline) is not None):
            return {}
        found = {key: str(path) for key in parts if (path := cls._find_file(files, key)) is not None}
        for key in missing:
            if key not in found:
                files.require(parts[key])
        return found

    @classmethod
    def _find_file(cls, files: ModelFiles, key: str) -> Path | None:
        names = (cls.vocab_files_names[key], *cls.old_file_names.get(key, ()))
        return next((path for name in names if (path := files.get(name)) is not None), None)

    # -- the tables

    @cached_table
    def encoder(self) -> dict[str, int]:
        """Token → id, without added tokens."""
        return Table(self._engine.vocab())

    @cached_table
    def decoder(self) -> dict[int, str]:
        """The opposite of `encoder`."""
        return Table((index, token) for token, index in self.encoder.items())

    @cached_table
    def bpe_ranks(self) -> dict[tuple[str, str], int]:
        """Pair of symbols → its place among the merges."""
        return Table((pair, rank) for rank, pair in enumerate(self._merges))

    def bpe(self, token: str) -> str:
        """The pieces of one word with blanks between them; the readable form of what the compiled engine does."""
        return " ".join(PairMerger(self.bpe_ranks, suffix=self.word_end).merge(token))

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes vocab.json and merges.txt into a folder."""
        before = f"{filename_prefix}-" if filename_prefix else ""
        vocab = Path(save_directory) / f"{before}{self.vocab_files_names['vocab_file']}"
        merges = Path(save_directory) / f"{before}{self.vocab_files_names['merges_file']}"
        write_vocab(vocab, self._engine.vocab())
        write_merges(merges, self._merges)
        return str(vocab), str(merges)

    def _why_unknown(self, stretch: str) -> str:
        return f"the vocabulary has no {name_of(stretch)}" if len(stretch) == 1 else "it is not in the vocabulary"
