"""How do tokens become readable text again?"""

import re
from collections.abc import Callable, Iterable, Set
from typing import Any

from pretrained.errors import TokenizationError

# the order matters: " ' " is closed before " 's" and its like are looked for
_BEFORE_PUNCTUATION = re.compile(r" ([.?!,])")
_CONTRACTION = re.compile(r" (n't|'m|'s|'ve|'re)")


def clean_up_tokenization(text: str) -> str:
    """Takes out blanks before . ? ! , and around a lone apostrophe, and before English contractions."""
    text = _BEFORE_PUNCTUATION.sub(r"\1", text)
    return _CONTRACTION.sub(r"\1", text.replace(" ' ", "'"))


def read_ids(ids: Any) -> list[int]:
    """A list of ids from a number, a list, an array or a tensor."""
    values = ids.tolist() if hasattr(ids, "tolist") else ids
    values = [values] if isinstance(values, int) else list(values) if isinstance(values, Iterable) else None
    if values is None or isinstance(ids, str | bytes):
        raise TokenizationError(f"ids are numbers or a list of them; got {ids!r}")
    if values and isinstance(values[0], list | tuple):
        raise TokenizationError("this is a list of rows; decode one row, or use batch_decode for all")
    return [int(index) for index in values]


def join(
    ids: list[int],
    apart: Set[int],
    token_of: Callable[[int], str],
    to_string: Callable[[list[str]], str],
) -> list[str]:
    """The texts of stretches of ordinary tokens, and between them each added token (`apart`) by itself."""
    texts: list[str] = []
    stretch: list[str] = []
    for index in ids:
        if index not in apart:
            stretch.append(token_of(index))
            continue
        if stretch:
            texts.append(to_string(stretch))
            stretch = []
        texts.append(token_of(index))
    return [*texts, to_string(stretch)] if stretch else texts
