"""What happens in one call? Texts to pieces, pieces to rows, rows to columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pretrained.errors import TokenizationError
from pretrained.tokenization import inputs, rows
from pretrained.tokenization.encoding import BatchEncoding, Encoding, Part
from pretrained.tokenization.engine import Pieces
from pretrained.tokenization.methods import UnplacedPieces
from pretrained.tokenization.notices import warn
from pretrained.tokenization.options import Request
from pretrained.tokenization.tensors import kind_of, to_lists

if TYPE_CHECKING:
    from pretrained.tokenization.base import PreTrainedTokenizer


def encode(
    tokenizer: "PreTrainedTokenizer",
    texts: Sequence[Any],
    pairs: Sequence[Any] | None,
    request: Request,
    *,
    batched: bool,
    or_tokens: bool = False,
) -> BatchEncoding:
    """The encoding of texts, each alone or with its second text.

    Args:
        batched: False for one text, whose columns then are plain lists.
        or_tokens: a list in place of a text holds tokens or ids.
    """
    first = _pieces(tokenizer, texts, request, "text", or_tokens=or_tokens)
    second: Sequence[Pieces | None] = [None] * len(first)
    if pairs is not None:
        inputs.check_pairs(texts, pairs)
        second = _pieces(tokenizer, pairs, request, "second text", or_tokens=or_tokens)
    if request.return_overflowing_tokens and any(isinstance(one, UnplacedPieces) for one in (*first, *second)):
        pair_ids = [other.ids for other in second if other is not None] if pairs is not None else None
        ids = [one.ids for one in first]
        return prepare(tokenizer, ids, pair_ids, request, batched=batched, prepend_batch_axis=not batched)
    layout = _layout(tokenizer, request, pair=pairs is not None)
    built: list[Encoding] = []
    sources: list[int] = []
    for source, (one, other) in enumerate(zip(first, second, strict=True)):
        own = _rows(tokenizer, layout, one, other, request)
        built += own
        sources += [source] * len(own)
    built = _padded(tokenizer, built, request)
    data = _columns(built, request)
    if request.return_overflowing_tokens:
        data["overflow_to_sample_mapping"] = sources
        batched = True  # one text may have become several rows
    if not batched:
        data = {key: values[0] for key, values in data.items()}
    return BatchEncoding(data, built, request.return_tensors, prepend_batch_axis=not batched)


def prepare(
    tokenizer: "PreTrainedTokenizer",
    texts: Sequence[Sequence[int]],
    pairs: Sequence[Sequence[int]] | None,
    request: Request,
    *,
    batched: bool,
    prepend_batch_axis: bool,
) -> BatchEncoding:
    """The encoding of texts given as ids; see `PreTrainedTokenizer.prepare_for_model`."""
    layout = _layout(tokenizer, request, pair=pairs is not None)
    built: list[Encoding] = []
    overflowing: list[list[int]] = []
    excesses: list[int] = []
    for ids, pair_ids in zip(texts, [None] * len(texts) if pairs is None else pairs, strict=True):
        total = len(ids) + len(pair_ids or ()) + layout.special_tokens
        excess = 0 if request.max_length is None else total - request.max_length
        first, second, overflow = tokenizer.truncate_sequences(
            list(ids),
            None if pair_ids is None else list(pair_ids),
            excess,
            truncation_strategy=request.truncation,
            stride=request.stride,
        )
        pieces = [_pieces_of_ids(tokenizer, part) for part in (first, second) if part is not None]
        built.append(rows.build_row(layout, pieces, [(0, len(first)), (0, len(second or []))]))
        overflowing.append(overflow)
        excesses.append(excess)
    data: dict[str, Any] = _columns(_padded(tokenizer, built, request), request)
    if request.return_overflowing_tokens:
        data |= {"overflowing_tokens": overflowing, "num_truncated_tokens": excesses}
    if not batched:
        data = {key: values[0] for key, values in data.items()}
    return BatchEncoding(data, None, request.return_tensors, prepend_batch_axis)


def encode_ragged(
    tokenizer: "PreTrainedTokenizer", texts: Sequence[str], pairs: Sequence[str] | None, max_length: int | None
) -> list[list[int]]:
    """Rows of ids; see `PreTrainedTokenizer.encode_ragged`."""
    inputs.check_texts(texts, split_into_words=False)
    first = _ids(tokenizer, texts)
    second: list[list[int]] = [[]] * len(first)
    if pairs is not None:
        inputs.check_texts(pairs, split_into_words=False, what="second text")
        inputs.check_pairs(texts, pairs)
        second = _ids(tokenizer, pairs)
    layout = layout_of(tokenizer, pair=pairs is not None)
    room = None if max_length is None else max_length - layout.special_tokens
    result = []
    for ids, pair_ids in zip(first, second, strict=True):
        parts = [ids, pair_ids]
        if room is not None and len(ids) + len(pair_ids) > room:
            pair_length = None if pairs is None else len(pair_ids)
            kept = rows.cut(
                len(ids), pair_length, room=room, truncation="longest_first", side=tokenizer.truncation_side
            ).rows[0]
            parts = [part[start:end] for part, (start, end) in zip(parts, kept, strict=True)]
        row: list[int] = []
        for slot in layout.slots:
            row += parts[slot.sequence] if slot.sequence is not None else slot.part.ids if slot.part else []
        result.append(row)
    return result


def pad(
    tokenizer: "PreTrainedTokenizer", encoded: Mapping[str, Any] | Sequence[Mapping[str, Any]], request: Request
) -> BatchEncoding:
    """Encodings of before, padded; see `PreTrainedTokenizer.pad`."""
    if isinstance(encoded, Mapping):
        columns = dict(encoded)
    else:
        columns = {key: [row[key] for row in encoded] for key in (encoded[0] if encoded else ())}
    if "input_ids" not in columns:
        raise TokenizationError(
            f"pad takes what the tokenizer returned, with input_ids; this has {', '.join(columns) or 'nothing'}"
        )
    kind = request.return_tensors or kind_of(columns["input_ids"])
    columns = {key: to_lists(value) for key, value in columns.items()}
    batched = not columns["input_ids"] or isinstance(columns["input_ids"][0], list)
    if not batched:
        columns = {key: [value] for key, value in columns.items()}
    fill = {
        "input_ids": tokenizer.pad_token_id or 0,
        "token_type_ids": tokenizer.pad_token_type_id,
        "special_tokens_mask": 1,
        "attention_mask": 0,
    }
    padded = rows.pad_columns(columns, request, fill=fill, side=request.padding_side or tokenizer.padding_side)
    return BatchEncoding(padded if batched else {key: values[0] for key, values in padded.items()}, None, kind)


def layout_of(tokenizer: "PreTrainedTokenizer", *, pair: bool) -> rows.Layout:
    """What stands around a text: the two public methods that say so are asked with a placeholder for each text, so that
    overriding them is enough.
    """
    texts: tuple[list[int], list[int] | None] = ([-1], [-2] if pair else None)
    ids = tokenizer.build_inputs_with_special_tokens(*texts)
    types = tokenizer.create_token_type_ids_from_sequences(*texts)
    if len(types) != len(ids) or None in ids or [index for index in ids if index < 0] != [-1, -2][: 1 + pair]:
        raise TokenizationError(
            f"{type(tokenizer).__name__} puts special tokens around a text that do not fit together: ids {ids}, types "
            f"{types}, where -1 and -2 stand for the texts and None for a special token that is not set"
        )
    slots = []
    for index, type_id in zip(ids, types, strict=True):
        if index < 0:
            slots.append(rows.Slot(-1 - index, type_id))
        else:
            part = Part([index], [type_id], [tokenizer._id_to_token(index)])
            slots.append(rows.Slot(None, type_id, part))
    return rows.Layout(tuple(slots))


def warn_impossible(truncation: str) -> None:
    text = "first" if truncation == "only_first" else "second"
    warn(
        f'truncation="{truncation}" would have to cut more tokens than the {text} text has; such rows stay too long. '
        'To do: truncation="longest_first", or a greater max_length'
    )


def _pieces(
    tokenizer: "PreTrainedTokenizer", texts: Sequence[Any], request: Request, what: str, *, or_tokens: bool
) -> Sequence[Pieces]:
    if or_tokens and inputs.is_ids(texts[0]):
        return [_pieces_of_ids(tokenizer, texts[0])]
    if or_tokens and inputs.is_tokens(texts[0]):
        return [_pieces_of_ids(tokenizer, tokenizer.convert_tokens_to_ids(texts[0]), texts[0])]
    inputs.check_texts(texts, split_into_words=request.is_split_into_words, what=what)
    return pieces_of(tokenizer, texts, split_into_words=request.is_split_into_words, **request.text_options)


_cutting: ContextVar[Any] = ContextVar("_cutting", default=None)


@contextmanager
def cutting(tokenizer: "PreTrainedTokenizer") -> Iterator[None]:
    """While a tokenizer's own `tokenize` is at work: where that asks for pieces, it means those of the engine."""
    before = _cutting.set(tokenizer)
    try:
        yield
    finally:
        _cutting.reset(before)


