"""Small byte-pair vocabularies that tests make themselves."""

import json
from pathlib import Path

from tokenizers import pre_tokenizers

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
BYTE_MERGES = [("l", "o"), ("lo", "w"), ("e", "r"), ("Ġ", "low"), ("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("'", "s")]
BYTE_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", *BYTES, *(a + b for a, b in BYTE_MERGES), "<|endoftext|>", "<mask>"]
BYTE_VOCAB = {token: index for index, token in enumerate(BYTE_TOKENS)}

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORD_MERGES = [("l", "o"), ("lo", "w"), ("lo", "w</w>"), ("e", "r</w>"), ("t", "h"), ("th", "e</w>")]
WORD_TOKENS = [
    "<unk>",
    *LETTERS,
    *(f"{letter}</w>" for letter in LETTERS),
    *(f"{mark}</w>" for mark in ".,!?'"),
    *(a + b for a, b in WORD_MERGES),
]
WORD_VOCAB = {token: index for index, token in enumerate(WORD_TOKENS)}


def write_files(
    folder: Path,
    vocab: dict[str, int],
    merges: list[tuple[str, str]],
    names: tuple[str, str] = ("vocab.json", "merges.txt"),
) -> Path:
    """A folder with both files."""
    folder.mkdir(exist_ok=True)
    (folder / names[0]).write_text(json.dumps(vocab), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / names[1]).write_text("\n".join(lines), encoding="utf-8")
    return folder
