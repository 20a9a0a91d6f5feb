"""Windows over a text: every token's place is its text, whatever characters stand there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained import AutoTokenizer
from pretrained.decoding.answers import best_answers, windows
from pretrained.errors import InputError

ODD = [
    "e\u0301 combining",
    "👨‍👩‍👧‍👦 family 🏳️‍🌈",
    "東京は日本の首都",
    "a\u0000b\u200bc\ufeff d",
    "ﬁne ﬂow ½ ①",
    "İstanbul ẞ",
    "\u202ertl\u202c עברית العربية",
    "tab\tnew\nline\r\n\u2028sep",
    "한국어 각",
    "  ",
    "x" * 90,
    "\ud7ff\U0010ffff",
]
TEXTS = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=12)), min_size=1, max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def tokenizer(minilm: Path) -> Any:
    return AutoTokenizer.from_pretrained(minilm)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(16, 60), st.integers(0, 20), st.randoms(use_true_random=False))
def test_every_answer_is_a_stretch_of_the_text(
    tokenizer: Any, text: str, length: int, overlap: int, chance: Any
) -> None:
    found = windows(tokenizer, "Who?", text, max_length=length, overlap=overlap)
    seen: set[int] = set()
    for window in found:
        assert len(window.inputs["input_ids"]) <= length
        assert window.inputs["input_ids"][window.cls] == tokenizer.cls_token_id
        places = [place for place in window.offsets if place is not None]
        assert all(0 <= start <= end <= len(text) for start, end in places)
        assert [start for start, _ in places] == sorted(start for start, _ in places)
        seen |= {at for start, end in places for at in range(start, end)}
    whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert seen == {at for start, end in whole for at in range(start, end)}  # no token of the text is lost
    scores = [[np.array([chance.random() for _ in window.offsets], np.float32) for _ in range(2)] for window in found]
    answers, _ = best_answers(found, [s for s, _ in scores], [e for _, e in scores], max_tokens=8)
    known = {place for window in found for place in window.offsets if place is not None}
    for answer in answers:
        assert 0 <= answer.start <= answer.end <= len(text)
        assert answer.start in {start for start, _ in known}
        assert answer.end in {end for _, end in known}


def test_the_best_span_wins(tokenizer: Any) -> None:
    text = "Anna lives in Paris 👩🏽‍🚀 and works in London."
    (window,) = windows(tokenizer, "Where?", text)
    start, end = np.zeros(len(window.offsets), np.float32), np.zeros(len(window.offsets), np.float32)
    at = next(n for n, place in enumerate(window.offsets) if place is not None and text[slice(*place)] == "Paris")
    start[at], end[at] = 5, 5
    start[window.cls], end[window.cls] = 2, 1
    answers, none = best_answers([window], [start], [end])
    assert text[answers[0].start : answers[0].end] == "Paris"
    assert (answers[0].score, none) == (10.0, 3.0)
    end[at - 1] = 50  # an answer cannot end before it starts; this one would be longer and no better
    answers, _ = best_answers([window], [start], [end], max_tokens=1)
    assert all(answer.end - answer.start < 12 for answer in answers)


def test_no_room(tokenizer: Any) -> None:
    with pytest.raises(InputError, match="leaves no room for the text beside a question of"):
        windows(tokenizer, "Who was it and where did they go?", "A text.", max_length=10)
    (window, *_) = windows(tokenizer, "word " * 100, "A text. " * 20, max_length=40, max_question=10)
    assert sum(place is None for place in window.offsets) == 13
