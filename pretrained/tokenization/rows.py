"""How do pieces become rows? Special tokens around them, cut to length, padded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pretrained.errors import TokenizationError
from pretrained.tokenization.encoding import Encoding, Part
from pretrained.tokenization.engine import Pieces
from pretrained.tokenization.options import Request


class Slot(NamedTuple):
    """One place in a row: special tokens, or a whole text."""

    sequence: int | None
    """0 or 1 for the place of the first or second text."""
    type_id: int
    """Of the text's tokens."""
    part: Part | None = None
    """The special tokens."""


class Layout(NamedTuple):
    """What stands around one text, or around two."""

    slots: tuple[Slot, ...]

    @property
    def special_tokens(self) -> int:
        """How many tokens it adds."""
        return sum(len(slot.part.ids) for slot in self.slots if slot.part)

    @property
    def special_ids(self) -> set[int]:
        return {index for slot in self.slots if slot.part for index in slot.part.ids}


def plain_layout(pair: bool) -> Layout:
    """Without special tokens: the second text is still of type 1."""
    return Layout((Slot(0, 0), Slot(1, 1)) if pair else (Slot(0, 0),))


def template_json(single: Layout, pair: Layout) -> dict[str, Any]:
    """Both layouts in the form of a tokenizer.json."""
    special: dict[str, Any] = {}

    def places(layout: Layout) -> list[dict[str, Any]]:
        found = []
        for slot in layout.slots:
            if slot.part is None:
                found.append({"Sequence": {"id": "AB"[slot.sequence or 0], "type_id": slot.type_id}})
                continue
            (token,), (index,) = slot.part.tokens or [""], slot.part.ids
            special[token] = {"id": token, "ids": [index], "tokens": [token]}
            found.append({"SpecialToken": {"id": token, "type_id": slot.type_id}})
        return found

    template = {"type": "TemplateProcessing", "single": places(single), "pair": places(pair)}
    return template | {"special_tokens": special}


