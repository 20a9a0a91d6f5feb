"""RobertaTokenizer gives published ids and places, and folders go to and from today's libraries."""

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers
from tokenizers import AddedToken

from pretrained import AutoTokenizer, RobertaTokenizer, RobertaTokenizerFast
from tests.tokenization.bpe_material import BYTE_MERGES, BYTE_VOCAB, write_files
from tests.tokenization.published import golden, golden_cases, random_texts, shared_texts

today: Any = transformers

TEXTS = ["low the lower", " the low's", "a <mask> low", "<mask>", "é 世 🤔\n\n x", "a </s> b</s>", "", "   ", "\t\nlow"]

# Rows of 2.11, which put a blank before each text and took those beside a special token; 3.5.1 and today do neither.
OLDER_ROWS = {
    "İs th!s 𩸽 Ϻ Šœ Ugljšić dấu nặng",
    "İs th!s   𩸽 </s> Ϻ Šœ  Uglj</s>šić   dấu nặng",
    "…",
}
MASK = AddedToken("<mask>", lstrip=True, normalized=False, special=True)


def small(**options: Any) -> RobertaTokenizer:
    return RobertaTokenizer(**{"vocab": BYTE_VOCAB, "merges": BYTE_MERGES, **options})


# -- published vocabulary


def published(shared_data: Path, **options: Any) -> tuple[RobertaTokenizer, Any]:
    folder = shared_data / "vocab" / "roberta-base"
    mine = RobertaTokenizer.from_pretrained(folder, model_max_length=10**6, **options)
    # made of the two files alone, today's class does not know that the mask takes the blank before it
    return mine, today.RobertaTokenizer.from_pretrained(str(folder), mask_token=MASK, **options)


def test_every_shared_text_as_transformers_has_it(shared_data: Path) -> None:
    mine, other = published(shared_data)
    texts = shared_texts(shared_data)[::3]  # the engine is GPT-2's
    expected = [row.ids for row in other.backend_tokenizer.encode_batch_fast(texts)]
    assert mine.encode_ragged(texts) == expected
    decoded = mine.batch_decode(expected, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert decoded == texts


@pytest.mark.parametrize("trim_offsets", [False, True])
def test_any_text_single_and_pair_as_transformers_has_it(shared_data: Path, trim_offsets: bool) -> None:
    mine, other = published(shared_data, trim_offsets=trim_offsets)
    texts = [*random_texts(400, ("<mask>", " <mask>", "</s>", " <pad> ")), "x<mask> y </s> z <s>", "<mask>"]
    texts += [text[:300] for text in shared_texts(shared_data)[::80]]
    options: dict[str, Any] = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "padding": True}
    assert dict(mine(texts, **options)) == dict(other(texts, **options))
    pairs = texts[::-1]
    a, b = mine(texts, pairs, **options), other(texts, pairs, **options)
    assert dict(a) == dict(b)
    for index in range(0, len(texts), 7):
        # today's lists show the mask with the blanks that it took
        assert a.tokens(index) == [token.strip() if "<mask>" in token else token for token in b.tokens(index)]
        assert a.word_ids(index) == b.word_ids(index)
        assert a.sequence_ids(index) == b.sequence_ids(index)


def test_a_blank_before_the_text_as_transformers_puts_it(shared_data: Path) -> None:
    mine, other = published(shared_data, add_prefix_space=True)
    # today's class puts one after line ends and after special tokens, too
    texts = [text[:200] for text in shared_texts(shared_data)[::40] if not text[:1].isspace() or text[0] == " "]
    options: dict[str, Any] = {"return_offsets_mapping": True}
    assert dict(mine(texts, **options)) == dict(other(texts, **options))
    words = [text.split() for text in texts]
    found, expected = (
        tokenizer(words, is_split_into_words=True, **options) for tokenizer in (published(shared_data)[0], other)
    )
    assert dict(found) == dict(expected)
    assert [found.word_ids(row) for row in range(99)] == [expected.word_ids(row) for row in range(99)]


