"""How does byte-pair encoding get from characters to pieces? Its two files, and the compiled engine over them.

A text's words are characters first; the pairs of neighbours named in merges.txt are joined, those of an earlier line
first, until no pair is left. vocab.json gives what came of it ids.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer, models

from pretrained.atomic import write_text
from pretrained.errors import CorruptFileError, ModelFileNotFoundError, TokenizationError
from pretrained.tokenization.engine import CompiledEngine, PieceLists, Pieces
from pretrained.tokenization.notices import warn
from pretrained.tokenization.pipeline import read_pipeline

Merges = list[tuple[str, str]]


class BpeSource(NamedTuple):
    """What a BPE tokenizer is made of."""

    vocab: dict[str, int]
    merges: Merges
    pipeline: dict[str, Any] | None
    """The tokenizer.json, where there is one; its options and added tokens count."""


def read_source(
    vocab_file: str | os.PathLike[str] | None,
    merges_file: str | os.PathLike[str] | None,
    tokenizer_file: str | os.PathLike[str] | None,
    vocab: Mapping[str, int] | None,
    merges: Sequence[str | Sequence[str]] | None,
    *,
    called: str,
) -> BpeSource:
    """The vocabulary and merges: given as such, else from vocab.json and merges.txt, else from a tokenizer.json.

    Raises:
        TokenizationError: there is not enough of them.
        ModelFileNotFoundError, CorruptFileError: a file is not there, or is not what it should be.
    """
    pipeline = None if tokenizer_file is None else read_pipeline(tokenizer_file)
    if vocab is not None and merges is not None:
        return BpeSource(dict(vocab), _pairs(merges, "merges="), pipeline)
    if vocab_file is not None and merges_file is not None:
        source = BpeSource(read_vocab(vocab_file), read_merges(merges_file), pipeline)
        if pipeline is not None and source.vocab != pipeline["model"]["vocab"]:
            warn(
                f"{vocab_file} and the tokenizer.json beside it have different tokens; {Path(vocab_file).name} and "
                f"{Path(merges_file).name} are used"
            )
        return source
    if pipeline is None:
        given = {"vocab_file": vocab_file, "merges_file": merges_file, "vocab": vocab, "merges": merges}
        found = ", ".join(name for name, value in given.items() if value is not None)
        raise TokenizationError(
            f"{called} needs a vocabulary and merges: {called}.from_pretrained(name), or vocab_file= with "
            f"merges_file=, or tokenizer_file=, or vocab= with merges=; got {found or 'none of them'}"
        )
    model = pipeline["model"]
    if not isinstance(model["vocab"], dict) or not isinstance(model.get("merges"), list):
        raise CorruptFileError(
            f"{tokenizer_file} holds no byte-pair encoding (its model is {model.get('type', 'of no named type')}), "
            f"which {called} reads"
        )
    return BpeSource(model["vocab"], _pairs(model["merges"], str(tokenizer_file)), pipeline)


def read_vocab(path: str | os.PathLike[str]) -> dict[str, int]:
    """Token → id of a vocab.json."""
    try:
        vocab = json.loads(_text(path))
    except ValueError as error:
        raise CorruptFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(vocab, dict) or not all(type(index) is int for index in vocab.values()):
        raise CorruptFileError(f"{path} is not a vocabulary: an object of tokens and their numbers is expected")
    return vocab


def read_merges(path: str | os.PathLike[str], *, counted: bool = False) -> Merges:
    """The pairs of a merges.txt; a first line that begins with #version is none, nor is an empty last one.

    Args:
        counted: a third word on a line says how often the pair was seen, as in XLM's files.
    """
    lines = _text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")
    if counted:
        lines = [" ".join(line.split()[:2]) for line in lines]
    return _pairs(lines[lines[0].startswith("#version") :] if lines != [""] else [], str(path))


def write_vocab(path: Path, vocab: Mapping[str, int]) -> None:
    write_text(path, json.dumps(vocab, ensure_ascii=False))


def write_merges(path: Path, merges: Merges) -> None:
    write_text(path, "".join(["#version: 0.2\n", *(f"{left} {right}\n" for left, right in merges)]))


def _text(path: str | os.PathLike[str]) -> str:
    try:
        # bytes first: reading as text would turn line ends of other kinds, which some tokens are, into \n
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ModelFileNotFoundError(
            f"there is no file {path}; for a model by its name use from_pretrained(name)"
        ) from None
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path} is not text in UTF-8: {error}") from error


def _pairs(lines: Sequence[str | Sequence[str]], source: str) -> Merges:
    """The pairs among lines "left right", in their order.

    A line of another number of words joins nothing, and is passed over. The published merges of CTRL have some: they
    hold no-break spaces, which the published tokenizer took for the end of a symbol.
    """
    parts = [line.split() if isinstance(line, str) else line for line in lines]
    pairs = [(part[0], part[1]) for part in parts if len(part) == 2]
    if len(pairs) < 0.9 * len(parts):
        odd = next(number for number, part in enumerate(parts) if len(part) != 2)
        raise CorruptFileError(
            f"{source}: merge {odd} is {lines[odd]!r}; two symbols with a blank between are expected"
        )
    return pairs


def build_model(
    vocab: Mapping[str, int], merges: Merges, *, unknown: str | None, suffix: str = ""
) -> tuple[models.BPE, frozenset[int]]:
    """The compiled model, and the ids of symbols that are in no vocabulary.

    Merges may pass through symbols that the vocabulary lacks. The compiled model wants an id for each; they get ids
    behind the vocabulary, which `BpeEngine` reads as unknown.

    Args:
        suffix: what marks the last character of a word.
    """
    lacking = dict.fromkeys(
        symbol for left, right in merges for symbol in (left, right, left + right) if symbol not in vocab
    )
    if len(lacking) > max(100, len(merges) // 100):
        warn(
            f"the merges make {len(lacking)} symbols that the vocabulary lacks, such as {next(iter(lacking))!r}; what "
            "ends in one becomes unknown. Usually the two files are of different models: bring both of one"
        )
    try:
        following = max(vocab.values(), default=-1) + 1
        if following > 2 * len(vocab) + 1000 or (lacking and following != len(vocab)):
            raise ValueError(f"its highest id is {following - 1}, and it has {len(vocab)} tokens")
        hidden = {symbol: following + number for number, symbol in enumerate(lacking)}
        options: dict[str, Any] = {"unk_token": unknown} if unknown is not None else {}
        if suffix:
            options["end_of_word_suffix"] = suffix
        return models.BPE({**vocab, **hidden}, merges, fuse_unk=False, **options), frozenset(hidden.values())
    except Exception as error:  # the package raises this plain class for what does not fit together
        raise CorruptFileError(f"the vocabulary and the merges do not fit together: {error}") from error


class BpeEngine(CompiledEngine):
    """An engine over byte-pair encoding.

    Args:
        vocab: token → id as published. The pipeline may spell a token otherwise, under the same id.
        hidden: ids of the pipeline that stand for no token: they become `unknown`.
    """

    def __init__(
        self,
        pipeline: Tokenizer,
        vocab: Mapping[str, int],
        *,
        hidden: frozenset[int] = frozenset(),
        unknown: str,
        respelled: bool = False,
    ) -> None:
        self._vocab = vocab
        self._tokens = {index: token for token, index in vocab.items()}
        self._hidden = hidden
        self._unknown = unknown
        self._translated = respelled or bool(hidden)
        super().__init__(pipeline)

    def _note_added(self) -> None:
        super()._note_added()
        self._ids: dict[int, int] = {}
        """Id in the pipeline → id for everybody else, where they differ."""
        if not self._translated:
            return
        found = sorted(self.added.items())
        following = len(self._vocab)
        self.added, self.added_vocab = {}, {}
        for inner, token in found:
            outer = self._vocab.get(token.content)
            if outer is None:
                outer = following
                following += 1
                self.added_vocab[token.content] = outer
            self.added[outer] = token
            self._ids[inner] = outer
        unknown = self.token_to_id(self._unknown)
        if unknown is not None:
            self._ids |= dict.fromkeys(self._hidden, unknown)

    def encode(self, texts: Sequence[Any], *, split_into_words: bool = False) -> Sequence[Pieces]:
        found = super().encode(texts, split_into_words=split_into_words)
        if not self._translated:
            return found
        results = []
        for pieces in found:
            ids = [self._ids.get(index, index) for index in pieces.ids]
            tokens = [self.id_to_token(index) or "" for index in ids]
            results.append(PieceLists(ids, tokens, pieces.offsets, pieces.word_ids))
        return results

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        rows = super().encode_ids(texts)
        return [[self._ids.get(index, index) for index in row] for row in rows] if self._ids else rows

    def vocab(self) -> dict[str, int]:
        return dict(self._vocab)

    @property
    def vocab_size(self) -> int:
        return len(self._vocab)

    def token_to_id(self, token: str) -> int | None:
        index = self._vocab.get(token)
        return self.added_vocab.get(token) if index is None else index

    def id_to_token(self, index: int) -> str | None:
        token = self._tokens.get(index)
        if token is None and index in self.added:
            token = self.added[index].content
        return token

    @property
    def exact_json(self) -> bool:
        """Whether a tokenizer.json can say what this engine does."""
        return not self._translated
