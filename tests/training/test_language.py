"""Masks: how many, whose, the same ones in each run; blocks hold the whole text; Chinese words are words."""

from pathlib import Path
from typing import Any

import pytest

from pretrained import AutoTokenizer
from pretrained.runner.rows import IGNORED
from pretrained.training.data import Record
from pretrained.training.kinds.language import Causal, Masked
from pretrained.training.kinds.words import group_words
from pretrained.training.tasks import TASKS

from .samples import Sample


def masked(tiny: Path, lines: list[str], *, seed: int = 0, whole_words: bool = False, max_length: int = 32) -> Any:
    kind = Masked(TASKS["masked-lm"], AutoTokenizer.from_pretrained(tiny), max_length=max_length)
    kind.whole_words, kind.seed = whole_words, seed
    return kind, kind.rows([Record({"text": lines}, tiny, 1)], training=True)


def test_masks(tiny: Path) -> None:
    sample = Sample(0)
    kind, rows = masked(tiny, [sample.text(count=30) for _ in range(300)])
    mask, vocabulary = kind.tokenizer.mask_token_id, len(kind.tokenizer)
    chosen = shown = kept = other = total = 0
    for plain, row in zip(rows.rows, rows.at_epoch(0), strict=True):
        for before, now, label in zip(plain["input_ids"], row["input_ids"], row["labels"], strict=True):
            total += before > 4
            if label == IGNORED:
                assert now == before
                continue
            assert label == before > 4  # no special token
            chosen += 1
            shown, kept, other = shown + (now == mask), kept + (now == before), other + (now not in (mask, before))
            assert now < vocabulary
    assert chosen / total == pytest.approx(0.15, abs=0.02)
    assert shown / chosen == pytest.approx(0.8, abs=0.05)
    assert kept / chosen == pytest.approx(0.1, abs=0.04)
    assert other / chosen == pytest.approx(0.1, abs=0.04)


def test_the_same_masks_in_each_run_and_others_in_each_epoch(tiny: Path) -> None:
    lines = [Sample(1).text(count=30) for _ in range(50)]
    (_, one), (_, same), (_, other) = (masked(tiny, lines, seed=seed) for seed in (3, 3, 4))
    assert one.at_epoch(0) == same.at_epoch(0)
    assert one.at_epoch(1) == same.at_epoch(1)
    assert one.at_epoch(0) != one.at_epoch(1)
    assert one.at_epoch(0) != other.at_epoch(0)


def test_whole_words(tiny: Path) -> None:
    kind, rows = masked(tiny, ["short aardvark boat " * 40], whole_words=True)
    for plain, row in zip(rows.rows, rows.at_epoch(0), strict=True):
        tokens = kind.tokenizer.convert_ids_to_tokens(plain["input_ids"])
        for at, token in enumerate(tokens):
            if at and token.startswith("##"):
                assert (row["labels"][at] == IGNORED) == (row["labels"][at - 1] == IGNORED)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["un", "##believ", "##able", "thing"], [[0, 1, 2], [3]]),
        (["▁un", "believ", "able", "▁thing"], [[0, 1, 2], [3]]),
        (["un", "believ", "Ġthing"], [[0, 1], [2]]),
        (["un", "believable</w>", "thing</w>"], [[0, 1], [2]]),
    ],
)
def test_pieces_of_one_word(tokens: list[str], words: list[list[int]]) -> None:
    assert group_words(tokens, list(range(len(tokens)))) == words


def test_chinese_words() -> None:
    pytest.importorskip("jieba")
    tokens = ["[CLS]", *"我们去北京了", "bert", "好", "[SEP]"]
    assert group_words(tokens, range(1, 9)) == [[1, 2], [3], [4, 5], [6], [7], [8]]
    apart = [1, 2, 4, 5]  # "去" may not be masked, so nothing is joined over it
    assert group_words(tokens, apart) == [[1, 2], [4, 5]]


def test_blocks_hold_the_whole_text(tiny: Path, tiny_gpt2: Path) -> None:
    lines = [Sample(2).text(count=30) for _ in range(40)]
    record = Record({"text": lines}, tiny, 1)
    for kind in (
        Masked(TASKS["masked-lm"], AutoTokenizer.from_pretrained(tiny), max_length=20),
        Causal(TASKS["causal-lm"], AutoTokenizer.from_pretrained(tiny_gpt2), max_length=20),
    ):
        special = set(kind.tokenizer.all_special_ids)
        ids = [token for row in kind.rows([record], training=True).rows for token in row["input_ids"]]
        wanted = kind.tokenizer(lines, add_special_tokens=False)["input_ids"]
        assert [token for token in ids if token not in special] == [token for row in wanted for token in row]
        lengths = [len(row["input_ids"]) for row in kind.rows([record], training=True).rows]
        assert set(lengths[:-1]) == {20}
