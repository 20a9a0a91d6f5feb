"""Classes that cut texts by methods of their own. The numbers are what 3.5.1 returned for the same classes."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from pretrained import BertTokenizer, GPT2Tokenizer, PreTrainedTokenizer, TransfoXLTokenizer
from pretrained.errors import TokenizationError
from tests.tokenization.material import WORDS

IDS = "input_ids"


class Contract(PreTrainedTokenizer):
    """A tokenizer as the uncompiled classes were written, which reads its vocabulary after the base constructor."""

    vocab_files_names = {"vocab_file": "vocab.txt"}  # noqa: RUF012

    def __init__(
        self,
        vocab_file: str,
        unk_token: str = "[UNK]",
        sep_token: str = "[SEP]",
        pad_token: str = "[PAD]",
        cls_token: str = "[CLS]",
        mask_token: str = "[MASK]",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            unk_token=unk_token,
            sep_token=sep_token,
            pad_token=pad_token,
            cls_token=cls_token,
            mask_token=mask_token,
            **kwargs,
        )
        self.words = Path(vocab_file).read_text(encoding="utf-8").splitlines()
        self.numbers = {word: index for index, word in enumerate(self.words)}
        self.max_len_single_sentence = self.max_len - 2

    @property
    def vocab_size(self) -> int:
        return len(self.words)

    def get_vocab(self) -> dict[str, int]:
        return dict(self.numbers, **self.added_tokens_encoder)

    def _tokenize(self, text: str, sample: bool = False) -> list[str]:
        return list(text.replace(" ", ""))

    def _convert_token_to_id(self, token: str) -> int:
        return self.numbers.get(token, self.numbers["[UNK]"])

    def _convert_id_to_token(self, index: int) -> str:
        return self.words[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(tokens)

    def build_inputs_with_special_tokens(self, a: list[int], b: list[int] | None = None) -> list[int]:
        cls, sep = [self.convert_tokens_to_ids("[CLS]")], [self.convert_tokens_to_ids("[SEP]")]
        return [*cls, *a, *sep] if b is None else [*cls, *a, *sep, *b, *sep]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(self, a: list[int], b: list[int] | None = None) -> list[int]:
        return [0] * (len(a) + 2) + [1] * (0 if b is None else len(b) + 1)

    def save_vocabulary(self, save_directory: Any, filename_prefix: str | None = None) -> tuple[str, ...]:
        path = Path(save_directory) / "vocab.txt"
        path.write_text("".join(f"{word}\n" for word in self.words), encoding="utf-8")
        return (str(path),)


class Letters(BertTokenizer):
    """A stretch between added tokens comes lower-cased."""

    def _tokenize(self, text: str) -> list[str]:  # type: ignore[override]
        return [char if char in self.vocab else "[UNK]" for char in text if char != " "]


class Whole(BertTokenizer):
    """A text comes as it is."""

    def tokenize(self, text: str) -> list[str]:  # type: ignore[override]
        return [char if char in self.vocab else "[UNK]" for char in text if char != " "]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    return tmp_path


@pytest.fixture(params=[Contract, Letters, Whole])
def tokenizer(request: pytest.FixtureRequest, folder: Path) -> Any:
    return request.param.from_pretrained(folder)


def test_texts_become_ids_by_the_method_in_every_call(tokenizer: Any) -> None:
    low = [5, 19, 22, 30, 6]
    assert tokenizer.encode("lo w", "b") == [*low, 9, 6]
    assert tokenizer.encode_plus("low")[IDS] == tokenizer("low")[IDS] == tokenizer.encode(["l", "o", "w"]) == low
    assert tokenizer.encode_ragged(["low", "a"], pairs=["b", "c"]) == [[*low, 9, 6], [5, 8, 6, 10, 6]]
    assert dict(tokenizer(["lo", "w"], ["a", "bc"], padding=True)) == {
        "input_ids": [[5, 19, 22, 6, 8, 6], [5, 30, 6, 9, 10, 6]],
        "token_type_ids": [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]],
        "attention_mask": [[1] * 6] * 2,
    }
    assert tokenizer.batch_encode_plus([("lo", "a"), ("w", "bc")])[IDS] == [[5, 19, 22, 6, 8, 6], [5, 30, 6, 9, 10, 6]]
    words = tokenizer([["lo", "w"], ["b"]], is_split_into_words=True, padding=True)
    assert words[IDS] == [low, [5, 9, 6, 0, 0]]
    assert words.word_ids(0) == [None, 0, 0, 1, None]
    assert tokenizer("low").tokens() == ["[CLS]", "l", "o", "w", "[SEP]"]


def test_what_tokenize_returns() -> None:
    letters, whole = Letters(vocab=WORDS), Whole(vocab=WORDS)
    assert letters.tokenize("Low é") == ["l", "o", "w", "[UNK]"]
    assert letters.tokenize("Low", "b", add_special_tokens=True) == ["[CLS]", "l", "o", "w", "[SEP]", "b", "[SEP]"]
    assert letters.encode("lo [MASK] w", padding="max_length", truncation=True, max_length=6) == [5, 19, 22, 7, 30, 6]
    assert whole.tokenize("Low é") == ["[UNK]", "o", "w", "[UNK]"]
    assert whole.encode("lo [MASK] w", padding="max_length", truncation=True, max_length=6) == [5, 19, 22, 4, 4, 6]


def test_what_was_cut_off_is_listed_as_ids(tokenizer: Any) -> None:
    options = {"truncation": True, "max_length": 6, "stride": 1, "return_overflowing_tokens": True}
    cut = [5, 19, 22, 30, 30, 6]
    one = tokenizer("low world", **options)
    assert (one[IDS], one["overflowing_tokens"], one["num_truncated_tokens"]) == (cut, [19, 11, 19, 25, 22], 4)
    batch = tokenizer(["low world", "b"], padding=True, **options)
    assert batch[IDS] == [cut, [5, 9, 6, 0, 0, 0]]
    assert batch["overflowing_tokens"] == [[19, 11, 19, 25, 22], []]
    assert batch["num_truncated_tokens"] == [4, -3]


def test_added_tokens(tokenizer: Any) -> None:
    assert tokenizer.add_tokens(["new", "w"]) == 1
    assert (len(tokenizer), tokenizer.vocab_size, tokenizer.get_vocab()["new"]) == (55, 54, 54)
    assert tokenizer.convert_tokens_to_ids(["new", "nowhere", "b"]) == [54, 4, 9]
    assert tokenizer.convert_ids_to_tokens([54, 8, 4]) == ["new", "a", "[UNK]"]
    whole = isinstance(tokenizer, Whole)
    assert tokenizer.encode("a new b") == ([5, 8, 21, 12, 30, 9, 6] if whole else [5, 8, 54, 9, 6])


def test_a_text_is_checked(tokenizer: Any) -> None:
    with pytest.raises(TokenizationError, match="must be a str; got NoneType"):
        tokenizer(["a", None])


def test_places_in_the_text_are_not_known(tokenizer: Any) -> None:
    assert not tokenizer.is_fast
    with pytest.raises(TokenizationError, match="To do: leave return_offsets_mapping"):
        tokenizer("low", return_offsets_mapping=True)
    with pytest.raises(TokenizationError, match="a tokenize or _tokenize of its own"):
        tokenizer("low").char_to_token(0)
    with pytest.raises(TokenizationError, match="a tokenize or _tokenize of its own"):
        tokenizer.explain("low")


def test_a_method_may_ask_the_one_it_overrides(folder: Path) -> None:
    class Hyphens(BertTokenizer):
        def tokenize(self, text: str, *arguments: Any, **options: Any) -> list[str]:
            return super().tokenize(text.replace("-", " "), *arguments, **options)

    class Pieces(BertTokenizer):
        def _tokenize(self, text: str, **options: Any) -> list[str]:
            return super()._tokenize(text.replace("-", " "), **options)

    for family in (Hyphens, Pieces):
        tokenizer = family.from_pretrained(folder)
        assert tokenizer.encode("low-unwanted [MASK]") == BertTokenizer(vocab=WORDS).encode("low unwanted [MASK]")
    assert BertTokenizer(vocab=WORDS)._tokenize("unwanted low") == ["un", "##want", "##ed", "low"]


def test_a_tokenize_that_encodes(folder: Path) -> None:
    """What it asks for within itself comes from the engine."""

    class Encodes(BertTokenizer):
        def tokenize(self, text: str, **options: Any) -> list[str]:  # type: ignore[override]
            return self.convert_ids_to_tokens(self.encode(text, add_special_tokens=False))

    class AddsSpecial(BertTokenizer):
        def tokenize(self, text: str, **options: Any) -> list[str]:  # type: ignore[override]
            return super().tokenize(text, add_special_tokens=True)

    plain = BertTokenizer.from_pretrained(folder)
    tokens = plain.tokenize("the fox")
    assert Encodes.from_pretrained(folder)("the fox")["input_ids"] == plain("the fox")["input_ids"]
    assert AddsSpecial.from_pretrained(folder).tokenize("the fox") == ["[CLS]", *tokens, "[SEP]"]


def test_blanks_beside_an_added_token_stay_in_byte_level_families() -> None:
    class Characters(GPT2Tokenizer):
        def _tokenize(self, text: str, **options: Any) -> list[str]:
            return list(text.replace(" ", "_"))

    tokenizer = Characters(vocab={"a": 0, "_": 1, "<|endoftext|>": 2}, merges=[])
    assert tokenizer.encode("a <|endoftext|> a") == [0, 1, 2, 1, 0]


def test_families_whose_texts_their_engine_cuts_stay_fast() -> None:
    assert BertTokenizer.is_fast
    assert TransfoXLTokenizer.is_fast  # it has a tokenize, which only adds what stands at the ends


def test_a_constructor_without_further_keywords(folder: Path) -> None:
    class Narrow(Whole):
        def __init__(self, vocab_file: str, do_lower_case: bool = False) -> None:
            super().__init__(vocab_file=vocab_file, do_lower_case=do_lower_case)
            self.vocab_file = vocab_file
            self.do_lower_case = do_lower_case

    tokenizer = Narrow.from_pretrained(folder, do_lower_case=True)
    assert tokenizer.encode("low") == [5, 19, 22, 30, 6]
    assert tokenizer.name_or_path == str(folder)


# -- a class with every method, and no engine


def test_a_class_without_an_engine(folder: Path) -> None:
    tokenizer = Contract.from_pretrained(folder)
    assert tokenizer.tokenize("Low é") == ["L", "o", "w", "é"]
    assert tokenizer.encode("Low é", "b") == [5, 4, 22, 30, 4, 6, 9, 6]
    assert tokenizer.decode(tokenizer.encode("Low é")) == "[CLS][UNK]ow[UNK][SEP]"
    assert tokenizer.encode("lo [MASK] w") == [5, 19, 22, 7, 30, 6]
    assert tokenizer.all_special_ids == [4, 6, 0, 5, 7]
    tokenizer.add_tokens(["new"])
    tokenizer.add_special_tokens({"bos_token": "<s>", "cls_token": "world"})
    assert tokenizer.decode(tokenizer.encode("a new b<s>")) == "[CLS]a new b <s> [SEP]"
    assert tokenizer.encode("world", add_special_tokens=False) == [WORDS.index("world")]
    assert PreTrainedTokenizer.get_vocab(tokenizer) == tokenizer.get_vocab()


def test_a_class_without_an_engine_can_be_saved_and_copied(folder: Path, tmp_path: Path) -> None:
    tokenizer = Contract.from_pretrained(folder)
    tokenizer.add_tokens(["new"])
    tokenizer.save_pretrained(tmp_path / "saved")
    again = Contract.from_pretrained(tmp_path / "saved")
    for other in (again, copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode("a new [MASK] b") == tokenizer.encode("a new [MASK] b") == [5, 8, 54, 7, 9, 6]
        assert other.get_vocab() == tokenizer.get_vocab()


def test_a_class_with_neither_engine_nor_methods_says_what_it_lacks() -> None:
    class Half(PreTrainedTokenizer):
        def _tokenize(self, text: str, **options: Any) -> list[str]:
            return list(text)

    with pytest.raises(TypeError, match=r"^Half has no _convert_token_to_id, _convert_id_to_token, vocab_size, and"):
        Half()
    with pytest.raises(TypeError, match=r"has no _tokenize, .*AutoTokenizer"):
        PreTrainedTokenizer()
