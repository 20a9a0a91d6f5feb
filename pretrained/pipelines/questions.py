"""What is the answer, in the words of a text?"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pretrained import auto
from pretrained.config import PretrainedConfig
from pretrained.decoding.answers import SEARCHED, Candidates, Window, windows
from pretrained.decoding.places import without_blanks
from pretrained.errors import InputError
from pretrained.heads import ForSpanSearch
from pretrained.modeling import PreTrainedModel
from pretrained.pipelines.base import Pipeline

Probabilities = npt.NDArray[np.float64]


class QuestionAnsweringPipeline(Pipeline):
    """question=…, context=… → {"score", "start", "end", "answer"}, with places in the context.

    Also takes {"question": …, "context": …}, a list or an iterator of them; either of both names may hold a list, too.

    Options:
        topk: so many answers for each question; more than one come as a list.
        doc_stride: tokens that two neighbouring windows of a long context share.
        max_answer_len, max_seq_len, max_question_len: in tokens.
        handle_impossible_answer: "" may be the answer, where the model says that there is none.
        align_to_words: answers end where words do.
    """

    auto = "ForQuestionAnswering"
    trained_by = "squad"
    counts = ("topk", "top_k", "max_answer_len", "max_seq_len", "max_question_len")
    defaults: ClassVar[Mapping[str, Any]] = {
        "topk": 1,
        "top_k": None,
        "doc_stride": 128,
        "max_answer_len": 15,
        "max_seq_len": 384,
        "max_question_len": 64,
        "handle_impossible_answer": False,
        "align_to_words": True,
    }

    @classmethod
    def _load_model(cls, name: str | os.PathLike[str], config: Any, hub: Mapping[str, Any]) -> PreTrainedModel:
        """By the head that it was saved with: some families have two."""
        if not isinstance(config, PretrainedConfig):
            config = auto.AutoConfig.from_pretrained(name if config is None else config, **hub)
        head = auto.AutoModelForQuestionAnswering.class_of(config)
        loaded: PreTrainedModel = head.from_pretrained(name, config=config, **hub)
        return loaded

    @classmethod
    def check_model(cls, model: PreTrainedModel, task: str) -> None:
        """Both kinds of heads answer."""
        if not isinstance(model, ForSpanSearch):
            super().check_model(model, task)

    def __call__(self, *inputs: Any, question: Any = None, context: Any = None, **options: Any) -> Any:
        """See the class.

        Raises:
            InputError: a question or a context is missing or empty, or a context has no token; says which.
        """
        chosen = {**self.options, **self._checked(options)}
        if len(inputs) == 1 and isinstance(inputs[0], Iterator):
            return self._stream(inputs[0], chosen)
        given, single = _examples(inputs, question, context)
        answers = self._answers(given, chosen)
        return answers[0] if single else answers

    def _answers(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        count = options["topk"] if options["top_k"] is None else options["top_k"]
        inputs = [_example(place, each) for place, each in enumerate(inputs)]
        limit = min(options["max_seq_len"], self.max_length or options["max_seq_len"])
        cut = [self._windows(place, each, limit, options) for place, each in enumerate(inputs)]
        scores = iter(self._scores([window for found in cut for window in found]))
        answers = []
        for example, found in zip(inputs, cut, strict=True):
            best = self._best(example, found, [next(scores) for _ in found], count, options)
            answers.append(best[0] if count == 1 and best else best)
        return answers

    def _scores(self, rows: Sequence[Window]) -> list[Any]:
        """Of each window: Candidates, or the logits of its starts and ends."""
        if isinstance(self.model, ForSpanSearch):
            self._collate = self._collate.for_search()
            return [Candidates.of(*each) for each in self._run([row.search_inputs() for row in rows], *SEARCHED)]
        found = self._run([row.inputs for row in rows], "start_logits", "end_logits", per_token=True)
        return [[each.double().numpy() for each in pair] for pair in found]

    def _windows(self, place: int, example: Mapping[str, str], limit: int, options: Mapping[str, Any]) -> list[Window]:
        overlap = min(options["doc_stride"], limit // 2)
        found = windows(
            self.tokenizer,
            example["question"],
            example["context"],
            max_length=limit,
            overlap=overlap,
            max_question=options["max_question_len"],
        )
        if all(offset is None for window in found for offset in window.offsets):
            raise InputError(
                f"input {place}: context must be a text that is not empty, got {example['context'][:80]!r}, "
                "which has no token of the vocabulary"
            )
        return found

    def _best(
        self,
        example: Mapping[str, str],
        found: Sequence[Window],
        scores: Sequence[Any],
        count: int,
        options: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """The best spans of all windows; each window's scores are probabilities of its own."""
        context = example["context"]
        spans: dict[tuple[int, int], float] = {}
        nothing = 1.0
        for window, score in zip(found, scores, strict=True):
            # more than are wanted: several spans of pieces may be one of words
            likely, none = _likely(window, score, 4 * count, options["max_answer_len"])
            nothing = min(nothing, none)
            for first, last, probability in likely:
                place = without_blanks(context, *self._places(window, first, last, align=options["align_to_words"]))
                spans[place] = max(probability, spans.get(place, 0.0))
        answers = [
            {"score": score, "start": start, "end": end, "answer": context[start:end]}
            for (start, end), score in spans.items()
        ]
        if options["handle_impossible_answer"]:
            answers.append({"score": nothing, "start": 0, "end": 0, "answer": ""})
        return sorted(answers, key=lambda answer: -float(answer["score"]))[:count]  # type: ignore[arg-type]

    def _places(self, window: Window, first: int, last: int, *, align: bool) -> tuple[int, int]:
        """Characters of a span of tokens; of its first and last word where asked for."""
        if align:
            words = window.words
            while first and words[first - 1] is not None and words[first - 1] == words[first]:
                first -= 1
            while last + 1 < len(words) and words[last + 1] is not None and words[last + 1] == words[last]:
                last += 1
        begin, end = window.offsets[first], window.offsets[last]
        assert begin is not None
        assert end is not None
        return begin[0], end[1]


