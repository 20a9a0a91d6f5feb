"""How does CamemBERT cut text? Into the most probable SentencePiece pieces of French."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from pretrained.tokenization.sentencepiece_pipeline import Numbering
from pretrained.tokenization.sentencepiece_tokenizer import FairseqTokenizer
from pretrained.tokenization.special_tokens import Token


class CamembertTokenizer(FairseqTokenizer):
    """SentencePiece tokenization with fairseq's ids: four tokens, then all pieces of the model, <mask>.

    The model's own <s> and </s> are the ones in use (5 and 6), and its <unk> is not (4).

    Args:
        vocab_file: a sentencepiece.bpe.model; or `tokenizer_file`, a tokenizer.json.
        additional_special_tokens: the two that are there and never used.
        **kwargs: see `FairseqTokenizer`.
    """

    numbering: ClassVar[Numbering] = Numbering(first=("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>"), last=("<mask>",))

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | None = None,
        *special_tokens: Token,
        additional_special_tokens: Sequence[Token] = ("<s>NOTUSED", "</s>NOTUSED"),
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab_file, *special_tokens, additional_special_tokens=additional_special_tokens, **kwargs)
