"""What does a head's forward take? Its own arguments, and all inputs of the bare network below it."""

import functools
import inspect
from collections.abc import Callable, Sequence
from itertools import takewhile
from types import FunctionType
from typing import Any


def head_forward(
    task: Callable[..., Any], network: Callable[..., Any], owner: str
) -> tuple[Callable[..., Any], Sequence[str]]:
    """The forward of one head, and the network's inputs that it takes by position.

    A head passes on what it does not use itself, by `*inputs, **options`; its signature, as editors and training
    loops see it, names the bare network's inputs all the same. They differ by family, so each head has a `forward` of
    its own: a copy of the task's.
    """
    shown = dict(inspect.signature(network).parameters)
    # what is returned the head decides itself, so there the inputs that it passes on by position end
    by_position = list(takewhile(lambda name: name != "return_dict", shown))[1:]
    for name, parameter in inspect.signature(task).parameters.items():
        if parameter.kind == parameter.KEYWORD_ONLY:
            shown.setdefault(name, parameter)
    assert isinstance(task, FunctionType)
    forward = FunctionType(task.__code__, task.__globals__, argdefs=task.__defaults__, closure=task.__closure__)
    forward.__kwdefaults__ = task.__kwdefaults__
    functools.update_wrapper(forward, task)
    forward.__qualname__ = f"{owner}.forward"
    forward.__signature__ = inspect.Signature(list(shown.values()))  # type: ignore[attr-defined]
    return forward, by_position
