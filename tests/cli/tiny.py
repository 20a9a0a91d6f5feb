"""Small models, made on the spot: with them, everything is as quick as it is meaningless."""

from pathlib import Path

import torch

from pretrained import BertConfig, BertModel, BertTokenizer, GPT2Config, GPT2LMHeadModel, GPT2Tokenizer
from pretrained.tokenization.byte_bpe import byte_characters

END = "<|endoftext|>"
MERGES = [("Ġ", "d"), ("o", "g"), ("Ġd", "og")]


def write_gpt2(folder: Path, *, seed: int = 0, positions: int = 64) -> Path:
    """A GPT-2 of random weights that knows all bytes and " dog"; it goes on without end."""
    vocab = [*byte_characters().values(), *("".join(pair) for pair in MERGES), END]
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(vocab),
        n_positions=positions,
        n_embd=32,
        n_layer=2,
        n_head=4,
        bos_token_id=len(vocab) - 1,
        eos_token_id=len(vocab) - 1,
        initializer_range=0.5,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    GPT2Tokenizer(vocab={token: index for index, token in enumerate(vocab)}, merges=MERGES).save_pretrained(folder)
    return folder


def write_bert(folder: Path, *, seed: int = 0) -> Path:
    """A BERT of random weights that knows a few words."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "here", "is", "some", "text", "##s"]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(folder / "vocab.txt").save_pretrained(folder)
    return folder
