"""Byte-pair encoding: its two files in any state, vocabularies that lack symbols, and the algorithm one can read."""

import json
import pickle
import random
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, pre_tokenizers

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, TokenizationError
from pretrained.tokenization.bpe import BpeEngine, build_model, read_merges, read_source, read_vocab, write_merges
from pretrained.tokenization.pairs import PairMerger
from tests.tokenization.bpe_material import BYTE_MERGES, BYTE_VOCAB, write_files

PAIRS = [("a", "b"), ("ab", "c")]


@pytest.mark.parametrize(
    "content",
    [
        b"#version: 0.2\na b\nab c\n",
        b"#version: 0.2\na b\nab c",
        b"a b\nab c\n",
        b"\xef\xbb\xbf#version: 0.2\r\na b\r\nab c\r\n",
    ],
)
def test_merges_are_read_whatever_stands_around_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "merges.txt").write_bytes(content)
    assert read_merges(tmp_path / "merges.txt") == PAIRS


def test_a_line_that_is_no_pair_joins_nothing(tmp_path: Path) -> None:
    lines = ["#version: 0.1", *(f"a{n} b" for n in range(40)), "x\xa0y z", "k \xa0", "c\u2028d e"]
    (tmp_path / "merges.txt").write_bytes("\n".join(lines).encode() + b"\n")
    assert read_merges(tmp_path / "merges.txt") == [(f"a{n}", "b") for n in range(40)]


def test_merges_are_written_as_they_are_read(tmp_path: Path) -> None:
    write_merges(tmp_path / "merges.txt", PAIRS)
    assert (tmp_path / "merges.txt").read_bytes() == b"#version: 0.2\na b\nab c\n"
    write_merges(tmp_path / "empty.txt", [])
    assert read_merges(tmp_path / "empty.txt") == []


def test_files_that_are_something_else_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "merges.txt"
    wrong.write_text("a b 12\nab c 7\n")
    with pytest.raises(CorruptFileError, match="merge 0 is 'a b 12'"):
        read_merges(wrong)
    wrong.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorruptFileError, match="UTF-8"):
        read_merges(wrong)
    vocab = tmp_path / "vocab.json"
    for content, message in (("{", "not JSON"), ("[1]", "not a vocabulary"), ('{"a": "b"}', "not a vocabulary")):
        vocab.write_text(content)
        with pytest.raises(CorruptFileError, match=message):
            read_vocab(vocab)
    with pytest.raises(ModelFileNotFoundError, match=r"there is no file .*nothing\.json"):
        read_vocab(tmp_path / "nothing.json")


def test_what_is_missing_is_said() -> None:
    with pytest.raises(TokenizationError, match=r"GPT2Tokenizer needs .*; got vocab_file$"):
        read_source("vocab.json", None, None, None, None, called="GPT2Tokenizer")
    with pytest.raises(TokenizationError, match="got none of them"):
        read_source(None, None, None, None, None, called="GPT2Tokenizer")


def test_a_tokenizer_json_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"type": "WordPiece", "vocab": {"a": 0}}}))
    with pytest.raises(CorruptFileError, match="its model is WordPiece"):
        read_source(None, None, path, None, None, called="GPT2Tokenizer")


def test_both_kinds_of_files_that_differ_give_a_warning(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {"a": 0, "b": 1, "ab": 2}, PAIRS[:1])
    other = {"type": "BPE", "vocab": {"b": 0, "a": 1, "ba": 2}, "merges": ["b a"]}
    (folder / "tokenizer.json").write_text(json.dumps({"model": other}))
    paths = (folder / "vocab.json", folder / "merges.txt", folder / "tokenizer.json")
    with pytest.warns(UserWarning, match=r"different tokens; vocab\.json and merges\.txt are used"):
        source = read_source(*paths, None, None, called="GPT2Tokenizer")
    assert source[:2] == ({"a": 0, "b": 1, "ab": 2}, [("a", "b")])
    assert read_source(None, None, paths[2], None, None, called="x")[:2] == ({"b": 0, "a": 1, "ba": 2}, [("b", "a")])


def test_merges_of_another_vocabulary_give_a_warning() -> None:
    merges = [(f"x{n}", "y") for n in range(200)]
    with pytest.warns(UserWarning, match="symbols that the vocabulary lacks, such as 'x0'"):
        build_model({"a": 0}, merges, unknown="a")


@pytest.mark.parametrize("vocab", [{"a": 0, "b": -1}, {"a": 0, "b": 10**9}, {"a": 0, "b": 10**40}])
def test_impossible_numbers_are_refused(vocab: dict[str, int]) -> None:
    with pytest.raises(CorruptFileError, match="do not fit together"):
        build_model(vocab, [], unknown=None)


def lacking_engine() -> BpeEngine:
    """ab and its parts are not in the vocabulary, abc is."""
    vocab = {"c": 0, "abc": 1, "<unk>": 2, "d": 3}
    model, hidden = build_model(vocab, PAIRS, unknown="<unk>")
    pipeline = Tokenizer(model)
    pipeline.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return BpeEngine(pipeline, vocab, hidden=hidden, unknown="<unk>")


def test_merges_pass_through_symbols_that_the_vocabulary_lacks() -> None:
    engine = lacking_engine()
    engine.add([AddedToken("<unk>", special=True, normalized=False), AddedToken("<new>", normalized=False)])
    (pieces,) = engine.encode(["abc ab d<new>zc"])
    assert pieces.ids == [1, 2, 3, 4, 2, 0]
    assert pieces.tokens == ["abc", "<unk>", "d", "<new>", "<unk>", "c"]
    assert pieces.offsets == [(0, 3), (4, 6), (7, 8), (8, 13), (13, 14), (14, 15)]
    assert engine.encode_ids(["abc ab d<new>zc"]) == [pieces.ids]
    assert (engine.vocab_size, engine.added_vocab, sorted(engine.added)) == (4, {"<new>": 4}, [2, 4])
    assert [engine.token_to_id(token) for token in ("abc", "ab", "<new>", "a")] == [1, None, 4, None]
    assert [engine.id_to_token(index) for index in (1, 4, 5, -1)] == ["abc", "<new>", None, None]
    assert not engine.exact_json
    again = pickle.loads(pickle.dumps(engine))
    assert again.encode_ids(["abc ab d<new>zc"]) == [pieces.ids]


def test_the_compiled_engine_does_what_one_can_read() -> None:
    model, hidden = build_model(BYTE_VOCAB, BYTE_MERGES, unknown=None)
    assert not hidden
    merger = PairMerger({pair: rank for rank, pair in enumerate(BYTE_MERGES)})
    rng = random.Random(0)
    for _ in range(500):
        word = "".join(rng.choices("lowerĠth's", k=rng.randint(1, 12)))
        assert [piece.value for piece in model.tokenize(word)] == merger.merge(word)
