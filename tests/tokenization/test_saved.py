"""Tokenizers are read from folders of every year, and folders are written that everybody reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import AddedToken

from pretrained.errors import CorruptFileError, ModelFileNotFoundError, TokenizationError
from pretrained.models.bert.tokenization_bert import BertTokenizer
from tests.tokenization.material import WORDS, small_bert

TEXTS = ["Unwanted, héllo <New> [MASK] <new>!", "世世 low ẘ", "<S> a [unused0]", ""]


def write(folder: Path, **files: Any) -> Path:
    """vocab="…" becomes vocab.txt; other names are JSON files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if name == "vocab":
            (folder / "vocab.txt").write_text("\n".join(content) + "\n", encoding="utf-8")
        else:
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def edited() -> BertTokenizer:
    """With everything that can be saved."""
    tokenizer = small_bert(padding_side="left", model_max_length=77, own_key={"x": [1]})
    tokenizer.add_tokens(["<New>", AddedToken("<l>", lstrip=True)])
    tokenizer.add_special_tokens({"bos_token": "<S>", "additional_special_tokens": [AddedToken("<A>", rstrip=True)]})
    tokenizer.truncation_side = "left"
    return tokenizer


@pytest.mark.parametrize("legacy_format", [None, True, False])
def test_what_was_saved_comes_back(tmp_path: Path, legacy_format: bool | None) -> None:
    tokenizer = edited()
    paths = tokenizer.save_pretrained(tmp_path / "new" / "folder", legacy_format=legacy_format)
    written = {Path(path).name for path in paths}
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == written
    assert ("vocab.txt" in written) is (legacy_format is not False)
    assert ("tokenizer.json" in written) is (legacy_format is not True)
    again = BertTokenizer.from_pretrained(tmp_path / "new" / "folder")
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.get_added_vocab() == tokenizer.get_added_vocab()
    assert again.added_tokens_decoder == tokenizer.added_tokens_decoder
    assert again.special_tokens_map_extended == tokenizer.special_tokens_map_extended
    assert again.init_kwargs["own_key"] == {"x": [1]}
    assert (again.padding_side, again.truncation_side, again.model_max_length) == ("left", "left", 77)
    assert again(TEXTS, return_offsets_mapping=True) == tokenizer(TEXTS, return_offsets_mapping=True)
    assert again.save_pretrained(tmp_path / "second", legacy_format=legacy_format)
    for path in paths:
        assert (tmp_path / "second" / Path(path).name).read_bytes() == Path(path).read_bytes()


def test_names_with_a_prefix_and_no_places_of_this_machine(tmp_path: Path) -> None:
    small_bert().save_pretrained(tmp_path)
    again = BertTokenizer.from_pretrained(tmp_path)
    paths = again.save_pretrained(tmp_path / "out", filename_prefix="mine")
    assert sorted(Path(path).name for path in paths) == [
        "mine-special_tokens_map.json",
        "mine-tokenizer.json",
        "mine-tokenizer_config.json",
        "mine-vocab.txt",
    ]
    assert str(tmp_path) not in (tmp_path / "out" / "mine-tokenizer_config.json").read_text(encoding="utf-8")
    assert not list((tmp_path / "out").glob("*added_tokens*"))


def test_a_folder_that_is_a_file_and_values_that_are_no_json(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(TokenizationError, match="is a file; a tokenizer is saved into a folder"):
        small_bert().save_pretrained(tmp_path / "file")
    with pytest.raises(TokenizationError, match=r"own_key=.* cannot be written as JSON"):
        small_bert(own_key=object()).save_pretrained(tmp_path / "folder")


def test_an_older_list_of_added_tokens_does_not_stay(tmp_path: Path) -> None:
    edited().save_pretrained(tmp_path)
    small_bert().save_pretrained(tmp_path)
    assert len(BertTokenizer.from_pretrained(tmp_path)) == len(WORDS)


def test_save_vocabulary_takes_a_folder_or_a_file(tmp_path: Path) -> None:
    tokenizer = small_bert()
    (path,) = tokenizer.save_vocabulary(tmp_path)
    assert Path(path).read_text(encoding="utf-8").split("\n") == [*WORDS, ""]
    (other,) = tokenizer.save_vocabulary(tmp_path / "words")
    assert BertTokenizer(other, do_lower_case=True).vocab == tokenizer.vocab


# -- folders of every year


def test_only_a_vocabulary(tmp_path: Path) -> None:
    folder = write(tmp_path, vocab=WORDS)
    tokenizer = BertTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("Low") == ["low"]
    assert tokenizer.name_or_path == str(folder)
    assert BertTokenizer.from_pretrained(folder / "vocab.txt").vocab == tokenizer.vocab
    assert BertTokenizer.from_pretrained(folder, do_lower_case=False).tokenize("Low") == ["[UNK]"]


def test_only_a_pipeline(tmp_path: Path) -> None:
    edited().save_pretrained(tmp_path / "full")
    for lower_case in (True, False):
        folder = tmp_path / str(lower_case)
        small_bert(do_lower_case=lower_case, strip_accents=False).save_pretrained(folder)
        for path in folder.iterdir():
            if path.name != "tokenizer.json":
                path.unlink()
        tokenizer = BertTokenizer.from_pretrained(folder)
        assert tokenizer.do_lower_case is lower_case
        assert tokenizer.strip_accents is False
        assert BertTokenizer.from_pretrained(folder, do_lower_case=not lower_case).do_lower_case is not lower_case


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ModelFileNotFoundError, match=r"vocab\.txt"):
        BertTokenizer.from_pretrained(write(tmp_path, config={"model_type": "bert"}))


