"""TransfoXLTokenizer does what the published ones do: golden files of transformers 4.35.2 and published facts."""

import json
import pickle
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrained import AutoTokenizer
from pretrained.errors import MissingDependencyError, ModelFileNotFoundError, TokenizationError
from pretrained.models.transfo_xl.tokenization_transfo_xl import (
    TransfoXLTokenizer,
    detokenize_numbers,
    tokenize_numbers,
)
from pretrained.tokenization import moses

GOLDEN = Path(__file__).parents[2] / "goldens" / "transfo_xl_tokenizer"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))
OPTIONS: dict[str, dict[str, Any]] = {"plain": {}, "lower": {"lower_case": True}, "characters": {"delimiter": ""}}
FILES = {"vocab.txt": "vocab_file", "vocab.pkl": "pretrained_vocab_file", "legacy.bin": "pretrained_vocab_file"}
FILES["zip.bin"] = "pretrained_vocab_file_torch"
SENTENCE = "Hello (bracket) and side-scrolled [and] Henry's $5,000 with 3.34 m. What's up!?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    words = [
        "<unk>",
        "[CLS]",
        "[SEP]",
        "want",
        "unwanted",
        "wa",
        "un",
        "running",
        ",",
        "low",
        "l",
        "<eos>",
        "<formula>",
    ]
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return tmp_path


# -- facts and golden files


def test_published_toy_vocabulary(folder: Path) -> None:
    tokenizer = TransfoXLTokenizer.from_pretrained(folder, lower_case=True)
    tokens = tokenizer.tokenize("<unk> UNwanted , running")
    assert tokens == ["<unk>", "unwanted", ",", "running"]
    assert tokenizer.convert_tokens_to_ids(tokens) == [0, 4, 8, 7]


def test_published_cases() -> None:
    text = " \tHeLLo ! how  \n Are yoU ?  "
    assert TransfoXLTokenizer(lower_case=True).tokenize(text) == ["hello", "!", "how", "are", "you", "?"]
    assert TransfoXLTokenizer().tokenize(text) == ["HeLLo", "!", "how", "Are", "yoU", "?"]
    tokens = ["Hello", "(", "bracket", ")", "and", "side", "@-@", "scrolled", "[", "and", "]", "Henry", "'s", "$", "5"]
    tokens += ["@,@", "000", "with", "3", "@.@", "34", "m", ".", "What", "'s", "up", "!", "?"]
    tokenizer = TransfoXLTokenizer()
    assert tokenizer.tokenize(SENTENCE) == tokens
    assert tokenizer.convert_tokens_to_string(tokens) == SENTENCE


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", FILES)
def test_as_transformers_from_every_file(name: str, options: str) -> None:
    file: dict[str, Any] = {FILES[name]: GOLDEN / name}
    tokenizer = TransfoXLTokenizer(**file, **OPTIONS[options])
    for row in EXPECTED["encodings"][options]:
        assert tokenizer.tokenize(row["text"]) == row["tokens"]
        assert tokenizer.encode(row["text"]) == row["ids"]
        if "back" in row:
            assert tokenizer.decode(row["ids"]) == row["back"]


def test_a_counted_vocabulary_as_transformers(tmp_path: Path) -> None:
    expected = EXPECTED["counted"]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(expected["lines"]), encoding="utf-8")
    tokenizer = TransfoXLTokenizer(special=["<eos>", "<unk>"], min_freq=2, max_size=5)
    assert tokenizer.count_file(path) == expected["sents"]
    assert dict(tokenizer.counter) == expected["counts"]
    tokenizer.build_vocab()
    assert tokenizer.idx2sym == expected["words"]
    assert tokenizer.sym2idx == {word: index for index, word in enumerate(expected["words"])}
    assert [row.tolist() for row in tokenizer.encode_file(path, add_eos=False)] == expected["ids"]
    ordered = tokenizer.encode_file(path, ordered=True, add_eos=False)
    assert ordered.tolist() == expected["ordered"]
    assert ordered.dtype == torch.long
    assert tokenizer.encode_file(path)[0].tolist() == [*expected["ids"][0], 0]
    assert tokenizer.encode("the cat <eos>") == [2, 3, 0]  # special tokens are kept whole now


