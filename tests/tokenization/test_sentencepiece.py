"""A SentencePiece model is read field by field: whole models as they are, damaged ones with an error and no harm."""

import dataclasses
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, UnsupportedFormatError
from pretrained.tokenization.processor import SentencePiece
from pretrained.tokenization.sentencepiece import (
    Algorithm,
    PieceType,
    SentencePieceModel,
    dump_model,
    parse_model,
    read_file,
)
from tests.tokenization.sentencepiece_material import package, read, train


def small(**changes: Any) -> SentencePieceModel:
    """Ten pieces and no table of replacements."""
    model = SentencePieceModel(
        pieces=["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", ",", "é"],
        scores=[0.0, 0.0, 0.0, -1.0, -2.0, -2.5, -3.0, -2.0, -4.0, -5.0],
        types=[2, 3, 3, 1, 1, 1, 1, 1, 1, 1],
    )
    return dataclasses.replace(model, **changes)


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, at most 127 of them."""
    return bytes([number << 3 | 2, len(content)]) + content


def piece(text: str, score: float = -1.0, kind: int = 1) -> bytes:
    return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes([0x18, kind]))


@pytest.mark.parametrize("options", [{}, {"model_type": "bpe"}, {"byte_fallback": True, "vocab_size": 600}])
def test_a_trained_model_says_what_the_package_says(options: dict[str, Any]) -> None:
    data = train(**options)
    model, expected = read(data), package(data)
    size = expected.get_piece_size()
    assert [expected.id_to_piece(index) for index in range(size)] == model.pieces
    assert [expected.get_score(index) for index in range(size)] == model.scores
    assert [index for index in range(size) if expected.is_control(index)] == [1, 2]
    assert [index for index, kind in enumerate(model.types) if kind == PieceType.CONTROL] == [1, 2]
    assert [index for index in range(size) if expected.is_byte(index)] == [
        index for index, kind in enumerate(model.types) if kind == PieceType.BYTE
    ]
    assert model.unknown_id == expected.unk_id() == 0
    assert model.algorithm == (Algorithm.BPE if "model_type" in options else Algorithm.UNIGRAM)
    assert model.byte_fallback == ("byte_fallback" in options)
    assert model.add_dummy_prefix
    assert model.remove_extra_whitespaces
    assert len(model.charsmap) > 100_000
    assert "charsmap" not in repr(model)


def test_ids_and_names_of_special_pieces_may_be_others() -> None:
    data = train(unk_id=2, bos_id=-1, eos_id=1, pad_id=0, pad_piece="[PAD]", eos_piece="[END]")
    own, expected = SentencePiece(read(data)), package(data)
    assert own.model.pieces[:3] == ["[PAD]", "[END]", "<unk>"]
    for name in ("unk_id", "bos_id", "eos_id", "pad_id"):
        assert getattr(own, name)() == getattr(expected, name)()


def test_the_options_of_the_normalizer_are_read() -> None:
    model = read(train(add_dummy_prefix=False, remove_extra_whitespaces=False))
    assert not model.add_dummy_prefix
    assert not model.remove_extra_whitespaces
    assert read(train(normalization_rule_name="identity")).charsmap == b""


@pytest.mark.parametrize("options", [{}, {"model_type": "bpe"}, {"symbols": ("the", "ab")}])
def test_a_model_that_is_written_reads_back_the_same_here_and_in_the_package(options: dict[str, Any]) -> None:
    data = train(**options)
    written = dump_model(read(data))
    assert read(written) == read(data)
    text = "the café, 1984, aaaa 世界"
    assert package(written).encode(text) == package(data).encode(text)


def test_fields_in_any_order_and_unknown_ones() -> None:
    backwards = field(1, bytes([0x18, 1]) + b"\x15" + struct.pack("<f", -1.0) + field(1, b"a"))
    no_score = field(1, field(1, b"b"))
    long_size = b"\x0a\x85\x00" + field(1, b"c")  # five bytes, in a size of two
    unknown = b"\xc0\x3e\x01" + b"\xc5\x3e1234" + b"\xc1\x3e12345678" + b"\xca\x3e\x02xx"
    data = unknown + backwards + piece("<unk>", 0, 2) + unknown + no_score + b"\x0a\x03" + field(1, b"c")
    model = parse_model(data, source="x")
    assert list(zip(model.pieces, model.scores, model.types, strict=True)) == [
        ("a", -1.0, 1),
        ("<unk>", 0.0, 2),
        ("b", 0.0, 1),
        ("c", 0.0, 1),
    ]
    assert parse_model(piece("<unk>", 0, 2) + long_size[:3] + field(1, b"xyz"), source="x").pieces == ["<unk>", "xyz"]
    # parts of a message that stands twice are joined
    twice = parse_model(data + field(3, b"\x18\x00") + field(3, b"\x20\x00"), source="x")
    assert (twice.add_dummy_prefix, twice.remove_extra_whitespaces) == (False, False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no pieces"),
        (b"\n", "cut off"),
        (b"<!DOCTYPE html><html>", "SentencePiece model that can be read"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a field of the kind"),
        (b"\x0a\x05abc", "a field of 5 bytes where 3 are left"),
        (b"\xff" * 20, "more than ten bytes"),
        (b"\x02\x00", "a field of 0 bytes"),
        (piece("a"), "0 of its pieces stand for unknown text"),
        (piece("<unk>", 0, 2) + piece("b", 0, 2), "2 of its pieces stand for unknown text"),
        (piece("<unk>", 0, 2) + piece("a") + piece("a"), "the pieces 1 and 2 are both 'a'"),
        (piece("<unk>", 0, 2) + piece(""), "piece 1 is empty"),
        (piece("<unk>", 0, 2) + piece("a", float("nan")), "a score is not a number"),
        (piece("<unk>", 0, 2) + piece("a", 0, 9), "the type 9"),
        (piece("<unk>", 0, 2) + piece("<0x41>", 0, 6), "pieces for bytes"),
        (piece("<unk>", 0, 2) + field(2, b"\x98\x02\x01"), "pieces for 0 of 256"),
        (piece("<unk>", 0, 2) + field(1, b"\x08\x01"), "a number where text"),
        (piece("<unk>", 0, 2) + field(1, field(1, b"\xff\xfe")), "can't decode"),
        (piece("<unk>", 0, 2) + field(1, field(1, b"a") + field(3, b"x")), "bytes where a number should stand"),
        (piece("<unk>", 0, 2) + field(3, field(2, b"\x04\0\0\0")), "says that its trie has 4"),
    ],
)
def test_damage_is_named(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFileError, match="download it again") as raised:
        parse_model(data, source="folder/spiece.model")
    assert message in str(raised.value)
    assert "folder/spiece.model" in str(raised.value)


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        (b"\x18\x03", "algorithm WORD"),
        (b"\x18\x04", "algorithm CHAR"),
        (b"\x18\x63", "number 99"),
        (b"\xc0\x01\x01", "suffix"),
    ],
)
def test_what_is_not_written_here_is_said(trainer: bytes, message: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=message):
        parse_model(piece("<unk>", 0, 2) + field(2, trainer), source="x")


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileNotFoundError, match=r"nowhere\.model"):
        read_file(tmp_path / "nowhere.model")


def test_every_cut_of_a_file_is_an_error_or_a_smaller_model() -> None:
    data = dump_model(small())
    for end in range(len(data)):
        try:
            model = parse_model(data[:end], source="x")
        except CorruptFileError:
            continue
        assert model.pieces == small().pieces[: len(model.pieces)]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from("setdelins"), st.binary(max_size=6)), min_size=1, max_size=4)
)
def test_a_damaged_file_gives_an_error_or_a_model_that_works(changes: list[tuple[float, str, bytes]]) -> None:
    data = bytearray(dump_model(small()))
    for share, kind, new in changes:
        at = int(share * len(data))
        if kind in "set":
            data[at : at + len(new)] = new
        elif kind in "del":
            del data[at : at + 1 + len(new)]
        else:
            data[at:at] = new
    try:
        model = parse_model(bytes(data), source="x")
    except (CorruptFileError, UnsupportedFormatError):
        return
    own = SentencePiece(model)
    ids = own.encode_as_ids("ab a, bé the")
    assert all(0 <= index < len(own) for index in ids)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_at_all(data: bytes) -> None:
    with pytest.raises((CorruptFileError, UnsupportedFormatError)):
        parse_model(data, source="x")


def test_a_size_in_the_file_reserves_no_memory() -> None:
    huge = b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + b"x" * 100
    begun = time.perf_counter()
    with pytest.raises(CorruptFileError):
        parse_model(huge, source="x")
    assert time.perf_counter() - begun < 1
