"""FlaubertTokenizer gives the ids of transformers with the published vocabulary."""

import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import transformers

from pretrained import AutoTokenizer
from pretrained.models.flaubert.tokenization_flaubert import FlaubertTokenizer

SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{number}>" for number in range(10))]
WORDS = [*SPECIAL, *"lérc'\"", "'</w>", '"</w>', "é</w>", "L", "É", "lé</w>", "ré", "l'</w>"]
MERGES = ["l '</w>", "l é</w>", "r é"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vocab = {word: index for index, word in enumerate(WORDS)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("\n".join([*MERGES, ""]), encoding="utf-8")
    return tmp_path


def test_french_with_accents(folder: Path) -> None:
    tokenizer = FlaubertTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("l'lé ``ré''") == ["l'</w>", "lé</w>", '"</w>', "r", "é</w>", '"</w>']
    assert tokenizer.tokenize("le\u0301") == ["lé</w>"]  # composed first
    assert tokenizer.tokenize("LÉ") == ["L", "É</w>"]
    assert tokenizer.tokenize("L'l'", bypass_tokenizer=True) == ["L", "'", "l'</w>"]
    assert not tokenizer.do_lower_case


def test_lower_case(folder: Path) -> None:
    for options in ({"do_lowercase": True}, {"do_lower_case": True}, {"do_lower_case": False, "do_lowercase": True}):
        tokenizer = FlaubertTokenizer.from_pretrained(folder, **options)
        assert tokenizer.tokenize("LÉ") == ["lé</w>"]
        assert tokenizer.do_lowercase
        assert not tokenizer.do_lowercase_and_remove_accent


def test_the_published_file_of_the_uncased_model_lower_cases(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    assert FlaubertTokenizer.from_pretrained(folder).tokenize("LÉ") == ["lé</w>"]


def test_the_language_is_fixed(folder: Path) -> None:
    with pytest.raises(TypeError, match="lang"):
        FlaubertTokenizer.from_pretrained(folder).tokenize("l", lang="en")


def test_saved_and_loaded(folder: Path, tmp_path: Path) -> None:
    tokenizer = FlaubertTokenizer.from_pretrained(folder, do_lowercase=True)
    target = tmp_path / "saved"
    tokenizer.save_pretrained(target)
    again = AutoTokenizer.from_pretrained(target)
    theirs = transformers.FlaubertTokenizer.from_pretrained(target)
    text = "LÉ l'RÉ <special1>"
    assert type(again) is FlaubertTokenizer
    assert again.encode(text) == tokenizer.encode(text) == theirs.encode(text)
    assert pickle.loads(pickle.dumps(tokenizer)).encode(text) == tokenizer.encode(text)


def random_texts(count: int) -> list[str]:
    """Characters of many alphabets, fresh each time; the seed is shown when a test fails."""
    seed = random.randrange(2**32)
    print(f"{seed=}")
    rng = random.Random(seed)
    blocks = [(0x20, 0x7E), (0, 0x1F), (0xA0, 0x24F), (0x300, 0x52F), (0x590, 0xDFF), (0x1E00, 0x30FF)]
    blocks += [(0x4E00, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF)]
    texts = []
    for _ in range(count):
        chars = [chr(rng.randint(*rng.choice(blocks))) for _ in range(rng.randint(1, 40))]
        texts.append("".join(char + rng.choice(["", "", "", " ", " <special1>"]) for char in chars))
    return texts


@pytest.mark.parametrize("lower", [True, False])
def test_published_vocabulary_as_transformers_has_it(shared_data: Path, lower: bool) -> None:
    folder = shared_data / "vocab" / "flaubert"
    options: Any = {"vocab_file": str(folder / "vocab.json"), "merges_file": str(folder / "merges.txt")}
    ours = FlaubertTokenizer(**options, do_lowercase=lower)
    theirs: Any = transformers.FlaubertTokenizer(**options, do_lowercase=lower)  # type: ignore[no-untyped-call]
    lines = (shared_data / "text" / "udhr.jsonl").read_text(encoding="utf-8").split("\n")
    texts = [part for line in lines if line for part in json.loads(line)["text"].split("\n")]
    texts = random.Random(int(lower)).sample(texts, 800)
    texts += json.loads((shared_data / "text" / "blns.json").read_text(encoding="utf-8"))
    texts += (shared_data / "text" / "sample_text.txt").read_text(encoding="utf-8").split("\n")
    texts += random_texts(200)
    rows = ours.encode_ragged(texts)
    assert len(texts) > 1500
    assert [text for text, row in zip(texts, rows, strict=True) if row != theirs.encode(text)] == []
    assert ours.decode(rows[3]) == theirs.decode(rows[3], clean_up_tokenization_spaces=True)


def test_places_lie_under_their_tokens(shared_data: Path) -> None:
    folder = shared_data / "vocab" / "flaubert"
    tokenizer = FlaubertTokenizer.from_pretrained(folder)
    assert tokenizer.do_lowercase  # the file says do_lower_case
    text = "L’Assemblée générale « proclame » la Déclaration… des droits (1948)."
    found = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    changed = {'"', "'", "..."}
    for token, (start, end) in zip(found.tokens(), found["offset_mapping"], strict=True):
        piece = token.removesuffix("</w>")
        assert text[start:end].lower() == piece or piece in changed or "'" in piece
    ends = [end for _, end in found["offset_mapping"]]
    assert ends == sorted(ends)
    assert ends[-1] == len(text)
