"""Where in a long text is the answer? The text is read in windows that overlap, and the best spans of all are kept.

A window is question and a part of the text, as (Devlin et al., arXiv 1810.04805) did for SQuAD. Its scores give each
token as the first and as the last of the answer; a span counts the sum of both.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pretrained.errors import InputError

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """The question and a part of the text, as one row."""

    inputs: dict[str, list[int]]
    """Of the network: "input_ids", and "token_type_ids" where the tokenizer has them."""
    offsets: list[tuple[int, int] | None]
    """Of each token, the characters of the text; None for the question and for special tokens."""
    words: list[int | None]
    """Of each token, which word of the text it belongs to."""
    centred: list[bool]
    """Whether no other window sees the token with more text around it."""
    cls: int
    """The place whose score stands for "there is no answer"."""

    def search_inputs(self) -> dict[str, Any]:
        """As `inputs`, with what a head that searches spans takes besides: where no answer can be, and `cls`."""
        hidden = [int(place is None and at != self.cls) for at, place in enumerate(self.offsets)]
        return {**self.inputs, "p_mask": hidden, "cls_index": self.cls}


SEARCHED = ("start_top_log_probs", "start_top_index", "end_top_log_probs", "end_top_index", "cls_logits")
"""What such a head returns."""


@dataclass(frozen=True)
class Candidates:
    """What a head that searches spans (nn/span_search.py) says of a window: s starts, and e ends for each of them."""

    starts: Scores
    """(s,) probabilities."""
    start_places: npt.NDArray[np.int64]
    """(s,) tokens."""
    ends: Scores
    """(e, s) probabilities, each given its start."""
    end_places: npt.NDArray[np.int64]
    """(e, s) tokens."""
    none: float
    """Above 0 for "there is no answer"."""

    @classmethod
    def of(cls, starts: Any, start_places: Any, ends: Any, end_places: Any, none: Any) -> "Candidates":
        """Of a row of the head's outputs, in the order of SEARCHED."""
        first = np.asarray(start_places).astype(np.int64)
        shape = (-1, len(first))
        last = np.asarray(end_places).astype(np.int64).reshape(shape)
        return cls(np.asarray(starts), first, np.asarray(ends).reshape(shape), last, float(none))

    def spans(self, window: Window, max_tokens: int) -> Iterator[tuple[int, int, float]]:
        """(first token, last token, probability) of those that lie in the text."""
        for at, first in enumerate(self.start_places.tolist()):
            for end, last in zip(self.ends[:, at].tolist(), self.end_places[:, at].tolist(), strict=True):
                inside = window.offsets[first] is not None and window.offsets[last] is not None
                if inside and window.centred[first] and first <= last < first + max_tokens:
                    yield first, last, float(self.starts[at]) * end


class Answer(NamedTuple):
    """Characters start … end-1 of the text, and the span's score: a sum of logits, or of logarithms."""

    start: int
    end: int
    score: float


