"""What tokenizers over a SentencePiece model share: files, saving, new tokens, the way back to text."""

import copy
import json
import pickle
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, TokenizationError, UnsupportedFormatError
from pretrained.models.albert.tokenization_albert import AlbertTokenizer
from pretrained.models.camembert.tokenization_camembert import CamembertTokenizer
from pretrained.models.xlm_roberta.tokenization_xlm_roberta import XLMRobertaTokenizer
from pretrained.models.xlnet.tokenization_xlnet import XLNetTokenizer
from pretrained.tokenization.engine import CompiledEngine
from tests.tokenization.sentencepiece_material import long_text, package, train

Kind = Any
"""A tokenizer class: they differ in their arguments."""
ALBERT = {"unk_id": 1, "bos_id": 2, "eos_id": 3, "pad_id": 0, "bos_piece": "[CLS]", "eos_piece": "[SEP]"}
MADE: list[tuple[Kind, dict[str, Any]]] = [
    (AlbertTokenizer, {**ALBERT, "control_symbols": "[MASK]"}),
    (XLNetTokenizer, {"control_symbols": "<cls>,<sep>,<pad>,<mask>,<eod>,<eop>"}),
    (XLMRobertaTokenizer, {}),
    (CamembertTokenizer, {}),
]
KINDS = [pytest.param(kind, options, id=kind.__name__) for kind, options in MADE]
TEXTS = ["The house, naïve café 2018, 世界", "", "running  <unk> aaaa\n", long_text(40)]


