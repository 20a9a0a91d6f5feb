"""OpenAIGPTTokenizer gives published ids, with ftfy and spaCy or without, and folders go to and from others."""

import copy
import importlib
import json
import pickle
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers

from pretrained import AutoTokenizer, OpenAIGPTTokenizer, OpenAIGPTTokenizerFast
from pretrained.errors import MissingDependencyError
from pretrained.models.openai_gpt.spacy_words import standardize
from pretrained.tokenization.pairs import PairMerger
from tests.tokenization.bpe_material import WORD_MERGES, WORD_VOCAB, write_files
from tests.tokenization.published import golden, golden_cases, random_texts, shared_texts

today: Any = transformers

TEXTS = ["The lower, low!", "isn't lowér", "世 low 🤔", "a <unk> b", "", " \n ", "low\n\nlow"]

# Where today's transformers and 3.5.1 differ, ours is as 3.5.1: code points that are never characters are dropped, and
# all of Chinese extension E stands alone.
DIFFERENT_TODAY = re.compile("[\U0002b820-\U0002b91f\ufdd0-\ufdef\ufffe\uffff]")


def small(**options: Any) -> OpenAIGPTTokenizer:
    return OpenAIGPTTokenizer(**{"vocab": WORD_VOCAB, "merges": WORD_MERGES, "use_spacy": False, **options})


# -- published vocabulary


def published(shared_data: Path) -> tuple[OpenAIGPTTokenizer, Any]:
    folder = shared_data / "vocab" / "openai-gpt"
    mine = OpenAIGPTTokenizer.from_pretrained(folder, use_spacy=False, model_max_length=10**6)
    return mine, today.OpenAIGPTTokenizer.from_pretrained(str(folder))


def test_every_shared_text_as_transformers_has_it(shared_data: Path) -> None:
    mine, other = published(shared_data)
    texts = shared_texts(shared_data)
    expected = [row.ids for row in other.backend_tokenizer.encode_batch_fast(texts)]
    assert [text for text, a, b in zip(texts, mine.encode_ragged(texts), expected, strict=True) if a != b] == ["\ufffe"]


def test_any_text_single_and_pair_as_transformers_has_it(shared_data: Path) -> None:
    mine, other = published(shared_data)
    texts = [text for text in random_texts(400, (" <unk> ", "<unk>")) if not DIFFERENT_TODAY.search(text)]
    texts += [text[:300] for text in shared_texts(shared_data)[::80]]
    options: dict[str, Any] = {"return_offsets_mapping": True}
    assert dict(mine(texts, **options)) == dict(other(texts, **options))
    a, b = mine(texts, texts[::-1], **options), other(texts, texts[::-1], **options)
    assert dict(a) == dict(b)
    for index in range(0, len(texts), 7):
        assert a.tokens(index) == b.tokens(index)
        assert a.word_ids(index) == b.word_ids(index)
    ids = [row for row, text in zip(a["input_ids"], texts, strict=True) if "'" not in text]
    assert mine.batch_decode(ids, clean_up_tokenization_spaces=False) == other.batch_decode(ids)


def test_golden_cases(shared_data: Path) -> None:
    tokenizer, _ = published(shared_data)
    cases = golden_cases(shared_data, "openai-gpt")
    assert len(cases) == 6
    for case in cases:
        assert case["agrees_with_transformers"]["3.5.1"]
        assert tokenizer.encode(case["input"], add_special_tokens=case["add_special_tokens"]) == case["ids"], case


def test_golden_small_vocabulary(shared_data: Path, tmp_path: Path) -> None:
    (case,) = [row for row in golden(shared_data)["tiny_vocab"] if row["model"] == "openai-gpt"]
    (tmp_path / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(case["vocab_in_order"])}))
    (tmp_path / "merges.txt").write_text("\n".join(case["merges"]))
    tokenizer = OpenAIGPTTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt", use_spacy=False)
    assert tokenizer.tokenize(case["input"]) == case["tokens"]
    assert tokenizer.convert_tokens_to_ids([*case["tokens"], "<unk>"]) == [*case["ids"], case["unk_id"]]
    assert tokenizer.encode("lower") == case["ids"]


def test_published_merges_give_the_compiled_engine_no_choice(shared_data: Path) -> None:
    tokenizer, _ = published(shared_data)
    merger = PairMerger(tokenizer.bpe_ranks, suffix="</w>")
    words = {word for text in shared_texts(shared_data)[::20] for word in re.findall(r"[a-z]+", text.lower())}
    assert len(words) > 3000
    for word, pieces in zip(words, tokenizer(list(words)).encodings or (), strict=True):
        assert pieces.tokens == merger.merge(word)


# -- text to tokens