def windows(
    tokenizer: Any,
    question: str,
    context: str,
    *,
    max_length: int = 384,
    overlap: int = 128,
    max_question: int = 64,
) -> list[Window]:
    """The rows that cover a text.

    Args:
        max_length: tokens of a row at most, question and special tokens included.
        overlap: tokens of the text that two neighbouring windows share.
        max_question: tokens of the question at most.
    """
    first = tokenizer.padding_side == "right"  # XLNet reads the text first
    kept = _cut_question(tokenizer, question, max_question)
    pair = (kept, context) if first else (context, kept)
    asked = len(tokenizer(kept, add_special_tokens=False)["input_ids"])
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True) - asked
    if room < 2:
        raise InputError(f"max_length={max_length} leaves no room for the text beside a question of {asked} tokens")
    encoded = tokenizer(
        *pair,
        truncation="only_second" if first else "only_first",
        max_length=max_length,
        stride=min(overlap, room - 1),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    text = 1 if first else 0
    found = []
    for row, offsets in enumerate(encoded["offset_mapping"]):
        own = encoded.sequence_ids(row)
        inputs = {name: encoded[name][row] for name in ("input_ids", "token_type_ids") if name in encoded}
        places = [offset if sequence == text else None for offset, sequence in zip(offsets, own, strict=True)]
        words = [word if sequence == text else None for word, sequence in zip(encoded.word_ids(row), own, strict=True)]
        ids = inputs["input_ids"]
        cls = ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else 0
        found.append((inputs, places, words, cls))
    centred = _centred([row[1] for row in found])
    return [Window(*row[:3], best, row[3]) for row, best in zip(found, centred, strict=True)]


def _cut_question(tokenizer: Any, question: str, longest: int) -> str:
    """The question, cut behind so many tokens."""
    encoded = tokenizer(question.strip(), add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    return question.strip() if len(offsets) <= longest else question.strip()[: offsets[longest - 1][1]]


def _centred(rows: Sequence[Sequence[tuple[int, int] | None]]) -> list[list[bool]]:
    """Of each token, whether its own window is the one that sees most on its poorer side."""
    best: dict[tuple[int, int], tuple[float, int]] = {}
    scores = []
    for number, places in enumerate(rows):
        own = [at for at, place in enumerate(places) if place is not None]
        score = {at: min(at - own[0], own[-1] - at) + 0.01 * len(own) for at in own}
        scores.append(score)
        for at in own:
            place = places[at]
            assert place is not None
            if place not in best or score[at] > best[place][0]:
                best[place] = (score[at], number)
    return [[place is not None and best[place][1] == number for place in places] for number, places in enumerate(rows)]


def best_answers(
    rows: Sequence[Window],
    starts: Sequence[Scores],
    ends: Sequence[Scores],
    *,
    count: int = 20,
    max_tokens: int = 30,
) -> tuple[list[Answer], float]:
    """The best spans of all windows, and the score of there being none.

    Args:
        starts, ends: of each window, the logits of its tokens.
        count: spans that are kept, of each window and in the end.
        max_tokens: of an answer.

    Returns:
        Answers of different places, the best first; and the least score of "no answer" over the windows.
    """
    none = min(
        float(start[window.cls] + end[window.cls]) for window, start, end in zip(rows, starts, ends, strict=True)
    )
    spans = (
        (window, *span)
        for window, start, end in zip(rows, starts, ends, strict=True)
        for span in _spans(window, start, end, count, max_tokens)
    )
    return _ranked(spans, count), none


def best_searched(
    rows: Sequence[Window], candidates: Sequence[Candidates], *, count: int = 20, max_tokens: int = 30
) -> tuple[list[Answer], float]:
    """As `best_answers`, of a head that searches; the score of "no answer" is a logit of its own."""
    spans = (
        (window, first, last, math.log(max(probability, 1e-30)))
        for window, found in zip(rows, candidates, strict=True)
        for first, last, probability in found.spans(window, max_tokens)
    )
    return _ranked(spans, count), min(found.none for found in candidates)


def _ranked(spans: Iterable[tuple[Window, int, int, float]], count: int) -> list[Answer]:
    """Of each place the best score, the best place first."""
    found: dict[tuple[int, int], float] = {}
    for window, first, last, score in spans:
        begin, finish = window.offsets[first], window.offsets[last]
        if begin is not None and finish is not None:
            place = (begin[0], finish[1])
            found[place] = max(score, found.get(place, -float("inf")))
    answers = [Answer(*place, score) for place, score in found.items()]
    return sorted(answers, key=lambda answer: (-answer.score, answer.start, answer.end))[:count]


def _spans(window: Window, start: Scores, end: Scores, count: int, max_tokens: int) -> list[tuple[int, int, float]]:
    """(first token, last token, score) of the best spans of one window."""
    text = np.array([place is not None for place in window.offsets])
    begins = [at for at in np.argsort(-start, kind="stable") if text[at] and window.centred[at]][:count]
    finishes = [at for at in np.argsort(-end, kind="stable") if text[at]][:count]
    pairs = [
        (int(first), int(last), float(start[first] + end[last]))
        for first in begins
        for last in finishes
        if first <= last < first + max_tokens
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:count]
