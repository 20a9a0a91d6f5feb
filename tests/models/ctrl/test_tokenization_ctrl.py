"""CTRLTokenizer gives published ids; folders go to and from today's transformers."""

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import transformers

from pretrained import AutoTokenizer, CTRLTokenizer
from pretrained.errors import ModelFileNotFoundError, TokenizationError
from pretrained.tokenization.pairs import PairMerger
from tests.tokenization.bpe_material import write_files
from tests.tokenization.published import golden, golden_cases, random_texts, shared_texts

today: Any = transformers

MERGES = [("a", "p"), ("ap", "t</w>"), ("r", "e"), ("a", "d"), ("ad", "apt</w>"), ("l", "o"), ("lo", "w</w>")]
TOKENS = ["adapt", "re@@", "a@@", "apt", "c@@", "t", "low", "w@@", "\n", "<unk>", "o", "b"]
VOCAB = {token: index for index, token in enumerate(TOKENS)}


def small(**options: Any) -> CTRLTokenizer:
    return CTRLTokenizer(**{"vocab": VOCAB, "merges": MERGES, **options})


# -- published vocabulary


@pytest.fixture(scope="module")
def published(shared_data: Path) -> tuple[CTRLTokenizer, Any]:
    files = [str(shared_data / "vocab" / "ctrl" / name) for name in ("vocab.DERIVED.json", "merges.txt")]
    return CTRLTokenizer(*files), today.CTRLTokenizer(*files)


def test_shared_and_random_texts_as_transformers_has_them(
    shared_data: Path, published: tuple[CTRLTokenizer, Any]
) -> None:
    mine, other = published
    texts = shared_texts(shared_data)[::4] + random_texts(300, (" <unk> ", "<unk>"))
    # today's class takes the blanks beside <unk>, and so a line end that is a token of its own
    texts = [text for text in texts if not re.search(r"<unk>\s*\n|\n\s*<unk>", text)]
    expected = other(texts)
    assert mine.encode_ragged(texts) == expected["input_ids"]
    found = mine(texts)
    assert dict(found) == dict(expected)
    assert mine(texts[:99], texts[99:198])["input_ids"] == other(texts[:99], texts[99:198])["input_ids"]
    ids = [row for row, text in zip(expected["input_ids"], texts, strict=True) if "'" not in text][:500]
    assert mine.batch_decode(ids, clean_up_tokenization_spaces=False) == other.batch_decode(
        ids, clean_up_tokenization_spaces=False
    )


def test_published_merges_give_the_compiled_engine_no_choice(
    shared_data: Path, published: tuple[CTRLTokenizer, Any]
) -> None:
    tokenizer, _ = published
    merger = PairMerger(tokenizer.bpe_ranks, suffix="</w>")
    words = sorted({word for text in shared_texts(shared_data)[::30] for word in text.split()})
    assert len(words) > 5000
    for word, ids in zip(words, tokenizer.encode_ragged(words), strict=True):
        inner = merger.merge(word)
        assert ids == tokenizer.convert_tokens_to_ids(
            [*(f"{piece}@@" for piece in inner[:-1]), inner[-1].removesuffix("</w>")]
        )


def test_golden_cases_and_control_codes(shared_data: Path, published: tuple[CTRLTokenizer, Any]) -> None:
    tokenizer, other = published
    cases = golden_cases(shared_data, "ctrl")
    assert len(cases) == 5
    for case in cases:
        assert case["agrees_with_transformers"]["3.5.1"]
        assert tokenizer.encode(case["input"], add_special_tokens=case["add_special_tokens"]) == case["ids"], case
    assert dict(CTRLTokenizer.control_codes) == other.control_codes
    for word, index in tokenizer.control_codes.items():
        assert tokenizer.encode(word) == [index]


def test_golden_small_vocabulary(shared_data: Path, tmp_path: Path) -> None:
    (case,) = [row for row in golden(shared_data)["tiny_vocab"] if row["model"] == "ctrl"]
    (tmp_path / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(case["vocab_in_order"])}))
    (tmp_path / "merges.txt").write_text("\n".join(case["merges"]))
    tokenizer = CTRLTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize(case["input"]) == case["tokens"]
    assert tokenizer.encode(case["input"]) == case["ids"]
    assert tokenizer.convert_tokens_to_ids("<unk>") == case["unk_id"]


# -- text to tokens