def test_what_counts_more(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        vocab=[*WORDS, "<m>"],
        tokenizer_config={"do_lower_case": False, "model_max_length": 32, "mask_token": "a", "sep_token": "b"},
        special_tokens_map={"mask_token": {"content": "<m>", "lstrip": True}},
    )
    tokenizer = BertTokenizer.from_pretrained(folder)
    assert (tokenizer.do_lower_case, tokenizer.model_max_length) == (False, 32)
    assert (tokenizer.mask_token, tokenizer.sep_token) == ("<m>", "b")
    assert tokenizer("a <m>").token_to_chars(2) == (1, 5)
    called = BertTokenizer.from_pretrained(folder, do_lower_case=True, model_max_length=8, mask_token="c", max_len=None)
    assert (called.do_lower_case, called.model_max_length, called.mask_token) == (True, 8, "c")


def test_facts_of_a_published_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bert-base-cased", vocab=WORDS)
    tokenizer = BertTokenizer.from_pretrained("bert-base-cased")
    assert (tokenizer.do_lower_case, tokenizer.model_max_length) == (False, 512)
    longer = BertTokenizer.from_pretrained("bert-base-cased", model_max_length=1000)
    assert longer.model_max_length == 512  # the positions of that checkpoint end there
    elsewhere = BertTokenizer.from_pretrained(tmp_path / "bert-base-cased")
    assert elsewhere.do_lower_case is False
    write(tmp_path / "bert-base-cased", tokenizer_config={"do_lower_case": True})
    assert BertTokenizer.from_pretrained("bert-base-cased").do_lower_case is True


def test_added_tokens_of_2_and_3(tmp_path: Path) -> None:
    size = len(WORDS)
    folder = write(
        tmp_path,
        vocab=WORDS,
        added_tokens={"<b>": size + 1, "<s>": size},
        special_tokens_map={"bos_token": "<s>"},
        tokenizer_config={"do_lower_case": True, "max_len": 12},
    )
    tokenizer = BertTokenizer.from_pretrained(folder)
    assert tokenizer.get_added_vocab() == {"<s>": size, "<b>": size + 1}
    assert tokenizer.tokenize("<s>a<B>") == ["<s>", "a", "<b>"]
    assert tokenizer.model_max_length == 12


@pytest.mark.parametrize("added", [{"<b>": len(WORDS) + 1}, {"hello": 3}])
def test_added_tokens_that_would_get_other_ids(tmp_path: Path, added: dict[str, int]) -> None:
    with pytest.raises(
        CorruptFileError, match="is not the one it was added to: bring all tokenizer files of one model"
    ):
        BertTokenizer.from_pretrained(write(tmp_path, vocab=WORDS, added_tokens=added))


def test_special_tokens_that_the_vocabulary_lacks_are_added_with_a_warning(tmp_path: Path) -> None:
    folder = write(tmp_path, vocab=WORDS, special_tokens_map={"bos_token": "<s>"})
    with pytest.warns(UserWarning, match="1 special tokens of .* were added behind it"):
        assert BertTokenizer.from_pretrained(folder).bos_token_id == len(WORDS)


