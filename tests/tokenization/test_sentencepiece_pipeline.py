"""A tokenizer.json holds a SentencePiece model, and gives it back."""

import copy
import json
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer

from pretrained.errors import CorruptFileError, TokenizationError
from pretrained.tokenization.cleaning import Cleaner
from pretrained.tokenization.sentencepiece import PieceType, SentencePieceModel
from pretrained.tokenization.sentencepiece_pipeline import Numbering, damaged, model_of, pipeline_of, read_parts
from tests.tokenization.sentencepiece_material import package, processor, read, train

SHIFTED = Numbering(first=("<s>", "<pad>", "</s>", "<unk>"), absorbed=("<unk>", "<s>", "</s>"), last=("<mask>",))
RENAMED = Numbering(first=("<s>X", "<pad>", "</s>X", "<unk>"), last=("<mask>",))
SPECIAL = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")


def written(model: SentencePieceModel, numbering: Numbering, cleaner: Cleaner | None = None) -> dict[str, Any]:
    tokens, _ = numbering.apply(model)
    special = {
        index: AddedToken(token, special=True, normalized=False)
        for index, token in enumerate(tokens)
        if token in SPECIAL
    }
    content = pipeline_of(model, numbering, cleaner=cleaner, added=special, post_processor={})
    assert content is not None
    content["post_processor"] = None
    return json.loads(json.dumps(content))  # type: ignore[no-any-return]


def reread(content: dict[str, Any], numbering: Numbering, *, cleans: bool = False) -> SentencePieceModel | None:
    content = copy.deepcopy(content)
    content["added_tokens"] = {
        token["id"]: AddedToken(token["content"], special=token["special"]) for token in content["added_tokens"]
    }
    said = read_parts(content, cleans=cleans)
    return None if said is None else model_of(content, said, numbering)


@pytest.mark.parametrize("numbering", [Numbering(), SHIFTED, RENAMED], ids=["plain", "shifted", "renamed"])
@pytest.mark.parametrize(
    "options", [{}, {"symbols": ("the",)}, {"byte_fallback": True, "vocab_size": 600}, {"pad_id": 3}], ids=str
)
def test_there_and_back(numbering: Numbering, options: dict[str, Any]) -> None:
    model = read(train(**options))
    content = written(model, numbering)
    again = reread(content, numbering)
    assert again == model
    pipeline = Tokenizer.from_str(json.dumps(content))  # the tokenizers package reads it, too
    text = "the café running 1984 世界"
    _, ids = numbering.apply(model)
    if not options:
        assert pipeline.encode(text).ids == [ids[index] for index in package(train()).encode(text)]


def test_ids() -> None:
    model = read(train())
    tokens, ids = SHIFTED.apply(model)
    assert tokens[:5] == ["<s>", "<pad>", "</s>", "<unk>", model.pieces[3]]
    assert tokens[-1] == "<mask>"
    assert len(tokens) == len(model.pieces) + 2
    assert ids[:4] == [3, 0, 2, 4]
    tokens, ids = RENAMED.apply(model)
    assert tokens[:7] == ["<s>X", "<pad>", "</s>X", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]
    assert len(tokens) == len(model.pieces) + 5
    assert ids[:4] == [3, 5, 6, 7]
    assert Numbering().apply(model) == (list(model.pieces), list(range(len(model.pieces))))


def test_the_model_of_another_family_is_named() -> None:
    model = read(train(unk_id=1, bos_id=-1, eos_id=0))
    with pytest.raises(TokenizationError, match="begins with <unk>, <s>, </s>; this one begins with </s>, <unk>"):
        SHIFTED.apply(model)
    assert reread(written(read(train()), Numbering()), SHIFTED) is None
    assert reread(written(read(train()), SHIFTED), RENAMED) is None


def test_cleaning_is_written_and_read() -> None:
    model = read(train())
    for cleaner in (Cleaner(do_lower_case=True), Cleaner(keep_accents=True), Cleaner()):
        content = written(model, Numbering(), cleaner)
        said = read_parts(content, cleans=True)
        assert said is not None
        assert (said.do_lower_case, said.keep_accents) == (cleaner.do_lower_case, cleaner.keep_accents)
        assert reread(content, Numbering(), cleans=True) == model
        assert read_parts(content, cleans=False) is None


