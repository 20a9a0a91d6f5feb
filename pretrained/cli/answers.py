"""`pretrained classify`, `tag`, `answer` and `fill-mask`: what does a model say about texts?"""

from typing import Annotated, Any

import typer

from pretrained.cli.inputs import FieldOption, InputOption, TextsArgument, read_texts
from pretrained.cli.show import JsonOption, one_line, print_json, print_line, print_table

_ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="NAME", help="A folder, a file, a name in the cache or package:NAME."),
]
_TopOption = Annotated[int | None, typer.Option("--top", min=1, help="So many of the best answers.")]
_AT_ONCE = 256


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
    top: _TopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which class has each text?

    Examples:

      pretrained classify --model sst2-model "a moving film"

      pretrained classify --model roberta-large-mnli --labels politics,sport "The match went to penalties."
    """
    lines = read_texts(texts, source, field)
    from pretrained import pipeline

    ask: Any
    if labels is not None:
        ask = pipeline("zero-shot-classification", model)
        found = [ask(line, labels) for line in lines]
        answers = [
            [{"label": label, "score": score} for label, score in zip(row["labels"], row["scores"], strict=True)]
            for row in found
        ]
    else:
        ask = pipeline("text-classification", model)
        inputs: list[Any] = lines if pair is None else [{"text": line, "text_pair": pair} for line in lines]
        answers = [row for part in _parts(inputs) for row in ask(part, top_k=top or 1)]
    answers = [row[: top or 1] for row in answers]
    if as_json:
        for line, row in zip(lines, answers, strict=True):
            print_json({"text": line, "labels": row})
        return
    rows = [
        (one_line(line) if place == 0 else "", str(answer["label"]), f"{answer['score']:.4f}")
        for line, row in zip(lines, answers, strict=True)
        for place, answer in enumerate(row)
    ]
    print_table(("text", "label", "score"), rows)


def tag(
    texts: TextsArgument = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    strategy: Annotated[
        str, typer.Option(help="none (pieces), simple, first, average or max: how pieces become words and names.")
    ] = "first",
    as_json: JsonOption = False,
) -> None:
    """Which names are in each text, and where?

    Example: pretrained tag --model ner-model "Anna went to Paris."
    """
    lines = read_texts(texts, source, field)
    from pretrained import pipeline

    ask = pipeline("ner", model)
    answers = [row for part in _parts(lines) for row in ask(part, aggregation_strategy=strategy)]
    if as_json:
        for line, row in zip(lines, answers, strict=True):
            print_json({"text": line, "entities": row})
        return
    name = "entity" if strategy == "none" else "entity_group"
    for line, row in zip(lines, answers, strict=True):
        cells = []
        for each in row:
            start, end = each["start"], each["end"]
            cells.append((each[name], one_line(line[start:end]), f"{start}-{end}", f"{each['score']:.4f}"))
        print_table(("kind", "text", "place", "score"), cells, title=one_line(line))
        print_line()


def answer(
    question: Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)],
    contexts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", show_default=False)] = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    top: _TopOption = None,
    may_be_none: Annotated[
        bool, typer.Option("--may-be-none", help="The text may hold no answer (SQuAD 2.0).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Where in a text is the answer? With --input the whole file is the text.

    Examples:

      pretrained answer --model squad-model "Where does Anna live?" "Anna lives in Paris."

      pretrained answer --model squad-model "Who wrote it?" --input letter.txt --top 3
    """
    lines = read_texts(contexts, source, field)
    text = "\n".join(lines)
    from pretrained import pipeline

    ask: Any = pipeline("question-answering", model)
    found = ask(question=question, context=text, topk=top or 1, handle_impossible_answer=may_be_none)
    answers = found if isinstance(found, list) else [found]
    if as_json:
        print_json({"question": question, "answers": answers})
        return
    rows = [
        (one_line(each["answer"]) or "(none)", f"{each['start']}-{each['end']}", f"{each['score']:.4f}")
        for each in answers
    ]
    print_table(("answer", "place", "score"), rows)


def fill_mask(
    texts: TextsArgument = None,
    *,
    model: _ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    top: _TopOption = None,
    targets: Annotated[str | None, typer.Option(metavar="A,B,C", help="Only these words.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Which words fit behind the mask? [MASK] and <mask> both stand for the model's own.

    Example: pretrained fill-mask --model bert-base-uncased "Paris is the [MASK] of France."
    """
    lines = read_texts(texts, source, field)
    from pretrained import pipeline

    ask = pipeline("fill-mask", model)
    own = ask.tokenizer.mask_token or "[MASK]"
    lines = [line.replace("[MASK]", own).replace("<mask>", own) for line in lines]
    words = None if targets is None else [word.strip() for word in targets.split(",")]
    answers = ask(lines, top_k=top or 5, targets=words)
    if as_json:
        for line, row in zip(lines, answers, strict=True):
            print_json({"text": line, "words": row})
        return
    for line, row in zip(lines, answers, strict=True):
        for number, each in enumerate([row] if isinstance(row[0], dict) else row, 1):
            cells = [
                (one_line(found["token_str"].strip()), f"{found['score']:.4f}", one_line(found["sequence"]))
                for found in each
            ]
            several = f" (mask {number})" if not isinstance(row[0], dict) else ""
            print_table(("word", "score", "text"), cells, title=one_line(line) + several)
            print_line()


def _parts(lines: list[Any]) -> list[list[Any]]:
    return [lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE)]