def test_pieces_inside_a_word_are_marked() -> None:
    tokenizer = small()
    found = tokenizer("readapt  low\nlow", return_offsets_mapping=True)
    assert found.tokens() == ["re@@", "adapt", "<unk>", "w@@", "\n", "low"]
    assert found["offset_mapping"] == [(0, 2), (2, 7), (9, 11), (11, 12), (12, 13), (13, 16)]
    assert found.word_ids() == [0, 0, 1, 1, 1, 2]
    assert tokenizer.decode(tokenizer.encode("readapt low")) == "readapt low"
    assert tokenizer.tokenize("") == tokenizer.tokenize(" \n ") == []
    # a merge may pass through what the vocabulary lacks; what ends in that is unknown
    assert tokenizer.tokenize("ap ad") == ["a@@", "<unk>", "a@@", "<unk>"]
    assert tokenizer.bpe("readapt") == "re@@ adapt"
    assert tokenizer.bpe("t") == "t"


def test_nothing_is_put_around_texts_and_token_types_only_if_asked() -> None:
    tokenizer = small()
    # 3.5.1 returned token types, which its network added as if they were words; today's transformers does not
    assert list(tokenizer("low")) == ["input_ids", "attention_mask"]
    pair = tokenizer("low", "t", return_token_type_ids=True)
    assert (pair["input_ids"], pair["token_type_ids"]) == ([VOCAB["low"], VOCAB["t"]], [0, 1])


def test_added_tokens_get_the_next_ids_in_spite_of_hidden_symbols() -> None:
    tokenizer = small()
    assert tokenizer.add_tokens(["<New>", "low"]) == 1
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    assert tokenizer.encode("low<New>low") == [VOCAB["low"], len(VOCAB), VOCAB["low"]]
    assert (tokenizer.pad_token_id, len(tokenizer), tokenizer.vocab_size) == (
        len(VOCAB) + 1,
        len(VOCAB) + 2,
        len(VOCAB),
    )
    assert tokenizer.tokenize("low<pad> <unk>") == ["low", "<pad>", "<unk>"]
    assert tokenizer.get_vocab() == VOCAB | {"<New>": len(VOCAB), "<pad>": len(VOCAB) + 1}
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode("low <New>") == [VOCAB["low"], len(VOCAB)]
        assert other.add_tokens(["more"]) == 1


# -- files


def test_what_we_save_is_read_here_and_by_todays_transformers(tmp_path: Path) -> None:
    tokenizer = small(model_max_length=64)
    tokenizer.add_tokens(["<New>"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<A>"], "pad_token": "<pad>"})
    tokenizer.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    texts = ["readapt low", "<A> low<New> t", "a🤔"]
    expected = dict(tokenizer(texts, padding=True))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "ctrl", "n_embd": 8}))
    for cls in (CTRLTokenizer, AutoTokenizer, today.CTRLTokenizer, today.AutoTokenizer):
        other = cls.from_pretrained(str(tmp_path))
        assert dict(other(texts, padding=True)) == expected
        assert (len(other), other.model_max_length, other.pad_token) == (len(tokenizer), 64, "<pad>")
    assert CTRLTokenizer.from_pretrained(tmp_path).added_tokens_decoder == tokenizer.added_tokens_decoder
    with pytest.raises(TokenizationError, match=r"no tokenizer\.json"):
        tokenizer.save_pretrained(tmp_path, legacy_format=False)


def test_we_read_what_todays_transformers_saves(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "from", VOCAB, MERGES)
    other = today.CTRLTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=99)
    other.add_tokens(["<New>"])
    other.add_special_tokens({"additional_special_tokens": ["<A>"]})
    other.save_pretrained(str(tmp_path / "to"))
    mine = CTRLTokenizer.from_pretrained(tmp_path / "to")
    texts = ["readapt low", "<A> low<New> t", "a🤔"]
    assert dict(mine(texts)) == dict(other(texts))
    assert (mine.additional_special_tokens, mine.model_max_length) == (["<A>"], 99)


def test_files_by_published_names(tmp_path: Path) -> None:
    folder = write_files(tmp_path, VOCAB, MERGES, ("ctrl-vocab.json", "ctrl-merges.txt"))
    assert CTRLTokenizer.from_pretrained(folder).tokenize("low") == ["low"]
    (folder / "ctrl-merges.txt").unlink()
    with pytest.raises(ModelFileNotFoundError, match=r"merges\.txt"):
        CTRLTokenizer.from_pretrained(folder)
