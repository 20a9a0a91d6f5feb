"""What do all tokenizers over a SentencePiece model share? Its file, its numbering, and its way back to text."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from tokenizers import AddedToken

from pretrained.atomic import atomic_path
from pretrained.errors import TokenizationError
from pretrained.hub import ModelFiles
from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.basic import lower
from pretrained.tokenization.charsmap import SPACE
from pretrained.tokenization.cleaning import Cleaner
from pretrained.tokenization.engine import CompiledEngine, Engine
from pretrained.tokenization.explaining import name_of
from pretrained.tokenization.pipeline import compile_pipeline, read_pipeline
from pretrained.tokenization.processor import SentencePiece
from pretrained.tokenization.saved import restore_added
from pretrained.tokenization.sentencepiece import SentencePieceModel, dump_model, parse_model, read_file
from pretrained.tokenization.sentencepiece_engine import SentencePieceEngine
from pretrained.tokenization.sentencepiece_pipeline import (
    Numbering,
    Said,
    damaged,
    model_of,
    pipeline_of,
    read_parts,
)
from pretrained.tokenization.special_tokens import Token, added_token, lower_cased_token

_NAMES_OF_ALL = ("spm.model", "tokenizer.model")
_MODEL_NAMES = ("spiece.model", "sentencepiece.bpe.model", *_NAMES_OF_ALL)
_BYTES = re.compile(r"(?:<0x[0-9A-F]{2}>)+")


@dataclass(frozen=True)
class SentencePieceSource:
    """What was read of a model's files."""

    model: SentencePieceModel | None
    """None for a tokenizer.json whose pipeline is not this family's."""
    data: bytes | None
    """The file of the model; None where there is only a tokenizer.json."""
    pipeline: Mapping[str, Any] | None
    said: Said | None
    path: str

    def cleaner(
        self, *, do_lower_case: bool | None, lower_by_default: bool, remove_space: bool, keep_accents: bool | None
    ) -> Cleaner:
        """What is done to a text before: as the call says, else as tokenizer.json says, else as the family does."""
        if do_lower_case is None:
            do_lower_case = lower_by_default if self.said is None else self.said.do_lower_case
        if keep_accents is None:
            keep_accents = self.said is not None and self.said.keep_accents
        return Cleaner(remove_space=remove_space, keep_accents=keep_accents, do_lower_case=do_lower_case)