def test_words_as_bert_makes_them() -> None:
    tokenizer = small()
    assert tokenizer.tokenize("The LOWER, lów!") == ["the</w>", "low", "er</w>", ",</w>", "low</w>", "!</w>"]
    assert tokenizer.tokenize("low 世") == ["low</w>", "<unk>"]
    found = tokenizer("the low", "er", return_token_type_ids=True, return_offsets_mapping=True)
    assert found["token_type_ids"] == [0, 0, 1]
    assert found["offset_mapping"] == [(0, 3), (4, 7), (0, 2)]
    assert list(tokenizer("low")) == ["input_ids", "attention_mask"]
    assert tokenizer.decode(tokenizer.encode("The lower, low!")) == "the lower, low!"
    assert tokenizer.bpe("lower") == "low er</w>"
    assert tokenizer.encoder == WORD_VOCAB
    assert tokenizer.bpe_ranks[("lo", "w")] == 1
    assert OpenAIGPTTokenizerFast is OpenAIGPTTokenizer
    reasons = {row.token: row.reason for row in tokenizer.explain("low 世\x07")}
    assert "no '世' (U+4E16" in str(reasons["<unk>"])
    assert "control character" in str(reasons[""])


def test_new_tokens_are_lower_cased() -> None:
    tokenizer = small()
    assert tokenizer.add_tokens(["<New>"]) == 1
    assert tokenizer.tokenize("low<NEW>low") == ["low</w>", "<new>", "low</w>"]
    assert tokenizer.convert_tokens_to_ids("<New>") == len(WORD_VOCAB)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<A>"]})
    assert tokenizer.tokenize("<A>low") == ["<A>", "low</w>"]


# -- words by ftfy and spaCy


class _English:
    """Stands for spaCy's: words between single blanks."""

    def tokenizer(self, text: str) -> list[types.SimpleNamespace]:
        return [types.SimpleNamespace(text=word) for word in text.split(" ") if word]


@pytest.fixture
def both_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules under the names of ftfy and spaCy that do little."""
    fakes: dict[str, dict[str, Any]] = {
        "ftfy": {"fix_text": lambda text: text.replace("â€™", "'")},
        "spacy.lang.en": {"English": _English},
    }
    fakes |= {"spacy": {}, "spacy.lang": {}}
    for name, content in fakes.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def neither_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ftfy", "spacy", "spacy.lang", "spacy.lang.en"):
        monkeypatch.setitem(sys.modules, name, None)


def test_standardize() -> None:
    assert standardize("a—b – c―d… ´x´") == "a - b - c - d... 'x'"
    assert standardize('"so!!" (he) [a]{b} x_y|z ~1+2 c:\\d/e* f;g?') == (
        '" so !! " ( he ) [ a ] { b } x _ y | z ~ 1 + 2 c: \\ d / e * f ; g ?'
    )
    assert standardize(" a \t\xa0b\r\n \n c  ") == "a b \n c"
    assert standardize("--- -~") == "--- - ~"


def test_without_the_packages_words_are_as_bert_has_them(neither_package: None) -> None:
    with pytest.warns(UserWarning, match=r"pip install ftfy spacy, or use_spacy=False") as warned:
        tokenizer = small(use_spacy=None)
    assert warned[0].filename == __file__
    assert not tokenizer.use_spacy
    assert tokenizer.tokenize("low\nlow") == ["low</w>", "low</w>"]
    with pytest.raises(MissingDependencyError, match=r"use_spacy=False.*ftfy"):
        small(use_spacy=True)


@pytest.mark.usefixtures("both_packages")
def test_with_the_packages_words_are_theirs(tmp_path: Path) -> None:
    tokenizer = small(use_spacy=None, vocab={**WORD_VOCAB, "\n</w>": len(WORD_VOCAB), "'</w>": len(WORD_VOCAB) + 1})
    assert tokenizer.use_spacy
    text = "Low!!<unk>The LOWER\n\n isnâ€™t"
    found = tokenizer(text, return_offsets_mapping=True)
    assert found.tokens() == [
        *("low</w>", "!", "!</w>", "<unk>", "the</w>", "low", "er</w>", "\n</w>", "i", "s", "n", "'", "t</w>")
    ]
    assert found["input_ids"][1] == WORD_VOCAB["<unk>"]
    assert [text[start:end] for start, end in found["offset_mapping"]][3:7] == ["<unk>", "The", "LOW", "ER"]
    assert found.word_ids()[:8] == [0, 1, 1, 2, 3, 4, 4, 5]
    assert tokenizer.pipeline_json() is None
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode(text) == found["input_ids"]
    tokenizer.add_tokens(["<New>"])
    assert tokenizer.tokenize("low <New> <new>")[:2] == ["low</w>", "<New>"]
    tokenizer.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    assert OpenAIGPTTokenizer.from_pretrained(tmp_path).encode(text) == found["input_ids"]


def test_a_real_ftfy_and_spacy(shared_data: Path) -> None:
    """As the authors' own code has it, whose words then go through the merges."""
    ftfy, english = pytest.importorskip("ftfy"), pytest.importorskip("spacy.lang.en")
    folder = shared_data / "vocab" / "openai-gpt"
    tokenizer = OpenAIGPTTokenizer.from_pretrained(folder, use_spacy=True, model_max_length=10**6)
    merger = PairMerger(tokenizer.bpe_ranks, suffix="</w>")
    split = english.English().tokenizer
    for text in shared_texts(shared_data)[::60]:
        words = [token.text.lower() for token in split(standardize(ftfy.fix_text(text)))]
        pieces = [piece for word in words for piece in merger.merge("\n" if word == "\n " else word)]
        assert tokenizer.encode(text) == tokenizer.convert_tokens_to_ids(pieces)


