"""SentencePiece models that tests train themselves, the sentencepiece package to compare with, and texts to cut."""

import io
import json
import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sentencepiece
from hypothesis import strategies as st

from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.engine import Engine
from pretrained.tokenization.processor import SentencePiece
from pretrained.tokenization.sentencepiece import SentencePieceModel, parse_model
from pretrained.tokenization.sentencepiece_engine import SentencePieceEngine

_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "was",
    "for",
    "on",
    "with",
    "as",
    "this",
    "be",
    "have",
    "from",
    "one",
    "all",
    "would",
    "there",
    "their",
    "what",
    "about",
    "which",
    "when",
    "make",
    "like",
    "time",
    "just",
    "know",
    "take",
    "people",
    "into",
    "year",
    "good",
    "some",
    "could",
    "them",
    "see",
    "other",
    "than",
    "then",
    "now",
    "look",
    "only",
    "come",
    "think",
    "over",
    "also",
    "back",
    "after",
    "use",
    "two",
    "how",
    "our",
    "work",
    "first",
    "well",
    "way",
    "even",
    "new",
    "want",
    "because",
    "any",
    "these",
    "give",
    "day",
    "most",
    "house",
    "étude",
    "naïve",
    "café",
    "déjà",
    "être",
    "garçon",
    "Straße",
    "über",
    "größer",
    "Mädchen",
    "Füße",
    "été",
    "λόγος",
    "και",
    "άνθρωπος",
    "мир",
    "книга",
    "человек",
    "делать",
    "привет",
    "世界",
    "你好",
    "日本語",
    "東京",
    "한국어",
    "서울",
    "unbelievable",
    "antidisestablishmentarianism",
    "international",
    "internationalization",
    "running",
    "runner",
    "runs",
    "ran",
    "walked",
    "walking",
    "walker",
    "1,",
    "2,",
    "12,",
    "1984,",
    "1984",
    "2018,",
    "2018",
    "100,000",
    "3.14",
    "000",
    "00",
    "11",
    "1",
    "2",
    "3",
    "abcabcabc",
    "don't",
    "can't",
    "(see)",
    '"quoted"',
    "e-mail",
    "www.example.com",
    "aaaa",
    "aaa",
    "aa",
    "bb",
    "bbb",
]


@lru_cache
def corpus() -> tuple[str, ...]:
    chance = random.Random(0)
    weights = [1 / (rank + 3) for rank in range(len(_WORDS))]
    lines = [" ".join(chance.choices(_WORDS, weights, k=chance.randrange(3, 12))) for _ in range(900)]
    return (*lines, *(" ".join(chance.sample(_WORDS, 12)) for _ in range(100)))


@lru_cache
def train(**options: Any) -> bytes:
    """The file of a model of the corpus; the options are those of the trainer, `symbols` the user-defined ones."""
    if "symbols" in options:
        options["user_defined_symbols"] = list(options.pop("symbols"))
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=written,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **{"vocab_size": 300, **options},
    )
    return written.getvalue()


@lru_cache
def package(data: bytes) -> Any:
    return sentencepiece.SentencePieceProcessor(model_proto=data)


def read(data: bytes) -> SentencePieceModel:
    return parse_model(data, source="made.model")


@lru_cache
def processor(data: bytes) -> SentencePiece:
    """One for all texts of a test, so that it remembers words."""
    return SentencePiece(read(data))


@lru_cache
def engine(data: bytes) -> SentencePieceEngine:
    """An engine with the ids of the model itself."""
    pieces = processor(data).model.pieces
    return SentencePieceEngine(processor(data), pieces, range(len(pieces)))


def assert_same(own: Engine, data: bytes, texts: Sequence[str]) -> None:
    """Ids, pieces and places are those of the sentencepiece package."""
    for text, pieces in zip(texts, own.encode(texts), strict=True):
        expected = package(data).encode(text, return_type="offset_mapping")
        found = {"ids": pieces.ids, "pieces": pieces.tokens, "offsets": pieces.offsets}
        expected = {**expected, "offsets": [tuple(span) for span in expected["offsets"]]}
        assert found == expected, repr(text)


def published(
    data: bytes, text: str, *, lower: bool = False, keep_accents: bool = False
) -> tuple[list[str], list[int]]:
    """(pieces, ids) of XLNet and ALBERT in 3.5.1: the package, and what was done before and after it."""
    if lower:
        text = "".join(char.lower() for char in text)
    text = " ".join(text.strip().split()).replace("``", '"').replace("''", '"')
    if not keep_accents:
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    if lower:
        text = text.lower()
    model = package(data)
    pieces: list[str] = []
    for piece in model.encode(text, return_type=str):
        if len(piece) > 1 and piece.endswith(",") and piece[-2].isdigit():
            before = model.encode(piece[:-1].replace("▁", ""), return_type=str)
            if not piece.startswith("▁"):
                before[0] = before[0].removeprefix("▁")
            pieces += [*filter(None, before), ","]
        else:
            pieces.append(piece)
    return pieces, [model.piece_to_id(piece) for piece in pieces]


