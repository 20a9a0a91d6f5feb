"""How does GPT-2 cut text? By byte-level BPE, with nothing put around it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pretrained.tokenization.bpe import read_source
from pretrained.tokenization.byte_bpe import ByteLevelTokenizer
from pretrained.tokenization.special_tokens import Token


class GPT2Tokenizer(ByteLevelTokenizer):
    """Byte-level BPE tokenization.

    There is no pad token. For padding set one, such as `tokenizer.pad_token = tokenizer.eos_token`.

    Args:
        vocab_file, merges_file: a vocab.json and a merges.txt (encoder.json and vocab.bpe of the first release are the
            same); or `tokenizer_file`, a tokenizer.json; or `vocab` and `merges`, a dict token → id and the pairs.
        errors: what decoding does with bytes that are no UTF-8, as in `bytes.decode`.
        add_prefix_space: put a blank before each text, so that its first word reads as any other; None: as
            tokenizer.json says, else False.
        trim_offsets: leave blanks out of the places of tokens; None: as tokenizer.json says, else False.
        add_bos_token: begin each text with `bos_token`.
        **kwargs: see `PreTrainedTokenizer`.
    """

    old_file_names: ClassVar[Mapping[str, Sequence[str]]] = {
        "vocab_file": ("encoder.json",),
        "merges_file": ("vocab.bpe",),
    }

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        errors: str = "replace",
        unk_token: Token = "<|endoftext|>",
        bos_token: Token = "<|endoftext|>",
        eos_token: Token = "<|endoftext|>",
        add_prefix_space: bool | None = None,
        *,
        tokenizer_file: str | os.PathLike[str] | None = None,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[str | Sequence[str]] | None = None,
        trim_offsets: bool | None = None,
        add_bos_token: bool = False,
        **kwargs: Any,
    ) -> None:
        self.add_bos_token = add_bos_token
        super().__init__(
            read_source(vocab_file, merges_file, tokenizer_file, vocab, merges, called=type(self).__name__),
            unk_token=unk_token,
            errors=errors,
            add_prefix_space=add_prefix_space,
            trim_offsets=trim_offsets,
            only_where_missing=False,
            bos_token=bos_token,
            eos_token=eos_token,
            add_bos_token=add_bos_token,
            **kwargs,
        )

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """A, or A B; with `add_bos_token` each text has `bos_token` before it."""
        bos = [self.bos_token_id] if self.add_bos_token else []
        return [*bos, *token_ids_0, *([] if token_ids_1 is None else [*bos, *token_ids_1])]  # type: ignore[list-item]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 for the first text, 1 for the second."""
        bos = int(self.add_bos_token)
        return [0] * (bos + len(token_ids_0)) + ([] if token_ids_1 is None else [1] * (bos + len(token_ids_1)))

    def post_processor_json(self) -> dict[str, Any]:
        """Places as `trim_offsets` says; `bos_token` only where it is wanted."""
        places = {
            "type": "ByteLevel",
            "add_prefix_space": self.add_prefix_space,
            "trim_offsets": self.trim_offsets,
            "use_regex": True,
        }
        return {"type": "Sequence", "processors": [places, self.template_json()]} if self.add_bos_token else places
