"""Are the vectors of many texts those of each text by itself, whatever stands beside it?"""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pretrained import BertModel, BertTokenizer, Encoder, registry
from pretrained.errors import ConfigurationError, TokenizationError
from pretrained.runner import batching, quantize
from pretrained.runner import encoder as encoding
from pretrained.runner.pooling import POOLINGS
from tests.runner.small import PRECISIONS, NumberTokenizer, small_model

TEXTS = ["the cat sat on the mat .", "a", "", "dogs , unable dogs and a cat", "the mat", "zebra " * 60, "a", "ran away"]
CLOSE = {"atol": 1e-5, "rtol": 0}


@pytest.fixture(scope="module")
def encoder(small_bert):
    return Encoder(small_bert)


@pytest.fixture(scope="module")
def by_hand(small_bert):
    """The hidden states of each text, one by one through the plain model: text → (layers + 1, tokens, hidden)."""
    model = BertModel.from_pretrained(small_bert)
    tokenizer = BertTokenizer.from_pretrained(small_bert)

    def run(text, max_length=40):
        inputs = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
        with torch.no_grad():
            return torch.cat(model(**inputs, output_hidden_states=True).hidden_states).numpy()

    return run


def numbers(count, seed=0):
    drawn = np.random.default_rng(seed)
    return [" ".join(map(str, drawn.integers(10, 60, drawn.integers(0, 30)))) for _ in range(count)]


# -- the same as one by one


