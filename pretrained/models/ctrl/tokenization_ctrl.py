"""How does CTRL cut text? Words between blanks, whose characters merges join; what is not the end of a word has @@."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tokenizers import Regex, Tokenizer, pre_tokenizers

from pretrained.models.ctrl.control_codes import CONTROL_CODES
from pretrained.tokenization.bpe import BpeEngine, build_model, read_source
from pretrained.tokenization.bpe_tokenizer import BpeTokenizer
from pretrained.tokenization.special_tokens import Token

_INSIDE, _END = "@@", "</w>"  # how the vocabulary marks a piece, and how the merges do


class CTRLTokenizer(BpeTokenizer):
    """BPE tokenization. A text must begin with one of `control_codes`, such as "Links" or "Books".

    Args:
        vocab_file, merges_file: a vocab.json and a merges.txt; or `vocab` and `merges`, a dict token → id and the
            pairs.
        **kwargs: see `PreTrainedTokenizer`.
    """

    vocab_files_names: ClassVar[Mapping[str, str]] = {"vocab_file": "vocab.json", "merges_file": "merges.txt"}
    word_end = _END
    control_codes: Mapping[str, int] = CONTROL_CODES
    """Word → id in the published vocabulary; each stands for a kind of text."""

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        merges_file: str | os.PathLike[str] | None = None,
        unk_token: Token = "<unk>",
        *,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[str | Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        source = read_source(vocab_file, merges_file, None, vocab, merges, called=type(self).__name__)
        spelled = {_as_merges_do(token): index for token, index in source.vocab.items()}
        unknown = str(unk_token)
        model, hidden = build_model(spelled, source.merges, unknown=_as_merges_do(unknown), suffix=_END)
        pipeline = Tokenizer(model)
        # a line end belongs to the word before it
        pipeline.pre_tokenizer = pre_tokenizers.Split(Regex(r"\S+\n?"), "removed", invert=True)
        engine = BpeEngine(pipeline, source.vocab, hidden=hidden, unknown=unknown, respelled=True)
        super().__init__(source, engine, unk_token=unk_token, **kwargs)

    def bpe(self, token: str) -> str:
        """The pieces of one word with blanks between them; the readable form of what the compiled engine does."""
        return super().bpe(token).replace(" ", f"{_INSIDE} ").removesuffix(_END)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return " ".join(tokens).replace(f"{_INSIDE} ", "").strip()


def _as_merges_do(token: str) -> str:
    """ "wor@@" → "wor", "d" → "d</w>"."""
    return token.removesuffix(_INSIDE) if token.endswith(_INSIDE) else token + _END
