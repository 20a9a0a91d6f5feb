"""What can this machine compute at most, and how much of it does encoding reach?

    python benchmarks/roofline.py               MiniLM and BERT-base, in float32, bfloat16 and 8 bits
    python benchmarks/roofline.py --threads 1

The ceiling is the rate of the matrix products alone, at the model's own shapes, with weights laid out for the
processor. What encoding reaches counts the same products on real tokens, and the attention's two, in the time of the
whole: tokenizing, sorting, pooling and all else included.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

import encode as bench
import torch
from torch import nn

from pretrained import AutoTokenizer, Encoder
from pretrained.runner import fuse, quantize
from pretrained.runner.threads import spread

ROWS = 1024
SECONDS = 0.3


def rate(work: Callable[[], object], operations: float, threads: int) -> float:
    """Operations a second, in thousand millions; the median of five stretches, `threads` at once as encoding does."""

    def stretch(_: int) -> float:
        with torch.inference_mode():
            work()
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < SECONDS / threads:
                work()
                count += 1
            return count * operations / (time.perf_counter() - start)

    rates = [sum(spread(stretch, range(threads), threads, alone=True)) for _ in range(5)]
    return statistics.median(rates) / 1e9


def layer(precision: str, width: int, height: int) -> nn.Module:
    plain = nn.Linear(width, height)
    if precision == "int8":
        return quantize.Int8Linear(plain)
    return fuse.PackedLinear(plain.to(torch.bfloat16) if precision == "bf16" else plain)


def ceiling(precision: str, hidden: int, inner: int, threads: int) -> tuple[float, float]:
    """(with oneDNN's layout, plain `F.linear`) over the six products of a layer, weighted by their work."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    rates = []
    for packed in (True, False):
        seconds = operations = 0.0
        for width, height, count in ((hidden, hidden, 4), (hidden, inner, 1), (inner, hidden, 1)):
            work = 2.0 * ROWS * width * height * count
            x = torch.randn(ROWS, width, dtype=kind)
            module = layer(precision, width, height) if packed else nn.Linear(width, height, dtype=kind)
            seconds += work / rate(lambda m=module, x=x: m(x), work / count, threads)
            operations += work
        rates.append(operations / seconds)
    return rates[0], rates[1]


def bandwidth() -> float:
    """Gigabytes a second that are read from memory, by all threads."""
    data = torch.randn(1 << 26)
    return rate(data.sum, data.nbytes, 1)


def work_of(encoder: Encoder, lengths: list[int]) -> float:
    """Operations of the products on real tokens."""
    config = encoder.model.config
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    linear = 2.0 * layers * (4 * hidden * hidden + 2 * hidden * inner) * sum(lengths)
    return linear + 4.0 * layers * hidden * sum(length * length for length in lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=bench.MODELS, default=["minilm", "bert-base"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--texts", type=int, default=600, help="for MiniLM; larger models get fewer")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    precisions = ["fp32"] + ["bf16"] * fuse.has_bfloat16() + ["int8"] * quantize.available()
    print(f"{torch.backends.cpu.get_cpu_capability()}, {options.threads} threads, memory {bandwidth():.0f} GB/s")
    print(f"{'':12} {'':6} {'plain':>9} {'ceiling':>9} {'encoding':>9} {'share':>6}   (thousand millions a second)")
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.models:
            folder = bench.model(name, temporary)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            texts = bench.corpus(max(32, options.texts // bench.SHARE[name]), tokenizer)
            lengths = [len(row) for row in tokenizer.encode_ragged(texts)]
            for precision in precisions:
                encoder = Encoder(folder, precision=precision, progress=False)
                config = encoder.model.config
                best, plain = ceiling(precision, config.hidden_size, config.intermediate_size, options.threads)
                encoder.encode(texts)
                seconds = []
                for _ in range(options.rounds):
                    start = time.perf_counter()
                    encoder.encode(texts)
                    seconds.append(time.perf_counter() - start)
                reached = work_of(encoder, lengths) / statistics.median(seconds) / 1e9
                print(f"{name:12} {precision:6} {plain:9.0f} {best:9.0f} {reached:9.0f} {reached / best:6.0%}")


if __name__ == "__main__":
    main()