def folder_of(kind: Kind, options: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / kind.vocab_files_names["vocab_file"]).write_bytes(train(**options))
    return folder


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_saving_and_loading(kind: Kind, options: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = kind.from_pretrained(folder_of(kind, options, tmp_path / "a"))
    tokenizer.add_tokens(["<new>", "Ωmega"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<extra>"]})
    texts = [*TEXTS, "a <new> ΩMEGA ωmega<extra>b"]
    expected = tokenizer(texts, return_offsets_mapping=True)
    name = kind.vocab_files_names["vocab_file"]

    written = tokenizer.save_pretrained(tmp_path / "both")
    assert {Path(path).name for path in written} == {
        *(name, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
    }
    assert (tmp_path / "both" / name).read_bytes() == train(**options)
    tokenizer.save_pretrained(tmp_path / "old", legacy_format=True)
    assert not (tmp_path / "old" / "tokenizer.json").exists()
    tokenizer.save_pretrained(tmp_path / "new", legacy_format=False)
    assert not (tmp_path / "new" / name).exists()
    for place in ("both", "old", "new"):
        again = kind.from_pretrained(tmp_path / place)
        assert again(texts, return_offsets_mapping=True) == expected, place
        assert again.get_vocab() == tokenizer.get_vocab()
        assert again.special_tokens_map == tokenizer.special_tokens_map
        assert again.added_tokens_decoder == tokenizer.added_tokens_decoder
        assert again.pipeline_json() == tokenizer.pipeline_json()

    only_json = kind.from_pretrained(tmp_path / "new")
    assert only_json.vocab_file is None
    (path,) = only_json.save_vocabulary(tmp_path, filename_prefix="my")
    assert Path(path).name == f"my-{name}"
    assert kind(path)(TEXTS) == kind(tmp_path / "both" / name)(TEXTS)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_tokenizer_is_an_object_among_others(kind: Kind, options: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = kind.from_pretrained(folder_of(kind, options, tmp_path))
    tokenizer.add_tokens(["<new>"])
    text = long_text(30) + " <new>"
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode(text) == tokenizer.encode(text)
        assert other.add_tokens(["more"]) == 1
    assert len(tokenizer) == tokenizer.vocab_size + 1
    assert tokenizer.encode_ragged([text, "a"]) == tokenizer([text, "a"])["input_ids"]
    assert tokenizer.sp_model.encode_as_pieces("the house") == package(train(**options)).encode(
        "the house", return_type=str
    )


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_back_to_text(kind: Kind, options: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = kind.from_pretrained(folder_of(kind, options, tmp_path))
    text = "the house, and café"
    expected = "the house, and cafe" if kind in (AlbertTokenizer, XLNetTokenizer) else text
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True) == expected
    tokenizer.add_tokens("<new>")
    assert tokenizer.decode(tokenizer.encode("the <new>house"), skip_special_tokens=True) == "the <new> house"


def test_bytes_of_unknown_characters_become_text_again() -> None:
    data = train(byte_fallback=True, vocab_size=600)
    tokenizer = _loaded(data)
    assert tokenizer.tokenize("the 字") == ["▁the", "▁", "<0xE5>", "<0xAD>", "<0x97>"]
    assert tokenizer.decode(tokenizer.encode("the 字 of"), skip_special_tokens=True) == "the 字 of"


def _loaded(data: bytes) -> XLMRobertaTokenizer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentencepiece.bpe.model"
        path.write_bytes(data)
        return XLMRobertaTokenizer(path)


# -- which file is read


def test_any_model_file_name(tmp_path: Path) -> None:
    expected = _loaded(train())(TEXTS)
    for name in ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "my.model"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(train())
        assert XLMRobertaTokenizer.from_pretrained(folder)(TEXTS) == expected, name
        assert XLMRobertaTokenizer.from_pretrained(folder / name)(TEXTS) == expected, name


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "xlnet"}')
    with pytest.raises(ModelFileNotFoundError, match=r"spiece\.model"):
        XLNetTokenizer.from_pretrained(tmp_path)
    with pytest.raises(TokenizationError, match="XLNetTokenizer needs a SentencePiece model"):
        XLNetTokenizer()
    with pytest.raises(ModelFileNotFoundError, match=r"nowhere\.model"):
        XLNetTokenizer(tmp_path / "nowhere.model")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    model = tmp_path / "spiece.model"
    model.write_bytes(train()[:5000])
    with pytest.raises(CorruptFileError, match=r"spiece\.model"):
        AlbertTokenizer(model)
    pipeline = tmp_path / "tokenizer.json"
    pipeline.write_text('{"model": {"type": "Unigram", "vocab": [["a"]]}, "pre_tokenizer": 5}')
    with pytest.raises(CorruptFileError, match=r"tokenizer\.json"):
        AlbertTokenizer(tokenizer_file=pipeline)
    words = tmp_path / "words.model"
    words.write_bytes(train(model_type="word"))
    with pytest.raises(UnsupportedFormatError, match=r"words\.model.*WORD"):
        AlbertTokenizer(words)


def test_a_model_of_merges_has_no_tokenizer_json(tmp_path: Path) -> None:
    path = tmp_path / "sentencepiece.bpe.model"
    path.write_bytes(train(model_type="bpe"))
    tokenizer = XLMRobertaTokenizer(path)
    written = tokenizer.save_pretrained(tmp_path / "saved")
    assert "tokenizer.json" not in {Path(name).name for name in written}
    assert XLMRobertaTokenizer.from_pretrained(tmp_path / "saved")(TEXTS) == tokenizer(TEXTS)
    with pytest.raises(TokenizationError, match=r"no tokenizer\.json"):
        tokenizer.save_pretrained(tmp_path, legacy_format=False)


def test_a_pipeline_of_another_kind_is_run_as_it_is(tmp_path: Path) -> None:
    tokenizer = _loaded(train())
    tokenizer.save_pretrained(tmp_path, legacy_format=False)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    other = XLMRobertaTokenizer.from_pretrained(tmp_path)
    assert isinstance(other._engine, CompiledEngine)
    assert other.encode("THE") == tokenizer.encode("the") != tokenizer.encode("THE")
    with pytest.raises(TokenizationError, match="not SentencePiece's"):
        _ = other.sp_model
    other.save_pretrained(tmp_path / "again")
    assert XLMRobertaTokenizer.from_pretrained(tmp_path / "again").encode("THE") == other.encode("THE")
    with pytest.raises(TokenizationError, match="legacy_format"):
        other.save_pretrained(tmp_path / "old", legacy_format=True)


def test_options_of_the_call_count_more_than_those_of_the_files(tmp_path: Path) -> None:
    data = train(**ALBERT, control_symbols="[MASK]")
    path = tmp_path / "spiece.model"
    path.write_bytes(data)
    cased = AlbertTokenizer(path, do_lower_case=False, keep_accents=True)
    cased.save_pretrained(tmp_path, legacy_format=False)
    (tmp_path / "tokenizer_config.json").unlink()
    for files in (tmp_path, tmp_path / "only_json"):
        if files != tmp_path:
            files.mkdir()
            (files / "tokenizer.json").write_bytes((tmp_path / "tokenizer.json").read_bytes())
        read = AlbertTokenizer.from_pretrained(files)
        assert read.tokenize("É") == cased.tokenize("É")
        assert AlbertTokenizer.from_pretrained(files, do_lower_case=True).tokenize("The") == ["▁the"]
        assert AlbertTokenizer.from_pretrained(files, keep_accents=False).tokenize("é") == cased.tokenize("e")
    assert AlbertTokenizer(path).tokenize("The") == ["▁the"]


def test_ordinary_pieces_that_were_listed_as_special_stay_ordinary(tmp_path: Path) -> None:
    """5.x lists user-defined pieces among the added tokens and among the special ones."""
    options = {"control_symbols": "<cls>,<sep>,<pad>,<mask>,<eod>,<eop>", "symbols": (",",)}
    path = tmp_path / "spiece.model"
    path.write_bytes(train(**options))
    tokenizer = XLNetTokenizer(path)
    tokenizer._engine.add([AddedToken(",", normalized=False, special=False)])
    tokenizer.save_pretrained(tmp_path, legacy_format=False)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["additional_special_tokens"]
    config["extra_special_tokens"] = ["<eop>", ","]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "special_tokens_map.json").unlink()
    again = XLNetTokenizer.from_pretrained(tmp_path)
    assert again.additional_special_tokens == ["<eop>"]
    assert again.tokenize("the,and") == ["▁the", ",", "▁and"]  # as that library cuts it
    assert again.decode(again.encode("the,and"), skip_special_tokens=True) == "the, and"


# -- the rest


def test_sampling_cannot_be_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "spiece.model"
    path.write_bytes(train())
    assert XLMRobertaTokenizer(path, sp_model_kwargs={"enable_sampling": False, "alpha": 0.1}).encode("the")
    with pytest.raises(TokenizationError, match="not sampled"):
        XLMRobertaTokenizer(path, sp_model_kwargs={"enable_sampling": True, "nbest_size": -1, "alpha": 0.1})


def test_explanations() -> None:
    tokenizer = _loaded(train())
    found = {(item.token, item.span): item.reason for item in tokenizer.explain("the \x01 字of<unk>")}
    assert found["▁the", (0, 3)] is None
    assert "no piece for '字' (U+5B57" in str(found["字", (6, 7)])
    assert "control character" in str(found["", (4, 5)])
    assert found["<unk>", (9, 14)] is None
    assert "".join(token for token, _ in found) == "▁the▁字of<unk>"
    many = tokenizer.explain("字字")
    assert many[1].reason == "the model has no pieces for these characters"