def test_golden_cases(shared_data: Path) -> None:
    tokenizer, _ = published(shared_data)
    older = set()
    for case in golden_cases(shared_data, "roberta-base"):
        if case["input"] in OLDER_ROWS:
            assert not case["agrees_with_transformers"]["3.5.1"]
            older.add(case["input"])
            continue
        # the tokenizers of 3.5.1 that were not compiled made nothing of a blank text; its compiled ones did
        assert case["agrees_with_transformers"]["3.5.1"] or not case["input"].strip(), case
        found = tokenizer(case["input"], add_special_tokens=case["add_special_tokens"])
        assert found["input_ids"] == case["ids"], case
        assert found.tokens() == case.get("tokens", found.tokens()), case
        assert tokenizer.decode(case["ids"]) == case.get("decoded_new_style", tokenizer.decode(case["ids"])), case
    assert older == OLDER_ROWS


def test_golden_small_vocabulary(shared_data: Path, tmp_path: Path) -> None:
    (case,) = [row for row in golden(shared_data)["tiny_vocab"] if row["model"] == "roberta"]
    (tmp_path / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(case["vocab_in_order"])}))
    (tmp_path / "merges.txt").write_text("\n".join(case["merges"]))
    tokenizer = RobertaTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt", **case["options"])
    assert tokenizer.tokenize(case["input"]) == case["tokens"]
    assert tokenizer.encode(case["input"], add_special_tokens=False) == case["ids"]
    assert tokenizer.convert_tokens_to_ids("no token") == case["unk_id"]


# -- text to tokens


def test_layout() -> None:
    tokenizer = small()
    one = tokenizer("low", return_token_type_ids=True, return_special_tokens_mask=True)
    assert one.tokens() == ["<s>", "low", "</s>"]
    assert one["special_tokens_mask"] == [1, 0, 1]
    two = tokenizer("low", " the", return_token_type_ids=True)
    assert two.tokens() == ["<s>", "low", "</s>", "</s>", "Ġthe", "</s>"]
    assert two["token_type_ids"] == [0] * 6
    assert list(tokenizer("low")) == ["input_ids", "attention_mask"]
    assert tokenizer.num_special_tokens_to_add(pair=True) == 4
    assert tokenizer(["low", "low the"], padding=True)["input_ids"][0][-1] == tokenizer.pad_token_id
    assert RobertaTokenizerFast is RobertaTokenizer


def test_the_mask_takes_the_blank_before_it() -> None:
    tokenizer = small()
    found = tokenizer("low <mask> low", add_special_tokens=False, return_offsets_mapping=True)
    assert found.tokens() == ["low", "<mask>", "Ġlow"]
    assert found["offset_mapping"] == [(0, 3), (4, 10), (11, 14)]
    untrimmed = small(trim_offsets=False)("low <mask>", add_special_tokens=False, return_offsets_mapping=True)
    assert untrimmed["offset_mapping"] == [(0, 3), (3, 10)]
    assert tokenizer.mask_token == "<mask>"
    other = small(mask_token=AddedToken("<mask>", normalized=False))
    assert other.tokenize("low <mask>") == ["low", "Ġ", "<mask>"]


def test_a_blank_is_put_only_before_a_text_that_begins_with_none() -> None:
    option: dict[str, Any] = {"add_prefix_space": True}
    for tokenizer, options in ((small(**option), {}), (small(), option)):
        assert tokenizer.tokenize("low", **options) == ["Ġlow"]
        assert tokenizer.tokenize(" low", **options) == ["Ġlow"]
        assert tokenizer.tokenize("\nlow", **options) == ["Ċ", "low"]
        assert tokenizer.tokenize("low</s>low", **options) == ["Ġlow", "</s>", "low"]
        assert tokenizer.tokenize("", **options) == []
        assert tokenizer("low", return_offsets_mapping=True, **options)["offset_mapping"][1] == (0, 3)
    found = small()(["low", " low"], is_split_into_words=True, return_offsets_mapping=True)
    assert found.tokens() == ["<s>", "Ġlow", "Ġlow", "</s>"]
    assert found["offset_mapping"] == [(0, 0), (0, 3), (1, 4), (0, 0)]


# -- files