# letters that rules of normalization change or join, blanks of all kinds, and what looks like pieces
_STRANGE = [*"aA1,.=<>'` \t\n\x00\x01\u00a0\u200b\u3000▁é½…ﷺﬁ한ㄱᄀ가世各λΣІ\ufffd¨\u0301\u0308\u0338\u3099\u11ab"]
_WHOLE = ["the", "aa", "11", "2018,", "<s>", "<unk>", "  ", "<0x41>", "``", "''", "running"]

texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from([*_STRANGE, *_WHOLE]), max_size=20).map("".join),
    st.lists(st.sampled_from([*_WORDS, "ab", "x"]), max_size=12).map(" ".join),
    st.text(st.sampled_from("ab01, "), max_size=200),
)
"""Texts of all kinds."""


def long_text(words: int, seed: int = 0) -> str:
    """A text in which so many scores are added up that rounding decides."""
    chance = random.Random(seed)
    return " ".join(
        chance.choice([*_WORDS, "".join(chance.choices("abcdehnr012", k=chance.randrange(1, 14)))])
        for _ in range(words)
    )


# -- the optional folder of public data, and today's transformers


@lru_cache
def shared_texts(folder: Path, *, longest: int = 1500) -> list[str]:
    """The beginnings of texts in 266 languages, strange texts, English ones."""
    lines = (folder / "text" / "udhr.jsonl").read_text(encoding="utf-8").splitlines()
    found: list[str] = [json.loads(line)["text"][:longest] for line in lines]
    found += json.loads((folder / "text" / "blns.json").read_text(encoding="utf-8"))
    for name in ("sample_text.txt", "sample_text_no_unicode.txt"):
        found += (folder / "text" / name).read_text(encoding="utf-8").splitlines()
    return found


def golden(folder: Path, vocab: str) -> list[dict[str, Any]]:
    """Published facts about the vocabulary of this name, of grade A."""
    rows = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))["tokenize"]
    return [row for row in rows if row["vocab"].endswith(vocab) and row["grade"] == "A"]


def check_golden(row: dict[str, Any], make: Callable[..., PreTrainedTokenizer]) -> None:
    """One of them; `make` gets the options that the row names."""
    named = re.fullmatch(r"\w+(?:\((\w+)=True\))?", row.get("tokenizer_class", "Any"))
    assert named is not None
    tokenizer = make(**({named[1]: True} if named[1] else {}))
    if "ids" in row:
        assert tokenizer.encode(row["input"], add_special_tokens=row["add_special_tokens"]) == row["ids"]
    if "tokens" in row:
        assert tokenizer.tokenize(row["input"]) == row["tokens"]
    if "decoded_new_style" in row:
        assert tokenizer.decode(tokenizer.encode(row["input"])) == row["decoded_new_style"]


# Where today's transformers cuts otherwise: a number's comma stays on, every mark is dropped as an accent, NEL is a
# blank, and groups of letters and marks (so Korean that was taken apart) are normalized as a whole or not at all. In
# long texts its sums of 64 bits now and then prefer another of two covers that are nearly equal.
_DIFFERENT = re.compile(
    "\\d,|\x85|[\u0300-\u036f\u0483-\u0489\u0591-\u11ff\u1ab0-\u1aff\u20d0-\u20f0\uac00-\ud7a3\ufe0f]"
)


def comparable(texts: Sequence[str]) -> list[str]:
    """The lines of texts which transformers cuts as 3.5.1 did."""
    lines = [line for text in texts for line in text.splitlines()]
    return [line for line in lines if len(line) < 300 and not _DIFFERENT.search(line)]


def same_as_transformers(own: PreTrainedTokenizer, folder: Path, lines: Sequence[str]) -> None:
    """Saved here and read there, saved there and read here: the same ids, special tokens and columns."""
    import transformers

    own.add_tokens(["<new>"])
    own.save_pretrained(folder / "ours")
    theirs = getattr(transformers, type(own).__name__).from_pretrained(folder / "ours")
    assert type(transformers.AutoTokenizer.from_pretrained(folder / "ours")) is type(theirs)
    theirs.add_tokens(["<more>"])
    theirs.save_pretrained(folder / "theirs")
    own.add_tokens(["<more>"])
    again = type(own).from_pretrained(folder / "theirs")
    assert dict(theirs("a b", "c")) == dict(own("a b", "c"))  # with token types where the model reads them
    pair = dict(theirs("a b", "c", return_token_type_ids=True))
    for tokenizer in (own, again):
        for line in [*lines, "a <new>b <more>", f"a {own.mask_token}. <unk>"]:
            assert tokenizer.encode(line) == theirs.encode(line), line
        assert dict(tokenizer("a b", "c", return_token_type_ids=True)) == pair
        assert tokenizer.padding_side == theirs.padding_side
        assert len(tokenizer) == len(theirs)
        assert {tokenizer.all_special_tokens[0], str(tokenizer.mask_token)} <= set(theirs.all_special_tokens)
        assert tokenizer.special_tokens_map.items() >= {
            (name, str(getattr(theirs, name))) for name in ("unk_token", "sep_token", "cls_token", "pad_token")
        }
