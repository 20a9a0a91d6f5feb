"""`pretrained encode`: which vectors does a model give these texts?"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pretrained.cli.inputs import (
    DeviceOption,
    FieldOption,
    InputOption,
    ModelOption,
    PrecisionOption,
    TextsArgument,
    ThreadsOption,
    model_or_default,
    stream_texts,
)
from pretrained.cli.show import JsonOption, one_line, print_json, print_line, print_table, progress
from pretrained.cli.write import Batch, check_output, write

if TYPE_CHECKING:
    import numpy as np

    from pretrained.runner import Encoder

_BATCH = 4096  # texts between two steps of the progress bar, and in memory as vectors at a time
_ACCELERATOR_BATCH = 16 * _BATCH  # where between two of them nothing is computed
_FIRST = 6  # values shown of a vector


class Pooling(StrEnum):
    """How the vectors of the tokens become one."""

    mean = "mean"
    cls = "cls"
    max = "max"
    mean_sqrt_len_tokens = "mean_sqrt_len_tokens"
    weightedmean = "weightedmean"
    lasttoken = "lasttoken"


def encode(
    texts: TextsArgument = None,
    *,
    model: ModelOption = None,
    source: InputOption = None,
    field: FieldOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="Write all vectors to a file that ends in .npy, .jsonl or .parquet.",
        ),
    ] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="A vector for each token, not one for the text.")] = False,
    layer: Annotated[
        int,
        typer.Option(metavar="N", help="Whose output to take: -1 the last layer, 0 the embeddings, 1 the first layer."),
    ] = -1,
    pooling: Annotated[
        Pooling | None,
        typer.Option(metavar="KIND", help="mean, cls, max …", show_default="what the model's files say, else mean"),
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(
            "--normalize/--no-normalize", help="Scale to length 1.", show_default="what the model's files say"
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Cut texts at this many tokens.", show_default="what the model's files say"
        ),
    ] = None,
    precision: PrecisionOption = "fp32",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn texts into vectors.

    [bold]Examples[/bold]

    pretrained encode "Here is some text to encode"

    pretrained encode --model bert-base-uncased --tokens "a text" "another"

    pretrained encode --input texts.txt --output vectors.npy

    cat texts.txt | pretrained encode --input - --json
    """
    if output is not None:
        check_output(output, per_token=tokens)
    lines, total = stream_texts(texts, source, field)

    from pretrained.runner import Encoder

    name = model_or_default(model)
    encoder = Encoder(
        name,
        pooling=pooling.value if pooling else None,
        normalize=normalize,
        layer=layer,
        max_length=max_length,
        precision=precision,
        device=device,
        threads=threads,
        progress=False,
    )
    batches = _batches(encoder, lines, per_token=tokens, show_tokens=tokens or output is None)
    if output is not None:
        write(output, progress(batches, total))
    elif as_json:
        for batch in batches:
            for row in batch.rows():
                print_json(row)
    else:
        print_line(_heading(name, encoder, per_token=tokens))
        for batch in batches:
            _show(batch)


def _batches(encoder: "Encoder", texts: Iterator[str], *, per_token: bool, show_tokens: bool) -> Iterator[Batch]:
    """Encodes some thousand texts at a time, so that results leave before all are done, or read."""
    size = _BATCH if encoder.device.type == "cpu" else _ACCELERATOR_BATCH
    while some := list(islice(texts, size)):
        yield Batch(
            texts=some,
            vectors=encoder.token_vectors(some) if per_token else encoder.encode(some),
            per_token=per_token,
            tokens=encoder.tokens(some) if show_tokens else None,
        )


def _heading(name: str, encoder: "Encoder", *, per_token: bool) -> str:
    """Which model it was, and how its outputs became vectors."""
    parts = [name]
    if encoder.layer != -1:
        parts.append(f"layer {encoder.layer}")
    if not per_token:
        parts += [f"{encoder.pooling} pooling", "normalized" if encoder.normalize else "not normalized"]
    return ", ".join(parts)


def _show(batch: Batch) -> None:
    """What a reader wants to see: the tokens, the shape, the first values."""
    for text, tokens, vector in zip(batch.texts, batch.tokens or [], batch.vectors, strict=True):
        print_line()
        shape = f"{tuple(vector.shape)}"
        if batch.per_token:
            rows = [(token, _first_values(row)) for token, row in zip(tokens, vector, strict=True)]
            print_table(("token", f"vector, {shape}"), rows, title=one_line(text))
        else:
            rows = [("tokens", " ".join(tokens)), ("shape", shape), ("vector", _first_values(vector))]
            print_table(("text", one_line(text)), rows)


def _first_values(vector: "np.ndarray") -> str:
    values = " ".join(f"{value:8.4f}" for value in vector[:_FIRST].tolist())
    return f"{values} …" if len(vector) > _FIRST else values
