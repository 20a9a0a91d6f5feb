"""Texts and published cases beside the checkout, for families whose ids are compared with other libraries'."""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any


@cache
def shared_texts(folder: Path) -> list[str]:
    """Running text in 266 languages, strings that break programs, and English lines."""
    lines = (folder / "text" / "udhr.jsonl").read_text(encoding="utf-8").split("\n")
    texts = [json.loads(line)["text"] for line in lines if line]
    texts += json.loads((folder / "text" / "blns.json").read_text(encoding="utf-8"))
    for name in ("sample_text.txt", "sample_text_no_unicode.txt", "tinyshakespeare.txt"):
        texts += (folder / "text" / name).read_text(encoding="utf-8").split("\n\n")
    return texts


def random_texts(count: int, further: tuple[str, ...] = ()) -> list[str]:
    """Stretches of many alphabets, fresh each time; the seed is shown when a test fails.

    Args:
        further: put between stretches now and then.
    """
    seed = random.randrange(2**32)
    print(f"{seed=}")
    rng = random.Random(seed)
    blocks = [(0x20, 0x7E), (0, 0x1F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF)]
    blocks += [(0x1E00, 0x1FFF), (0x2000, 0x2FFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF)]
    blocks += [(0xF900, 0xFFFF), (0x1F300, 0x1F9FF), (0x20000, 0x2FA1F)]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 25)):
            low, high = rng.choice(blocks)
            parts += [chr(rng.randint(low, high)) for _ in range(rng.randint(1, 5))]
            if rng.random() < 0.4:
                parts.append(rng.choice([" ", "  ", "\n", "'s", "'ll", "12", *further]))
        texts.append("".join(parts))
    return texts


def golden(folder: Path) -> dict[str, Any]:
    """Published cases by kind."""
    content: dict[str, Any] = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))
    return content


def golden_cases(folder: Path, model: str) -> list[dict[str, Any]]:
    """The published texts and ids of one vocabulary."""
    return [case for case in golden(folder)["tokenize"] if case["model"] == model and case["grade"] == "A"]
