"""Which groups and arrays does an HDF5 file hold, and where are they described?

A reader for the part of HDF5 that Keras and h5py write: groups, and in `hdf5_values` texts and plain arrays of
numbers. The C library is not used: it crashes or hangs on some damaged files, and opens other files where one asks
for them. Here, whatever leads away from the plain part is refused by the name of the object. What a file can make
this reader do is limited by its size: every description costs its bytes from a budget.

The structures and their names are those of the HDF5 File Format Specification, version 3.0.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from pretrained.checkpoints.mapped import MappedFile
from pretrained.checkpoints.names import MAX_NAME
from pretrained.errors import CorruptFileError, UnsafeFileError, UnsupportedFormatError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = (1 << 64) - 1
_MAX_DEPTH = 32  # levels of a tree
_MAX_MEMBERS = 200_000  # of all groups together
_FREE_BUDGET = 1 << 16  # of a file that is very small

# Kinds of messages in the header of an object.
SPACE, LINK_INFO, TYPE, EXTERNAL, LINK, LAYOUT = 0x01, 0x02, 0x03, 0x07, 0x06, 0x08
FILTERS, ATTRIBUTE, CONTINUATION, MEMBERS = 0x0B, 0x0C, 0x10, 0x11


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an object header: what it describes, and where its description lies."""

    kind: int
    offset: int
    size: int


@dataclass(slots=True)
class HDF5Object:
    """A group or a dataset, as its header describes it."""

    name: str
    address: int
    messages: dict[int, list[Message]]
    """By their kind."""
    links: dict[str, int] | None = None
    """The members of a group → the addresses of their headers, once they were read."""