def test_importing_the_tokenizer_loads_neither_package() -> None:
    module = importlib.import_module("pretrained.models.openai_gpt.tokenization_openai_gpt")
    assert not {"ftfy", "spacy"} & vars(module).keys()


# -- files


def full_small() -> OpenAIGPTTokenizer:
    tokenizer = small(model_max_length=64, pad_token="<unk>")
    tokenizer.add_tokens(["<New>"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<A>"]})
    return tokenizer


OTHER_TEXTS = [*TEXTS, "<A> <nEw> low"]


@pytest.mark.parametrize("legacy_format", [None, True, False])
def test_what_we_save_is_read_here_and_by_todays_transformers(tmp_path: Path, legacy_format: bool | None) -> None:
    tokenizer = full_small()
    tokenizer.save_pretrained(tmp_path, legacy_format=legacy_format)
    options: dict[str, Any] = {"return_offsets_mapping": True, "padding": True}
    expected = dict(tokenizer(OTHER_TEXTS, OTHER_TEXTS[::-1], **options))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "openai-gpt", "n_embd": 8}))
    for cls in (OpenAIGPTTokenizer, AutoTokenizer, today.OpenAIGPTTokenizer, today.AutoTokenizer):
        other = cls.from_pretrained(str(tmp_path))
        assert dict(other(OTHER_TEXTS, OTHER_TEXTS[::-1], **options)) == expected
        assert (len(other), other.model_max_length, other.pad_token) == (len(tokenizer), 64, "<unk>")
    assert OpenAIGPTTokenizer.from_pretrained(tmp_path).added_tokens_decoder == tokenizer.added_tokens_decoder


def test_the_tokenizers_package_reads_our_pipeline(tmp_path: Path) -> None:
    tokenizer = full_small()
    tokenizer.save_pretrained(tmp_path)
    engine = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [row.ids for row in engine.encode_batch(OTHER_TEXTS)] == tokenizer(OTHER_TEXTS)["input_ids"]


def test_we_read_what_todays_transformers_saves(tmp_path: Path) -> None:
    other = today.OpenAIGPTTokenizer(vocab=WORD_VOCAB, merges=WORD_MERGES, model_max_length=99)
    other.add_tokens(["<new>"])
    other.add_special_tokens({"additional_special_tokens": ["<A>"]})
    other.save_pretrained(str(tmp_path))
    mine = OpenAIGPTTokenizer.from_pretrained(tmp_path, use_spacy=False)
    texts = [*TEXTS, "<A> <new> low"]
    assert dict(mine(texts)) == dict(other(texts))
    assert (mine.additional_special_tokens, mine.model_max_length) == (["<A>"], 99)


def test_files_of_2018_and_pipelines_of_another_kind(tmp_path: Path) -> None:
    names = ("openai-gpt-vocab.json", "openai-gpt-merges.txt")
    folder = write_files(tmp_path / "named", WORD_VOCAB, WORD_MERGES, names)
    assert OpenAIGPTTokenizer.from_pretrained(folder, use_spacy=False).tokenize("low") == ["low</w>"]
    names = ("encoder_bpe_40000.json", "vocab_40000.bpe")
    folder = write_files(tmp_path / "first", WORD_VOCAB, WORD_MERGES, names)
    (folder / "config.json").write_text(json.dumps({"model_type": "openai-gpt", "n_embd": 8}))
    assert OpenAIGPTTokenizer.from_pretrained(folder, use_spacy=False).tokenize("low") == ["low</w>"]
    content = small().pipeline_json()
    assert content is not None
    content["normalizer"] = {"type": "BertNormalizer", **content["normalizer"], "lowercase": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    foreign = OpenAIGPTTokenizer(tokenizer_file=tmp_path / "tokenizer.json")
    assert foreign.tokenize("low LOW") == ["low</w>", "<unk>", "<unk>", "<unk>"]
    assert foreign.pipeline_json()["normalizer"]["lowercase"] is False  # type: ignore[index]