class SentencePieceTokenizer(PreTrainedTokenizer):
    """A tokenizer with a SentencePiece model, or a tokenizer.json made of one.

    Args:
        source: what was read of these.
        cleaner: what is done to a text before.
        split_commas: see `SentencePieceEngine`.
        sp_model_kwargs: what 4.x kept here; sampling cannot be switched on.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {"vocab_file": "spiece.model", "tokenizer_file": "tokenizer.json"}
    numbering: ClassVar[Numbering] = Numbering()

    def __init__(
        self,
        source: SentencePieceSource,
        *,
        cleaner: Cleaner | None = None,
        split_commas: bool = False,
        sp_model_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if (sp_model_kwargs or {}).get("enable_sampling"):
            raise TokenizationError(
                f"sp_model_kwargs={dict(sp_model_kwargs or {})}: pieces are not sampled here, texts are always cut in "
                "the most probable way. To do: sp_model_kwargs={}"
            )
        self.vocab_file = None if source.data is None else source.path
        self._model_data = source.data
        self._foreign = source.pipeline if source.model is None else None
        self._cleaner = cleaner
        if source.pipeline is not None and kwargs.get("additional_special_tokens"):
            # transformers 5 lists pieces such as "." there, which its own tokenizer.json says are ordinary
            ordinary = {token.content for token in source.pipeline["added_tokens"].values() if not token.special}
            given = kwargs["additional_special_tokens"]
            kwargs["additional_special_tokens"] = [token for token in given if str(token) not in ordinary]
        super().__init__(self._make_engine(source, split_commas=split_commas), **kwargs)
        if source.pipeline is not None:
            restore_added(self, source.pipeline["added_tokens"], source=source.path)

    def _make_engine(self, source: SentencePieceSource, *, split_commas: bool) -> Engine:
        if source.model is None:
            return CompiledEngine(compile_pipeline(source.pipeline or {}))
        tokens, ids = self.numbering.apply(source.model)
        processor = SentencePiece(source.model)
        return SentencePieceEngine(processor, tokens, ids, cleaner=self._cleaner, split_commas=split_commas)

    @classmethod
    def read_source(
        cls,
        vocab_file: str | os.PathLike[str] | None,
        tokenizer_file: str | os.PathLike[str] | None,
        *,
        cleans: bool = False,
    ) -> SentencePieceSource:
        """What the files say. With both, pieces come from the model, all else from tokenizer.json.

        Args:
            cleans: whether this family changes letters before SentencePiece does.
        """
        pipeline = None if tokenizer_file is None else read_pipeline(tokenizer_file)
        said = None
        if pipeline is not None:
            with damaged(tokenizer_file):
                said = read_parts(pipeline, cleans=cleans)
        if vocab_file is not None:
            data = read_file(vocab_file)
            model: SentencePieceModel | None = parse_model(data, source=str(vocab_file))
            return SentencePieceSource(model, data, pipeline, said, str(vocab_file))
        if pipeline is None:
            raise TokenizationError(
                f"{cls.__name__} needs a SentencePiece model: {cls.__name__}.from_pretrained(name), "
                "or one of vocab_file=, tokenizer_file="
            )
        with damaged(tokenizer_file):
            model = None if said is None else model_of(pipeline, said, cls.numbering)
        return SentencePieceSource(model, None, pipeline, said, str(tokenizer_file))

    @classmethod
    def from_files(cls, files: ModelFiles, *init_inputs: Any, **kwargs: Any) -> Self:
        """The tokenizer whose files these are; see `from_pretrained`."""
        own = cls.vocab_files_names["vocab_file"]
        if not init_inputs and not kwargs.keys() & cls.vocab_files_names.keys() and files.get(own) is None:
            found = next((path for name in _MODEL_NAMES if (path := files.get(name)) is not None), None)
            if found is not None:
                kwargs["vocab_file"] = str(found)
                pipeline = files.get("tokenizer.json")
                if pipeline is not None:
                    kwargs["tokenizer_file"] = str(pipeline)
        return super().from_files(files, *init_inputs, **kwargs)

    @classmethod
    def vocabulary_file(cls, files: ModelFiles) -> Path | None:
        """The file of a model that holds the pieces, see `PreTrainedTokenizer`; not one that names another family."""
        names = (*cls.vocab_files_names.values(), *_NAMES_OF_ALL)
        return next((path for name in names if (path := files.get(name)) is not None), None)

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
    ) -> tuple[str, ...]:
        """Writes the tokenizer as it is now, and returns the paths; see `PreTrainedTokenizer`."""
        if legacy_format and self._foreign is not None:
            raise TokenizationError(
                "legacy_format=True writes the SentencePiece model, and this tokenizer has a tokenizer.json and no "
                "model; leave legacy_format away"
            )
        return super().save_pretrained(save_directory, legacy_format, filename_prefix)

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes the SentencePiece model, as it was read, into a folder; or the file itself, of any name."""
        if self._foreign is not None:
            return ()  # there is none; tokenizer.json holds all
        path = Path(save_directory)
        if path.is_dir():
            name = self.vocab_files_names["vocab_file"]
            path = path / (f"{filename_prefix}-{name}" if filename_prefix else name)
        data = dump_model(self.sp_model.model) if self._model_data is None else self._model_data
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
        return (str(path),)

    def pipeline_json(self) -> dict[str, Any] | None:
        if isinstance(self._engine, CompiledEngine):
            return self._engine.to_json()
        return pipeline_of(
            self.sp_model.model,
            self.numbering,
            cleaner=self._cleaner,
            added=self._engine.added,
            post_processor=self.template_json(),
        )

    @property
    def sp_model(self) -> SentencePiece:
        """The SentencePiece model itself, in its own numbering."""
        if not isinstance(self._engine, SentencePieceEngine):
            raise TokenizationError(
                "this tokenizer.json has a pipeline that is not SentencePiece's, and there is no model beside it"
            )
        return self._engine.processor

    # -- tokens

    @property
    def _lower_cases(self) -> bool:
        return self._cleaner is not None and self._cleaner.do_lower_case

    def _added_token(self, token: Token, *, special: bool) -> AddedToken:
        """In a lower-casing tokenizer a new token is lower-cased and found in any spelling; a special one is not."""
        if special or not self._lower_cases:
            return added_token(token, normalized=False, special=special)
        return lower_cased_token(token)

    def _find(self, token: str) -> int | None:
        index = super()._find(token)
        if index is None and self._lower_cases:
            small = self._engine.token_to_id(lower(token))
            index = small if small in self._engine.added else None
        return index

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        text = "".join(tokens)
        if "<0x" in text and isinstance(self._engine, SentencePieceEngine) and self.sp_model.model.byte_fallback:
            text = _BYTES.sub(
                lambda found: bytes.fromhex(re.sub("<0x|>", "", found.group())).decode(errors="replace"), text
            )
        return text.replace(SPACE, " ").strip()

    # -- showing what happened

    def _vanishes(self, char: str) -> bool:
        return isinstance(self._engine, SentencePieceEngine) and not (char.isspace() or self._engine.normal(char))

    def _why_unknown(self, stretch: str) -> str:
        chars = [char for char in stretch if not char.isspace()]
        if not isinstance(self._engine, SentencePieceEngine) or len(chars) != 1:
            return "the model has no pieces for these characters"
        return f"the model has no piece for {name_of(chars[0])}"


