"""How does ALBERT cut text? Cleaned and lower-cased, then into the most probable SentencePiece pieces."""

import os
from typing import Any

from pretrained.tokenization.sentencepiece_tokenizer import CleaningTokenizer
from pretrained.tokenization.special_tokens import Token


class AlbertTokenizer(CleaningTokenizer):
    """SentencePiece tokenization with BERT's layout.

    Args:
        vocab_file: a spiece.model; or `tokenizer_file`, a tokenizer.json. With both, pieces come from spiece.model.
        do_lower_case: lower-case the text; None: as tokenizer.json says, else True.
        remove_space, keep_accents: see `CleaningTokenizer`.
        **kwargs: see `CleaningTokenizer`.
    """

    lower_by_default = True

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool | None = None,
        remove_space: bool = True,
        keep_accents: bool | None = None,
        bos_token: Token = "[CLS]",
        eos_token: Token = "[SEP]",
        unk_token: Token = "<unk>",
        sep_token: Token = "[SEP]",
        pad_token: Token = "<pad>",
        cls_token: Token = "[CLS]",
        mask_token: Token = "[MASK]",
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
            **kwargs,
        )

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """[CLS] A [SEP], or [CLS] A [SEP] B [SEP]."""
        cls, sep = [self.cls_token_id], [self.sep_token_id]
        second = [] if token_ids_1 is None else [*token_ids_1, *sep]
        return [*cls, *token_ids_0, *sep, *second]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 up to the first [SEP], 1 for the second text and its [SEP]."""
        return [0] * (len(token_ids_0) + 2) + ([] if token_ids_1 is None else [1] * (len(token_ids_1) + 1))
