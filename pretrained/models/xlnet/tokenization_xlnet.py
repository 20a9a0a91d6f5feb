"""How does XLNet cut text? Cleaned, then into the most probable SentencePiece pieces; special tokens come last."""

import os
from collections.abc import Sequence
from typing import Any

from pretrained.tokenization.sentencepiece_tokenizer import CleaningTokenizer
from pretrained.tokenization.special_tokens import Token


class XLNetTokenizer(CleaningTokenizer):
    """SentencePiece tokenization with padding on the left.

    Args:
        vocab_file: a spiece.model; or `tokenizer_file`, a tokenizer.json. With both, pieces come from spiece.model.
        do_lower_case: lower-case the text; None: as tokenizer.json says, else False.
        remove_space, keep_accents: see `CleaningTokenizer`.
        **kwargs: see `CleaningTokenizer`.
    """

    lower_by_default = False
    padding_side = "left"
    pad_token_type_id = 3

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool | None = None,
        remove_space: bool = True,
        keep_accents: bool | None = None,
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        unk_token: Token = "<unk>",
        sep_token: Token = "<sep>",
        pad_token: Token = "<pad>",
        cls_token: Token = "<cls>",
        mask_token: Token = "<mask>",
        additional_special_tokens: Sequence[Token] = ("<eop>", "<eod>"),
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            vocab_file,
            do_lower_case,
            remove_space,
            keep_accents,
            tokenizer_file=tokenizer_file,
            bos_token=bos_token,
            eos_token=eos_token,
            unk_token=unk_token,
            sep_token=sep_token,
            pad_token=pad_token,
            cls_token=cls_token,
            mask_token=mask_token,
            additional_special_tokens=additional_special_tokens,
            **kwargs,
        )

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """A <sep> <cls>, or A <sep> B <sep> <cls>."""
        sep, cls = [self.sep_token_id], [self.cls_token_id]
        second = [] if token_ids_1 is None else [*token_ids_1, *sep]
        return [*token_ids_0, *sep, *second, *cls]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 up to the first <sep>, 1 for the second text and its <sep>, 2 for <cls>."""
        second = [] if token_ids_1 is None else [1] * (len(token_ids_1) + 1)
        return [0] * (len(token_ids_0) + 1) + second + [2]