# -- our own


def test_ends_of_sentences(folder: Path) -> None:
    tokenizer = TransfoXLTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("low", add_eos=True) == ["low", "<eos>"]
    assert tokenizer.tokenize("low", add_double_eos=True) == ["<S>", "low", "<S>"]
    assert tokenizer.tokenize("low", "want") == ["low", "want"]
    with pytest.raises(TypeError, match="add_oes"):
        tokenizer.tokenize("low", add_oes=True)


def test_only_ids_are_returned_and_nothing_is_put_around(folder: Path) -> None:
    tokenizer = TransfoXLTokenizer.from_pretrained(folder)
    assert dict(tokenizer("low want")) == {"input_ids": [9, 3]}
    assert tokenizer.encode("low", "want") == [9, 3]
    assert tokenizer.num_special_tokens_to_add() == 0
    found = tokenizer("un-running, LOW", return_offsets_mapping=True)
    assert found.tokens() == ["un", "@-@", "running", ",", "LOW"]
    assert found["offset_mapping"] == [(0, 2), (2, 3), (3, 10), (10, 11), (12, 15)]


def test_numbers() -> None:
    words = ["5", "@,@", "000", "@.@", "25", "a,b", "1", "@.@", "2.x"]
    assert tokenize_numbers(["5,000.25", "a,b", "1.2.x"]) == words
    assert detokenize_numbers("$ 5 @,@ 000 1 @.@ 73 m") == "$ 5,000 1.73 m"


def test_the_file_says_how_it_was_made(tmp_path: Path) -> None:
    content = {"sym2idx": {"<UNK>": 0, "a": 1}, "lower_case": True, "min_freq": 3, "special": ["<UNK>"]}
    (tmp_path / "vocab.pkl").write_bytes(pickle.dumps(content))
    names: dict[str, Any] = {"eos_token": "<UNK>", "additional_special_tokens": []}
    tokenizer = TransfoXLTokenizer.from_pretrained(tmp_path, **names)
    assert (tokenizer.lower_case, tokenizer.min_freq, tokenizer.special) == (True, 3, ["<UNK>"])
    assert tokenizer.unk_token == "<UNK>"
    assert tokenizer.encode("A B") == [1, 0]
    assert TransfoXLTokenizer.from_pretrained(tmp_path, lower_case=False, **names).encode("A") == [0]


