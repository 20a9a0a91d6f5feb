"""How does BERT cut text? Words are cleaned and split, then covered with the longest pieces of the vocabulary."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from pretrained.atomic import write_text
from pretrained.errors import CorruptFileError, ModelFileNotFoundError, TokenizationError
from pretrained.models.bert.never_split import NeverSplitEngine
from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.basic import BasicTokenizer, WordpieceTokenizer, lower
from pretrained.tokenization.basic_pipeline import BasicOptions, basic_json, basic_parts, bert_normalizer
from pretrained.tokenization.engine import CompiledEngine, Engine
from pretrained.tokenization.explaining import name_of
from pretrained.tokenization.notices import warn
from pretrained.tokenization.pipeline import compile_pipeline, part_types, read_pipeline
from pretrained.tokenization.saved import restore_added
from pretrained.tokenization.special_tokens import Token, added_token, check_token, fill_unused, lower_cased_token
from pretrained.tokenization.tables import Option, Shown, Table, cached_table

_LONGEST_WORD = 100


class BertTokenizer(PreTrainedTokenizer):
    """WordPiece tokenization.

    Args:
        vocab_file: a vocab.txt, one token a line; or `tokenizer_file`, a tokenizer.json; or `vocab`, the tokens as a
            dict token → id or a list. With both files, words come from vocab.txt, all else from tokenizer.json.
        do_lower_case: lower-case the text; None: as tokenizer.json says, else True.
        do_basic_tokenize: False if the text is cleaned and split into words already, between blanks.
        never_split: words, between blanks, that are neither lower-cased nor cut. For new words with an embedding of
            their own see `use_unused_tokens` and `add_tokens`.
        tokenize_chinese_chars: make each Chinese character a word of its own; None as above.
        strip_accents: take accents off; None: if `do_lower_case`.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {"vocab_file": "vocab.txt", "tokenizer_file": "tokenizer.json"}
    do_lower_case, do_basic_tokenize = Option(), Option()
    tokenize_chinese_chars, strip_accents = Option(), Option()

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool | None = None,
        do_basic_tokenize: bool = True,
        never_split: Sequence[str] | None = None,
        unk_token: Token = "[UNK]",
        sep_token: Token = "[SEP]",
        pad_token: Token = "[PAD]",
        cls_token: Token = "[CLS]",
        mask_token: Token = "[MASK]",
        tokenize_chinese_chars: bool | None = None,
        strip_accents: bool | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        vocab: Mapping[str, int] | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        published = None if tokenizer_file is None else read_pipeline(tokenizer_file)
        words = _words(vocab_file, vocab, published)
        self._foreign = None if published is None or _is_usual(published) else published
        if published is not None and self._foreign is None:
            said = published["normalizer"]
            do_lower_case = said.get("lowercase") if do_lower_case is None else do_lower_case
            strip_accents = said.get("strip_accents") if strip_accents is None else strip_accents
            chinese = tokenize_chinese_chars
            tokenize_chinese_chars = said.get("handle_chinese_chars") if chinese is None else chinese
        if do_lower_case is None:
            do_lower_case = True
            if self._foreign is None:
                _warn_if_cased(words)
        self.do_lower_case = do_lower_case
        self.do_basic_tokenize = do_basic_tokenize
        self.never_split = list(never_split or ())
        self.tokenize_chinese_chars = tokenize_chinese_chars is not False
        self.strip_accents = strip_accents
        self._unknown = str(unk_token)
        super().__init__(
            self._make_engine(words),
            unk_token=unk_token,
            sep_token=sep_token,
            pad_token=pad_token,
            cls_token=cls_token,
            mask_token=mask_token,
            do_lower_case=do_lower_case,
            do_basic_tokenize=do_basic_tokenize,
            never_split=never_split,
            tokenize_chinese_chars=self.tokenize_chinese_chars,
            strip_accents=strip_accents,
            **kwargs,
        )
        if published is not None:
            restore_added(self, published["added_tokens"], source=str(tokenizer_file))

    # -- the engine

    def _make_engine(self, words: dict[str, int]) -> Engine:
        self._compiled = CompiledEngine(self._pipeline(words))
        if not self.never_split:
            return self._compiled
        return NeverSplitEngine(
            self._compiled,
            self.never_split,
            lower_case=self.do_lower_case,
            chinese_apart=self.tokenize_chinese_chars,
            unknown=self._unknown,
        )

    def _pipeline(self, words: dict[str, int]) -> Tokenizer:
        if self._foreign is not None:
            return compile_pipeline(self._foreign)
        pipeline = _build(words, self._unknown)
        pipeline.decoder = decoders.WordPiece()
        if not self.do_basic_tokenize:
            pipeline.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), "removed")
            return pipeline
        pipeline.normalizer, pipeline.pre_tokenizer = basic_parts(**self._basic_options())
        return pipeline

    def _basic_options(self) -> BasicOptions:
        return {
            "lower_case": self.do_lower_case,
            "strip_accents": self.strip_accents,
            "chinese": self.tokenize_chinese_chars,
        }

    def pipeline_json(self) -> dict[str, Any]:
        """The pipeline in the form that everybody writes, so that every other reader knows it."""
        content = self._compiled.to_json()
        if self._foreign is None:
            content["post_processor"] = self.template_json()
            if self.do_basic_tokenize:
                content |= basic_json(**self._basic_options())
        return content

    # -- layout

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """[CLS] A [SEP], or [CLS] A [SEP] B [SEP]."""
        cls, sep = [self.cls_token_id], [self.sep_token_id]
        return [*cls, *token_ids_0, *sep] if token_ids_1 is None else [*cls, *token_ids_0, *sep, *token_ids_1, *sep]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 up to the first [SEP], 1 for the second text and its [SEP]."""
        first = [0] * (len(token_ids_0) + 2)
        return first if token_ids_1 is None else first + [1] * (len(token_ids_1) + 1)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return " ".join(tokens).replace(" ##", "").strip()

    # -- vocabulary

    @cached_table
    def vocab(self) -> dict[str, int]:
        """Token → id in the order of the ids, without added tokens."""
        return Table(sorted(self._engine.vocab().items(), key=lambda item: item[1]))

    @cached_table
    def ids_to_tokens(self) -> dict[int, str]:
        """The opposite of `vocab`."""
        return Table((index, token) for token, index in self.vocab.items())

    @property
    def basic_tokenizer(self) -> BasicTokenizer:
        """The readable form of the first step; the tokenizer itself runs compiled code."""
        return _ShownBasic(
            BasicTokenizer(self.do_lower_case, self.never_split, self.tokenize_chinese_chars, self.strip_accents)
        )

    @property
    def wordpiece_tokenizer(self) -> WordpieceTokenizer:
        """The readable form of the second step."""
        return _ShownWordpiece(WordpieceTokenizer(self.vocab, self._unknown, _LONGEST_WORD))

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes vocab.txt, where line n is the token with the id n, into a folder; or the file itself, of any name."""
        path = Path(save_directory)
        if path.is_dir():
            path = path / (f"{filename_prefix}-vocab.txt" if filename_prefix else "vocab.txt")
        # a place that no token has (the file had a token twice) repeats the last token: reading takes the later line
        lines = [next(reversed(self.vocab), "")] * (max(self.ids_to_tokens, default=-1) + 1)
        for token, index in self.vocab.items():
            lines[index] = token
        write_text(path, "".join(f"{line}\n" for line in lines))
        return (str(path),)

    def _added_token(self, token: Token, *, special: bool) -> AddedToken:
        """In a lower-casing tokenizer a new token is lower-cased and found in any spelling; a special one is not."""
        if special or not self.do_lower_case:
            return added_token(token, normalized=False, special=special)
        return lower_cased_token(token)

    def _find(self, token: str) -> int | None:
        index = super()._find(token)
        if index is None and self.do_lower_case:
            small = self._engine.token_to_id(lower(token))
            index = small if small in self._engine.added else None
        return index

    def use_unused_tokens(self, tokens: Token | Sequence[Token], *, special: bool = False) -> dict[str, int]:
        """Puts new tokens in the vocabulary's `[unusedN]` places, and returns token → id.

        The model already has embeddings for these places, which no text has trained: nothing needs resizing, and
        fine-tuning gives them their meaning. The tokens are found in running text, are not cut, and are saved.

        Args:
            special: also makes them special tokens, which `skip_special_tokens` leaves out.

        Raises:
            TokenizationError: a token exists already or is given twice, or there are not enough unused places.
        """
        if self._foreign is not None:
            raise TokenizationError(
                "this tokenizer.json has a pipeline that is not BERT's; its unused tokens cannot be renamed"
            )
        given = [tokens] if isinstance(tokens, str | AddedToken) else list(tokens)
        made = [self._added_token(check_token("a new token", token), special=special) for token in given]
        taken = {token.content for token in self._engine.added.values()} | set(self.never_split)
        words = fill_unused(self._engine.vocab(), [token.content for token in made], taken=taken)
        before = [token for _, token in sorted(self._engine.added.items())]
        self._engine = self._make_engine(words)
        self._engine.add([*before, *made])
        self.__dict__.pop("vocab", None)
        self.__dict__.pop("ids_to_tokens", None)
        if special:
            self._additional += made
        return {str(token): words[new.content] for token, new in zip(given, made, strict=True)}

    def _vanishes(self, char: str) -> bool:
        return self.do_basic_tokenize and not bert_normalizer(**self._basic_options()).normalize_str(char)

    def _why_unknown(self, stretch: str) -> str:
        words = self.basic_tokenizer.tokenize(stretch) if self.do_basic_tokenize else [stretch]
        word = words[0] if words else stretch
        if len(word) > _LONGEST_WORD:
            return f"the word has {len(word)} characters, and only words of up to {_LONGEST_WORD} are looked up"
        pieces, rest = self.wordpiece_tokenizer.cover(word)
        if not rest:
            return "it is not in the vocabulary"
        char = rest[0]
        if not pieces:
            only = " at the start of a word" if f"##{char}" in self.vocab else ""
            return f"the vocabulary has no {name_of(char)}{only}"
        only = " inside a word" if char in self.vocab else ""
        return f"the vocabulary has no {name_of(char)}{only}, which comes after {' '.join(pieces)}"


