"""How does byte-level BPE cut text? Into words with the blank before them, each word into bytes, which merges join.

Every text has pieces, whatever its alphabet, and they give it back byte for byte. GPT-2 and RoBERTa share this.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer, decoders, pre_tokenizers, processors

from pretrained.errors import TokenizationError
from pretrained.tokenization.bpe import BpeEngine, BpeSource, build_model
from pretrained.tokenization.bpe_tokenizer import BpeTokenizer
from pretrained.tokenization.engine import PieceLists, Pieces
from pretrained.tokenization.pipeline import compile_pipeline, part_types


def byte_characters() -> dict[int, str]:
    """Byte → the character that stands for it in tokens: itself where it is visible, else one from U+0100 on.

    The blank is Ġ, the line end Ċ.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(others)}


class ByteLevelEngine(BpeEngine):
    """Puts a blank before texts where it is wanted, and counts places without it.

    Words given one by one always get one, so that they read as words inside a text.

    Args:
        add_prefix_space: put a blank before each text, unless the call says otherwise.
        only_where_missing: not before one that begins with a blank already.
    """

    def __init__(self, *parts: Any, add_prefix_space: bool, only_where_missing: bool, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._add_prefix_space = add_prefix_space
        self._only_where_missing = only_where_missing

    def _added_blank(self, text: str) -> int:
        """How many blanks come before this text, 0 or 1."""
        return int(bool(text) and not (self._only_where_missing and text[0].isspace()))

    def encode(
        self, texts: Sequence[Any], *, split_into_words: bool = False, add_prefix_space: bool | None = None
    ) -> Sequence[Pieces]:
        if split_into_words:
            shifts = [[self._added_blank(word) for word in words] for words in texts]
            texts = [
                [" " * shift + word for shift, word in zip(own, words, strict=True)]
                for own, words in zip(shifts, texts, strict=True)
            ]
        elif self._add_prefix_space if add_prefix_space is None else add_prefix_space:
            shifts = [[self._added_blank(text)] for text in texts]
            texts = [" " * shift + text for (shift,), text in zip(shifts, texts, strict=True)]
        else:
            return super().encode(texts)
        found = super().encode(texts, split_into_words=split_into_words)
        return [_ShiftedPieces(pieces, own, split_into_words) for pieces, own in zip(found, shifts, strict=True)]

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        if self._add_prefix_space:
            texts = [" " * self._added_blank(text) + text for text in texts]
        return super().encode_ids(texts)


class _ShiftedPieces:
    """Pieces of a text that had a blank put before it, or of words that had one each."""

    __slots__ = ("_by_word", "_pieces", "_shifts")

    def __init__(self, pieces: Pieces, shifts: Sequence[int], by_word: bool) -> None:
        self._pieces = pieces
        self._shifts = shifts
        self._by_word = by_word

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def ids(self) -> list[int]:
        return self._pieces.ids

    @property
    def tokens(self) -> list[str]:
        return self._pieces.tokens

    @property
    def word_ids(self) -> list[int | None]:
        return self._pieces.word_ids

    @property
    def offsets(self) -> list[tuple[int, int]]:
        offsets = self._pieces.offsets
        shifts = (
            [self._shifts[word or 0] for word in self.word_ids] if self._by_word else [self._shifts[0]] * len(offsets)
        )
        return [
            (max(start - shift, 0), max(end - shift, 0)) for (start, end), shift in zip(offsets, shifts, strict=True)
        ]

    def __reduce__(self) -> Any:
        return (PieceLists, (self.ids, self.tokens, self.offsets, self.word_ids))


class ByteLevelTokenizer(BpeTokenizer):
    """Byte-level BPE; a family gives it special tokens and what stands around a text.

    Args:
        source: vocabulary, merges, and the tokenizer.json if there is one.
        unk_token: stands for a byte that the vocabulary lacks; published vocabularies lack none.
        errors: what decoding does with bytes that are no UTF-8, as in `bytes.decode`.
        add_prefix_space: put a blank before each text, so that its first word reads as any other; None: as
            tokenizer.json says, else False.
        trim_offsets: leave blanks out of the places of tokens; None: as tokenizer.json says, else the family's own.
        only_where_missing: put no blank before a text that begins with one.
        **kwargs: see `PreTrainedTokenizer`.
    """

    text_options = ("add_prefix_space",)
    blanks_apart = False
    trim_offsets: bool = False

    def __init__(
        self,
        source: BpeSource,
        *,
        unk_token: Any,
        errors: str,
        add_prefix_space: bool | None,
        trim_offsets: bool | None,
        only_where_missing: bool,
        **kwargs: Any,
    ) -> None:
        published = source.pipeline
        self._foreign = None if published is None or _is_usual(published) else published
        if published is not None and self._foreign is None:
            said, after = published["pre_tokenizer"], published.get("post_processor") or {}
            add_prefix_space = said.get("add_prefix_space") if add_prefix_space is None else add_prefix_space
            trim_offsets = after.get("trim_offsets") if trim_offsets is None else trim_offsets
        self.errors = _known_errors(errors)
        self.add_prefix_space = bool(add_prefix_space)
        self.trim_offsets = type(self).trim_offsets if trim_offsets is None else bool(trim_offsets)
        super().__init__(
            source,
            self._make_engine(source, str(unk_token), only_where_missing),
            unk_token=unk_token,
            errors=errors,
            add_prefix_space=self.add_prefix_space,
            trim_offsets=self.trim_offsets,
            **kwargs,
        )

    def _make_engine(self, source: BpeSource, unknown: str, only_where_missing: bool) -> BpeEngine:
        if self._foreign is not None:
            pipeline, hidden = compile_pipeline(self._foreign), frozenset[int]()
        else:
            complete = source.vocab.keys() >= set(self.byte_encoder.values())
            model, hidden = build_model(source.vocab, source.merges, unknown=None if complete else unknown)
            pipeline = Tokenizer(model)
            pipeline.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            pipeline.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=self.trim_offsets)
            pipeline.decoder = decoders.ByteLevel()
        return ByteLevelEngine(
            pipeline,
            source.vocab,
            hidden=hidden,
            unknown=unknown,
            add_prefix_space=self.add_prefix_space,
            only_where_missing=only_where_missing,
        )

    def pipeline_json(self) -> dict[str, Any] | None:
        """The pipeline in the form that everybody writes; None where the vocabulary lacks what merges need."""
        engine = self._engine
        assert isinstance(engine, BpeEngine)
        if not engine.exact_json:
            return None
        content = engine.to_json()
        if self._foreign is None:
            content["pre_tokenizer"]["add_prefix_space"] = self.add_prefix_space
            content["post_processor"] = self.post_processor_json()
        return content

    def post_processor_json(self) -> dict[str, Any]:
        """What tokenizer.json says of special tokens around a text."""
        raise NotImplementedError(f"{type(self).__name__} does not say what stands around a text")

    @cached_property
    def byte_encoder(self) -> dict[int, str]:
        """Byte → the character that stands for it in tokens."""
        return byte_characters()

    @cached_property
    def byte_decoder(self) -> dict[str, int]:
        """The opposite of `byte_encoder`."""
        return {char: byte for byte, char in self.byte_encoder.items()}

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of the tokens' bytes; a token that is not made of bytes, such as an added one, is text itself."""
        joined = b"".join(self._bytes_of(token) for token in tokens)
        return joined.decode("utf-8", errors=self.errors)

    def _bytes_of(self, token: str) -> bytes:
        try:
            return bytes(self.byte_decoder[char] for char in token)
        except KeyError:
            return token.encode("utf-8", errors="replace")


def _is_usual(published: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json holds a byte-level pipeline without additions, whose options may be changed."""
    types, model = part_types(published), published["model"]
    return (
        types.get("model") in ("BPE", None)
        and "normalizer" not in types
        and types.get("pre_tokenizer") == "ByteLevel"
        and published["pre_tokenizer"].get("use_regex", True)
        and not any(
            model.get(name)
            for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")
        )
    )


def _known_errors(errors: str) -> str:
    try:
        b"\xff".decode("utf-8", errors=errors)
    except LookupError:
        raise TokenizationError(
            f'errors={errors!r} is no way to decode; "replace", "ignore", "strict" and "backslashreplace" are'
        ) from None
    except UnicodeDecodeError:  # "strict"
        pass
    return errors