def room_after(length: int, pair_length: int | None, excess: int, truncation: str) -> tuple[int, int | None] | None:
    """The lengths of both texts after `excess` tokens were cut, None if the strategy cannot cut so many.

    "longest_first" takes one token after the other from the longer text, from the second when they are equal, as the
    published tokenizers did. (The compiled engine's own truncation would take the odd token from the first.)
    """
    if truncation == "only_first":
        return (length - excess, pair_length) if excess < length else None
    if truncation == "only_second":
        if pair_length is None:
            return (length, None)
        return (length, pair_length - excess) if excess < pair_length else None
    if pair_length is None:
        return (max(length - excess, 0), None)
    from_longer = min(excess, abs(length - pair_length))
    length, pair_length = (
        (length - from_longer, pair_length) if length > pair_length else (length, pair_length - from_longer)
    )
    excess -= from_longer
    return max(length - excess // 2, 0), max(pair_length - (excess + 1) // 2, 0)


def windows(length: int, size: int, stride: int, side: str) -> list[tuple[int, int]]:
    """(start, end) of windows of `size` over `length` tokens that share `stride` tokens; the first is the one kept.

    With side "left" the end of the text is kept, and the windows go towards its beginning.
    """
    if length <= size:
        return [(0, length)]
    if stride >= size:
        raise TokenizationError(
            f"stride={stride} leaves no way forward: a row has room for {size} tokens of the text; choose a smaller "
            "stride or a greater max_length"
        )
    step = size - stride
    found = [(start, min(start + size, length)) for start in range(0, length - stride, step)]
    return found if side == "right" else [(length - end, length - start) for start, end in found]


class Cut(NamedTuple):
    """What of a text (and its pair) each row holds; the first row is the main one."""

    rows: list[tuple[tuple[int, int], tuple[int, int]]]
    impossible: bool = False


def cut(
    length: int,
    pair_length: int | None,
    *,
    room: int | None,
    truncation: str,
    stride: int = 0,
    side: str = "right",
    overflow: bool = False,
) -> Cut:
    """Windows over one text and its pair.

    Args:
        room: how many tokens there is place for, without special tokens; None for no limit.
        overflow: also the windows over what was cut off. With both texts cut, every window of the one meets every
            window of the other.
    """
    whole = (0, length), (0, pair_length or 0)
    excess = 0 if room is None else length + (pair_length or 0) - room
    if excess <= 0 or truncation == "do_not_truncate":
        return Cut([whole])
    sizes = room_after(length, pair_length, excess, truncation)
    if sizes is None:
        return Cut([whole], impossible=True)
    if not overflow:
        return Cut([(_kept(length, sizes[0], side), _kept(pair_length or 0, sizes[1] or 0, side))])
    first = windows(length, sizes[0], stride, side)
    second = windows(pair_length, sizes[1], stride, side) if pair_length and sizes[1] is not None else [(0, 0)]
    further = [(one, other) for one in first[1:] for other in second] + [(first[0], other) for other in second[1:]]
    return Cut([(first[0], second[0]), *further])


def _kept(length: int, size: int, side: str) -> tuple[int, int]:
    return (0, size) if side == "right" else (length - size, length)


def build_row(layout: Layout, texts: Sequence[Pieces | None], spans: Sequence[tuple[int, int]]) -> Encoding:
    """The layout with a slice of each text's pieces in its place."""
    parts = []
    for slot in layout.slots:
        if slot.part is not None:
            parts.append(slot.part)
            continue
        sequence = slot.sequence or 0
        pieces, (start, end) = texts[sequence], spans[sequence]
        ids = [] if pieces is None else pieces.ids
        if end - start < len(ids):
            ids = ids[start:end]
        parts.append(Part(ids, [slot.type_id] * len(ids), sequence=sequence, pieces=pieces, start=start))
    return Encoding(parts)


def padded_length(lengths: Iterable[int], *, padding: str, max_length: int | None, multiple: int | None) -> int:
    """How long rows become; 0 when nothing is padded."""
    if padding == "do_not_pad":
        return 0
    wanted = max(lengths, default=0) if padding == "longest" or max_length is None else max_length
    return -(-wanted // multiple) * multiple if multiple else wanted


class Filler(NamedTuple):
    """What padding is made of."""

    token_id: int
    type_id: int
    token: str


def pad_row(row: Encoding, length: int, filler: Filler, *, side: str) -> Encoding:
    """The row with padding tokens after it, or before it."""
    missing = length - len(row)
    if missing <= 0:
        return row
    part = Part([filler.token_id] * missing, [filler.type_id] * missing, [filler.token] * missing, attention=0)
    return Encoding([*row.parts, part] if side == "right" else [part, *row.parts], row.overflowing)


def pad_columns(
    columns: Mapping[str, list[Any]], request: Request, *, fill: Mapping[str, int], side: str
) -> dict[str, list[Any]]:
    """The same for rows that are columns of lists already: those named in `fill` are padded."""
    lengths = [len(ids) for ids in columns["input_ids"]]
    odd = [key for key, values in columns.items() if len(values) != len(lengths)]
    if odd:
        raise TokenizationError(
            f"{', '.join(odd)} and input_ids have different numbers of rows; a batch needs one number"
        )
    padded = dict(columns)
    if request.return_attention_mask:
        padded.setdefault("attention_mask", [[1] * length for length in lengths])
    wanted = padded_length(
        lengths, padding=request.padding, max_length=request.max_length, multiple=request.pad_to_multiple_of
    )
    for key in padded.keys() & fill.keys():
        filled = []
        for row, length in zip(padded[key], lengths, strict=True):
            padding = [fill[key]] * max(wanted - length, 0)
            filled.append([*row, *padding] if side == "right" else [*padding, *row])
        padded[key] = filled
    return padded


def truncate_ids(
    ids: list[int], pair_ids: list[int] | None, excess: int, *, truncation: str, stride: int, side: str
) -> tuple[list[int], list[int] | None, list[int], bool]:
    """(ids, pair ids, what was cut off, whether the strategy could do it) with `excess` tokens cut.

    What "longest_first" cuts is listed in the order of cutting, after the last stride+1 tokens of the text that is cut
    first; "only_first" and "only_second" list it in reading order, after `stride` tokens of what is kept.
    """
    if excess <= 0 or truncation == "do_not_truncate" or (truncation == "only_second" and pair_ids is None):
        return ids, pair_ids, [], True
    sizes = room_after(len(ids), None if pair_ids is None else len(pair_ids), excess, truncation)
    if sizes is None:
        return ids, pair_ids, [], False
    if truncation == "longest_first":
        overflow = _cut_one_by_one(ids, pair_ids, excess, stride, side)
    else:
        source = ids if truncation == "only_first" else pair_ids or []
        window = min(len(source), stride + excess)
        overflow = source[-window:] if side == "right" else source[:window]
    start, end = _kept(len(ids), sizes[0], side)
    if pair_ids is None or sizes[1] is None:
        return ids[start:end], None, overflow, True
    pair_start, pair_end = _kept(len(pair_ids), sizes[1], side)
    return ids[start:end], pair_ids[pair_start:pair_end], overflow, True


def _cut_one_by_one(ids: list[int], pair_ids: list[int] | None, excess: int, stride: int, side: str) -> list[int]:
    texts = [ids if side == "right" else ids[::-1], (pair_ids or []) if side == "right" else (pair_ids or [])[::-1]]
    lengths = [len(text) for text in texts]
    overflow: list[int] = []
    for _ in range(excess):
        longer = 0 if pair_ids is None or lengths[0] > lengths[1] else 1
        end = lengths[longer]
        window = min(end, 1 if overflow else stride + 1)
        overflow += texts[longer][end - window : end]
        lengths[longer] = max(end - 1, 0)
    return overflow if side == "right" else overflow[::-1]