def pieces_of(
    tokenizer: "PreTrainedTokenizer", texts: Sequence[Any], *, split_into_words: bool = False, **options: Any
) -> Sequence[Pieces]:
    """The pieces of each text: by the tokenizer's engine, or by the `tokenize` of a class that has its own."""
    if tokenizer.is_fast or _cutting.get() is tokenizer:
        return tokenizer._engine.encode(texts, split_into_words=split_into_words, **options)
    found = []
    for text in texts:
        with cutting(tokenizer):
            words = [tokenizer.tokenize(word, **options) for word in (text if split_into_words else [text])]
        ids = tokenizer.convert_tokens_to_ids([token for word in words for token in word])
        numbers = [number for number, word in enumerate(words) for _ in word] if split_into_words else None
        found.append(_pieces_of_ids(tokenizer, ids, word_ids=numbers))
    return found


def _ids(tokenizer: "PreTrainedTokenizer", texts: Sequence[str]) -> list[list[int]]:
    """Only the ids of each text."""
    if tokenizer.is_fast:
        return tokenizer._engine.encode_ids(texts)
    return [pieces.ids for pieces in pieces_of(tokenizer, texts)]


def _pieces_of_ids(
    tokenizer: "PreTrainedTokenizer",
    ids: Sequence[int],
    tokens: Sequence[str] | None = None,
    word_ids: Sequence[int] | None = None,
) -> UnplacedPieces:
    shown = tokenizer.convert_ids_to_tokens(ids) if tokens is None else list(tokens)
    return UnplacedPieces(list(ids), shown, [None] * len(ids) if word_ids is None else list(word_ids))