def test_one_vector_a_text_in_order(encoder, by_hand):
    vectors = encoder.encode(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((8, 32), np.float32)
    np.testing.assert_allclose(vectors, [by_hand(text)[-1].mean(0) for text in TEXTS], **CLOSE)


@pytest.mark.parametrize(
    ("pooling", "expected"), [("mean", lambda x: x.mean(0)), ("cls", lambda x: x[0]), ("max", lambda x: x.max(0))]
)
def test_pooling(small_bert, by_hand, pooling, expected):
    vectors = Encoder(small_bert, pooling=pooling).encode(TEXTS)
    np.testing.assert_allclose(vectors, [expected(by_hand(text)[-1]) for text in TEXTS], **CLOSE)


def test_normalisation(small_bert, encoder):
    vectors = encoder.encode(TEXTS)
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(Encoder(small_bert, normalize=True).encode(TEXTS), expected, **CLOSE)


@pytest.mark.parametrize("layer", [-4, -2, -1, 0, 1, 3])
def test_layer(small_bert, by_hand, layer):
    vectors = Encoder(small_bert, layer=layer).encode(TEXTS)
    np.testing.assert_allclose(vectors, [by_hand(text)[layer].mean(0) for text in TEXTS], **CLOSE)


def test_one_vector_a_token(encoder, by_hand):
    vectors, tokens = encoder.token_vectors(TEXTS), encoder.tokens(TEXTS)
    assert tokens[2] == ["[CLS]", "[SEP]"]
    assert tokens[3][:6] == ["[CLS]", "dog", "##s", ",", "un", "##able"]
    for text, found, own_tokens in zip(TEXTS, vectors, tokens, strict=True):
        assert found.shape == (len(own_tokens), 32)
        np.testing.assert_allclose(found, by_hand(text)[-1], **CLOSE)


def test_no_pooling_keeps_the_tokens(small_bert, encoder):
    unpooled = Encoder(small_bert, pooling="none")
    vectors = unpooled.encode(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((8,), object)
    for found, expected in zip(vectors, encoder.token_vectors(TEXTS), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert unpooled.encode("a cat").shape == (4, 32)
    assert unpooled.encode([]).shape == (0,)


def test_a_single_text(encoder):
    np.testing.assert_array_equal(encoder.encode("a cat"), encoder.encode(["a cat"])[0])
    assert encoder.tokens("a") == [["[CLS]", "a", "[SEP]"]]
    assert [vectors.shape for vectors in encoder.token_vectors("a")] == [(3, 32)]


def test_no_texts(encoder):
    assert (encoder.encode([]).shape, encoder.encode([]).dtype) == ((0, 32), np.float32)
    assert encoder.token_vectors([]) == []
    assert encoder.tokens([]) == []


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "not-packed"])
@pytest.mark.parametrize("model_type", list(registry.families()))
def test_every_family(model_type, packing, tokenizer):
    """Families that take only padded batches run on rows of equal length; any family can."""
    model = small_model(model_type)
    encoder = Encoder(model, tokenizer=tokenizer)
    assert encoder._runs_packed is registry.family(model_type).packed
    encoder._runs_packed &= packing
    texts = numbers(20)
    rows = tokenizer.encode_ragged(texts)
    with torch.no_grad():
        expected = [model(torch.tensor([row]))[0][0].mean(0).numpy() for row in rows]
    np.testing.assert_allclose(encoder.encode(texts), expected, **CLOSE)


def test_token_types_of_the_tokenizer_count(tokenizer):
    """XLNet's last token, the one that stands for the text, is of a type of its own."""
    tokenizer.model_input_names = ("input_ids", "token_type_ids")
    tokenizer.create_token_type_ids_from_sequences = lambda ids: [0] * (len(ids) + 1) + [2]
    model = small_model("xlnet")
    row = [5, 20, 21, 6]
    with torch.no_grad():
        expected = model(torch.tensor([row]), token_type_ids=torch.tensor([[0, 0, 0, 2]]))[0][0]
        other = model(torch.tensor([row]))[0][0]
    (found,) = Encoder(model, tokenizer=tokenizer).token_vectors("20 21")
    np.testing.assert_allclose(found, expected.numpy(), **CLOSE)
    assert (expected - other).abs().max() > 1e-3


def test_texts_without_any_token():
    tokenizer = NumberTokenizer(special=())
    encoder = Encoder(small_model("gpt2"), tokenizer=tokenizer)
    vectors = encoder.encode(["", "20 30", ""])
    assert not vectors[[0, 2]].any()
    assert vectors[1].any()
    assert [len(each) for each in encoder.token_vectors(["", "20 30"])] == [0, 2]
    assert encoder.encode("").shape == (32,)


# -- whatever stands beside it


@pytest.mark.parametrize("batch_tokens", [1, 40, 300, 100_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_batches_of_any_size_give_the_same(batch_tokens, threads, tokenizer, monkeypatch):
    monkeypatch.setattr(batching, "_WORTHWHILE", 16)
    model, texts = small_model("bert"), numbers(150)
    expected = Encoder(model, tokenizer=tokenizer, threads=1).encode(texts)
    found = Encoder(model, tokenizer=tokenizer, batch_tokens=batch_tokens, threads=threads).encode(texts)
    np.testing.assert_allclose(found, expected, atol=3e-6, rtol=0)


@pytest.mark.parametrize("on_cpu", [True, False], ids=["cpu", "as-on-an-accelerator"])
@pytest.mark.parametrize("size", [500, 10**6])
def test_a_generator_is_read_in_windows(tokenizer, monkeypatch, on_cpu, size):
    """What an accelerator makes different, two batches at a time and reading on meanwhile, runs here on the CPU."""
    encoder, texts = Encoder(small_model("bert"), tokenizer=tokenizer), numbers(3000)
    expected = encoder.encode(texts)
    encoder._on_cpu = on_cpu
    monkeypatch.setattr(batching, "WINDOW_TOKENS", size)
    monkeypatch.setattr(encoding, "_ACCELERATOR_WINDOW", size)
    monkeypatch.setattr(batching, "_CHUNK", 32)
    read = iter(texts)
    first = next(encoder._windows(read, encoder._pooled, lambda count: np.empty((count, 32), np.float32)))
    assert len(first) <= len(texts) - len(list(read)) <= len(first) * (1 if on_cpu else 3)
    np.testing.assert_allclose(encoder.encode(text for text in texts), expected, atol=3e-6, rtol=0)
    assert len(encoder.token_vectors(iter(texts))) == 3000


@pytest.mark.parametrize("on_cpu", [True, False], ids=["cpu", "as-on-an-accelerator"])
def test_a_text_that_is_none_after_many(encoder, monkeypatch, on_cpu):
    monkeypatch.setattr(encoder, "_on_cpu", on_cpu)
    monkeypatch.setattr(batching, "WINDOW_TOKENS", 500)
    monkeypatch.setattr(encoding, "_ACCELERATOR_WINDOW", 500)
    with pytest.raises(TokenizationError, match="text 2000 must be a str"):
        encoder.encode([*["a cat"] * 2000, None])


def test_texts_that_are_none_are_named(encoder):
    with pytest.raises(TokenizationError, match="text 2 must be a str; got float"):
        encoder.encode(["a", "b", 1.5])
    with pytest.raises(TokenizationError, match="an iterable of them; got int"):
        encoder.token_vectors(7)


def test_threads_are_set_back(small_bert):
    before = torch.get_num_threads()
    encoder = Encoder(small_bert, threads=before + 2)
    encoder.encode(TEXTS)
    assert torch.get_num_threads() == before
    with pytest.raises(TokenizationError):
        encoder.encode(["a", 0])
    assert torch.get_num_threads() == before


# -- lengths


def test_long_texts_are_cut(small_bert, encoder, by_hand):
    assert encoder.max_length == 40
    short = Encoder(small_bert, max_length=7)
    assert [len(tokens) for tokens in short.tokens(TEXTS)] == [7, 3, 2, 7, 4, 7, 3, 4]
    np.testing.assert_allclose(short.encode(TEXTS[0]), by_hand(TEXTS[0], max_length=7)[-1].mean(0), **CLOSE)


def test_a_million_characters(encoder):
    assert np.isfinite(encoder.encode(["x" * 1_000_000, "the cat " * 125_000])).all()


def test_positions_set_the_limit(tokenizer):
    assert Encoder(small_model("bert"), tokenizer=tokenizer).max_length == 40
    assert Encoder(small_model("gpt2"), tokenizer=tokenizer).max_length == 40
    assert Encoder(small_model("xlnet"), tokenizer=tokenizer).max_length is None
    # RoBERTa counts positions from after the padding's, which is 1
    encoder = Encoder(small_model("roberta"), tokenizer=tokenizer)
    assert encoder.max_length == 38
    assert np.isfinite(encoder.encode(" ".join(["20"] * 100))).all()
    with pytest.raises(ConfigurationError, match="max_length=39, and the model has positions for 38"):
        Encoder(small_model("roberta"), tokenizer=tokenizer, max_length=39)


def test_the_tokenizer_sets_the_limit(tokenizer):
    tokenizer.model_max_length = 16
    assert Encoder(small_model("bert"), tokenizer=tokenizer).max_length == 16
    assert Encoder(small_model("bert"), tokenizer=tokenizer, max_length=20).max_length == 20


# -- what it is made from


def test_a_loaded_model(small_bert, encoder):
    model = BertModel.from_pretrained(small_bert).train()
    for tokenizer in (str(small_bert), small_bert, BertTokenizer.from_pretrained(small_bert)):
        found = Encoder(model, tokenizer=tokenizer)
        np.testing.assert_array_equal(found.encode(TEXTS), encoder.encode(TEXTS))
    assert model.training


def test_a_model_with_a_head_is_used_without_it(tokenizer):
    head = small_model("bert", task="ForMaskedLM")
    encoder = Encoder(head, tokenizer=tokenizer)
    with torch.no_grad():
        expected = head.bert(torch.tensor([[5, 20, 6]]))[0].mean(1)[0]
    np.testing.assert_allclose(encoder.encode("20"), expected.numpy(), **CLOSE)


def test_half_precision_gives_float32(tokenizer):
    model = small_model("bert").to(torch.bfloat16)
    vectors = Encoder(model, tokenizer=tokenizer).encode(["20 30 40"])
    assert vectors.dtype == np.float32
    expected = Encoder(small_model("bert"), tokenizer=tokenizer).encode(["20 30 40"])
    np.testing.assert_allclose(vectors, expected, atol=0.1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"pooling": "median"}, ConfigurationError, "choose one of: mean, cls, max"),
        ({"layer": 4}, ConfigurationError, r"layer=4 is not there; .* 0 \(embeddings\) to 3"),
        ({"layer": -5}, ConfigurationError, "layer=-5"),
        ({"max_length": 41}, ConfigurationError, "max_length=41, and the model has positions for 40"),
        ({"max_length": 2}, ConfigurationError, "no room for text beside 2 special tokens"),
        ({"max_length": 0}, ConfigurationError, "max_length must be a positive number, got 0"),
        ({"batch_tokens": -1}, ConfigurationError, "batch_tokens must be a positive number"),
        ({"threads": 0}, ConfigurationError, "threads must be a positive number"),
        ({"batch_size": 8}, TypeError, "no option batch_size; it has tokenizer, pooling"),
    ],
)
def test_options_that_do_not_fit(small_bert, options, error, message):
    with pytest.raises(error, match=message):
        Encoder(small_bert, **options)