def test_other_algorithms_have_no_such_file() -> None:
    model = read(train(model_type="bpe"))
    assert pipeline_of(model, Numbering(), cleaner=None, added={}, post_processor={}) is None


# what converters of several years wrote, and what is not SentencePiece's way
_OLD_METASPACE = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
_METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
_COLLAPSE = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}


@pytest.mark.parametrize(
    ("changes", "understood"),
    [
        ({"pre_tokenizer": _OLD_METASPACE}, True),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, _OLD_METASPACE]}}, True),
        ({"normalizer": {"type": "Sequence", "normalizers": [_COLLAPSE, {"type": "Strip"}]}}, True),
        ({"normalizer": None}, True),
        ({"pre_tokenizer": {**_METASPACE, "prepend_scheme": "first"}}, False),
        ({"pre_tokenizer": {**_METASPACE, "replacement": "_"}}, False),
        ({"pre_tokenizer": {"type": "ByteLevel"}}, False),
        ({"pre_tokenizer": None}, False),
        ({"normalizer": {"type": "NFC"}}, False),
        ({"normalizer": {**_COLLAPSE, "content": "x"}}, False),
        ({"model": {"type": "BPE"}}, False),
    ],
)
def test_which_pipelines_are_understood(changes: dict[str, Any], understood: bool) -> None:
    content = {**written(read(train()), Numbering()), **changes}
    assert (read_parts(content, cleans=True) is not None) == understood


def test_blanks_are_joined_where_the_pipeline_says_so() -> None:
    content = written(read(train()), Numbering())
    for changes, joined in (
        ({}, True),
        ({"pre_tokenizer": _METASPACE, "normalizer": None}, False),
        ({"pre_tokenizer": _METASPACE, "normalizer": _COLLAPSE}, True),
    ):
        model = reread({**content, **changes}, Numbering())
        assert model is not None
        assert model.remove_extra_whitespaces == joined


def test_types_are_told_by_special_tokens_and_scores() -> None:
    content = written(read(train()), Numbering())
    content["model"]["vocab"] += [["zero", 0.0], ["one", -1.0]]
    model = reread(content, Numbering())
    assert model is not None
    assert model.types[-2:] == [PieceType.USER_DEFINED, PieceType.NORMAL]
    assert model.types[:3] == [PieceType.UNKNOWN, PieceType.CONTROL, PieceType.CONTROL]


@pytest.mark.parametrize(
    "change",
    [
        {"vocab": []},
        {"vocab": [["<unk>"]]},
        {"vocab": [["<unk>", 0.0], ["a", "x"]]},
        {"vocab": [["<unk>", 0.0], ["\ud800", -1.0]]},
        {"vocab": [["<unk>", 0.0], ["a", 1e300]]},
        {"vocab": [["<unk>", 0.0], ["a", -1.0], ["a", -2.0]]},
        {"vocab": {"a": 1}},
        {"unk_id": 99999},
        {"unk_id": None},
    ],
)
def test_damaged_parts_are_an_error_of_the_file(change: dict[str, Any]) -> None:
    content = written(read(train()), Numbering())
    content["model"].update(change)
    with (
        pytest.raises(CorruptFileError, match=r"folder/tokenizer\.json does not hold"),
        damaged("folder/tokenizer.json"),
    ):
        reread(content, Numbering())


def test_a_damaged_table_is_an_error_of_the_file() -> None:
    for table in ("AAAA", "not base64!", 5):
        content = written(read(train()), Numbering())
        content["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": table}
        with pytest.raises(CorruptFileError), damaged("x"):
            reread(content, Numbering())


def test_scores_have_32_bits_again() -> None:
    again = reread(written(read(train()), Numbering()), Numbering())
    assert again is not None
    assert again.scores == processor(train()).model.scores
