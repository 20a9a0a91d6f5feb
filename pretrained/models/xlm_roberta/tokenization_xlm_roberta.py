"""How does XLM-RoBERTa cut text? Into the most probable SentencePiece pieces of a hundred languages."""

from typing import ClassVar

from pretrained.tokenization.sentencepiece_pipeline import Numbering
from pretrained.tokenization.sentencepiece_tokenizer import FairseqTokenizer


class XLMRobertaTokenizer(FairseqTokenizer):
    """SentencePiece tokenization with fairseq's ids: <s>, <pad>, </s>, <unk>, the pieces, <mask>.

    The model's own <unk>, <s> and </s>, which it has first, take the ids of those; so each other piece has the id that
    it has in the model, plus one.
    """

    numbering: ClassVar[Numbering] = Numbering(
        first=("<s>", "<pad>", "</s>", "<unk>"), absorbed=("<unk>", "<s>", "</s>"), last=("<mask>",)
    )