def _likely(window: Window, scores: Any, count: int, longest: int) -> tuple[list[tuple[int, int, float]], float]:
    """(first, last, probability) of the likeliest spans of a window, and the probability of there being none."""
    if isinstance(scores, Candidates):
        return list(scores.spans(window, longest)), 1 / (1 + math.exp(-scores.none))
    starts, ends = scores
    inside = np.array([place is not None for place in window.offsets])
    inside_or_cls = inside | (np.arange(len(inside)) == window.cls)
    start, end = (_softmax(np.where(inside_or_cls, each, -10000.0)) for each in (starts, ends))
    nothing = float(start[window.cls] * end[window.cls])
    return _spans(np.where(inside, start, 0.0), np.where(inside, end, 0.0), count, longest), nothing


def _softmax(scores: Probabilities) -> Probabilities:
    raised = np.exp(scores - scores.max())
    shares: Probabilities = raised / raised.sum()
    return shares


def _spans(start: Probabilities, end: Probabilities, count: int, longest: int) -> list[tuple[int, int, float]]:
    """(first, last, probability) of the likeliest spans of at most so many tokens."""
    table = np.triu(start[:, None] * end[None, :])
    table -= np.triu(table, longest)
    flat = table.ravel()
    best = np.argsort(-flat, kind="stable")[:count]
    return [(int(at) // len(start), int(at) % len(start), float(flat[at])) for at in best if flat[at] > 0]


def _examples(inputs: Sequence[Any], question: Any, context: Any) -> tuple[list[Any], bool]:
    """The questions with their contexts, and whether a single one was asked."""
    if inputs and question is None and context is None:
        if len(inputs) == 2 and all(isinstance(each, str) for each in inputs):
            question, context = inputs
        elif len(inputs) == 1:
            many = isinstance(inputs[0], list | tuple)
            return list(inputs[0]) if many else [inputs[0]], not many
        else:
            return list(inputs), False
    single = isinstance(question, str) and isinstance(context, str)
    questions = [question] if isinstance(question, str) else list(question or ())
    contexts = [context] if isinstance(context, str) else list(context or ())
    if len(contexts) == 1:
        contexts *= len(questions)
    if len(questions) == 1:
        questions *= len(contexts)
    if len(questions) != len(contexts) or not questions:
        raise InputError(f"{len(questions)} questions and {len(contexts)} contexts: give question= and context=")
    pairs = zip(questions, contexts, strict=True)
    return [{"question": asked, "context": text} for asked, text in pairs], single


def _example(place: int, given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise InputError(f'input {place} must be {{"question": …, "context": …}}, got {type(given).__name__}')
    for name in ("question", "context"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            raise InputError(f"input {place}: {name} must be a text that is not empty, got {given.get(name)!r}")
    return {"question": given["question"], "context": given["context"]}
