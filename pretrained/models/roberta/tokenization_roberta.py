"""How does RoBERTa cut text? By GPT-2's byte-level BPE, in a layout and with ids of its own."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import AddedToken

from pretrained.tokenization.bpe import read_source
from pretrained.tokenization.byte_bpe import ByteLevelTokenizer
from pretrained.tokenization.special_tokens import Token


class RobertaTokenizer(ByteLevelTokenizer):
    """Byte-level BPE tokenization: <s> A </s>, or <s> A </s></s> B </s>.

    Args:
        vocab_file, merges_file: a vocab.json and a merges.txt; or `tokenizer_file`, a tokenizer.json; or `vocab` and
            `merges`, a dict token → id and the pairs.
        errors: what decoding does with bytes that are no UTF-8, as in `bytes.decode`.
        mask_token: takes the blank before it, as in training; an AddedToken, or tokenizer.json, may say otherwise.
        add_prefix_space: put a blank before each text that begins with none, so that its first word reads as any
            other; None: as tokenizer.json says, else False.
        trim_offsets: leave blanks out of the places of tokens; None: as tokenizer.json says, else True.
        **kwargs: see `PreTrainedTokenizer`.
    """

    trim_offsets = True

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        errors: str = "replace",
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        sep_token: Token = "</s>",
        cls_token: Token = "<s>",
        unk_token: Token = "<unk>",
        pad_token: Token = "<pad>",
        mask_token: Token = "<mask>",
        add_prefix_space: bool | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[str | Sequence[str]] | None = None,
        trim_offsets: bool | None = None,
        **kwargs: Any,
    ) -> None:
        source = read_source(vocab_file, merges_file, tokenizer_file, vocab, merges, called=type(self).__name__)
        if isinstance(mask_token, str):
            published = source.pipeline["added_tokens"].values() if source.pipeline is not None else ()
            usual = AddedToken(mask_token, lstrip=True, normalized=False, special=True)
            mask_token = next((token for token in published if token.content == mask_token), usual)
        super().__init__(
            source,
            unk_token=unk_token,
            errors=errors,
            add_prefix_space=add_prefix_space,
            trim_offsets=trim_offsets,
            only_where_missing=True,
            bos_token=bos_token,
            eos_token=eos_token,
            sep_token=sep_token,
            cls_token=cls_token,
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
        """RoBERTa has one type only: 0."""
        return [0] * len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))

    def post_processor_json(self) -> dict[str, Any]:
        """Special tokens and places in one, as this family's files have them."""
        return {
            "type": "RobertaProcessing",
            "sep": [self.sep_token, self.sep_token_id],
            "cls": [self.cls_token, self.cls_token_id],
            "trim_offsets": self.trim_offsets,
            "add_prefix_space": self.add_prefix_space,
        }