def test_todays_name_of_additional_special_tokens(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        vocab=WORDS,
        tokenizer_config={"extra_special_tokens": ["[unused0]"], "backend": "tokenizers", "do_lower_case": True},
    )
    tokenizer = BertTokenizer.from_pretrained(folder, use_fast=True)
    assert tokenizer.additional_special_tokens == ["[unused0]"]
    assert tokenizer.tokenize("a[unused0]") == ["a", "[unused0]"]
    assert "backend" not in tokenizer.init_kwargs


def test_words_that_differ_from_the_pipeline_are_named_and_win(tmp_path: Path) -> None:
    tokenizer = small_bert()
    tokenizer.add_tokens(["<New>"])
    tokenizer.save_pretrained(tmp_path)
    by_hand = ["[PAD]", "drug", *WORDS[2:]]
    write(tmp_path, vocab=by_hand)
    with pytest.warns(UserWarning, match=r"different words, first .* with the id 1; vocab\.txt is used"):
        again = BertTokenizer.from_pretrained(tmp_path)
    assert again.tokenize("drug <new>") == ["drug", "<new>"]
    assert again.convert_tokens_to_ids("drug") == 1


def test_a_pipeline_that_is_not_berts_is_kept_as_it_is(tmp_path: Path) -> None:
    words = {token: index for index, token in enumerate(WORDS)}
    pipeline = tokenizers.Tokenizer(tokenizers.models.WordPiece(words, unk_token="[UNK]"))
    pipeline.normalizer = tokenizers.normalizers.Replace("x", "low")
    pipeline.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    pipeline.add_special_tokens(["[CLS]", "[SEP]", "<new>"])
    pipeline.save(str(tmp_path / "tokenizer.json"))
    write(tmp_path, vocab=WORDS)
    tokenizer = BertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize("x <new>") == ["low", "<new>"]
    assert tokenizer.convert_tokens_to_ids("<new>") == len(WORDS)
    tokenizer.save_pretrained(tmp_path / "again", legacy_format=False)
    again = BertTokenizer.from_pretrained(tmp_path / "again")
    assert again.encode("x <new>") == tokenizer.encode("x <new>")
    with pytest.raises(TokenizationError, match="not BERT's"):
        tokenizer.use_unused_tokens(["<drug>"])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"model": {}}',
        '{"model": {"vocab": {}}, "added_tokens": 5}',
        '{"model": {"vocab": {}}, "added_tokens": [{"id": "x"}]}',
        '{"model": {"vocab": {"a": "b"}}, "normalizer": {"type": "BertNormalizer"}}',
        '{"model": {"type": "WordPiece", "vocab": {"a": "b"}, "continuing_subword_prefix": "##"}, '
        '"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"}}',
        '{"model": {"type": "WordPiece", "vocab": {"a": 4000000000}, "continuing_subword_prefix": "##"}, '
        '"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"}}',
        '{"model": {"type": "WordPiece", "vocab": [["a", 1]], "continuing_subword_prefix": "##"}, '
        '"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"}}',
    ],
)
def test_damaged_pipelines(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(CorruptFileError):
        BertTokenizer(tokenizer_file=tmp_path / "tokenizer.json")


def test_damaged_vocabularies(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorruptFileError, match="not a list of tokens in UTF-8"):
        BertTokenizer(tmp_path / "vocab.txt")
    with pytest.raises(ModelFileNotFoundError, match="there is no vocabulary file"):
        BertTokenizer(tmp_path / "nowhere.txt")
    with pytest.raises(ModelFileNotFoundError, match="there is no file"):
        BertTokenizer(tokenizer_file=tmp_path / "nowhere.json")
    with pytest.raises(TokenizationError, match="needs a vocabulary"):
        BertTokenizer()


def test_line_ends_marks_and_repeated_tokens(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("\ufeff[UNK]\r\na\r\n\u2028\r\na\r\nb".encode())
    tokenizer = BertTokenizer(path, do_lower_case=True)
    assert tokenizer.vocab == {"[UNK]": 0, "\u2028": 2, "a": 3, "b": 4}
    assert tokenizer.vocab_size == 4
    (again,) = tokenizer.save_vocabulary(tmp_path / "again.txt")
    assert BertTokenizer(again, do_lower_case=True).vocab == tokenizer.vocab


def test_a_cased_vocabulary_that_nothing_is_said_of_warns(tmp_path: Path) -> None:
    write(tmp_path, vocab=[*WORDS, *"ABCDEFGH"])
    with pytest.warns(UserWarning, match="8 of its .* tokens have capitals.*do_lower_case=False"):
        BertTokenizer.from_pretrained(tmp_path)
    BertTokenizer.from_pretrained(tmp_path, do_lower_case=True)
