"""What may be asked of one call, and what does it come to for this tokenizer?"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from pretrained.errors import TokenizationError
from pretrained.tokenization.notices import warn
from pretrained.tokenization.tensors import check_kind

UNLIMITED = int(1e30)
"""`model_max_length` where no length is known."""
_LARGE = int(1e20)

_PADDING = {True: "longest", False: "do_not_pad"}
_TRUNCATION = {True: "longest_first", False: "do_not_truncate"}
PADDINGS = ("longest", "max_length", "do_not_pad")
TRUNCATIONS = ("longest_first", "only_first", "only_second", "do_not_truncate")


class EncodeOptions(TypedDict, total=False):
    """The keywords of `tokenizer(…)`, `encode`, `encode_plus`, `batch_encode_plus` and `prepare_for_model`."""

    add_special_tokens: bool
    """True: put the model's special tokens around the text."""
    padding: bool | str | None
    """"longest" or True: as long as the longest row; "max_length"; "do_not_pad" or False (the default)."""
    truncation: bool | str | None
    """"longest_first" or True, "only_first", "only_second"; "do_not_truncate" or False (the default)."""
    max_length: int | None
    """Counts special tokens. None: the tokenizer's `model_max_length`, where one is needed."""
    stride: int
    """How many tokens each overflowing row repeats of the one before it."""
    is_split_into_words: bool
    """True: a text is a list of words."""
    pad_to_multiple_of: int | None
    padding_side: str | None
    """"right" or "left"; None: the tokenizer's own."""
    return_tensors: str | None
    """"pt" for torch, "np" for numpy, None for lists."""
    return_token_type_ids: bool | None
    return_attention_mask: bool | None
    """None: as `model_input_names` says."""
    return_overflowing_tokens: bool
    """True: what was cut off comes as further rows; `overflow_to_sample_mapping` says of which text."""
    return_special_tokens_mask: bool
    return_offsets_mapping: bool
    return_length: bool
    verbose: bool
    # older names
    is_pretokenized: bool
    return_lengths: bool
    truncation_strategy: str
    pad_to_max_length: bool


OPTION_NAMES = tuple(EncodeOptions.__annotations__)


class CallOptions(EncodeOptions, total=False):
    """The same, and what single families take; the others refuse it, see `PreTrainedTokenizer.text_options`."""

    add_prefix_space: bool
    """GPT-2 and its kin: put a blank before a text that begins with none."""
    lang: str
    """XLM: the ISO code of the text's language."""
    bypass_tokenizer: bool
    """XLM and FlauBERT: words are found already, with blanks between."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The same with nothing left open."""

    padding: str
    truncation: str
    max_length: int | None
    return_token_type_ids: bool
    return_attention_mask: bool
    add_special_tokens: bool = True
    stride: int = 0
    is_split_into_words: bool = False
    pad_to_multiple_of: int | None = None
    padding_side: str | None = None
    return_tensors: str | None = None
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True
    text_options: Mapping[str, Any] = field(default_factory=dict)
    """What the family's own engine is told about the texts, such as their language."""


def check_names(options: Any, *, called: str, further: Collection[str] = ()) -> None:
    """Raises TypeError for keywords that no encoding call has, but for `further` ones of the family."""
    valid = [*OPTION_NAMES, *further]
    unknown = sorted(set(options) - set(valid))
    if unknown:
        raise TypeError(f"{called} got unknown keywords {', '.join(unknown)}; the valid ones are {', '.join(valid)}")


