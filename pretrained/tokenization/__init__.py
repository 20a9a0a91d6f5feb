"""Text to ids and back."""

from tokenizers import AddedToken

from pretrained.tokenization.base import PreTrainedTokenizer
from pretrained.tokenization.basic import BasicTokenizer, WordpieceTokenizer, whitespace_tokenize
from pretrained.tokenization.encoding import BatchEncoding, CharSpan, TokenSpan

__all__ = [
    "AddedToken",
    "BasicTokenizer",
    "BatchEncoding",
    "CharSpan",
    "PreTrainedTokenizer",
    "TokenSpan",
    "WordpieceTokenizer",
    "whitespace_tokenize",
]
