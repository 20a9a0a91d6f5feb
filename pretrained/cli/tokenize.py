"""`pretrained tokenize`: which tokens does a model see in these texts, and why?"""

from typing import Annotated, Any

import typer

from pretrained.cli.inputs import FieldOption, InputOption, ModelOption, TextsArgument, model_or_default, read_texts
from pretrained.cli.show import JsonOption, one_line, print_json, print_line, print_table


def tokenize(
    texts: TextsArgument = None,
    *,
    model: ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    pair: Annotated[
        str | None,
        typer.Option(metavar="TEXT", show_default=False, help="A second text that goes with each of the first."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the tokens of texts: their ids, their places in the text, and why a piece became unknown.

    [bold]Examples[/bold]

    pretrained tokenize "Here is some text to encode"

    pretrained tokenize "Who was Jim Henson?" --pair "Jim Henson was a puppeteer"

    pretrained tokenize --model bert-base-chinese --input texts.txt --json
    """
    lines = read_texts(texts, source, field)

    from pretrained.auto import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_or_default(model))
    for line in lines:
        found = _explain(tokenizer, line, pair)
        if as_json:
            print_json({"text": line} | ({} if pair is None else {"pair": pair}) | found)
        else:
            _show(line, pair, found)


def _explain(tokenizer: Any, text: str, pair: str | None) -> dict[str, list[dict[str, Any]]]:
    """The tokens as the model sees them, and the characters that left none; places count characters of each text."""
    texts = [text] if pair is None else [text, pair]
    reasons: dict[tuple[int, int, int], str] = {}
    dropped = []
    for sequence, own in enumerate(texts):
        for token, _, (start, end), reason in tokenizer.explain(own):
            if not token:
                dropped.append(_place(texts, sequence, start, end) | {"reason": reason})
            elif reason:
                reasons[sequence, start, end] = reason
    encoding = tokenizer(*texts, return_offsets_mapping=True)
    tokens = []
    for token, index, of, (start, end) in zip(
        encoding.tokens(), encoding["input_ids"], encoding.sequence_ids(), encoding["offset_mapping"], strict=True
    ):
        row = {"token": token, "id": index}
        if of is not None:  # the others are special tokens, which stand for no text
            row |= _place(texts, of, start, end)
            if reason := reasons.get((of, start, end)):
                row["reason"] = reason
        tokens.append(row)
    return {"tokens": tokens, "dropped": dropped}


def _place(texts: list[str], sequence: int, start: int, end: int) -> dict[str, Any]:
    return {"sequence": sequence, "start": start, "end": end, "text": texts[sequence][start:end]}


def _show(text: str, pair: str | None, found: dict[str, list[dict[str, Any]]]) -> None:
    cells = [
        (
            one_line(row.get("token", "")),
            str(row.get("id", "")),
            f"{row['start']}-{row['end']}" if "start" in row else "",
            one_line(row.get("text", "")),
            row.get("reason", ""),
        )
        for row in (*found["tokens"], *found["dropped"])
    ]
    title = one_line(text) + (f" | {one_line(pair)}" if pair is not None else "")
    print_table(("token", "id", "place", "text", "note"), cells, title=title)
    print_line()
