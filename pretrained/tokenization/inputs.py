"""Is it one text, a batch, a pair, a list of words? And is it text at all?"""

from collections.abc import Iterable, Sequence
from typing import Any

from pretrained.errors import TokenizationError


def is_batch(text: Any, *, split_into_words: bool) -> bool:
    """A str is one text, a list of str is a batch; of pre-split words, a list of lists is a batch."""
    if isinstance(text, str):
        return False
    if not isinstance(text, list | tuple):
        raise TokenizationError(
            f"a text must be a str, or a list of them; got {_shown(text)}. "
            'Other collections: list(…); missing values: replace them by "" first'
        )
    return not split_into_words or (len(text) > 0 and isinstance(text[0], list | tuple))


def as_list(value: Any) -> Any:
    """Arrays and data frame columns as lists; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, str) else value


def check_texts(texts: Sequence[Any], *, split_into_words: bool, what: str = "text") -> None:
    """Raises for the first text that is none.

    Raises:
        TokenizationError: shows what was received, and where.
    """
    for index, text in enumerate(texts):
        where = f"{what} {index}" if len(texts) > 1 else f"the {what}"
        if split_into_words:
            if not isinstance(text, list | tuple):
                raise TokenizationError(
                    f"{where} must be a list of words, as is_split_into_words=True says; got {_shown(text)}"
                )
            for word in text:
                if not isinstance(word, str):
                    raise TokenizationError(f"{where} must be a list of words; one of them is {_shown(word)}")
        elif not isinstance(text, str):
            hint = " (for pre-split words pass is_split_into_words=True)" if isinstance(text, list | tuple) else ""
            raise TokenizationError(f"{where} must be a str; got {_shown(text)}{hint}")


def check_pairs(texts: Sequence[Any], pairs: Sequence[Any]) -> None:
    """Raises unless there is a second text for each first one."""
    if len(texts) != len(pairs):
        raise TokenizationError(
            f"{len(texts)} texts and {len(pairs)} second texts; each text of a pair needs the other"
        )


def unzip_pairs(batch: Iterable[Any], *, split_into_words: bool) -> tuple[list[Any], list[Any] | None]:
    """(first texts, second texts or None) of texts or (text, text) tuples; a text may be a list of words."""
    texts = list(batch)
    if not texts or not all(_is_pair(text, split_into_words) for text in texts):
        return texts, None
    return [first for first, _ in texts], [second for _, second in texts]


def _is_pair(value: Any, split_into_words: bool) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(
        isinstance(item, list | tuple) if split_into_words else isinstance(item, str | list | tuple) for item in value
    )


def is_ids(value: Any) -> bool:
    """Whether this is a list of ids, made by `convert_tokens_to_ids`."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(_is_id(item) for item in value)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_tokens(value: Any) -> bool:
    """Whether this is a list of str: tokens, made by `tokenize`, or words."""
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__}: {text if len(text) <= 60 else text[:57] + '...'}"
