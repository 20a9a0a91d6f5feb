"""The compiled engine: no state that a call changes, and texts that UTF-8 cannot hold."""

import concurrent.futures
import os
import subprocess
import sys

import pytest

from pretrained.errors import TokenizationError
from pretrained.models.bert.tokenization_bert import BertTokenizer
from tests.tokenization.material import small_bert


def test_half_a_surrogate_pair_is_dropped_and_keeps_places() -> None:
    tokenizer = small_bert()
    encoding = tokenizer(["a \ud800b", "low"], return_offsets_mapping=True)
    assert encoding.tokens() == ["[CLS]", "a", "b", "[SEP]"]
    assert encoding["offset_mapping"][0][2] == (3, 4)
    assert tokenizer.encode_ragged(["a \udfffb"]) == [tokenizer.encode("a b")]
    assert tokenizer([["a", "\ud800b"]], is_split_into_words=True)["input_ids"] == [tokenizer.encode("a b")]


def test_a_vocabulary_without_the_unknown_token_fails_where_it_is_needed() -> None:
    tokenizer = BertTokenizer(vocab=["[CLS]", "[SEP]", "a"], do_lower_case=True)
    assert tokenizer.encode("a") == [0, 2, 1]
    with pytest.raises(TokenizationError, match=r"Missing \[UNK\] token"):
        tokenizer.encode("b")


def test_threads_share_a_tokenizer() -> None:
    tokenizer = small_bert()
    texts = [f"{'low ' * (index % 7)}world" for index in range(200)]
    expected = [tokenizer.encode(text) for text in texts]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        lengths = [3 + index % 4 for index in range(200)]
        cut = list(pool.map(lambda text, length: tokenizer(text, truncation=True, max_length=length), texts, lengths))
        whole = list(pool.map(tokenizer.encode, texts))
    assert whole == expected
    assert [row["input_ids"][:-1] for row in cut] == [
        row[: min(len(row), length) - 1] for row, length in zip(expected, lengths, strict=True)
    ]


def test_parallelism_can_be_switched_off_from_outside() -> None:
    code = (
        "import os, threading, pathlib\n"
        "from tests.tokenization.material import small_bert\n"
        "tokenizer = small_bert()\n"
        "tokenizer.encode_ragged(['low world'] * 2000)\n"
        "tasks = pathlib.Path('/proc/self/task')\n"
        "print(len(list(tasks.iterdir())) if tasks.exists() else 1)\n"
    )
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1


def test_added_tokens_of_an_engine_are_kept_apart_from_its_vocabulary() -> None:
    engine = small_bert()._engine
    assert "[CLS]" in engine.vocab()
    assert engine.added_vocab == {}
    assert engine.id_to_token(2**40) is None