class HDF5File:
    """The objects of one file, each read when it is asked for."""

    def __init__(self, file: MappedFile) -> None:
        self.file = file
        self._budget = 0
        self.renew()
        self._members = 0
        self.heaps: dict[int, dict[int, tuple[int, int]]] = {}
        """Address of a heap of texts → number of a text → its offset and size, once they were read."""
        self._objects: dict[int, HDF5Object] = {}
        self.root = self.object(self._root_address(), "/")

    # -- reading within bounds

    def take(self, offset: int, size: int, name: str) -> bytes:
        """Bytes of the file that describe something; together they may be a few times the file, no more."""
        if offset < 0 or offset + size > self.file.size:
            self.damaged(name, f"a description should stand at byte {offset:,}, outside of the file")
        self._budget -= size
        if self._budget < 0:
            raise UnsafeFileError(
                f"{self.file.path}: the descriptions of its objects refer to each other so often that reading them "
                f"would take far more than the file; stopped at {name!r}. Not read."
            )
        return self.file.data[offset : offset + size]

    def renew(self) -> None:
        """A new question may cost as much as the last one."""
        self._budget = 4 * self.file.size + _FREE_BUDGET

    def numbers(self, layout: str, offset: int, name: str) -> tuple[int, ...]:
        """Little-endian numbers, as `struct` describes them."""
        return struct.unpack(f"<{layout}", self.take(offset, struct.calcsize(f"<{layout}"), name))

    def damaged(self, name: str, what: str) -> NoReturn:
        raise CorruptFileError(
            f"{self.file.path} ({self.file.size:,} bytes) is damaged at {name!r}: {what}. Fetch the file again."
        )

    def unsupported(self, name: str, what: str) -> NoReturn:
        raise UnsupportedFormatError(
            f"{self.file.path}: {name!r} {what}, which is not read. Save the weights again with Keras' or h5py's "
            "default settings."
        )

    def unsafe(self, name: str, what: str) -> NoReturn:
        raise UnsafeFileError(f"{self.file.path}: {name!r} {what}; weights have no need of that. Not read.")

    def text(self, raw: bytes, name: str) -> str:
        """A name that stands in the file."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.damaged(name, "a name in it is no text")

    # -- objects

    def _root_address(self) -> int:
        name = "/"
        if self.file.data[:8] != SIGNATURE:
            self.damaged(name, "it does not begin like an HDF5 file")
        version, _, _, _, _, offsets, lengths = self.numbers("7B", 8, name)
        if version > 1:
            self.unsupported("/", f"is a superblock of version {version}")
        if (offsets, lengths) != (8, 8):
            self.unsupported("/", f"has addresses of {offsets} and lengths of {lengths} bytes")
        base, _, end, driver, _, root = self.numbers("6Q", 24 if version == 0 else 28, name)
        if driver != UNDEFINED:
            self.unsafe("/", "spreads the file over several files")
        if base:
            self.unsupported("/", f"counts its addresses from byte {base:,}")
        if end > self.file.size:
            self.damaged(name, f"the file is truncated, it should have {end:,} bytes")
        return root

    def object(self, address: int, name: str) -> HDF5Object:
        """The object whose header stands at the address."""
        if address not in self._objects:
            self._objects[address] = HDF5Object(name, address, self._messages(address, name))
        return self._objects[address]

    def _messages(self, address: int, name: str) -> dict[int, list[Message]]:
        if self.take(address, 4, name) == b"OHDR":
            self.unsupported(name, "has an object header of version 2")
        version, _, count, _, size = self.numbers("2BH2I", address, name)
        if version != 1:
            self.damaged(name, f"an object header of version {version} stands at byte {address:,}")
        messages: dict[int, list[Message]] = {}
        blocks, seen = [(address + 16, size)], 0
        for start, length in blocks:  # grows while it is read: a header continues elsewhere
            header = self.take(start, length, name)
            position = 0
            while position + 8 <= length and seen < count:
                kind, size, flags = struct.unpack_from("<2HB", header, position)
                position, seen = position + 8, seen + 1
                if position + size > length:
                    self.damaged(name, f"the message at byte {start + position - 8:,} is longer than its block")
                if flags & 2 and kind != 0:
                    self.unsupported(name, "shares its description with another object (a named type)")
                if kind == CONTINUATION:
                    blocks.append(self._pair(Message(kind, start + position, size), name))
                elif kind:
                    messages.setdefault(kind, []).append(Message(kind, start + position, size))
                position += size
        return messages

    def message(self, item: HDF5Object, kind: int) -> Message | None:
        """The one message of that kind."""
        found = item.messages.get(kind, [])
        if len(found) > 1:
            self.damaged(item.name, f"it has {len(found)} descriptions of kind {kind:#x}, where one should be")
        return found[0] if found else None

    def _pair(self, message: Message, name: str) -> tuple[int, int]:
        """The two 64-bit numbers of a message."""
        if message.size < 16:
            self.damaged(name, f"the message at byte {message.offset:,} has {message.size} bytes")
        first, second = self.numbers("2Q", message.offset, name)
        return first, second

    # -- groups

    def is_group(self, item: HDF5Object) -> bool:
        return not item.messages.keys().isdisjoint((LINK_INFO, LINK, MEMBERS))

    def find(self, item: HDF5Object, path: str) -> HDF5Object:
        """The object at a path below a group; only plain links are followed."""
        for part in path.split("/"):
            if part in ("", "."):
                continue
            if not self.is_group(item):
                self.damaged(item.name, f"it is no group, and {path!r} should be inside")
            links = self.links(item)
            name = f"{item.name.rstrip('/')}/{part}"
            if part not in links:
                self.damaged(name, "its group has no such member")
            item = self.object(links[part], name)
        return item

    def links(self, item: HDF5Object) -> Mapping[str, int]:
        """Member → address of its header."""
        if item.links is None:
            item.links = {}
            for name, address in self._read_links(item):
                if name in item.links:
                    self.unsafe(item.name, f"has two members called {name!r}")
                item.links[name] = address
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    self.unsafe(item.name, f"and its like have more than {_MAX_MEMBERS:,} members")
        return item.links

    def _read_links(self, item: HDF5Object) -> Iterator[tuple[str, int]]:
        for message in item.messages.get(LINK, ()):
            yield self._link(message, item.name)
        info = self.message(item, LINK_INFO)
        if info is not None:
            flags = self.numbers("2B", info.offset, item.name)[1]
            if self.numbers("Q", info.offset + 2 + (8 if flags & 1 else 0), item.name)[0] != UNDEFINED:
                self.unsupported(item.name, "lists its members in a fractal heap")
        table = self.message(item, MEMBERS)
        if table is not None:
            tree, heap = self._pair(table, item.name)
            signature, _, size, _, data = struct.unpack("<4sI3Q", self.take(heap, 32, item.name))
            if signature != b"HEAP" or data + size > self.file.size:
                self.damaged(item.name, f"its names should stand at byte {heap:,}")
            for child in self.tree(tree, 0, 8, item.name):
                yield from self._symbols(child[1], data, size, item.name)

    def _symbols(self, address: int, names: int, size: int, owner: str) -> Iterator[tuple[str, int]]:
        signature, _, _, count = struct.unpack("<4s2BH", self.take(address, 8, owner))
        if signature != b"SNOD":
            self.damaged(owner, f"no table of members stands at byte {address:,}")
        for row in range(count):
            where, header, kind = self.numbers("2QI", address + 8 + 40 * row, owner)
            text = self.file.data[names + where : names + min(where + MAX_NAME, size)]
            name = self.text(text.partition(b"\0")[0], owner)
            if b"\0" not in text or not name or "/" in name:
                self.damaged(owner, f"the name of its member {row + 1} is none")
            if kind == 2:
                self.unsafe(f"{owner.rstrip('/')}/{name}", "is a soft link to another name")
            yield name, header

    def _link(self, message: Message, owner: str) -> tuple[str, int]:
        """A link message, which newer groups have one of for each member."""
        data = self.take(message.offset, message.size, owner)
        try:
            version, flags = data[0], data[1]
            position = 2
            kind = data[position] if flags & 8 else 0
            position += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
            width = 1 << (flags & 3)
            length = int.from_bytes(data[position : position + width], "little")
            position += width
            name = self.text(data[position : position + length], owner)
            where = f"{owner.rstrip('/')}/{name}"
            if kind:
                what = {1: "a soft link to another name", 64: "an external link to another file"}
                self.unsafe(where, f"is {what.get(kind, f'a link of kind {kind}')}")
            if version != 1 or len(name) > MAX_NAME or not name or "/" in name:
                self.damaged(owner, f"the link at byte {message.offset:,} has no name")
            (address,) = struct.unpack_from("<Q", data, position + length)
        except (IndexError, struct.error):
            self.damaged(owner, f"the link at byte {message.offset:,} is cut off")
        return name, address

    def tree(self, address: int, kind: int, key_size: int, name: str) -> Iterator[tuple[bytes, int]]:
        """The (key, child) pairs of the leaves of a B-tree of version 1, in their order."""
        waiting = [(address, -1)]
        while waiting:
            address, level = waiting.pop()
            signature, found, depth, count = struct.unpack("<4s2BH", self.take(address, 8, name))
            if signature != b"TREE" or found != kind or depth > _MAX_DEPTH or level not in (-1, depth):
                self.damaged(name, f"no node of its tree stands at byte {address:,}")
            step = key_size + 8
            rows = self.take(address + 24, count * step, name)
            pairs = [
                (rows[at : at + key_size], int.from_bytes(rows[at + key_size : at + step], "little"))
                for at in range(0, len(rows), step)
            ]
            if depth:
                waiting += [(child, depth - 1) for _, child in reversed(pairs)]
            else:
                yield from pairs
