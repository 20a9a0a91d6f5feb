"""How does text become what a model reads, and ids become text again? One class for every family.

A family gives the constructor an `Engine`, says in `build_inputs_with_special_tokens` what stands around a text, and
in `convert_tokens_to_string` how its pieces join. Everything a call can ask for is done here and in the files beside.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar, Self, Unpack

from pretrained.errors import TokenizationError
from pretrained.hub import ModelFiles, resolve, split_options
from pretrained.tokenization import calls, decoding, explaining, inputs, rows, saved
from pretrained.tokenization.encoding import BatchEncoding
from pretrained.tokenization.engine import Engine, without_surrogates
from pretrained.tokenization.explaining import Explained
from pretrained.tokenization.methods import tokens_between
from pretrained.tokenization.options import UNLIMITED, CallOptions, Request, check_names, check_side, read_options
from pretrained.tokenization.published import PublishedFacts, constructor_arguments, longest
from pretrained.tokenization.vocabulary import Vocabulary

Text = str | Sequence[str]
"""One text, or its words with `is_split_into_words=True`."""


class PreTrainedTokenizer(Vocabulary):
    """Text to ids and back.

    Args:
        engine: what turns text into pieces and knows the vocabulary. A class that has `_tokenize`,
            `_convert_token_to_id`, `_convert_id_to_token` and `vocab_size` of its own needs none.
        **kwargs: the special tokens (`unk_token` …, `additional_special_tokens`), `model_max_length`, `padding_side`,
            `truncation_side`, `model_input_names`, `clean_up_tokenization_spaces`, `verbose`. Any other keyword is kept
            in `init_kwargs`, and saved.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {}
    """Constructor argument → file name, such as {"vocab_file": "vocab.txt"}."""

    text_options: ClassVar[tuple[str, ...]] = ()
    """Further keywords of an encoding call, which the engine gets with the texts, such as `lang`."""

    model_input_names: Sequence[str] = ("input_ids", "token_type_ids", "attention_mask")
    padding_side: str = "right"
    truncation_side: str = "right"
    pad_token_type_id: int = 0
    is_fast = True
    """False for a class with a `tokenize` or `_tokenize` of its own: texts become ids by it, without their places."""

    blanks_apart: ClassVar[bool] = True
    """Blanks beside added tokens belong to no token, so decoding puts them back."""

    max_model_input_sizes = PublishedFacts(longest)
    pretrained_init_configuration = PublishedFacts(constructor_arguments)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if vars(cls).keys() & {"tokenize", "_tokenize"}:
            cls.is_fast = vars(cls).get("is_fast", False)

    def __init__(self, engine: Engine | None = None, **kwargs: Any) -> None:
        if engine is None:
            self._check_methods()
        self.init_inputs: tuple[Any, ...] = ()
        self.init_kwargs = kwargs
        given = {key: value for key, value in kwargs.items() if value is not None}
        super().__init__(engine, given, verbose=bool(given.get("verbose", True)))
        self.name_or_path = str(given.get("name_or_path", ""))
        self.model_max_length = int(given.get("model_max_length", given.get("max_len", UNLIMITED)))
        self.model_input_names = list(given.get("model_input_names", self.model_input_names))
        self.pad_token_type_id = int(given.get("pad_token_type_id", self.pad_token_type_id))
        self.clean_up_tokenization_spaces = bool(given.get("clean_up_tokenization_spaces", True))
        self.padding_side = check_side("padding_side", given.get("padding_side", self.padding_side))
        self.truncation_side = check_side("truncation_side", given.get("truncation_side", self.truncation_side))
        self._warned: set[str] = set()

    def _check_methods(self) -> None:
        """Raises for a class that has neither an engine nor the methods in its place."""
        methods = ("_convert_token_to_id", "_convert_id_to_token", "vocab_size")
        missing = [name for name in methods if getattr(type(self), name) is getattr(PreTrainedTokenizer, name)]
        missing = ["_tokenize"] * self.is_fast + missing
        if missing:
            raise TypeError(
                f"{type(self).__name__} has no {', '.join(missing)}, and gives no engine. A tokenizer class has these "
                "as its own, or calls super().__init__(engine, …) with an Engine of pretrained.tokenization.engine; "
                "for a published model use its family's class, or AutoTokenizer"
            )

    # -- loading and saving

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *init_inputs: Any, **kwargs: Any
    ) -> Self:
        """The tokenizer of a model.

        Args:
            pretrained_model_name_or_path: any way to name a model, see `pretrained.resolve`; also a vocabulary file.
            **kwargs: hub options (`revision`, `cache_dir`, …); every other keyword goes to the constructor and counts
                more than what the model's files say.

        Raises:
            ModelNotFoundError: nothing of that name is on this machine.
            ModelFileNotFoundError: the model has no vocabulary of this kind.
            TokenizationError: its files contradict each other.
        """
        options, init = split_options(kwargs)
        return cls.from_files(resolve(pretrained_model_name_or_path, part="tokenizer", **options), *init_inputs, **init)

    @classmethod
    def from_files(cls, files: ModelFiles, *init_inputs: Any, **kwargs: Any) -> Self:
        """The tokenizer whose files these are; see `from_pretrained`."""
        return saved.load(cls, files, init_inputs, kwargs)

    @classmethod
    def vocabulary_file(cls, files: ModelFiles) -> Path | None:
        """The file of a model that holds the tokens of such a tokenizer; None where it is not complete."""
        return next((path for name in cls.vocab_files_names.values() if (path := files.get(name)) is not None), None)

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
    ) -> tuple[str, ...]:
        """Writes the tokenizer as it is now, and returns the paths.

        Args:
            legacy_format: True: only the family's own vocabulary files; False: only tokenizer.json; None: both. The
                configuration and the special tokens are written in any case.
            filename_prefix: put before each file name, with a dash.
        """
        return saved.save(self, save_directory, legacy_format=legacy_format, prefix=filename_prefix)

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes the vocabulary alone, without added tokens."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its vocabulary is written")

    def pipeline_json(self) -> dict[str, Any] | None:
        """What tokenizer.json holds; None for a family that has none."""
        return None

    # -- lengths

    @property
    def max_len(self) -> int:
        """The 2.x name of `model_max_length`."""
        return self.model_max_length

    @property
    def max_len_single_sentence(self) -> int:
        return self.model_max_length - self.num_special_tokens_to_add(pair=False)

    @max_len_single_sentence.setter
    def max_len_single_sentence(self, length: int) -> None:
        self._check_room(length, pair=False)

    @property
    def max_len_sentences_pair(self) -> int:
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    @max_len_sentences_pair.setter
    def max_len_sentences_pair(self, length: int) -> None:
        self._check_room(length, pair=True)

    def _check_room(self, length: int, *, pair: bool) -> None:
        """Old classes set these two lengths; they follow from others, so only what they are can be set."""
        room = self.model_max_length - self.num_special_tokens_to_add(pair=pair)
        if length != room:
            raise TokenizationError(
                f"the room for text is model_max_length - num_special_tokens_to_add() = {room}; to change it, set "
                f"model_max_length (got {length})"
            )

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        return calls.layout_of(self, pair=pair).special_tokens

    def num_added_tokens(self, pair: bool = False) -> int:
        """The 2.x name of `num_special_tokens_to_add`."""
        return self.num_special_tokens_to_add(pair)

    # -- what stands around a text; families override these two

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """The ids of one text or two with special tokens around them; here none."""
        return token_ids_0 + (token_ids_1 or [])

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """The token types of what `build_inputs_with_special_tokens` returns."""
        return [0] * len(token_ids_0) + [1] * len(token_ids_1 or [])

    def get_special_tokens_mask(
        self,
        token_ids_0: list[int],
        token_ids_1: list[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 for each special token around the texts, 0 for a token of a text."""
        layout = calls.layout_of(self, pair=token_ids_1 is not None)
        if already_has_special_tokens:
            if token_ids_1 is not None:
                raise TokenizationError("ids that already have special tokens are one list; give no second one")
            special = layout.special_ids
            return [int(index in special) for index in token_ids_0]
        lengths = (len(token_ids_0), len(token_ids_1 or []))
        return [
            flag
            for slot in layout.slots
            for flag in ([1] * len(slot.part.ids) if slot.part else [0] * lengths[slot.sequence or 0])
        ]

    def template_json(self) -> dict[str, Any]:
        """The layouts as the post-processor of a tokenizer.json."""
        return rows.template_json(calls.layout_of(self, pair=False), calls.layout_of(self, pair=True))

    # -- encoding

    def __call__(
        self,
        text: Text | Sequence[Text],
        text_pair: Text | Sequence[Text] | None = None,
        **options: Unpack[CallOptions],
    ) -> BatchEncoding:
        """What a model reads, for one text or a batch, each alone or with a second one."""
        request = self._read(options)
        text, text_pair = inputs.as_list(text), inputs.as_list(text_pair)
        if not inputs.is_batch(text, split_into_words=request.is_split_into_words):
            return calls.encode(self, [text], None if text_pair is None else [text_pair], request, batched=False)
        if text_pair is None:
            texts, pairs = inputs.unzip_pairs(text, split_into_words=request.is_split_into_words)
        elif not inputs.is_batch(text_pair, split_into_words=request.is_split_into_words):
            raise TokenizationError("text is a batch and text_pair is one text; give a list with one for each text")
        else:
            texts, pairs = list(text), list(text_pair)
        return calls.encode(self, texts, pairs, request, batched=True)

    def encode(
        self,
        text: Text | Sequence[int],
        text_pair: Text | Sequence[int] | None = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """The ids of one text with special tokens: a list, or with `return_tensors` a tensor (1, tokens)."""
        return self.encode_plus(text, text_pair, **options)["input_ids"]

    def encode_plus(
        self,
        text: Text | Sequence[int],
        text_pair: Text | Sequence[int] | None = None,
        **options: Unpack[CallOptions],
    ) -> BatchEncoding:
        """As calling the tokenizer with one text; takes tokens or ids in its place, too.

        With tokens or ids, `return_overflowing_tokens` is answered as `prepare_for_model` does.
        """
        request = self._read(options)
        pairs = None if text_pair is None else [text_pair]
        return calls.encode(self, [text], pairs, request, batched=False, or_tokens=not request.is_split_into_words)

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Sequence[Any], **options: Unpack[CallOptions]
    ) -> BatchEncoding:
        """As calling the tokenizer with a list of texts, or of (text, text) tuples."""
        request = self._read(options)
        batch = inputs.as_list(batch_text_or_text_pairs)
        if not isinstance(batch, list | tuple):
            raise TokenizationError(f"a batch is a list of texts; got {type(batch).__name__}")
        texts, pairs = inputs.unzip_pairs(batch, split_into_words=request.is_split_into_words)
        return calls.encode(self, texts, pairs, request, batched=True)

    def encode_ragged(
        self, texts: Sequence[str], *, pairs: Sequence[str] | None = None, max_length: int | None = None
    ) -> list[list[int]]:
        """Ids with special tokens, each row as long as its text needs; the fastest way to many rows.

        Args:
            max_length: longer rows are cut, the longer text first; None cuts nothing.
        """
        return calls.encode_ragged(self, texts, pairs, max_length)

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **options: Any
    ) -> list[str]:
        """The tokens of a text."""
        if pair is None and not add_special_tokens and options.keys() <= set(self.text_options):
            inputs.check_texts([text], split_into_words=False)
            if type(self)._tokenize is PreTrainedTokenizer._tokenize:
                return self._tokenize(text, **{key: value for key, value in options.items() if value is not None})
            lower_case = bool(getattr(self, "do_lower_case", False))
            return tokens_between(
                text, self._engine.added, self._tokenize, lower_case=lower_case, blanks_apart=self.blanks_apart
            )
        check_names(options, called="tokenize", further=self.text_options)
        request = self._read({"add_special_tokens": add_special_tokens, "verbose": False, **options})  # type: ignore[typeddict-item]
        pairs = None if pair is None else [pair]
        own = type(self).tokenize is not PreTrainedTokenizer.tokenize  # which has called this one by super()
        with calls.cutting(self) if own else nullcontext():
            return calls.encode(self, [text], pairs, request, batched=False).tokens()

    def _tokenize(self, text: str, **options: Any) -> list[str]:
        """The tokens of a text. That of a class of one's own gets the stretches between added tokens."""
        return self._engine.encode([text], **options)[0].tokens

    def prepare_for_model(
        self,
        ids: Sequence[int],
        pair_ids: Sequence[int] | None = None,
        prepend_batch_axis: bool = False,
        **options: Unpack[CallOptions],
    ) -> BatchEncoding:
        """Ids of one text or two with special tokens, cut and padded.

        With `return_overflowing_tokens`, what was cut off is given as ids in `overflowing_tokens`, and
        `num_truncated_tokens` says how far the whole went beyond `max_length` (negative: how much was left).
        """
        pairs = None if pair_ids is None else [pair_ids]
        return calls.prepare(
            self, [ids], pairs, self._read(options), batched=False, prepend_batch_axis=prepend_batch_axis
        )

    def truncate_sequences(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[list[int], list[int] | None, list[int]]:
        """(ids, pair ids, overflowing ids) with so many tokens cut; see `prepare_for_model`."""
        rest, pair_rest, overflow, possible = rows.truncate_ids(
            ids,
            pair_ids,
            num_tokens_to_remove,
            truncation=truncation_strategy,
            stride=stride,
            side=self.truncation_side,
        )
        if not possible:
            calls.warn_impossible(truncation_strategy)
        return rest, pair_rest, overflow

    def _read(self, options: CallOptions) -> Request:
        return read_options(
            options,
            model_max_length=self.model_max_length,
            model_input_names=self.model_input_names,
            has_pad_token="pad_token" in self._special,
            once=self._once,
            further=self.text_options,
        )

    def _once(self, kind: str) -> bool:
        """True the first time it is asked for this kind of warning."""
        new = kind not in self._warned
        self._warned.add(kind)
        return new

    # -- padding what was encoded before

    def pad(
        self,
        encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
        padding_side: str | None = None,
    ) -> BatchEncoding:
        """Pads rows that were encoded one by one: a collate function.

        Args:
            encoded_inputs: one encoding, a list of them, or a dict of lists. Tensors are padded, too, and stay tensors.
        """
        request = self._read(
            {
                "padding": padding,
                "truncation": "do_not_truncate",
                "max_length": max_length,
                "pad_to_multiple_of": pad_to_multiple_of,
                "return_attention_mask": return_attention_mask,
                "return_tensors": return_tensors,
                "padding_side": padding_side,
                "verbose": verbose,
            }
        )
        return calls.pad(self, encoded_inputs, request)

    # -- decoding

    def decode(
        self,
        token_ids: int | Iterable[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None,
    ) -> str:
        """The text of ids.

        Args:
            token_ids: a list, an array or a tensor of one dimension.
            clean_up_tokenization_spaces: take out blanks that tokenization put before punctuation; None: as the
                tokenizer's files say, and they do so unless they say otherwise.
            spaces_between_special_tokens: put blanks around added tokens; None: where encoding took them away, which
                is in all families but the byte-level ones.
        """
        ids = decoding.read_ids(token_ids)
        if skip_special_tokens:
            skipped = set(self.all_special_ids)
            ids = [index for index in ids if index not in skipped]
        added = set(self._engine.added_vocab.values())
        texts = decoding.join(ids, added, self._id_to_token, self.convert_tokens_to_string)
        apart = self.blanks_apart if spaces_between_special_tokens is None else spaces_between_special_tokens
        text = (" " if apart else "").join(texts)
        clean = (
            self.clean_up_tokenization_spaces if clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
        )
        return self.clean_up_tokenization(text) if clean else text

    def batch_decode(self, sequences: Iterable[Any], **options: Any) -> list[str]:
        """The text of each row; the keywords are those of `decode`."""
        return [self.decode(sequence, **options) for sequence in sequences]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens; families say how theirs join."""
        return " ".join(tokens)

    @staticmethod
    def clean_up_tokenization(out_string: str) -> str:
        """Takes out blanks before punctuation and English contractions."""
        return decoding.clean_up_tokenization(out_string)

    # -- showing what happened

    def explain(self, text: str) -> list[Explained]:
        """Each token of a text with its id and place, and why a stretch became unknown or vanished."""
        inputs.check_texts([text], split_into_words=False)
        text = without_surrogates(text)
        (pieces,) = calls.pieces_of(self, [text])
        return explaining.explain(
            text,
            pieces,
            unknown_id=self.unk_token_id,
            unknown=str(self._special.get("unk_token", "")),
            why=self._why_unknown,
            vanishes=self._vanishes,
        )

    def _why_unknown(self, stretch: str) -> str:
        """Why this stretch of a text has no token of its own."""
        return "it is not in the vocabulary"

    def _vanishes(self, char: str) -> bool:
        """Whether this character is dropped wherever it stands."""
        return False

    def __repr__(self) -> str:
        length = "no limit" if self.model_max_length >= UNLIMITED else self.model_max_length
        return (
            f"{type(self).__name__}(name_or_path={self.name_or_path!r}, vocab_size={self.vocab_size}, "
            f"added={len(self) - self.vocab_size}, model_max_length={length}, special_tokens={self.special_tokens_map})"
        )
