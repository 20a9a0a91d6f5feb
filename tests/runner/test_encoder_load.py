"""Does an encoder hold up under load: several at once, after a fork, over many texts?"""

import copy
import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from pretrained import Encoder
from tests.runner.small import PRECISIONS, NumberTokenizer, small_model

TEXTS = ["the cat sat on the mat .", "a", "", "dogs , unable dogs and a cat", "the mat", "ran away"] * 30
CLOSE = {"atol": 3e-6, "rtol": 0}


@pytest.fixture(scope="module")
def encoder(small_bert):
    return Encoder(small_bert, threads=2, batch_tokens=64)


def test_several_encoders_at_once_give_what_each_gives_alone(small_bert, encoder):
    other = Encoder(small_bert, pooling="cls", threads=1)
    expected = [each.encode(TEXTS) for each in (encoder, other)]
    found: dict[int, np.ndarray] = {}
    start = threading.Barrier(6, timeout=30)

    def work(number):
        start.wait()
        for _ in range(3):
            found[number] = (encoder, other)[number % 2].encode(TEXTS)

    before = torch.get_num_threads()
    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert sorted(found) == list(range(6))
    for number, vectors in found.items():
        np.testing.assert_allclose(vectors, expected[number % 2], **CLOSE)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("texts", [1, len(TEXTS)])
def test_a_forked_process_encodes(small_bert, threads, texts, tmp_path):
    """The threads of the process that encoded before are not there in the child, nor are those of one product."""
    texts = [" ".join(TEXTS[:80])] if texts == 1 else TEXTS
    encoder = Encoder(small_bert, threads=threads)
    expected = encoder.encode(texts)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            np.save(tmp_path / "found.npy", encoder.encode(texts))
            code = 0
        finally:
            os._exit(code)
    assert _exit_code(child, seconds=60) == 0
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, **CLOSE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_forked_process_makes_an_encoder(minilm, precision):
    """Weights are packed by the threads of a product, too, and those of the process before are not there."""
    Encoder(minilm, precision=precision).encode(TEXTS)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if Encoder(minilm, precision=precision).encode("a text").shape == (384,) else 2
        finally:
            os._exit(code)
    assert _exit_code(child, seconds=60) == 0


def test_an_encoder_by_name_travels(minilm, small_bert):
    encoder = Encoder(minilm, pooling="cls", normalize=False)
    expected = encoder.encode(TEXTS[:3])
    for other in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder)):
        assert np.array_equal(other.encode(TEXTS[:3]), expected)
    loaded = Encoder(small_model("bert"), tokenizer=NumberTokenizer())
    assert copy.copy(loaded).model is loaded.model
    with pytest.raises(TypeError, match="make it of the name or folder of the model"):
        pickle.dumps(Encoder(small_model("bert"), tokenizer=NumberTokenizer()))


def _exit_code(child, seconds):
    """Of a child process; one that hangs is ended."""
    done = threading.Event()
    timer = threading.Timer(seconds, lambda: done.is_set() or os.kill(child, 9))
    timer.start()
    _, status = os.waitpid(child, 0)
    done.set()
    timer.cancel()
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_there_are_no_more_threads_in_products_than_asked_for(threads, monkeypatch):
    encoder = Encoder(small_model("bert"), tokenizer=NumberTokenizer(), threads=threads, batch_tokens=64)
    run, lock = encoder._run, threading.Lock()
    running, most = 0, 0

    def counted(finish, rows):
        nonlocal running, most
        with lock:
            running += torch.get_num_threads()
            most = max(most, running)
        try:
            return run(finish, rows)
        finally:
            with lock:
                running -= torch.get_num_threads()

    monkeypatch.setattr(encoder, "_run", counted)
    encoder.encode([f"{number % 50 + 10} 20 30 40" for number in range(600)])
    encoder.encode("20 30")
    assert 1 <= most <= threads


def test_tokenizing_does_not_run_beside_the_network(encoder, monkeypatch):
    """The tokenizer has threads of its own: one after the other, the two never ask for more cores than there are."""
    tokenize, run = encoder._tokenize, encoder._run
    busy = threading.Event()

    def tokenizing(texts):
        busy.set()
        try:
            return tokenize(texts)
        finally:
            busy.clear()

    def running(finish, rows):
        assert not busy.is_set()
        return run(finish, rows)

    monkeypatch.setattr(encoder, "_tokenize", tokenizing)
    monkeypatch.setattr(encoder, "_run", running)
    monkeypatch.setattr("pretrained.runner.batching.windows.__kwdefaults__", {"tokens": 500})
    assert len(encoder.encode(text for text in TEXTS * 10)) == len(TEXTS) * 10


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_memory_stays_flat():
    """What is compiled for each number of tokens in a batch was kept, half a MB for each product."""
    encoder = Encoder(small_model("bert"), tokenizer=NumberTokenizer(), threads=1, batch_tokens=512)

    def some(seed):
        drawn = np.random.default_rng(seed)
        encoder.encode(" ".join(["30"] * drawn.integers(1, 40)) for _ in range(drawn.integers(100, 140)))
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    first = [some(seed) for seed in range(3)][-1]
    last = [some(seed) for seed in range(3, 70)][-1]
    assert last < first + 16 * 2**20  # it was 160 MiB
