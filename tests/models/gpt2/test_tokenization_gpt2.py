"""GPT2Tokenizer gives published ids and places, and folders go to and from today's libraries."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers
from tokenizers import AddedToken

from pretrained import AutoTokenizer, GPT2Tokenizer, GPT2TokenizerFast
from pretrained.errors import CorruptFileError, ModelFileNotFoundError, TokenizationError
from tests.tokenization.bpe_material import BYTE_MERGES, BYTE_TOKENS, BYTE_VOCAB, BYTES, write_files
from tests.tokenization.published import golden, golden_cases, random_texts, shared_texts

today: Any = transformers

END = "<|endoftext|>"
TEXTS = ["low the lower", " the low's", "é 世 🤔\n\n x", f"a {END} b{END}", "", "   ", "\t\nlow  low"]

# Rows of 2.11, which put a blank before each text and took those beside a special token; 3.5.1 and today do neither.
OLDER_ROWS = {"İs th!s   𩸽 <|endoftext|> Ϻ Šœ  Uglj<|endoftext|>šić   dấu nặng"}


def small(**options: Any) -> GPT2Tokenizer:
    return GPT2Tokenizer(**{"vocab": BYTE_VOCAB, "merges": BYTE_MERGES, **options})


# -- published vocabulary


def test_every_shared_text_as_transformers_has_it(shared_data: Path) -> None:
    folder = shared_data / "vocab" / "gpt2"
    mine, other = GPT2Tokenizer.from_pretrained(folder), today.GPT2Tokenizer.from_pretrained(str(folder))
    texts = shared_texts(shared_data)
    expected = [row.ids for row in other.backend_tokenizer.encode_batch_fast(texts)]
    assert mine.encode_ragged(texts) == expected
    assert mine.batch_decode(expected, clean_up_tokenization_spaces=False) == texts


@pytest.mark.parametrize("trim_offsets", [False, True])
def test_any_text_single_and_pair_as_transformers_has_it(shared_data: Path, trim_offsets: bool) -> None:
    folder = shared_data / "vocab" / "gpt2"
    mine = GPT2Tokenizer.from_pretrained(folder, trim_offsets=trim_offsets, model_max_length=10**6)
    other = today.GPT2Tokenizer.from_pretrained(str(folder))
    if trim_offsets:
        trimmed = tokenizers.processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
        other.backend_tokenizer.post_processor = trimmed
    texts = random_texts(400, (END, " " + END)) + [text[:300] for text in shared_texts(shared_data)[::80]]
    options: dict[str, Any] = {"return_offsets_mapping": True, "return_special_tokens_mask": True}
    assert dict(mine(texts, **options)) == dict(other(texts, **options))
    pairs = texts[::-1]
    a, b = mine(texts, pairs, **options), other(texts, pairs, **options)
    if not trim_offsets:  # the processor set above has one type for both texts
        assert dict(a) == dict(b)
    for index in range(0, len(texts), 7):
        assert a.tokens(index) == b.tokens(index)
        assert a.word_ids(index) == b.word_ids(index)


def test_golden_cases(shared_data: Path) -> None:
    tokenizer = GPT2Tokenizer.from_pretrained(shared_data / "vocab" / "gpt2")
    older = set()
    for case in golden_cases(shared_data, "gpt2"):
        if case["kind"] == "decode":
            assert tokenizer.decode(case["ids"]) == case["decoded"], case
            continue
        if case["input"] in OLDER_ROWS:
            assert not case["agrees_with_transformers"]["3.5.1"]
            older.add(case["input"])
            continue
        # the tokenizers of 3.5.1 that were not compiled made nothing of a blank text; its compiled ones did
        assert case["agrees_with_transformers"]["3.5.1"] or not case["input"].strip(), case
        found = tokenizer(case["input"], add_special_tokens=case["add_special_tokens"])
        assert found["input_ids"] == case["ids"], case
        assert found.tokens() == case.get("tokens", case.get("tokens_without_specials", found.tokens())), case
        assert tokenizer.decode(case["ids"]) == case.get("decoded_new_style", tokenizer.decode(case["ids"])), case
    assert older == OLDER_ROWS


def test_golden_places(shared_data: Path) -> None:
    wanted: Any = {"return_offsets_mapping": True, "return_token_type_ids": True}
    for case in golden(shared_data)["offsets_byte_level_gpt2"]:
        if not case.keys() & {"add_prefix_space", "pair", "pretokenized"}:
            continue
        options = {key: case[key] for key in ("add_prefix_space", "trim_offsets") if key in case}
        tokenizer = GPT2Tokenizer.from_pretrained(shared_data / "vocab" / "gpt2", **options)
        if "pretokenized" in case:
            words = case["pretokenized"]
            found = tokenizer(words, is_split_into_words=True, **wanted)
            assert found.tokens() == case["tokens"]
        else:
            found = tokenizer(case["input"], case.get("pair"), **wanted)
        places = found["offset_mapping"]
        assert places == [tuple(place) for place in case.get("offsets", places)], case
        assert found["token_type_ids"] == case.get("type_ids", found["token_type_ids"])
        if "spans" in case:
            assert [case["input"][start:end] for start, end in places] == case["spans"]
        if "note" in case:
            assert places[1:4] == [(1, 2)] * 3


def test_golden_small_vocabulary(shared_data: Path, tmp_path: Path) -> None:
    (case,) = [row for row in golden(shared_data)["tiny_vocab"] if row["model"] == "gpt2"]
    (tmp_path / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(case["vocab_in_order"])}))
    (tmp_path / "merges.txt").write_text("\n".join(case["merges"]))
    tokenizer = GPT2Tokenizer.from_pretrained(tmp_path, **case["options"])
    assert tokenizer.tokenize(case["input"]) == case["tokens"]
    assert tokenizer.encode(case["input"]) == case["ids"]
    assert tokenizer.convert_tokens_to_ids(["no token", "<unk>"]) == [case["unk_id"]] * 2
    assert tokenizer.encode("z") == [10, case["unk_id"]]  # a byte that the vocabulary lacks


# -- text to tokens


def test_every_text_comes_back_byte_for_byte() -> None:
    tokenizer = small()
    for text in [*TEXTS, "".join(map(chr, range(1, 400)))]:
        assert tokenizer.decode(tokenizer.encode(text), clean_up_tokenization_spaces=False) == text
    assert tokenizer.tokenize("low the lower") == ["low", "Ġthe", "Ġlow", "er"]
    assert tokenizer.tokenize("é") == ["Ã", "©"]
    half = tokenizer.encode("é")[:1]
    assert tokenizer.decode(half) == "\ufffd"
    assert small(errors="ignore").decode(half) == ""
    with pytest.raises(UnicodeDecodeError):
        small(errors="strict").decode(half)
    with pytest.raises(TokenizationError, match="errors='no such'"):
        small(errors="no such")


def test_nothing_is_put_around_texts() -> None:
    tokenizer = small()
    assert list(tokenizer("low")) == ["input_ids", "attention_mask"]
    pair = tokenizer("low", " the", return_token_type_ids=True)
    assert (pair.tokens(), pair["token_type_ids"]) == (["low", "Ġthe"], [0, 1])
    assert tokenizer.num_special_tokens_to_add(pair=True) == 0
    with_bos = small(add_bos_token=True)
    assert with_bos("low", " the").tokens() == [END, "low", END, "Ġthe"]
    assert with_bos("low", "a", return_token_type_ids=True)["token_type_ids"] == [0, 0, 1, 1]


def test_a_blank_before_the_text() -> None:
    option: dict[str, Any] = {"add_prefix_space": True}
    for tokenizer, options in ((small(**option), {}), (small(), option)):
        found = tokenizer("low low", return_offsets_mapping=True, **options)
        assert found.tokens() == ["Ġlow", "Ġlow"]
        assert found["offset_mapping"] == [(0, 3), (3, 7)]
        assert tokenizer.tokenize(" low", **options) == ["Ġ", "Ġlow"]  # one more, whatever the text begins with
        assert tokenizer.tokenize(f"low{END}low", **options) == ["Ġlow", END, "low"]  # before the text, not its parts
        assert tokenizer.encode("", **options) == []
        assert tokenizer.batch_encode_plus(["low", "x"], **options)["input_ids"][0] == found["input_ids"][:1]
    assert small(add_prefix_space=True).tokenize("low", add_prefix_space=False) == ["low"]
    assert small(add_prefix_space=True).encode_ragged(["low"]) == [[BYTE_VOCAB["Ġlow"]]]
    trimmed = small(add_prefix_space=True, trim_offsets=True)("low  low", return_offsets_mapping=True)
    assert trimmed["offset_mapping"] == [(0, 3), (4, 4), (5, 8)]


def test_words_given_one_by_one_read_as_inside_a_text() -> None:
    tokenizer = small()
    words = ["low", "", "the", END, "low's"]
    found = tokenizer(words, is_split_into_words=True, return_offsets_mapping=True)
    assert found.tokens() == ["Ġlow", "Ġthe", "Ġ", END, "Ġlow", "'s"]
    assert found.word_ids() == [0, 2, 3, 3, 4, 4]
    assert found["offset_mapping"] == [(0, 3), (0, 3), (0, 0), (0, 13), (0, 3), (3, 5)]
    again = pickle.loads(pickle.dumps(found))
    assert again[0].offsets == found["offset_mapping"]
    assert tokenizer([["low"], ["the", "low"]], is_split_into_words=True)["input_ids"][0] == found["input_ids"][:1]


def test_padding_needs_a_token_for_it() -> None:
    tokenizer = small()
    assert tokenizer.pad_token_id is None
    with pytest.raises(TokenizationError, match=r"tokenizer\.pad_token = tokenizer\.eos_token"):
        tokenizer(["low", "low the"], padding=True)
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer(["low", "low the"], padding=True)
    assert batch["input_ids"][0][1] == BYTE_VOCAB[END]
    assert batch["attention_mask"] == [[1, 0], [1, 1]]
    tokenizer.padding_side = "left"
    assert tokenizer(["low", "low the"], padding=True)["attention_mask"] == [[0, 1], [1, 1]]


def test_tables_that_people_read() -> None:
    tokenizer = small()
    assert GPT2TokenizerFast is GPT2Tokenizer
    assert tokenizer.encoder == BYTE_VOCAB
    assert tokenizer.decoder[BYTE_VOCAB["low"]] == "low"
    assert tokenizer.bpe_ranks[("lo", "w")] == 1
    assert sorted(tokenizer.byte_encoder.values()) == BYTES
    assert tokenizer.byte_decoder["Ġ"] == 32
    assert tokenizer.bpe("Ġlower") == "Ġlow er"
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (BYTE_VOCAB[END],) * 3
    assert len(tokenizer) == tokenizer.vocab_size == len(BYTE_TOKENS)
    assert tokenizer.convert_tokens_to_ids("no token") == BYTE_VOCAB[END]
    assert [row.token for row in tokenizer.explain("low é")] == ["low", "Ġ", "Ã", "©"]


def test_added_tokens() -> None:
    tokenizer = small()
    assert tokenizer.add_tokens(["new", AddedToken("<x>", lstrip=True, rstrip=True), "low"]) == 2
    # blanks beside an added token stay, unless its rules say otherwise
    assert tokenizer.tokenize("a new low <x> low") == ["a", "Ġ", "new", "Ġlow", "<x>", "low"]
    ids = tokenizer.encode("the new low")
    assert tokenizer.decode(ids) == "the new low"
    assert tokenizer.decode(ids, spaces_between_special_tokens=True) == "the  new  low"
    copied = copy.deepcopy(tokenizer)
    assert copied.tokenize("a new") == ["a", "Ġ", "new"]


@pytest.mark.parametrize("text", ["a newtok b", "<1> low <2> x", f"<1>low<2>x{END}", "anewtokb", "newtok <1> newtok"])
def test_decoding_puts_no_blanks_beside_added_tokens(shared_data: Path, text: str) -> None:
    folder = shared_data / "vocab" / "gpt2"
    mine, other = GPT2Tokenizer.from_pretrained(folder), today.GPT2Tokenizer.from_pretrained(str(folder))
    for tokenizer in (mine, other):
        tokenizer.add_tokens(["newtok"])
        tokenizer.add_special_tokens({"additional_special_tokens": ["<1>", "<2>"]})
    ids = mine.encode(text)
    assert ids == other.encode(text)
    assert mine.decode(ids) == other.decode(ids) == text


# -- files


@pytest.mark.parametrize(
    "names",
    [
        ("vocab.json", "merges.txt"),
        ("gpt2-vocab.json", "gpt2-merges.txt"),
        ("encoder.json", "vocab.bpe"),
        ("VOCAB.JSON", "Merges.txt"),
    ],
)
def test_files_are_found_by_any_published_name(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = write_files(tmp_path, BYTE_VOCAB, BYTE_MERGES, names)
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": 8, "vocab_size": 9}))
    for cls in (GPT2Tokenizer, AutoTokenizer):
        tokenizer = cls.from_pretrained(folder)
        assert type(tokenizer) is GPT2Tokenizer
        assert tokenizer.encode("low the") == [BYTE_VOCAB["low"], BYTE_VOCAB["Ġthe"]]
    if names[0] == "gpt2-vocab.json":
        write_files(folder, {"a": 0}, [], ("other-vocab.json", "other-merges.txt"))
        assert GPT2Tokenizer.from_pretrained(folder / "gpt2-vocab.json").encoder == BYTE_VOCAB
        assert GPT2Tokenizer.from_pretrained(folder / "gpt2-merges.txt").encoder == BYTE_VOCAB


@pytest.mark.parametrize("left", ["vocab.json", "merges.txt"])
def test_one_of_the_two_files_is_not_enough(tmp_path: Path, left: str) -> None:
    folder = write_files(tmp_path, BYTE_VOCAB, BYTE_MERGES)
    (missing,) = {"vocab.json", "merges.txt"} - {left}
    (folder / missing).unlink()
    with pytest.raises(ModelFileNotFoundError, match=missing):
        GPT2Tokenizer.from_pretrained(folder)


def full_small(**options: Any) -> GPT2Tokenizer:
    tokenizer = small(model_max_length=64, **options)
    tokenizer.add_tokens(["<New>", AddedToken("<l>", lstrip=True)])
    tokenizer.add_special_tokens({"pad_token": "<pad>", "additional_special_tokens": ["<A>"]})
    return tokenizer


OTHER_TEXTS = [*TEXTS, "<A> <New> low", "x <l>y <pad>"]


@pytest.mark.parametrize("legacy_format", [None, True, False])
def test_what_we_save_is_read_here_and_by_todays_transformers(tmp_path: Path, legacy_format: bool | None) -> None:
    tokenizer = full_small(add_bos_token=legacy_format is True, errors="ignore")
    tokenizer.save_pretrained(tmp_path, legacy_format=legacy_format)
    options: dict[str, Any] = {"return_offsets_mapping": True, "padding": True}
    expected = dict(tokenizer(OTHER_TEXTS, OTHER_TEXTS[::-1], **options))
    for cls in (GPT2Tokenizer, AutoTokenizer, today.GPT2Tokenizer, today.AutoTokenizer):
        other = cls.from_pretrained(str(tmp_path))
        assert dict(other(OTHER_TEXTS, OTHER_TEXTS[::-1], **options)) == expected
        assert (len(other), other.model_max_length, other.pad_token) == (len(tokenizer), 64, "<pad>")
    again = GPT2Tokenizer.from_pretrained(tmp_path)
    assert (again.errors, again.add_bos_token) == ("ignore", legacy_format is True)
    assert again.added_tokens_decoder == tokenizer.added_tokens_decoder
    assert again.bpe_ranks == tokenizer.bpe_ranks


def test_the_tokenizers_package_reads_our_pipeline(tmp_path: Path) -> None:
    every: list[dict[str, Any]] = [{}, {"add_bos_token": True}, {"add_prefix_space": True, "trim_offsets": True}]
    for options in every:
        tokenizer = full_small(**options)
        tokenizer.save_pretrained(tmp_path)
        engine = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        # with `add_prefix_space` others put a blank after each added token, too, as a test above shows we do not
        texts = ["low the lower", "é 世", "x <l> y"]
        encoded = [engine.encode(text) for text in texts]
        found = tokenizer(texts, return_offsets_mapping=True)
        assert [row.ids for row in encoded] == found["input_ids"]
        assert [row.offsets for row in encoded] == found["offset_mapping"]
        alone = GPT2Tokenizer(tokenizer_file=tmp_path / "tokenizer.json")
        assert (alone.add_prefix_space, alone.trim_offsets) == (tokenizer.add_prefix_space, tokenizer.trim_offsets)


def test_we_read_what_todays_transformers_saves(tmp_path: Path) -> None:
    other = today.GPT2Tokenizer(vocab=BYTE_VOCAB, merges=BYTE_MERGES, model_max_length=99, pad_token="<pad>")
    other.add_tokens(["<New>", AddedToken("<l>", lstrip=True)])
    other.add_special_tokens({"additional_special_tokens": ["<A>"]})
    other.save_pretrained(str(tmp_path))
    mine = GPT2Tokenizer.from_pretrained(tmp_path)
    assert dict(mine(OTHER_TEXTS, padding=True)) == dict(other(OTHER_TEXTS, padding=True))
    assert (mine.pad_token, mine.additional_special_tokens, mine.model_max_length) == ("<pad>", ["<A>"], 99)


def test_a_pipeline_of_another_kind_runs_as_it_is(tmp_path: Path) -> None:
    small().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["normalizer"] = {"type": "Lowercase"}
    path.write_text(json.dumps(content), encoding="utf-8")
    tokenizer = GPT2Tokenizer(tokenizer_file=path)
    assert tokenizer.tokenize("LOW The") == ["low", "Ġthe"]
    assert tokenizer.pipeline_json() is not None
    tokenizer.save_pretrained(tmp_path, legacy_format=False)
    assert json.loads(path.read_text(encoding="utf-8"))["normalizer"] == {"type": "Lowercase"}


def test_a_vocabulary_that_merges_leave_has_no_tokenizer_json(tmp_path: Path) -> None:
    vocab = {token: index for index, token in enumerate(token for token in BYTE_TOKENS if token != "lo")}
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=BYTE_MERGES)
    assert tokenizer.tokenize("low lo") == ["low", "Ġ", END]
    tokenizer.add_tokens(["<New>"])
    tokenizer.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    again = GPT2Tokenizer.from_pretrained(tmp_path)
    assert again.encode("low <New>") == tokenizer.encode("low <New>")
    assert again.encode("<New>") == [len(vocab)]


def test_a_tokenizer_json_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("[]")
    with pytest.raises(CorruptFileError, match=r"is not a tokenizer\.json"):
        GPT2Tokenizer(tokenizer_file=tmp_path / "tokenizer.json")
