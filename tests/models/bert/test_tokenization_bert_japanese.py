"""BertJapaneseTokenizer gives the tokens that were published, and the ids of transformers."""

import json
import pickle
import random
import sys
import threading
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import transformers

from pretrained import AutoTokenizer
from pretrained.errors import MissingDependencyError, TokenizationError
from pretrained.models.bert.tokenization_bert_japanese import BertJapaneseTokenizer, CharacterTokenizer, MecabTokenizer

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
WORDS = [*SPECIAL, "こんにちは", "こん", "にちは", "ばんは", "##こん", "##にちは", "##ばんは", "世界", "##世界"]
WORDS += ["、", "##、", "。", "##。"]
TEXT = "こんにちは、世界。 \nこんばんは、世界。"
SHOP = " \tｱｯﾌﾟﾙストアでiPhone８ が  \n 発売された　。  "


def japanese(**options: Any) -> BertJapaneseTokenizer:
    return BertJapaneseTokenizer(**{"vocab": WORDS, **options})


# -- facts that were published with the family


def test_published_toy_vocabulary() -> None:
    tokenizer = japanese(word_tokenizer_type="mecab")
    tokens = ["こんにちは", "、", "世界", "。", "こん", "##ばんは", "、", "世界", "。"]
    assert tokenizer.tokenize(TEXT) == tokens
    ids = [5, 14, 12, 16, 6, 11, 14, 12, 16]
    assert tokenizer.convert_tokens_to_ids(tokens) == ids
    assert tokenizer.encode(TEXT) == [1, *ids, 2]
    assert tokenizer("世界", "、")["token_type_ids"] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("dictionary", ["ipadic", "unidic_lite"])
def test_mecab(dictionary: str) -> None:
    words = ["アップルストア", "で", "iPhone", "8", "が", "発売", "さ", "れ", "た", "。"]
    if dictionary == "unidic_lite":
        words[:1] = ["アップル", "ストア"]
    assert MecabTokenizer(mecab_dic=dictionary).tokenize(SHOP) == words
    lower = MecabTokenizer(do_lower_case=True, mecab_dic=dictionary)
    assert lower.tokenize(SHOP) == [word.lower() for word in words]
    assert lower.tokenize(SHOP, never_split=["iPhone"]) == words


def test_mecab_without_normal_form() -> None:
    words = ["ｱｯﾌﾟﾙストア", "で", "iPhone", "８", "が", "発売", "さ", "れ", "た", "\u3000", "。"]
    assert MecabTokenizer(normalize_text=False).tokenize(SHOP) == words


def test_characters() -> None:
    vocab = [*SPECIAL, "こ", "ん", "に", "ち", "は", "ば", "世", "界", "、", "。"]
    splitter = CharacterTokenizer(vocab, unk_token="[UNK]")
    assert splitter.tokenize("") == []
    assert splitter.tokenize("こんにちは") == ["こ", "ん", "に", "ち", "は"]
    assert splitter.tokenize("こんにちほ㌔") == ["こ", "ん", "に", "ち", *["[UNK]"] * 3]
    tokenizer = japanese(vocab=vocab, word_tokenizer_type="mecab", subword_tokenizer_type="character")
    assert tokenizer.tokenize("こんばんは、 世界。") == ["こ", "ん", "ば", "ん", "は", "、", "世", "界", "。"]
    assert tokenizer("世界", return_offsets_mapping=True)["offset_mapping"] == [(0, 0), (0, 1), (1, 2), (0, 0)]


# -- our own


def test_the_basic_way_leaves_chinese_characters_together() -> None:
    assert japanese().tokenize("世界世界 、Abc") == ["世界", "##世界", "、", "[UNK]"]
    assert japanese(do_subword_tokenize=False).tokenize("世界A、") == ["世界A", "、"]
    assert japanese(do_word_tokenize=False).tokenize("世界こん、 。") == ["世界", "##こん", "##、", "。"]
    assert japanese(do_lower_case=True, do_subword_tokenize=False).tokenize("Äb") == ["ab"]
    assert japanese(do_lower_case=True, never_split=["Äb"], do_subword_tokenize=False).tokenize("Äb") == ["Äb"]


def test_special_and_added_tokens_stay_whole() -> None:
    tokenizer = japanese(word_tokenizer_type="mecab")
    tokenizer.add_tokens(["世ABC"])
    assert tokenizer.tokenize("世界[MASK]世ABC。") == ["世界", "[MASK]", "世ABC", "。"]
    assert tokenizer.decode(tokenizer.encode("こんばんは[MASK]")) == "[CLS] こんばんは [MASK] [SEP]"