class CleaningTokenizer(SentencePieceTokenizer):
    """What ALBERT and XLNet have in common: letters are changed before SentencePiece sees them.

    Args:
        vocab_file: a spiece.model; or `tokenizer_file`, a tokenizer.json. With both, pieces come from spiece.model.
        do_lower_case: lower-case the text; None: as tokenizer.json says, else as the family does.
        remove_space: join blanks of any kind to one space.
        keep_accents: leave accents on and compatible forms as they are; None: as tokenizer.json says, else False.
        **kwargs: see `SentencePieceTokenizer`.
    """

    lower_by_default: ClassVar[bool]

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool | None = None,
        remove_space: bool = True,
        keep_accents: bool | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        source = self.read_source(vocab_file, tokenizer_file, cleans=True)
        cleaner = source.cleaner(
            do_lower_case=do_lower_case,
            lower_by_default=self.lower_by_default,
            remove_space=remove_space,
            keep_accents=keep_accents,
        )
        self.do_lower_case = cleaner.do_lower_case
        self.remove_space = cleaner.remove_space
        self.keep_accents = cleaner.keep_accents
        super().__init__(
            source,
            cleaner=cleaner,
            split_commas=True,
            do_lower_case=cleaner.do_lower_case,
            remove_space=cleaner.remove_space,
            keep_accents=cleaner.keep_accents,
            **kwargs,
        )


class FairseqTokenizer(SentencePieceTokenizer):
    """The tokens and the layout that models trained with fairseq have in common.

    Args:
        vocab_file: a SentencePiece model; or `tokenizer_file`, a tokenizer.json.
        **kwargs: see `SentencePieceTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {
        "vocab_file": "sentencepiece.bpe.model",  # so named, and yet of the algorithm Unigram
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names: Sequence[str] = ("input_ids", "attention_mask")

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        sep_token: Token = "</s>",
        cls_token: Token = "<s>",
        unk_token: Token = "<unk>",
        pad_token: Token = "<pad>",
        mask_token: Token = "<mask>",
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            self.read_source(vocab_file, tokenizer_file),
            bos_token=bos_token,
            eos_token=eos_token,
            sep_token=sep_token,
            cls_token=cls_token,
            unk_token=unk_token,
            pad_token=pad_token,
            mask_token=mask_token,
            **kwargs,
        )

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """<s> A </s>, or <s> A </s></s> B </s>."""
        cls, sep = [self.cls_token_id], [self.sep_token_id]
        second = [] if token_ids_1 is None else [*sep, *token_ids_1, *sep]
        return [*cls, *token_ids_0, *sep, *second]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 for all: these models have one type."""
        return [0] * len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))
