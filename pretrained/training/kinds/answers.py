"""Where in the text is the answer? Each question becomes as many rows as its text has windows."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pretrained.decoding.answers import SEARCHED, Answer, Candidates, Window, best_answers, best_searched, windows
from pretrained.decoding.places import without_blanks
from pretrained.heads import ForSpanSearch
from pretrained.modeling import PreTrainedModel
from pretrained.runner.rows import Collator, outputs
from pretrained.training import metrics
from pretrained.training.data import Record
from pretrained.training.kinds.kind import Kind
from pretrained.training.layouts import read_questions
from pretrained.training.loop import Rows
from pretrained.training.tasks import Task

_LONGEST_ANSWER = 30
_OVERLAP = 128
_NOTHING = -1e6  # the score where no span lies in the text
_SCORED = ("start_logits", "end_logits")


class AnswerRows(Rows):
    """Windows, each with the number of its question."""

    def __init__(self, rows: Sequence[dict[str, Any]], cut: Sequence[Window], questions: Sequence[int]) -> None:
        super().__init__(rows)
        self.windows = cut
        self.questions = questions


class Answers(Kind):
    """A stretch of the text, or none. A model that was saved with a head that searches spans keeps it."""

    auto = "ForQuestionAnswering"
    needs_labels = False
    _searches = False

    def check_model(self, model: PreTrainedModel) -> None:
        """Nothing can be wrong; which of the two heads it is decides what rows hold."""
        self._searches = isinstance(model, ForSpanSearch)

    def collator(self, model: PreTrainedModel, *, packed: bool = True) -> Collator:
        """Of the head that the model has."""
        found = super().collator(model, packed=packed)
        return found.for_search() if self._searches else found

    @staticmethod
    def read(path: Path, task: Task) -> list[Record]:
        return read_questions(path)

    def rows(self, examples: Sequence[Record], *, training: bool) -> Rows:
        rows, cut, questions = [], [], []
        for number, example in enumerate(examples):
            found = windows(
                self.tokenizer,
                example["question"],
                example["context"],
                max_length=self.max_length,
                overlap=min(_OVERLAP, self.max_length // 2),
            )
            for window in found:
                row: dict[str, Any] = window.search_inputs() if self._searches else dict(window.inputs)
                if training:
                    start, end = _place(window, example["answers"])
                    row |= {"start_positions": start, "end_positions": end}
                    if self._searches and self._may_be_impossible:
                        row["is_impossible"] = float(start == window.cls)
                rows.append(row)
                cut.append(window)
                questions.append(number)
        return AnswerRows(rows, cut, questions)

    def predictions(self, model: PreTrainedModel, examples: Sequence[Record], rows: Rows) -> list[dict[str, Any]]:
        assert isinstance(rows, AnswerRows)
        names = SEARCHED if self._searches else _SCORED
        collate = self.collator(model)
        scores: dict[int, list[Any]] = {}
        for place, values in outputs(model, rows.rows, collate, *names, per_token=not self._searches):
            scores[place] = [value.numpy() for value in values]
        mine: list[list[int]] = [[] for _ in examples]
        for place, number in enumerate(rows.questions):
            mine[number].append(place)
        return [self._prediction(example, own, rows, scores) for example, own in zip(examples, mine, strict=True)]

    @property
    def _may_be_impossible(self) -> bool:
        return self.task.name == "squad2"

    def _prediction(
        self, example: Record, places: Sequence[int], rows: AnswerRows, scores: Mapping[int, list[Any]]
    ) -> dict[str, Any]:
        cut = [rows.windows[place] for place in places]
        own = [scores[place] for place in places]
        if self._searches:
            found, none = best_searched(cut, [Candidates.of(*each) for each in own], max_tokens=_LONGEST_ANSWER)
        else:
            starts, ends = ([each[at] for each in own] for at in (0, 1))
            found, none = best_answers(cut, starts, ends, max_tokens=_LONGEST_ANSWER)
        best = found[0] if found else Answer(0, 0, _NOTHING)
        start, end = without_blanks(example["context"], best.start, best.end)
        text = example["context"][start:end]
        # a head that searches says by itself how sure it is that there is no answer
        no_answer = float(none) if self._searches or not found else float(none - best.score)
        return {
            "id": example["id"],
            "question": example["question"],
            "answer": "" if self._may_be_impossible and no_answer > 0 else text,
            "best": text,
            "start": start,
            "end": end,
            "score": float(best.score),
            "no_answer_score": no_answer,
            "wanted": [answer for answer, _ in example["answers"]],
        }

    def scores(self, predictions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        exact, f1 = _measures(self.task.name)
        has = [row for row in predictions if row["wanted"]]
        has_not = [row for row in predictions if not row["wanted"]]
        exacts = [_best(exact, row["answer"], row["wanted"]) for row in predictions]
        f1s = [_best(f1, row["answer"], row["wanted"]) for row in predictions]
        found = {"exact": float(np.mean(exacts)), "f1": float(np.mean(f1s))}
        if self._may_be_impossible and has and has_not:
            found |= {
                "answerable_f1": float(np.mean([_best(f1, row["answer"], row["wanted"]) for row in has])),
                "unanswerable_exact": float(np.mean([row["answer"] == "" for row in has_not])),
                **best_threshold(predictions, exact, f1),
            }
        return found


def _place(window: Window, answers: Sequence[tuple[str, int]]) -> tuple[int, int]:
    """First and last token of the first answer; the place of "no answer" where this window does not hold it all."""
    if not answers or not answers[0][0]:
        return window.cls, window.cls
    text, start = answers[0]
    end = start + len(text)
    inside = [
        at for at, place in enumerate(window.offsets) if place is not None and place[0] < end and place[1] > start
    ]
    known = [place for place in window.offsets if place is not None]
    if not inside or known[0][0] > start or known[-1][1] < end:
        return window.cls, window.cls
    return inside[0], inside[-1]


Measure = Callable[[str, str], float]


def _measures(task: str) -> tuple[Measure, Measure]:
    if task == "cmrc2018":
        return metrics.cmrc_exact, metrics.cmrc_f1
    return metrics.squad_exact, metrics.squad_f1


def _best(measure: Measure, predicted: str, wanted: Sequence[str]) -> float:
    """The best over the answers that people gave; without any, whether none was predicted."""
    real = [text for text in wanted if metrics.normal_answer(text)] or [""]
    return max(measure(predicted, text) for text in real)


def best_threshold(predictions: Sequence[Mapping[str, Any]], exact: Measure, f1: Measure) -> dict[str, float]:
    """What the scores would be with the best limit of `no_answer_score` above which no answer is given."""
    found: dict[str, float] = {}
    for name, measure in (("exact", exact), ("f1", f1)):
        rows = sorted(predictions, key=lambda row: float(row["no_answer_score"]))
        total = float(sum(not row["wanted"] for row in rows))  # nothing answered at all
        best, limit = total, 0.0
        for row in rows:
            if row["wanted"]:
                total += _best(measure, row["best"], row["wanted"])
            else:
                total -= 1.0 if row["best"] else 0.0
            if total > best:
                best, limit = total, float(row["no_answer_score"])
        found |= {f"best_{name}": best / len(rows), f"best_{name}_threshold": limit}
    return found