def test_a_model_needs_a_tokenizer_and_no_revision(tokenizer):
    model = small_model("bert")
    with pytest.raises(ConfigurationError, match="pass tokenizer="):
        Encoder(model)
    with pytest.raises(TypeError, match="no option revision"):
        Encoder(model, tokenizer=tokenizer, revision="main")


def test_it_shows_itself(encoder):
    assert repr(encoder) == (
        "Encoder(BertModel, pooling='mean', normalize=False, layer=-1, max_length=40, dimension=32)"
    )


# -- the real model


REAL = [
    "Here is some text to encode",
    "",
    "Ünïcödé and 漢字, mixed with numbers 1,234.5 and e-mail@example.org",
    "a longer one, " * 100,
    *(f"text number {number} " + "of varying length " * (number % 17) for number in range(60)),
]


@pytest.mark.filterwarnings("ignore")
def test_minilm_equals_sentence_transformers(minilm):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    theirs = sentence_transformers.SentenceTransformer(str(minilm), device="cpu")
    encoder = Encoder(minilm)
    assert (encoder.pooling, encoder.normalize, encoder.max_length, encoder.dimension) == ("mean", True, 256, 384)
    expected = theirs.encode(REAL, show_progress_bar=False)
    np.testing.assert_allclose(encoder.encode(REAL), expected, **CLOSE)


