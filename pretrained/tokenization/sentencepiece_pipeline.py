"""How does a tokenizer.json hold a SentencePiece model, and how do the ids of a family hold one?

The families that came from fairseq put tokens of their own before and after the pieces. A tokenizer.json lists all of
them in that order, with the scores of the pieces; the table of replacements stands among its normalizers.
"""

import base64
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken

from pretrained.errors import CorruptFileError, TokenizationError
from pretrained.tokenization.charsmap import SPACE
from pretrained.tokenization.cleaning import Cleaner
from pretrained.tokenization.sentencepiece import BYTE_PIECES, Algorithm, PieceType, SentencePieceModel, check_model
from pretrained.tokenization.special_tokens import to_json

_NOT_USED = "NOTUSED"


@dataclass(frozen=True, kw_only=True)
class Numbering:
    """The ids that a family gives to the pieces of a model: tokens of its own, the pieces, more of its own."""

    first: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()
    """Pieces at the beginning of the model that have the ids of tokens in `first`."""
    last: tuple[str, ...] = ()
    unknown: str = "<unk>"
    """The token in `first` that stands for the unknown piece."""

    def apply(self, model: SentencePieceModel) -> tuple[list[str], list[int]]:
        """(id → token, id of a piece → id in this numbering).

        Raises:
            TokenizationError: the model does not begin with the pieces it should.
        """
        skipped = len(self.absorbed)
        found = tuple(model.pieces[:skipped])
        if found != self.absorbed:
            raise TokenizationError(
                f"the ids of this model family need a SentencePiece model that begins with {', '.join(self.absorbed)}; "
                f"this one begins with {', '.join(found)}. It may be the model of another family"
            )
        pieces = [piece + _NOT_USED if piece in self.first else piece for piece in model.pieces[skipped:]]
        ids = [self.first.index(piece) for piece in self.absorbed]
        ids += range(len(self.first), len(self.first) + len(pieces))
        if self.first:
            ids[model.unknown_id] = self.first.index(self.unknown)
        return [*self.first, *pieces, *self.last], ids

    def undo(self, tokens: Sequence[str]) -> list[tuple[int | None, str]] | None:
        """(place in `tokens`, piece) of each piece, None for tokens that are not numbered in this way."""
        end = len(tokens) - len(self.last)
        start = len(self.first)
        if start > end or tuple(tokens[:start]) != self.first or tuple(tokens[end:]) != self.last:
            return None
        renamed = {piece + _NOT_USED: piece for piece in self.first}
        pieces: list[tuple[int | None, str]] = [(None, piece) for piece in self.absorbed]
        return pieces + [(place, renamed.get(tokens[place], tokens[place])) for place in range(start, end)]


# -- reading


@dataclass(frozen=True)
class Said:
    """What the parts of a tokenizer.json come to."""

    charsmap: bytes
    remove_extra_whitespaces: bool
    do_lower_case: bool
    keep_accents: bool


_COLLAPSES = ({"Regex": " {2,}"}, (" ", SPACE))
_QUOTES = ({"String": "``"}, {"String": "''"})


