"""How do lists of numbers become tensors? On demand, so that tokenizing loads neither torch nor numpy."""

from typing import Any

from pretrained.errors import TokenizationError, UnsupportedFormatError

KINDS = ("pt", "np")


def check_kind(kind: str) -> None:
    """Raises for a tensor type that is not written here."""
    if kind in ("tf", "jax"):
        raise UnsupportedFormatError(
            f'return_tensors="{kind}" is not written here; use return_tensors="np" and hand the arrays to the framework'
        )
    if kind not in KINDS:
        raise TokenizationError(
            f'return_tensors={kind!r}: the values are "pt" (torch) and "np" (numpy), or None for lists'
        )


def to_tensor(key: str, value: Any, kind: str) -> Any:
    """A numpy array or a torch tensor of nested lists of numbers; what already is one stays as it is.

    Raises:
        TokenizationError: the rows have different lengths, or hold something that is not a number.
    """
    import numpy as np

    if kind == "np":
        return value if isinstance(value, np.ndarray) else np.asarray(_array(key, value))
    import torch

    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, list | tuple) and value and isinstance(value[0], torch.Tensor):
        value = [row.tolist() for row in value]
    array = _array(key, value)
    if array.dtype.kind in "iub":  # ids, masks and labels, also where there are none of them
        return torch.tensor(array, dtype=torch.long)
    return torch.tensor(array, dtype=None if hasattr(value, "dtype") else torch.get_default_dtype())


def to_lists(value: Any) -> Any:
    """The opposite: arrays and tensors, at any depth, as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return (
            [to_lists(item) for item in value] if value and not isinstance(value[0], int | float | str) else list(value)
        )
    return value


def kind_of(value: Any) -> str | None:
    """ "pt" or "np" for a tensor or a list of them, None for plain lists."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    package = type(value).__module__.partition(".")[0]
    return {"torch": "pt", "numpy": "np"}.get(package) if hasattr(value, "tolist") else None


def _array(key: str, value: Any) -> Any:
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise TokenizationError(_ragged(key, value)) from error
    if array.dtype.kind not in "iubf":
        raise TokenizationError(
            f"{key!r} holds {_shown(value)}, which is no tensor; take it out, or leave return_tensors away"
        )
    return array.astype(np.int64) if array.size == 0 else array


def _ragged(key: str, value: Any) -> str:
    lengths = [len(row) for row in value if hasattr(row, "__len__")]
    message = f"{key!r} has rows of different lengths"
    if lengths:
        message += f" ({min(lengths)} to {max(lengths)})"
    if key == "overflowing_tokens":
        return f"{message}, which a tensor cannot hold; leave return_tensors or return_overflowing_tokens away"
    return f"{message}, which a tensor cannot hold; pass padding=True, and truncation=True if some are too long"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