def full_small(**options: Any) -> RobertaTokenizer:
    tokenizer = small(model_max_length=64, **options)
    tokenizer.add_tokens(["<New>", AddedToken("<l>", lstrip=True)])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<A>"]})
    return tokenizer


def test_decoding_puts_no_blanks_beside_added_tokens() -> None:
    tokenizer = full_small()
    for text in ("low <New> low", "<A>low<A> the lower", "low<New>low"):
        assert tokenizer.decode(tokenizer.encode(text)) == f"<s>{text}</s>"


OTHER_TEXTS = [*TEXTS, "<A> <New> low", "x <l>y <pad>"]


@pytest.mark.parametrize("legacy_format", [None, True, False])
def test_what_we_save_is_read_here_and_by_todays_transformers(tmp_path: Path, legacy_format: bool | None) -> None:
    tokenizer = full_small()
    tokenizer.save_pretrained(tmp_path, legacy_format=legacy_format)
    options: dict[str, Any] = {"return_offsets_mapping": True, "padding": True}
    expected = dict(tokenizer(OTHER_TEXTS, OTHER_TEXTS[::-1], **options))
    for cls in (RobertaTokenizer, AutoTokenizer, today.RobertaTokenizer, today.AutoTokenizer):
        other = cls.from_pretrained(str(tmp_path))
        assert dict(other(OTHER_TEXTS, OTHER_TEXTS[::-1], **options)) == expected
        assert (len(other), other.model_max_length) == (len(tokenizer), 64)
    assert RobertaTokenizer.from_pretrained(tmp_path).added_tokens_decoder == tokenizer.added_tokens_decoder


@pytest.mark.parametrize("trim_offsets", [False, True])
def test_the_tokenizers_package_reads_our_pipeline(tmp_path: Path, trim_offsets: bool) -> None:
    tokenizer = full_small(trim_offsets=trim_offsets)
    tokenizer.save_pretrained(tmp_path)
    engine = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    pairs = list(zip(OTHER_TEXTS, OTHER_TEXTS[::-1], strict=True))
    found = tokenizer(pairs, return_offsets_mapping=True)
    encoded = engine.encode_batch(pairs)
    assert [row.ids for row in encoded] == found["input_ids"]
    assert [row.offsets for row in encoded] == found["offset_mapping"]
    alone = RobertaTokenizer(tokenizer_file=tmp_path / "tokenizer.json")
    assert alone.trim_offsets == trim_offsets


@pytest.mark.parametrize("lstrip", [False, True])
def test_we_read_what_todays_transformers_saves(tmp_path: Path, lstrip: bool) -> None:
    mask = MASK if lstrip else "<mask>"
    other = today.RobertaTokenizer(
        vocab=BYTE_VOCAB, merges=BYTE_MERGES, model_max_length=99, mask_token=mask, add_prefix_space=True
    )
    other.add_tokens(["<New>", AddedToken("<l>", lstrip=True)])
    other.add_special_tokens({"additional_special_tokens": ["<A>"], "bos_token": "Ġ"})
    other.save_pretrained(str(tmp_path))
    mine = RobertaTokenizer.from_pretrained(tmp_path)
    texts = ["low the lower", "a <mask> low", "low <New> low"]
    options: dict[str, Any] = {"return_offsets_mapping": True, "return_special_tokens_mask": True}
    assert dict(mine(texts, **options)) == dict(other(texts, **options))
    assert (mine.bos_token, mine.additional_special_tokens, mine.model_max_length) == ("Ġ", ["<A>"], 99)
    assert mine.add_prefix_space


def test_files_of_2019(tmp_path: Path) -> None:
    folder = write_files(tmp_path, BYTE_VOCAB, BYTE_MERGES, ("roberta-base-vocab.json", "roberta-base-merges.txt"))
    (folder / "added_tokens.json").write_text(json.dumps({"<New>": len(BYTE_VOCAB)}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"mask_token": "<mask>", "pad_token": "<pad>"}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"max_len": 512}))
    tokenizer = RobertaTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("low <mask> <New>") == ["low", "<mask>", "Ġ", "<New>"]
    assert (tokenizer.model_max_length, len(tokenizer)) == (512, len(BYTE_VOCAB) + 1)
