"""Is JSON read that people have edited, and only that?"""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrained.hub.jsonfile import parse_json, what_is_wrong

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(alphabet='abc,]}"\\ \n中'),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='k,]}"', max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=VALUES, indent=st.sampled_from([None, 2]))
def test_commas_before_brackets_change_nothing(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    out, in_string, previous = [], False, ""
    for at, character in enumerate(text):
        if character == '"' and not _escaped(text, at):
            in_string = not in_string
        if character in "]}" and not in_string and previous not in "[{":
            out.append(" ,\n")
        out.append(character)
        if not character.isspace() or in_string:
            previous = character
    assert parse_json("".join(out).encode()) == value
    assert parse_json(text.encode()) == value


def _escaped(text: str, at: int) -> bool:
    backslashes = len(text[:at]) - len(text[:at].rstrip("\\"))
    return backslashes % 2 == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding: str) -> None:
    assert parse_json('{"name": "模型",}'.encode(encoding)) == {"name": "模型"}


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a": 1,,}', b"{'a': 1}", b"\xff\xff", b"[" * 100_000, b"1" * 10_000, b"hello"]
)
def test_what_is_not_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_json(data)
    assert what_is_wrong(raised.value)


def test_place_and_line_are_named() -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_json(b'{\n  "hidden_size" = 8\n}')
    assert what_is_wrong(raised.value) == "Expecting ':' delimiter in line 2, column 17: \"hidden_size\" = 8"


@pytest.mark.parametrize("piece", [b'\\"', b'"', b", ", b",\n", b'"\\', b'{"a":'])
def test_time_grows_with_the_size_only(piece: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"."):
        parse_json(b'{"' + piece * 200_000)
    assert time.perf_counter() - start < 2.0