def test_the_first_vector_needs_few_imports(minilm):
    """A cold process must not pay for what it does not use."""
    code = (
        "import sys\nfrom pretrained.runner import Encoder\n"
        f"assert Encoder({str(minilm)!r}).encode(['a text']).shape == (1, 384)\n"
        "print(*{name for name in sys.modules}, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch._dynamo", "torch._inductor", "sympy", "rich", "typer", "huggingface_hub", "transformers", "scipy"}
    assert not heavy & {*done.stdout.split()}


# -- precision, and results that hold still


@pytest.fixture(scope="module")
def sentences():
    """Stretches of the shipped text, most of them short."""
    words = (Path(__file__).parents[2] / "benchmarks" / "text.txt").read_text(encoding="utf-8").split()
    drawn = random.Random(5)
    lengths = [max(1, round(drawn.lognormvariate(2.5, 0.9))) for _ in range(300)]
    starts = [drawn.randrange(len(words) - length) for length in lengths]
    return ["", *(" ".join(words[start : start + length]) for start, length in zip(starts, lengths, strict=True))]


@pytest.mark.parametrize(
    ("precision", "least"),
    [
        ("bf16", 0.999),
        pytest.param("int8", 0.99, marks=pytest.mark.skipif(not quantize.available(), reason="no 8-bit products")),
    ],
)
def test_lower_precision_keeps_the_direction_of_every_vector(minilm, sentences, precision, least):
    exact = Encoder(minilm).encode(sentences)
    fast = Encoder(minilm, precision=precision).encode(sentences)
    cosines = (exact * fast).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(fast, axis=1)
    assert cosines.min() >= least


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_deterministic_vector_does_not_depend_on_its_neighbours(minilm, sentences, precision, threads):
    encoder = Encoder(minilm, precision=precision, deterministic=True, threads=threads)
    expected = encoder.encode(sentences)
    order = list(range(len(sentences)))
    random.Random(1).shuffle(order)
    shuffled = encoder.encode([sentences[place] for place in order])
    assert np.array_equal(shuffled, expected[order])
    small = Encoder(minilm, precision=precision, deterministic=True, threads=threads, batch_tokens=97)
    assert np.array_equal(small.encode(sentences), expected)
    for place in range(0, len(sentences), 29):
        assert np.array_equal(encoder.encode(sentences[place]), expected[place])


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_every_pooling_is_deterministic(minilm, sentences, pooling):
    encoder = Encoder(minilm, pooling=pooling, deterministic=True)
    together = encoder.encode(sentences)
    assert np.array_equal(together, np.stack([encoder.encode(each) for each in sentences]))
