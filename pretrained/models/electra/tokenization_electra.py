"""How does ELECTRA cut text? As BERT does, in everything."""

from pretrained.models.bert.tokenization_bert import BertTokenizer


class ElectraTokenizer(BertTokenizer):
    """BERT's WordPiece tokenization under this family's name."""
