"""What of a compiled tokenizer can be seen, and not changed? Its tables, the options it was made with, its steps.

Changing them would change no id, so it raises, and says what to do instead.
"""

from functools import cached_property
from typing import Any, NoReturn, TypeVar

from pretrained.errors import TokenizationError

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class Table(dict[K, V]):
    """A dict that cannot be changed; `dict(table)` can be."""

    def _refuse(self, *values: Any, **named: Any) -> NoReturn:
        raise TokenizationError(
            "this table only shows the vocabulary, which is compiled, and cannot be changed. To do: add_tokens([…]), "
            "use_unused_tokens([…]) for BERT, or change the vocabulary's file and load it again; dict(…) makes a copy"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> Any:
        return (type(self), (dict(self),))


class cached_table(cached_property[T]):
    """A table of a tokenizer, made when it is first asked for; only an equal one may be put in its place."""

    def __set__(self, tokenizer: Any, value: Any) -> None:
        if value != self.__get__(tokenizer):
            Table._refuse(self.__get__(tokenizer))


class Option:
    """What a tokenizer was made with; only an equal value may be put in its place."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, tokenizer: Any, owner: type | None = None) -> Any:
        if tokenizer is None:
            return self
        try:
            return vars(tokenizer)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, tokenizer: Any, value: Any) -> None:
        if vars(tokenizer).setdefault(self._name, value) != value:
            name = type(tokenizer).__name__
            raise TokenizationError(
                f"{self._name} counts when a tokenizer is made, and cannot be changed afterwards. To do: "
                f"{name}.from_pretrained(name, {self._name}={value!r})"
            )


class Shown:
    """An object of a readable step, as a copy whose attributes cannot be set."""

    def __init__(self, step: Any) -> None:
        vars(self).update(vars(step))

    def __setattr__(self, name: str, value: Any) -> None:
        raise TokenizationError(
            f"this object only shows what the tokenizer does, in compiled code, so {name} cannot be changed. To do: "
            "make the tokenizer with other options, such as BertTokenizer.from_pretrained(name, do_lower_case=False), "
            "or give a class of your own a _tokenize"
        )