class _ShownBasic(Shown, BasicTokenizer):
    pass


class _ShownWordpiece(Shown, WordpieceTokenizer):
    pass


def _is_usual(published: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json holds BERT's own pipeline, whose options may be changed."""
    model = published["model"]
    types = part_types(published)
    return (
        types.get("model") in ("WordPiece", None)
        and isinstance(model["vocab"], dict)
        and model.get("continuing_subword_prefix") == "##"
        and types.get("normalizer") == "BertNormalizer"
        and types.get("pre_tokenizer") == "BertPreTokenizer"
    )


def _words(
    vocab_file: str | os.PathLike[str] | None,
    vocab: Mapping[str, int] | Sequence[str] | None,
    published: Mapping[str, Any] | None,
) -> dict[str, int]:
    """The vocabulary: from the tokens themselves, else a vocab.txt, else the tokenizer.json."""
    if vocab is not None:
        return dict(vocab) if isinstance(vocab, Mapping) else {token: index for index, token in enumerate(vocab)}
    in_pipeline: dict[str, int] | None = None if published is None else published["model"]["vocab"]
    if vocab_file is None:
        if in_pipeline is None:
            raise TokenizationError(
                "BertTokenizer needs a vocabulary: BertTokenizer.from_pretrained(name), "
                "or one of vocab_file=, tokenizer_file=, vocab="
            )
        return in_pipeline
    words = read_vocab(vocab_file)
    if isinstance(in_pipeline, dict) and words != in_pipeline:
        token, index = min(words.items() ^ in_pipeline.items(), key=lambda item: (item[1], item[0] in words))
        warn(
            f"{vocab_file} and the tokenizer.json beside it have different words, first {token!r} with the id {index}; "
            f"{Path(vocab_file).name} is used"
        )
    return words


def read_vocab(path: str | os.PathLike[str]) -> dict[str, int]:
    """Token → line number of a vocab.txt; of a token that stands there twice, the later line counts."""
    if not Path(path).is_file():
        raise ModelFileNotFoundError(
            f"there is no vocabulary file {path}; for a model by its name use BertTokenizer.from_pretrained(name)"
        )
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path} is not a list of tokens in UTF-8: {error}") from error
    # not splitlines: some tokens are line ends of other kinds, such as U+2028
    return {token: index for index, token in enumerate(text.removesuffix("\n").split("\n"))}


def _build(words: dict[str, int], unknown: str) -> Tokenizer:
    try:
        highest = max(words.values(), default=0)
        if highest > 2 * len(words) + 1000:
            raise ValueError(f"its highest id is {highest}, and it has {len(words)} tokens")
        return Tokenizer(models.WordPiece(words, unk_token=unknown, max_input_chars_per_word=_LONGEST_WORD))
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CorruptFileError(f"the vocabulary is not a table of tokens and their numbers: {error}") from error


def _warn_if_cased(words: Mapping[str, int]) -> None:
    cased = sum(1 for token in words if token[:1] not in "[<" and token.lower() != token)
    if cased > len(words) / 20:
        warn(
            f"nothing says whether this vocabulary is for lower-cased text, so text is lower-cased; {cased} of its "
            f"{len(words)} tokens have capitals and are out of reach. To do: do_lower_case=False"
        )
