"""Does the pickle reader say what a pickle says, run nothing, and stay within its limits?"""

import pickle
import pickletools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.errors import CorruptFileError, PretrainedError, UnsafeFileError
from pretrained.pickle_data import Call, Dict, Name, describe, read_pickle

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple) | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


def undone(value: object) -> object:
    """The description turned back into the value, for plain data."""
    match value:
        case Dict():
            return {undone(key): undone(item) for key, item in value.pairs}
        case list():
            return [undone(item) for item in value]
        case tuple():
            return tuple(undone(item) for item in value)
        case Call(function=Name("_codecs", "encode"), args=(str(text), "latin1")):
            return text.encode("latin1")  # how protocols 0 to 2 write bytes
        case Call(function=Name("__builtin__", "bytes"), args=()):
            return b""
        case _:
            return value


@given(plain, st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_plain_data_reads_as_pickle_reads_it(value: object, protocol: int) -> None:
    read = read_pickle(pickle.dumps(value, protocol) + b"more", "a file")
    assert undone(read.value) == value
    assert read.end == len(pickle.dumps(value, protocol))


@given(st.lists(st.sampled_from([op.code.encode("latin1") for op in pickletools.opcodes]) | st.binary(max_size=5)))
@settings(max_examples=500, deadline=None)
def test_any_sequence_of_opcodes_ends_in_a_value_or_in_our_error(pieces: list[bytes]) -> None:
    content = b"".join(pieces) + b"."
    try:
        said = f"a file ends at {read_pickle(content, 'a file').end}"
    except PretrainedError as error:
        said = str(error)
    assert said.startswith("a file")


def test_every_opcode_is_known_or_refused() -> None:
    refused = {"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER", "STOP"}
    for opcode in pickletools.opcodes:
        with pytest.raises(PretrainedError) as error:
            read_pickle(opcode.code.encode("latin1"), "a file")
        assert ("there is no opcode" in str(error.value)) == (opcode.name in refused - {"STOP"}), opcode.name


def test_an_object_is_described_and_not_made() -> None:
    read = read_pickle(b"cos\nsystem\n(S'echo'\ntR.", "a file").value
    assert isinstance(read, Call)
    assert describe(read) == "os.system"
    assert read.args == ("echo",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"\x80\x02",
        b"0.",
        b"1.",
        b"(.",
        b"t.",
        b"\x87.",
        b"]NNu.",
        b"Na.",
        b"h\x05.",
        b"g999999999999\n.",
        b"pX\n.",
        b"X\xff\xff\xff\xff.",
        b"T\xff\xff\xff\xff.",
        b"\x8e" + b"\xff" * 8 + b".",
        b"\x95" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\x7f.",
        b"\x8b\xff\xff\xff\xff.",
        b"\x8b\x00\x01\x00\x00" + b"\0" * 256 + b".",
        b"L" + b"9" * 300 + b"L\n.",
        b"I1x\n.",
        b"Fx\n.",
        b"cnewlines never come",
        b"c" + b"m" * 70_000 + b"\nx\n.",
        b"X\x01\0\0\0\xff.",
        b"NN\x93.",
        b"NNR.",
        b"(o.",
        b"\x97.",
    ],
)
def test_what_is_no_pickle_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(
        CorruptFileError, match=r"a file is damaged: its pickled part cannot be read at byte \d+ \(.+\)"
    ):
        read_pickle(content, "a file")


def test_a_shared_part_is_shared_and_not_copied() -> None:
    # Each step makes a tuple of the last one twice: 2**60 items for whoever walks it, 60 objects for us.
    doubling = b")" + b"q\x00h\x00\x86" * 60 + b"."
    value = read_pickle(doubling, "a file").value
    assert isinstance(value, tuple)
    assert value[0] is value[1]


def test_a_cycle_is_read() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    value = read_pickle(pickle.dumps(cycle), "a file").value
    assert isinstance(value, list)
    assert value[0] is value


def test_keys_are_never_hashed() -> None:
    # Integers of one hash, and a tuple of tuples of tuples …: either would cost a dict quadratic or endless time.
    tower = b")" + b"q\x00h\x00\x86" * 60
    keys = [k * (2**61 - 1) for k in range(20_000)]
    start = time.perf_counter()
    value = read_pickle(b"}" + tower + b"Ns.", "a file").value
    assert isinstance(value, Dict)
    assert len(value.pairs) == 1
    pairs = read_pickle(b"}(" + b"".join(pickle.dumps(k, 2)[2:-1] + b"N" for k in keys) + b"u.", "a file").value
    assert isinstance(pairs, Dict)
    assert len(pairs.pairs) == len(keys)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("step", [b"\x85", b"q\x010cm\nx\nh\x01\x85R", b"]q\x01h\x01a"])
def test_depth_costs_no_recursion(step: bytes) -> None:
    read_pickle(b")" + step * 100_000 + b".", "a file")


def test_the_number_of_steps_is_limited() -> None:
    with pytest.raises(UnsafeFileError, match="more than 1,000 steps"):
        read_pickle(b"N" * 1000 + b".", "a file", max_opcodes=1000)
    assert read_pickle(b"N" * 999 + b".", "a file", max_opcodes=1000).value is None


def test_state_and_items_go_to_the_description() -> None:
    content = b"cm\nOdd\n)\x81(X\x01\0\0\0aK\x01u}X\x04\0\0\0noteNsb."
    read = read_pickle(content, "a file").value
    assert isinstance(read, Call)
    assert describe(read) == "m.Odd"
    assert read.pairs == [("a", 1)]
    assert undone(read.state) == {"note": None}
