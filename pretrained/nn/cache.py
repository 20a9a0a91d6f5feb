"""Which keys and values were computed already? The memory of a causal network between two calls.

Room is allocated ahead and doubled when it runs out, so a step of generation copies nothing. Every call of
the network returns a new cache that shares the room of the one before; two continuations of the same past
do not disturb each other, because the second one moves to room of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor


class _Room:
    """Buffers of one layer: (B, N, capacity, D); `used` positions have been written by somebody."""

    def __init__(self, key: Tensor, value: Tensor) -> None:
        self.key, self.value = key, value
        self.used = key.shape[2]

    def grown(self, length: int, capacity: int) -> "_Room":
        """New buffers with the first `length` positions copied."""
        room = _Room.__new__(_Room)
        room.used = length
        for name in ("key", "value"):
            old: Tensor = getattr(self, name)
            new = old.new_empty(*old.shape[:2], capacity, old.shape[3])
            new[:, :, :length] = old[:, :, :length]
            setattr(room, name, new)
        return room


class KeyValueCache(Sequence[tuple[Tensor, Tensor]]):
    """Per layer the (key, value) of every token so far, each (B, N, S, D); reads like a tuple of pairs."""

    def __init__(self) -> None:
        self._rooms: dict[int, _Room] = {}
        self._pairs: dict[int, tuple[Tensor, Tensor]] = {}

    @classmethod
    def of(cls, past: Any) -> Self:
        """A cache to write the next tokens to: after `past`, a cache or the published tuple of pairs, or empty."""
        cache = cls()
        for layer, (key, value, *_) in enumerate(past or ()):
            cache._pairs[layer] = key, value
            cache._rooms[layer] = past._rooms[layer] if isinstance(past, cls) else _Room(key, value)
        return cache

    @property
    def length(self) -> int:
        """How many tokens the first layer has seen; during a call of the network, the new ones count too."""
        return self._pairs[0][0].shape[2] if self._pairs else 0

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Adds the new tokens' key and value, (B, S, N, D), and returns all so far, (B, S so far, N, D)."""
        key, value = key.transpose(1, 2), value.transpose(1, 2)
        if layer not in self._pairs:
            self._pairs[layer], self._rooms[layer] = (key, value), _Room(key, value)
        elif torch.is_grad_enabled() and (key.requires_grad or self._pairs[layer][0].requires_grad):
            old = self._pairs[layer]  # writing in place would break the graph of earlier steps
            pair = torch.cat([old[0], key], 2), torch.cat([old[1], value], 2)
            self._pairs[layer], self._rooms[layer] = pair, _Room(*pair)
        else:
            self._pairs[layer] = self._write(layer, key, value)
        return self._pairs[layer][0].transpose(1, 2), self._pairs[layer][1].transpose(1, 2)

    def _write(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        room, start = self._rooms[layer], self._pairs[layer][0].shape[2]
        stop = start + key.shape[2]
        if room.used != start or stop > room.key.shape[2]:
            room = self._rooms[layer] = room.grown(start, max(stop, 2 * start, 64))
        room.key[:, :, start:stop] = key
        room.value[:, :, start:stop] = value
        room.used = stop
        return room.key[:, :, :stop], room.value[:, :, :stop]

    def reorder(self, rows: Tensor) -> Self:
        """A cache whose row i continues row `rows[i]`, as beam search needs; its room is its own."""
        cache = type(self)()
        for layer, room in self._rooms.items():
            # with the free places behind: they are few, and the next token needs one
            new = cache._rooms[layer] = _Room(room.key.index_select(0, rows), room.value.index_select(0, rows))
            new.used = length = self.length
            cache._pairs[layer] = new.key[:, :, :length], new.value[:, :, :length]
        return cache

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, layer: Any) -> Any:
        return tuple(self._pairs[index] for index in range(len(self)))[layer]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self._pairs[index] for index in range(len(self)))
