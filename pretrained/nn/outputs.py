"""What does a forward pass return? A tuple whose items also have names."""

import inspect
from collections import deque
from collections.abc import Iterator
from typing import Any, Self, dataclass_transform

from torch import Tensor


@dataclass_transform(kw_only_default=True)
class ModelOutput(tuple[Any, ...]):
    """A tuple of what was computed, readable by position, by attribute and by key.

    A subclass declares its items, in order, as annotations. An item that was not computed is None as an
    attribute and takes no place in the tuple, so `loss, logits = model(..., labels=labels)` works:

        out = model(input_ids)
        out.last_hidden_state is out[0] is out["last_hidden_state"]
    """

    _names: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        inherited = cls._names
        cls._names = (*inherited, *(n for n in inspect.get_annotations(cls) if n not in inherited))

    def __new__(cls, **items: Any) -> Self:
        unknown = items.keys() - set(cls._names)
        if unknown:
            raise TypeError(f"{cls.__name__} has no {sorted(unknown)}; it has {list(cls._names)}")
        present = {name: items[name] for name in cls._names if items.get(name) is not None}
        self = super().__new__(cls, present.values())
        self.__dict__.update(present)
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]:
        return (), dict(self.items())

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._names:
            return None
        raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {list(type(self)._names)}")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.__dict__:
                raise KeyError(f"{key!r} was not computed; this output has {list(self.keys())}")
            return self.__dict__[key]
        return super().__getitem__(key)

    def __contains__(self, item: object) -> bool:
        return item in self.__dict__ if isinstance(item, str) else any(item is value for value in self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.items())})"

    def keys(self) -> tuple[str, ...]:
        return tuple(name for name in type(self)._names if name in self.__dict__)

    def values(self) -> Iterator[Any]:
        return iter(self)

    def items(self) -> Iterator[tuple[str, Any]]:
        return zip(self.keys(), self, strict=True)

    def get(self, key: str, default: Any = None) -> Any:
        return self.__dict__.get(key, default)

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(self)


def trail(hidden: Tensor, *, whole: bool) -> deque[Tensor]:
    """What the layers give, one after the other, from this first on; unless it is wanted `whole`, only the last.

    What nobody wants would stay in memory until the last layer is done.
    """
    return deque([hidden], maxlen=None if whole else 1)


class BaseModelOutput(ModelOutput):
    """The bare network. Shapes: B batch, S sequence, H hidden; a packed batch has (T, …) for (B, S, …)."""

    last_hidden_state: Tensor  # (B, S, H)
    pooler_output: Tensor | None = None  # (B, H)
    past_key_values: Any | None = None  # one (key, value) of (B, N, S, D) per layer
    hidden_states: tuple[Tensor, ...] | None = None  # embeddings, then each layer: (B, S, H)
    attentions: tuple[Tensor, ...] | None = None  # one per layer: (B, N, S, S)
    cross_attentions: tuple[Tensor, ...] | None = None  # one per layer: (B, N, S, S of the encoder)


class HeadOutput(ModelOutput):
    """A network with a head. Which of the scores is there depends on the head."""

    loss: Tensor | None = None  # ()
    logits: Tensor | None = None
    start_logits: Tensor | None = None  # (B, S)
    end_logits: Tensor | None = None  # (B, S)
    past_key_values: Any | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    cross_attentions: tuple[Tensor, ...] | None = None


class PreTrainingOutput(ModelOutput):
    """BERT's two pre-training heads."""

    loss: Tensor | None = None  # ()
    prediction_logits: Tensor  # (B, S, V)
    seq_relationship_logits: Tensor  # (B, 2); 0: the second text follows the first
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
