"""What is known of the checkpoints that a tokenizer class was published with?

Code of the years 2019 to 2023 asks the class: `BertTokenizer.max_model_input_sizes["bert-base-uncased"]`.
"""

from collections.abc import Callable
from typing import Any

from pretrained.hub.catalogue import ShortName, short_names


class PublishedFacts:
    """A class attribute: short name → one fact, for the names whose tokenizer is of the class that is asked."""

    def __init__(self, fact: Callable[[ShortName], Any]) -> None:
        self._fact = fact

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        every = short_names().items()
        return {name: self._fact(known) for name, known in every if known.tokenizer_class == owner.__name__}


def longest(known: ShortName) -> int | None:
    """The most tokens that the model takes; None for no limit."""
    return known.max_length


def constructor_arguments(known: ShortName) -> dict[str, Any]:
    """What the tokenizer of this checkpoint is built with."""
    casing = {} if known.do_lower_case is None else {"do_lower_case": known.do_lower_case}
    return {**known.tokenizer_init, **casing}