def test_places() -> None:
    tokenizer = japanese(word_tokenizer_type="mecab", mecab_kwargs={"mecab_dic": "unidic_lite"})
    text = "ｱｯﾌﾟﾙ、 こんばんは☃世界"
    found = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    stretches = [text[start:end] for start, end in found["offset_mapping"]]
    assert stretches == ["ｱｯﾌﾟﾙ", "、", "こん", "ばんは", "☃", "世界"]
    assert found.tokens()[0] == "[UNK]"
    assert found.word_ids() == [0, 1, 2, 2, 3, 4]
    assert tokenizer.explain("☃")[0].reason == "it is not in the vocabulary"


def test_unused_places() -> None:
    tokenizer = japanese(vocab=[*WORDS, "[unused0]"], word_tokenizer_type="mecab")
    assert tokenizer.use_unused_tokens("☃x") == {"☃x": len(WORDS)}
    assert tokenizer.tokenize("世界☃x。") == ["世界", "☃x", "。"]


def test_saved_and_loaded(tmp_path: Path) -> None:
    options = {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "unidic_lite"}, "do_lower_case": True}
    tokenizer = japanese(**options)
    written = tokenizer.save_pretrained(tmp_path)
    assert not any(path.endswith("tokenizer.json") for path in written)
    again = AutoTokenizer.from_pretrained(tmp_path)
    theirs = transformers.BertJapaneseTokenizer.from_pretrained(tmp_path)
    assert type(again) is BertJapaneseTokenizer
    assert again.mecab_kwargs == {"mecab_dic": "unidic_lite"}
    assert again.encode(TEXT) == tokenizer.encode(TEXT) == theirs.encode(TEXT)
    assert pickle.loads(pickle.dumps(tokenizer)).encode(TEXT) == tokenizer.encode(TEXT)


def test_several_threads_may_share_it() -> None:
    tokenizer = japanese(word_tokenizer_type="mecab")
    expected = tokenizer.encode(TEXT)
    wrong: list[list[int]] = []

    def run() -> None:
        for _ in range(200):
            tokenizer._engine._cut.clear()  # type: ignore[attr-defined]
            ids = tokenizer.encode(TEXT)
            if ids != expected:
                wrong.append(ids)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"word_tokenizer_type": "juman"}, "word_tokenizer_type='juman': the values are 'basic', 'mecab'"),
        ({"subword_tokenizer_type": "bpe"}, "subword_tokenizer_type='bpe': the values are 'wordpiece', 'character'"),
        (
            {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "naist"}},
            "mecab_dic='naist': the values are 'ipadic', 'unidic_lite', 'unidic'",
        ),
        (
            {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": None, "mecab_option": "-d /nowhere"}},
            "MeCab does not start with the options '-d /nowhere'",
        ),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenizationError, match=message):
        japanese(**options)


@pytest.mark.parametrize(
    ("module", "dictionary", "named"),
    [
        ("fugashi", "ipadic", r'fugashi.*pip install "pretrained\[japanese\]"'),
        ("ipadic", "ipadic", r'ipadic.*pip install "pretrained\[japanese\]"'),
        ("unidic_lite", "unidic_lite", r'unidic-lite.*pip install "pretrained\[japanese\]"'),
        ("unidic", "unidic", r"unidic.*pip install unidic; python -m unidic download"),
    ],
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, module: str, dictionary: str, named: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=named):
        MecabTokenizer(mecab_dic=dictionary)


@pytest.mark.parametrize(
    "options",
    [
        {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "ipadic"}},
        {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "unidic_lite"}, "do_lower_case": True},
        {
            "word_tokenizer_type": "mecab",
            "mecab_kwargs": {"mecab_dic": "ipadic"},
            "subword_tokenizer_type": "character",
        },
        {"do_lower_case": True, "subword_tokenizer_type": "character"},
        {},
    ],
)
def test_ids_as_transformers_has_them(shared_data: Path, options: dict[str, Any]) -> None:
    vocab = str(shared_data / "vocab" / "bert-base-multilingual-cased" / "vocab.txt")
    ours = BertJapaneseTokenizer(vocab, **options)
    theirs: Any = transformers.BertJapaneseTokenizer(vocab, **options)  # type: ignore[no-untyped-call]
    lines = (shared_data / "text" / "udhr.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    texts = [part for row in rows if row["lang"] in ("jpn_osaka", "cmn_hant") for part in row["text"].split("\n")]
    texts += json.loads((shared_data / "text" / "blns.json").read_text(encoding="utf-8"))
    rng = random.Random(5)
    blocks = [(0x20, 0x7E), (0x3000, 0x30FF), (0xFF00, 0xFFEF), (0x4E00, 0x9FFF), (0xA0, 0xD7FF), (0xE000, 0x10FFFF)]
    texts += ["".join(chr(rng.randint(*rng.choice(blocks))) for _ in range(20)) for _ in range(200)]
    # today's basic tokenizer composes the text first; that of 3.5.1 did not, and neither does ours
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    assert [text for text in texts if ours.encode(text) != theirs.encode(text)] == []
