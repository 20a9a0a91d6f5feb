"""How does DistilBERT cut text? As BERT does; its network knows no token types."""

from collections.abc import Sequence

from pretrained.models.bert.tokenization_bert import BertTokenizer


class DistilBertTokenizer(BertTokenizer):
    """BERT's WordPiece tokenization, which returns no token types unless it is asked for them."""

    model_input_names: Sequence[str] = ("input_ids", "attention_mask")
