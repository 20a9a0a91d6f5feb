"""`pretrained classify`, `tag`, `answer` and `fill-mask`: what does a model say about texts?"""

import sys
from collections.abc import Iterator
from itertools import islice, tee
from typing import Annotated, Any

import typer

from pretrained.cli.inputs import (
    DeviceOption,
    FieldOption,
    InputOption,
    PrecisionOption,
    TextsArgument,
    ThreadsOption,
    read_texts,
    stream_texts,
)
from pretrained.cli.show import JsonOption, one_line, print_json, print_line, print_table, progress

_ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        show_default="the task's published model",
        help="A model with the task's head: a folder, a file, a name in the cache or package:NAME.",
    ),
]
_TopOption = Annotated[int, typer.Option("--top", min=1, metavar="N", help="So many of the best.")]
_AT_ONCE = 256  # texts that are read, answered and shown at a time


def classify(
    texts: TextsArgument = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    pair: Annotated[str | None, typer.Option(metavar="TEXT", help="A second text beside each of the first.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Any labels, for a model that was trained on entailment (zero-shot)."),
    ] = None,
    top: _TopOption = 1,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which class has each text? By a model that was trained to classify, such as pretrained finetune makes.

    [bold]Examples[/bold]

    pretrained classify --model ./my-model "a moving film" "a dull one"

    pretrained classify --model ./my-model --input reviews.txt --json > classes.jsonl

    cat reviews.jsonl | pretrained classify --model ./my-model --input - --field review --top 2

    pretrained classify --model roberta-large-mnli --labels politics,sport "The match went to penalties."
    """
    if labels is not None and pair is not None:
        raise typer.BadParameter("with --labels each label is the second text; leave out one.", param_hint="--pair")
    lines, total = stream_texts(texts, source, field)
    lines, asked = tee(lines)
    from pretrained import pipeline

    task = "text-classification" if labels is None else "zero-shot-classification"
    ask: Any = pipeline(task, model, precision=precision, device=device, threads=threads)
    if labels is not None:
        answers = (_classes(found) for found in ask(asked, candidate_labels=labels))
    elif pair is not None:
        answers = ask(({"text": line, "text_pair": pair} for line in asked), top_k=top)
    else:
        answers = ask(asked, top_k=top)
    for part in _parts(lines, answers, total):
        if as_json:
            for line, row in part:
                print_json({"text": line, "labels": row[:top]})
            continue
        cells = [
            (one_line(line) if place == 0 else "", str(each["label"]), f"{each['score']:.4f}")
            for line, row in part
            for place, each in enumerate(row[:top])
        ]
        print_table(("text", "label", "score"), cells)


def tag(
    texts: TextsArgument = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How pieces become words and names. none: every piece; simple: pieces joined as they are tagged; "
            "first, average, max: each whole word gets one tag before.",
        ),
    ] = "first",
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which names are in each text, of what kind, and where? Places are characters of the text.

    [bold]Examples[/bold]

    pretrained tag --model ./names-model "Anna went to Paris."

    pretrained tag --model ./names-model --input letters.txt --json > names.jsonl
    """
    lines, total = stream_texts(texts, source, field)
    lines, asked = tee(lines)
    from pretrained import pipeline

    ask = pipeline("ner", model, precision=precision, device=device, threads=threads, aggregation_strategy=strategy)
    name = "entity" if strategy == "none" else "entity_group"
    for part in _parts(lines, ask(asked), total):
        for line, row in part:
            if as_json:
                print_json({"text": line, "entities": row})
                continue
            cells = []
            for each in row:
                start, end = each["start"], each["end"]
                cells.append((each[name], one_line(line[start:end]), f"{start}-{end}", f"{each['score']:.4f}"))
            print_table(("kind", "text", "place", "score"), cells, title=one_line(line))
            print_line()


def answer(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", show_default=False, help="What is asked of each text, in quotes.")
    ],
    contexts: TextsArgument = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    top: _TopOption = 1,
    may_be_none: Annotated[
        bool, typer.Option("--may-be-none", help="The text may hold no answer (SQuAD 2.0).")
    ] = False,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where in a text is the answer? Of --input, the whole file is one text, or each row of JSON lines.

    [bold]Examples[/bold]

    pretrained answer --model ./answers-model "Where does Anna live?" "Anna lives in Paris."

    pretrained answer --model ./answers-model "Who wrote it?" --input letter.txt --top 3

    pretrained answer --model ./answers-model "Who wrote it?" --input letters.jsonl --may-be-none --json
    """
    rows = contexts or field is not None or (source is not None and source.suffix == ".jsonl")
    lines: Iterator[str]
    if rows:
        lines, total = stream_texts(contexts, source, field)
    else:
        lines, total = iter(["\n".join(read_texts(contexts, source))]), 1
    from pretrained import pipeline

    ask: Any = pipeline("question-answering", model, precision=precision, device=device, threads=threads)
    # a file's row without a token has no answers, and the others still have theirs
    texts = ((line, contexts or not rows or ask.tokenizer.tokenize(line)) for line in lines)
    shown, asked, answered = tee(texts, 3)
    examples = ({"question": question, "context": line} for line, holds in asked if holds)
    found = ask(examples, topk=top, handle_impossible_answer=may_be_none)
    answers_of = (next(found) if holds else [] for _, holds in answered)
    for part in _parts((line for line, _ in shown), answers_of, total):
        for line, row in part:
            answers = row if isinstance(row, list) else [row]
            if as_json:
                print_json({"question": question, **({"text": line} if rows else {}), "answers": answers})
                continue
            cells = [
                (one_line(each["answer"]) or "(none)", f"{each['start']}-{each['end']}", f"{each['score']:.4f}")
                for each in answers
            ]
            print_table(("answer", "place", "score"), cells, title=one_line(line) if rows else "")
            print_line()


def fill_mask(
    texts: TextsArgument = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    top: _TopOption = 5,
    targets: Annotated[str | None, typer.Option(metavar="A,B,C", help="Only these words.")] = None,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which words fit behind the mask? \\[MASK] and <mask> both stand for the model's own.

    [bold]Examples[/bold]

    pretrained fill-mask --model bert-base-uncased "Paris is the \\[MASK] of France."

    pretrained fill-mask --model bert-base-uncased --targets good,bad "The film was \\[MASK]."
    """
    lines, total = stream_texts(texts, source, field)
    from pretrained import pipeline

    ask: Any = pipeline("fill-mask", model, precision=precision, device=device, threads=threads)
    own = ask.tokenizer.mask_token or "[MASK]"
    lines, asked = tee(line.replace("[MASK]", own).replace("<mask>", own) for line in lines)
    words = None if targets is None else [word.strip() for word in targets.split(",")]
    for part in _parts(lines, ask(asked, top_k=top, targets=words), total):
        for line, row in part:
            if as_json:
                print_json({"text": line, "words": row})
                continue
            several = not isinstance(row[0], dict)
            for number, each in enumerate(row if several else [row], 1):
                cells = [
                    (one_line(found["token_str"].strip()), f"{found['score']:.4f}", one_line(found["sequence"]))
                    for found in each
                ]
                title = one_line(line) + (f" (mask {number})" if several else "")
                print_table(("word", "score", "text"), cells, title=title)
                print_line()


def _classes(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A zero-shot answer in the shape of a classifier's."""
    pairs = zip(found["labels"], found["scores"], strict=True)
    return [{"label": label, "score": score} for label, score in pairs]


def _parts(lines: Iterator[str], answers: Iterator[Any], total: int | None) -> Iterator[list[tuple[str, Any]]]:
    """Texts with their answers, some hundred at a time; what is shown of one part leaves before the next begins."""

    def parts() -> Iterator[list[tuple[str, Any]]]:
        answered = zip(lines, answers, strict=True)
        while part := list(islice(answered, _AT_ONCE)):
            yield part
            sys.stdout.flush()

    # on a terminal that shows the results, these are the progress
    return parts() if sys.stdout.isatty() else progress(parts(), total)