@contextmanager
def damaged(path: Any) -> Iterator[None]:
    """Raises CorruptFileError for what goes wrong inside."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CorruptFileError(f"{path} does not hold a SentencePiece model: {error!r}") from error


def read_parts(content: Mapping[str, Any], *, cleans: bool) -> Said | None:
    """What is done to a text before it is cut; None if that is not what SentencePiece does.

    Args:
        cleans: whether letters may be changed before.
    """
    model = content["model"]
    before = list(_flat(content.get("pre_tokenizer"), "pretokenizers"))
    splits = any(part.get("type") == "WhitespaceSplit" for part in before)
    metaspace = [part for part in before if part.get("type") == "Metaspace"]
    if model.get("type") != "Unigram" or len(metaspace) != 1 or len(before) != 1 + splits:
        return None
    scheme = metaspace[0].get("prepend_scheme", "always" if metaspace[0].get("add_prefix_space") else "never")
    if scheme != "always" or metaspace[0].get("replacement") != SPACE:
        return None
    charsmap = b""
    collapses = splits
    cleaning: set[str] = set()
    for part in _flat(content.get("normalizer"), "normalizers"):
        kind, what = part.get("type"), (part.get("pattern"), part.get("content"))
        if kind == "Precompiled":
            charsmap = base64.b64decode(part.get("precompiled_charsmap") or "")
        elif kind == "Replace" and what[0] in _QUOTES and what[1] == '"':
            cleaning.add("quotes")
        elif kind == "Replace" and what[0] == _COLLAPSES[0] and what[1] in _COLLAPSES[1]:
            collapses = True
        elif kind in ("NFKD", "StripAccents", "Lowercase"):
            cleaning.add(kind)
        elif kind != "Strip":
            return None
    if cleaning and not cleans:
        return None
    return Said(charsmap, collapses, "Lowercase" in cleaning, "StripAccents" not in cleaning)


def _flat(part: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """The parts of a sequence of sequences."""
    if part is None:
        return
    if part.get("type") == "Sequence":
        for inner in part[name]:
            yield from _flat(inner, name)
    else:
        yield part


def model_of(content: Mapping[str, Any], said: Said, numbering: Numbering) -> SentencePieceModel | None:
    """The SentencePiece model that a tokenizer.json was made of; None if its ids are not those of this numbering.

    The types of pieces are not written there. Special tokens are control pieces; a score of exactly 0 is that of a
    piece which was given when the model was trained.

    Raises:
        ValueError: its parts contradict each other.
    """
    vocab = content["model"]["vocab"]
    found = numbering.undo([token for token, _ in vocab])
    if found is None:
        return None
    special = {token.content for token in content["added_tokens"].values() if token.special}
    unknown = numbering.unknown if numbering.first else vocab[content["model"]["unk_id"]][0]
    byte_fallback = bool(content["model"].get("byte_fallback"))
    types: list[int] = []
    for place, piece in found:
        if piece == unknown:
            types.append(PieceType.UNKNOWN)
        elif place is None or piece in special:
            types.append(PieceType.CONTROL)
        elif byte_fallback and piece in _BYTES:
            types.append(PieceType.BYTE)
        else:
            types.append(PieceType.NORMAL if vocab[place][1] else PieceType.USER_DEFINED)
    "".join([piece for _, piece in found]).encode()  # raises for half of a surrogate pair
    scores = array("f", [0.0 if place is None or piece == unknown else vocab[place][1] for place, piece in found])
    return check_model(
        SentencePieceModel(
            pieces=[piece for _, piece in found],
            scores=scores.tolist(),
            types=types,
            byte_fallback=byte_fallback,
            charsmap=said.charsmap,
            remove_extra_whitespaces=said.remove_extra_whitespaces,
        )
    )


_BYTES = frozenset(BYTE_PIECES)

# -- writing


def pipeline_of(
    model: SentencePieceModel,
    numbering: Numbering,
    *,
    cleaner: Cleaner | None,
    added: Mapping[int, AddedToken],
    post_processor: Mapping[str, Any],
) -> dict[str, Any] | None:
    """A tokenizer.json in the form that everybody writes; None for a model whose algorithm is not Unigram."""
    if model.algorithm != Algorithm.UNIGRAM:
        return None
    tokens, ids = numbering.apply(model)
    scores = [0.0] * len(tokens)
    for index, score in zip(ids, model.scores, strict=True):
        scores[index] = score
    unknown = ids[model.unknown_id]
    for token in (place for place, token in enumerate(tokens) if token == numbering.unknown + _NOT_USED):
        scores[token] = -100.0  # so that text is never cut into it
    normalizers: list[dict[str, Any]] = []
    if cleaner is not None:
        normalizers += [{"type": "Replace", "pattern": quote, "content": '"'} for quote in _QUOTES]
        if not cleaner.keep_accents:
            normalizers += [{"type": "NFKD"}, {"type": "StripAccents"}]
        if cleaner.do_lower_case:
            normalizers.append({"type": "Lowercase"})
    if model.charsmap:
        table = base64.b64encode(model.charsmap).decode()
        normalizers.append({"type": "Precompiled", "precompiled_charsmap": table})
    scheme = "always" if model.add_dummy_prefix else "never"
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": True}
    splits = [{"type": "WhitespaceSplit"}] if model.remove_extra_whitespaces else []
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, **to_json(token, marked=False)} for index, token in added.items()],
        "normalizer": {"type": "Sequence", "normalizers": normalizers} if normalizers else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits, metaspace]},
        "post_processor": dict(post_processor),
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": unknown,
            "vocab": [list(entry) for entry in zip(tokens, scores, strict=True)],
            "byte_fallback": model.byte_fallback,
        },
    }