@pytest.mark.parametrize("name", ["vocab.bin", "transfo-xl-wt103-vocab.bin", "vocab.pkl"])
def test_folders_of_every_year(tmp_path: Path, name: str) -> None:
    shutil.copy(GOLDEN / ("vocab.pkl" if name.endswith("pkl") else "zip.bin"), tmp_path / name)
    (tmp_path / "config.json").write_text('{"model_type": "transfo-xl"}', encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is TransfoXLTokenizer
    row = EXPECTED["encodings"]["plain"][0]
    assert tokenizer.encode(row["text"]) == row["ids"]


def test_text_counts_more_than_a_pickle(folder: Path) -> None:
    shutil.copy(GOLDEN / "vocab.pkl", folder / "vocab.pkl")
    assert TransfoXLTokenizer.from_pretrained(folder).vocab_size == 13


def test_saved_and_loaded(tmp_path: Path) -> None:
    tokenizer = TransfoXLTokenizer(pretrained_vocab_file=GOLDEN / "legacy.bin", lower_case=True)
    tokenizer.add_tokens(["new word"])
    written = tokenizer.save_pretrained(tmp_path)
    assert {Path(path).name for path in written} >= {"vocab.txt", "tokenizer_config.json", "added_tokens.json"}
    assert (tmp_path / "vocab.txt").read_bytes() == (GOLDEN / "vocab.txt").read_bytes()
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = "Hello new word, 5,000 ünïcödé"
    assert again.lower_case
    assert again.encode(text) == tokenizer.encode(text)
    assert again.get_vocab() == tokenizer.get_vocab()
    assert pickle.loads(pickle.dumps(tokenizer)).encode(text) == tokenizer.encode(text)
    with pytest.raises(TokenizationError, match="is no folder"):
        tokenizer.save_vocabulary(tmp_path / "vocab.txt")


def test_characters_are_saved_with_their_blank(tmp_path: Path) -> None:
    tokenizer = TransfoXLTokenizer(special=["<eos>", "<unk>", "<formula>"], delimiter="")
    tokenizer.count_sents([tokenizer.tokenize("ab c")])
    tokenizer.build_vocab()
    (tmp_path / "vocab.txt").write_text("older\n", encoding="utf-8")
    assert [Path(path).name for path in tokenizer.save_vocabulary(tmp_path)] == ["vocab.pkl"]
    again = TransfoXLTokenizer.from_pretrained(tmp_path, delimiter="")
    assert again.idx2sym == ["<eos>", "<unk>", "<formula>", "a", "b", " ", "c"]
    assert again.counter == tokenizer.counter
    assert again.encode("b a") == [4, 5, 3]
    assert pickle.loads((tmp_path / "vocab.pkl").read_bytes())["sym2idx"][" "] == 5  # nothing but plain objects


def test_an_added_token_moves_into_the_vocabulary(folder: Path) -> None:
    tokenizer = TransfoXLTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["new", "newer"])
    tokenizer.move_added_token("new", 3)
    assert tokenizer.idx2sym[2:5] == ["[SEP]", "new", "want"]
    assert (tokenizer.vocab_size, len(tokenizer)) == (14, 15)
    assert tokenizer.encode("want new newer <eos>") == [4, 3, 14, 12]
    assert tokenizer.get_added_vocab() == {"newer": 14}
    with pytest.raises(TokenizationError, match="'low' is no added token; they are newer"):
        tokenizer.move_added_token("low", 0)


def test_a_vocabulary_by_hand() -> None:
    tokenizer = TransfoXLTokenizer()
    for word in ("<unk>", "a", "a", "<eos>"):
        tokenizer.add_special(word)
    assert tokenizer.idx2sym == ["<unk>", "a", "<eos>"]
    assert tokenizer.encode("a b<eos>") == [1, 0, 2]


def test_without_an_unknown_token() -> None:
    tokenizer = TransfoXLTokenizer()
    tokenizer.add_symbol("a")
    for call in (tokenizer.encode, lambda text: tokenizer.encode_sents([[text]])):
        with pytest.raises(TokenizationError, match="'b' is not in this vocabulary of 1 tokens, nor is '<unk>'"):
            call("b")


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "transfo-xl"}', encoding="utf-8")
    with pytest.raises(ModelFileNotFoundError, match=r"vocab\.pkl"):
        TransfoXLTokenizer.from_pretrained(tmp_path)
    with pytest.raises(ModelFileNotFoundError, match=r"there is no file .*none\.txt"):
        TransfoXLTokenizer().count_file(tmp_path / "none.txt")


def test_without_sacremoses_ids_still_have_tokens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    for made in (moses._normalizer, moses._tokenizer, moses._detokenizer):
        made.cache_clear()
    tokenizer = TransfoXLTokenizer.from_pretrained(folder)
    assert tokenizer.convert_ids_to_tokens([9, 3]) == ["low", "want"]
    for call in (tokenizer.tokenize, tokenizer.encode, lambda _: tokenizer.decode([9])):
        with pytest.raises(MissingDependencyError, match=r'sacremoses.*pip install "pretrained\[moses\]"'):
            call("low")


def test_loading_warns_of_nothing(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TransfoXLTokenizer.from_pretrained(folder)
