"""What do the published Transformer-XL tokenizers make of text? Writes the small golden files that a test reads.

`transformers` dropped the family, so its last release that runs everything needs an environment of its own:

    python -m venv /tmp/transfo-xl
    /tmp/transfo-xl/bin/pip install transformers==4.35.2 torch==2.13.0 "numpy<2" sacremoses==0.2.0
    /tmp/transfo-xl/bin/python tests/goldens/make_transfo_xl_tokenizer.py
"""

import json
import tempfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import torch
from transformers import TransfoXLTokenizer  # type: ignore[attr-defined]

FOLDER = Path(__file__).parent / "transfo_xl_tokenizer"
TEXTS = (
    "Hello (bracket) and side-scrolled [and] Henry's $5,000 with 3.34 m. What's up!?",
    "The U.S. has 1,234,567.89 people , Mr. Smith said ... and it's well-known — isn't it?",
    "\"Quotes\" and 'single' “curly” ‘ones’ „low“ «guillemets» ``tex'' a/b & c; 50% #tag @user",
    "<unk> <eos> hello<formula>world <formula> <S>",
    "e-mail me@example.com or see http://example.com/a-b?c=1,2 now",
    "Ünïcödé Straße İstanbul ΟΔΟΣ façade naïve 中文。日本語、１２３",
    "tabs\tand\nlines \u00a0 blank\u2003s\u200b zero\u00adwidth",
    "I'll can't won't they're we've 'tis rock'n'roll dogs' O'Neil's 5's",
    "1,2 3.4 5,6,7 .5 5. ,5 5, 10,000.00 v1.2.3 2019-01-01 12:30",
    "-- --- - a-b-c -a a- –x—y",
    "",
    "   ",
)
OPTIONS: dict[str, dict[str, Any]] = {"plain": {}, "lower": {"lower_case": True}, "characters": {"delimiter": ""}}
LINES = ["the dog and the cat", "the cat -- the well-known cat", "dog 1,000"]


def vocabulary() -> list[str]:
    """Every other word of the texts, so that some stay unknown."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vocab.txt").write_text("<unk>\n", encoding="utf-8")
        tokenizer = TransfoXLTokenizer(vocab_file=str(Path(folder) / "vocab.txt"))
    words = [word for text in TEXTS for word in [*tokenizer.tokenize(text), *tokenizer.tokenize(text.lower())]]
    words += [char for text in TEXTS for char in text if char.split()]
    return list(dict.fromkeys(["<eos>", "<unk>", "<formula>", *list(dict.fromkeys(words))[::2], "<S>", "@-@", "@,@"]))


def encodings(tokenizer: TransfoXLTokenizer) -> list[dict[str, Any]]:
    rows = []
    for text in TEXTS:
        row = {"text": text, "tokens": tokenizer.tokenize(text), "ids": tokenizer.encode(text)}
        if tokenizer.delimiter is None:
            row["back"] = tokenizer.decode(row["ids"])
        rows.append(row)
    return rows


def counted() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.txt"
        path.write_text("\n".join(LINES), encoding="utf-8")
        tokenizer = TransfoXLTokenizer(special=["<eos>", "<unk>"], min_freq=2, max_size=5)
        sents = tokenizer.count_file(str(path))
        tokenizer.build_vocab()
        ids = [row.tolist() for row in tokenizer.encode_file(str(path), add_eos=False)]
        ordered = tokenizer.encode_file(str(path), ordered=True, add_eos=False).tolist()
    counts = dict(tokenizer.counter)
    return {
        "lines": LINES,
        "sents": sents,
        "counts": counts,
        "words": tokenizer.idx2sym,
        "ids": ids,
        "ordered": ordered,
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    words = vocabulary()
    text = FOLDER / "vocab.txt"
    text.write_text("".join(f"{word}\n" for word in words), encoding="utf-8", newline="\n")
    tokenizer = TransfoXLTokenizer(vocab_file=str(text))
    tokenizer.vocab_file = None  # the place on this machine
    tokenizer.init_kwargs = {}
    tokenizer.counter = Counter({word: 2 + number for number, word in enumerate(words)})
    tokenizer.save_vocabulary(str(FOLDER))
    # as the published files are: the attributes of a tokenizer of 2019
    published = {
        "counter": tokenizer.counter,
        "special": ["<eos>"],
        "min_freq": 0,
        "max_size": None,
        "lower_case": False,
        "delimiter": None,
        "vocab_file": None,
        "idx2sym": words,
        "sym2idx": OrderedDict((word, index) for index, word in enumerate(words)),
        "eos_idx": 0,
        "unk_idx": 1,
    }
    torch.save(published, FOLDER / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(published, FOLDER / "zip.bin")
    expected = {
        name: encodings(TransfoXLTokenizer(vocab_file=str(text), **options)) for name, options in OPTIONS.items()
    }
    content = {"encodings": expected, "counted": counted()}
    written = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (FOLDER / "expected.json").write_text(written, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
