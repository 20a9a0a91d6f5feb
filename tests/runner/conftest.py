"""What the tests of the runner share: a small model in a folder, and a tokenizer that any family can take."""

from pathlib import Path

import pytest
import torch

from pretrained import BertConfig, BertModel
from pretrained.runner import quantize
from tests.runner.small import NumberTokenizer

WORDS = ["the", "a", "cat", "dog", "sat", "on", "mat", "and", "ran", "away", "un", "##able", "##s", ".", ","]


@pytest.fixture(autouse=True)
def _small_layers_too(monkeypatch):
    """Small networks stand for large ones: their layers are computed in 8 bits as well."""
    monkeypatch.setattr(quantize, "SMALLEST_WEIGHT", 64 * 64)


@pytest.fixture
def tokenizer():
    return NumberTokenizer()


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory) -> Path:
    """A folder with a small BERT: config.json, model.safetensors, vocab.txt."""
    folder = tmp_path_factory.mktemp("small-bert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *WORDS, *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder
