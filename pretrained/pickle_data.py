"""What does a pickle describe, when nothing in it may run?

A pickle is a program for a small stack machine. This reader runs the stack and the memo only, and writes
everything else down: a global becomes a `Name`, a call a `Call`, a dict a `Dict` of pairs, a persistent id a
`Persistent`. No name is ever looked up, no object called, no key hashed, so a hostile file gets inert
descriptions, whatever it says. Each opcode costs time and memory in proportion to its own bytes.
"""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pretrained.errors import CorruptFileError, UnsafeFileError

MAX_OPCODES = 10_000_000  # a checkpoint needs about 40 for each tensor
_MAX_INTEGER_BYTES = 255  # torch's magic number takes 10
_MAX_LINE = 65_536  # opcodes of protocol 0 carry their argument as a line of text


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A global that the pickle names: `torch.FloatStorage`. It stays a name."""

    module: str
    attribute: str


@dataclass(slots=True, eq=False)
class Dict:
    """A dict as the pairs in which it was written; keys may be anything, also twice the same."""

    pairs: list[tuple[object, object]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Call:
    """An object that the pickle wants to make by calling something. It is described, never made."""

    function: object
    args: tuple[object, ...]
    state: object = None
    pairs: list[tuple[object, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Persistent:
    """An object kept outside the pickle, by its id: torch keeps storages so."""

    id: object


@dataclass(frozen=True, slots=True)
class Pickle:
    """What one pickle said, where it ended, and every persistent id in it."""

    value: object
    end: int
    persistent: list[Persistent]


def read_pickle(data: bytes | mmap.mmap, source: str, *, start: int = 0, max_opcodes: int = MAX_OPCODES) -> Pickle:
    """Reads the pickle that begins at `start`; bytes after its STOP are left alone."""
    machine = _Machine(data, start)
    try:
        machine.run(source, max_opcodes)
    except UnsafeFileError:
        raise
    except (_Malformed, IndexError, ValueError, struct.error) as error:
        raise CorruptFileError(
            f"{source} is damaged: its pickled part cannot be read at byte {machine.position} "
            f"({str(error) or type(error).__name__}). Fetch the file again."
        ) from error
    return Pickle(machine.result, machine.position, machine.persistent)


def describe(value: object) -> str:
    """A short name of a value for messages: "int", "argparse.Namespace", "the result of builtins.getattr"."""
    match value:
        case Name():
            return f"{value.module[:100]}.{value.attribute[:100]}"
        case Persistent(id=("module", Name() as name, *_)):  # how the old layout writes a class of modules
            return describe(name)
        case Call(function=Name() | Persistent() as made):
            return describe(made)
        case Call(function=Call(function=Name() as made)):
            return f"the result of {describe(made)}"
        case Call():
            return "the result of a computed function"
        case Dict():
            return f"dict of {len(value.pairs)}"
        case list() | tuple():
            return f"{type(value).__name__} of {len(value)}"
        case Persistent():
            return "a bare storage"
        case _:
            return type(value).__name__


class _Malformed(Exception):
    """The bytes are not a pickle."""


class _Machine:
    """The stack machine of the pickle format, protocols 0 to 5."""

    def __init__(self, data: bytes | mmap.mmap, start: int) -> None:
        self.data = data
        self.position = start
        self.end = len(data)
        self.stack: list[object] = []
        self.below: list[list[object]] = []  # the stacks under each MARK
        self.memo: dict[int, object] = {}
        self.persistent: list[Persistent] = []
        self.result: object = None

    def run(self, source: str, max_opcodes: int) -> None:
        for _ in range(max_opcodes):
            code = self.take(1)
            if code == b".":
                self.result = self.stack.pop()
                return
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise _Malformed(f"there is no opcode {code!r}")
            operation(self)
        raise UnsafeFileError(
            f"{source} has a pickled part of more than {max_opcodes:,} steps; a checkpoint needs about 40 "
            "for each tensor, so this file is not read."
        )

    # Reading bytes

    def take(self, count: int) -> bytes:
        stop = self.position + count
        if stop > self.end:
            raise _Malformed(f"{count:,} bytes are announced, {self.end - self.position:,} are left")
        taken = self.data[self.position : stop]
        self.position = stop
        return taken

    def line(self) -> bytes:
        stop = self.data.find(b"\n", self.position, self.position + _MAX_LINE)
        if stop < 0:
            raise _Malformed("a line of text does not end")
        taken = self.data[self.position : stop]
        self.position = stop + 1
        return taken

    def number(self, layout: str) -> int:
        value = struct.unpack(layout, self.take(struct.calcsize(layout)))[0]
        if value < 0:
            raise _Malformed("a length is negative")
        return int(value)

    def integer(self, count: int) -> None:
        if count > _MAX_INTEGER_BYTES:
            raise _Malformed(f"an integer of {count:,} bytes")
        self.stack.append(int.from_bytes(self.take(count), "little", signed=True))

    def integer_line(self) -> None:
        text = self.line().rstrip(b"L")
        if len(text) > _MAX_INTEGER_BYTES:
            raise _Malformed(f"an integer of {len(text):,} digits")
        self.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))

    def old_string(self, raw: bytes) -> None:
        """A str of Python 2: text in whatever encoding; names are ASCII, the rest is not looked at."""
        self.stack.append(raw.decode("utf-8", "surrogateescape"))

    def text(self, raw: bytes) -> None:
        self.stack.append(raw.decode("utf-8", "surrogatepass"))

    # Stack and memo

    def push(self, value: object) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[object]:
        items = self.stack
        self.stack = self.below.pop()
        return items

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise _Malformed(f"memo {index} was never written")
        self.stack.append(self.memo[index])

    def memo_line(self) -> int:
        text = self.line()
        if not text.isdigit() or len(text) > 9:
            raise _Malformed("a memo index that is no index")
        return int(text)

    # Containers

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise _Malformed("a tuple of more than the stack holds")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, Dict | Call) or len(items) % 2:
            raise _Malformed("items are set on what is no dict")
        target.pairs.extend(zip(items[::2], items[1::2], strict=True))

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def new_dict(self) -> None:
        items = self.pop_mark()
        self.stack.append(Dict())
        self.set_items(items)

    def append(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Call):  # what is appended to an unknown object is dropped
            raise _Malformed("items are appended to what is no list")

    # Names, calls and what lies outside

    def global_lines(self) -> Name:
        return Name(self.line().decode("utf-8"), self.line().decode("utf-8"))

    def stack_global(self) -> None:
        attribute, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise _Malformed("a global whose name is no text")
        self.stack.append(Name(module, attribute))

    def call(self, *, keywords: bool = False) -> None:
        if keywords:
            self.stack.pop()
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(args, tuple):
            raise _Malformed("a call whose arguments are no tuple")
        self.stack.append(Call(function, args))

    def call_marked(self, function: object = None) -> None:
        items = self.pop_mark()
        if function is None:
            function = items.pop(0)
        self.stack.append(Call(function, tuple(items)))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Call):  # elsewhere, such as OrderedDict._metadata, state says nothing we need
            target.state = state

    def persistent_id(self, identity: object) -> None:
        item = Persistent(identity)
        self.persistent.append(item)
        self.stack.append(item)


_SET = Name("builtins", "set")

_OPERATIONS: dict[bytes, Callable[[_Machine], object]] = {
    # protocol marks
    b"\x80": lambda m: m.take(1),
    b"\x95": lambda m: m.number("<Q"),  # a frame is a hint for reading ahead; nothing is read ahead here
    # stack and memo
    b"(": _Machine.mark,
    b"0": _Machine.pop,
    b"1": _Machine.pop_mark,
    b"2": lambda m: m.push(m.stack[-1]),
    b"p": lambda m: m.put(m.memo_line()),
    b"q": lambda m: m.put(m.number("<B")),
    b"r": lambda m: m.put(m.number("<I")),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"g": lambda m: m.get(m.memo_line()),
    b"h": lambda m: m.get(m.number("<B")),
    b"j": lambda m: m.get(m.number("<I")),
    # numbers and constants
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": _Machine.integer_line,
    b"L": _Machine.integer_line,
    b"J": lambda m: m.integer(4),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": lambda m: m.integer(m.number("<B")),
    b"\x8b": lambda m: m.integer(m.number("<i")),
    b"F": lambda m: m.push(float(m.line())),
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    # text and bytes
    b"S": lambda m: m.old_string(m.line().strip(b"\"'")),
    b"T": lambda m: m.old_string(m.take(m.number("<i"))),
    b"U": lambda m: m.old_string(m.take(m.number("<B"))),
    b"V": lambda m: m.push(m.line().decode("raw-unicode-escape")),
    b"X": lambda m: m.text(m.take(m.number("<I"))),
    b"\x8c": lambda m: m.text(m.take(m.number("<B"))),
    b"\x8d": lambda m: m.text(m.take(m.number("<Q"))),
    b"B": lambda m: m.push(m.take(m.number("<I"))),
    b"C": lambda m: m.push(m.take(m.number("<B"))),
    b"\x8e": lambda m: m.push(m.take(m.number("<Q"))),
    b"\x96": lambda m: m.push(m.take(m.number("<Q"))),
    # containers
    b")": lambda m: m.push(()),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"t": lambda m: m.push(tuple(m.pop_mark())),
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.pop_mark()),
    b"a": lambda m: m.append([m.stack.pop()]),
    b"e": lambda m: m.append(m.pop_mark()),
    b"}": lambda m: m.push(Dict()),
    b"d": _Machine.new_dict,
    b"s": _Machine.set_item,
    b"u": lambda m: m.set_items(m.pop_mark()),
    b"\x8f": lambda m: m.push(Call(_SET, ())),
    b"\x90": lambda m: m.append(m.pop_mark()),
    b"\x91": lambda m: m.push(Call(_SET, tuple(m.pop_mark()))),
    # names, calls and what lies outside
    b"c": lambda m: m.push(m.global_lines()),
    b"\x93": _Machine.stack_global,
    b"R": _Machine.call,
    b"\x81": _Machine.call,
    b"\x92": lambda m: m.call(keywords=True),
    b"i": lambda m: m.call_marked(m.global_lines()),
    b"o": _Machine.call_marked,
    b"b": _Machine.build,
    b"P": lambda m: m.persistent_id(m.line().decode("utf-8")),
    b"Q": lambda m: m.persistent_id(m.stack.pop()),
}