def read_options(
    options: CallOptions,
    *,
    model_max_length: int,
    model_input_names: Sequence[str],
    has_pad_token: bool,
    once: Callable[[str], bool],
    further: Collection[str] = (),
) -> Request:
    """Old names, defaults and combinations resolved.

    Args:
        once: says whether a warning of this kind is due; each is given once for a tokenizer.
        further: names of the family's own keywords, which become `text_options`.

    Raises:
        TypeError: an unknown keyword.
        TokenizationError: a value that cannot be, or two that contradict each other.
    """
    check_names(options, called="the tokenizer", further=further)
    values: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    text_options = {key: values.pop(key) for key in further if key in values}
    verbose = bool(values.get("verbose", True))
    if "is_pretokenized" in values:
        _renamed("is_pretokenized", "is_split_into_words", verbose)
        values["is_split_into_words"] = values.pop("is_pretokenized")
    if "return_lengths" in values:
        _renamed("return_lengths", "return_length", verbose)
        values["return_length"] = values.pop("return_lengths")
    old_truncation = values.pop("truncation_strategy", "do_not_truncate")
    old_padding = values.pop("pad_to_max_length", False)
    said_so = "truncation" in values  # False is an answer, too
    given_padding, given_truncation = values.pop("padding", False), values.pop("truncation", False)
    max_length: int | None = values.pop("max_length", None)
    if max_length is not None and (isinstance(max_length, bool) or not isinstance(max_length, int) or max_length < 0):
        raise TokenizationError(f"max_length={max_length!r} must be a number of tokens, or None")

    if given_truncation is False and old_truncation != "do_not_truncate":
        _renamed("truncation_strategy", "truncation", verbose)
        given_truncation = old_truncation
    elif not said_so and given_padding is False and max_length is not None:
        # a length and nothing else was enough in 2.x
        if not old_padding and verbose and once("max_length alone"):
            warn("max_length was given without truncation=…; truncation=True (longest_first) is used")
        given_truncation = True
    if given_padding is False and old_padding:
        _renamed("pad_to_max_length", 'padding="max_length" (or padding=True for the longest of the batch)', verbose)
        given_padding = "longest" if max_length is None else "max_length"
    padding = _choose("padding", given_padding, _PADDING, PADDINGS)
    truncation = _choose("truncation", given_truncation, _TRUNCATION, TRUNCATIONS)

    if max_length is None:
        known = model_max_length <= _LARGE
        if padding == "max_length" and not known:
            if once("no length to pad to") and verbose:
                warn('padding="max_length" without max_length, and this tokenizer knows no maximum: nothing is padded')
            padding = "do_not_pad"
        if truncation != "do_not_truncate" and not known:
            if once("no length to truncate to") and verbose:
                warn("truncation without max_length, and this tokenizer knows no maximum: nothing is cut")
            truncation = "do_not_truncate"
        if padding == "max_length" or truncation != "do_not_truncate":
            max_length = model_max_length
    if padding != "do_not_pad" and not has_pad_token:
        raise TokenizationError(
            "padding was asked for, and there is no pad token. To do: tokenizer.pad_token = tokenizer.eos_token, "
            'or tokenizer.add_special_tokens({"pad_token": "[PAD]"})'
        )
    multiple = values.get("pad_to_multiple_of")
    both = padding != "do_not_pad" and truncation != "do_not_truncate"
    if both and multiple and max_length and max_length % multiple:
        raise TokenizationError(
            f"rows cut at max_length={max_length} cannot be padded to a multiple of {multiple}; "
            "choose a max_length that is one"
        )
    if "padding_side" in values:
        check_side("padding_side", values["padding_side"])
    if "return_tensors" in values:
        check_kind(values["return_tensors"])
    values.setdefault("return_token_type_ids", "token_type_ids" in model_input_names)
    values.setdefault("return_attention_mask", "attention_mask" in model_input_names)
    return Request(padding=padding, truncation=truncation, max_length=max_length, text_options=text_options, **values)


def _choose(name: str, value: Any, flags: dict[bool, str], valid: tuple[str, ...]) -> str:
    chosen = flags[value] if isinstance(value, bool) else value
    if chosen not in valid:
        raise TokenizationError(f"{name}={value!r}: the values are {', '.join(map(repr, [*flags, *valid]))}")
    return str(chosen)


def check_side(name: str, side: Any) -> str:
    """The side, if it is one."""
    if side not in ("left", "right"):
        raise TokenizationError(f'{name}={side!r}: the values are "left" and "right"')
    return str(side)


def _renamed(old: str, new: str, verbose: bool) -> None:
    if verbose:
        warn(f"{old} is an old name, which still works; today it is {new}")