def _layout(tokenizer: "PreTrainedTokenizer", request: Request, *, pair: bool) -> rows.Layout:
    return layout_of(tokenizer, pair=pair) if request.add_special_tokens else rows.plain_layout(pair)


def _rows(
    tokenizer: "PreTrainedTokenizer", layout: rows.Layout, first: Pieces, second: Pieces | None, request: Request
) -> list[Encoding]:
    """The row of a text, and with `return_overflowing_tokens` those of what was cut off."""
    cut = rows.cut(
        len(first),
        None if second is None else len(second),
        room=None if request.max_length is None else request.max_length - layout.special_tokens,
        truncation=request.truncation,
        stride=request.stride,
        side=tokenizer.truncation_side,
        overflow=request.return_overflowing_tokens,
    )
    if cut.impossible:
        warn_impossible(request.truncation)
    built = [rows.build_row(layout, (first, second), spans) for spans in cut.rows]
    built[0].overflowing = built[1:]
    return built


def _padded(tokenizer: "PreTrainedTokenizer", built: list[Encoding], request: Request) -> list[Encoding]:
    lengths = [len(row) for row in built]
    longest = max(lengths, default=0)
    too_long = request.max_length is None and longest > tokenizer.model_max_length
    if too_long and request.verbose and tokenizer._once("longer than the model takes"):
        warn(
            f"a row has {longest} tokens and the model takes {tokenizer.model_max_length}: it will fail on such rows. "
            "To do: truncation=True"
        )
    length = rows.padded_length(
        lengths, padding=request.padding, max_length=request.max_length, multiple=request.pad_to_multiple_of
    )
    if not length:
        return built
    filler = rows.Filler(tokenizer.pad_token_id or 0, tokenizer.pad_token_type_id, str(tokenizer.pad_token))
    side = request.padding_side or tokenizer.padding_side
    return [rows.pad_row(row, length, filler, side=side) for row in built]


def _columns(built: Sequence[Encoding], request: Request) -> dict[str, list[Any]]:
    data: dict[str, list[Any]] = {"input_ids": [row.ids for row in built]}
    if request.return_token_type_ids:
        data["token_type_ids"] = [row.type_ids for row in built]
    if request.return_attention_mask:
        data["attention_mask"] = [row.attention_mask for row in built]
    if request.return_special_tokens_mask:
        data["special_tokens_mask"] = [row.special_tokens_mask for row in built]
    if request.return_offsets_mapping:
        data["offset_mapping"] = [row.offsets for row in built]
    if request.return_length:
        data["length"] = [len(row) for row in built]
    return data
