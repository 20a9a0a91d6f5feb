"""How long does one text take, text in, vector out, beside the libraries that people use for it today?

    python benchmarks/latency.py            MiniLM: a text of 8 tokens, one of 128, and texts of all lengths between
    python benchmarks/latency.py --base     BERT-base, random weights
    python benchmarks/latency.py --quick    a first impression in a minute

Each library works on its own for a few calls, then the next one does, in another order in every round, so that what
else the machine does meanwhile hits each of them, and none works in the cache that another one left. The ratio is
that of the medians to the fastest other library in the same precision (the fastest at all where there is none).

"All lengths" asks each time for a text of a length that was not there before: what is made anew for a new shape shows.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import runtimes
import torch
from encode import TEXT, Encode, machine, model, ours, sentence_transformers

from pretrained import AutoTokenizer
from pretrained.runner import fuse, quantize

BLOCK = 10  # calls of one library before the next one's turn
PAUSE = 0.01  # seconds in which the threads of the library before go to sleep
STEADY = 100  # calls of the same text in a fresh process-wide state: what the first ones cost beside the last


def libraries() -> dict[str, tuple[str, Callable[[Path], Encode]]]:
    """Name → precision and loader, of those that are installed and that this processor computes fast."""
    found: dict[str, tuple[str, Callable[[Path], Encode]]] = {"pretrained": ("fp32", ours)}
    if fuse.has_bfloat16():
        found["pretrained bf16"] = "bf16", lambda folder: ours(folder, "bf16")
    if quantize.available():
        found["pretrained int8"] = "int8", lambda folder: ours(folder, "int8")
    found["sentence-transformers"] = "fp32", sentence_transformers
    for name, load in runtimes.available(hint="LATENCY").items():
        found[name] = next((kind for kind in ("bf16", "int8") if name.endswith(kind)), "fp32"), load
    return found


def text_of(tokens: int, tokenizer: Any, start: int = 0) -> str:
    """A stretch of the shipped text with as many tokens, special ones included, or one or two less."""
    words = TEXT.read_text(encoding="utf-8").split()
    text = words[start]
    for word in words[start + 1 :]:
        if len(tokenizer.encode_ragged([f"{text} {word}"])[0]) > tokens:
            break
        text = f"{text} {word}"
    return text


def workloads(tokenizer: Any) -> dict[str, list[str]]:
    """Name → the texts that are asked for one after the other, from the first again after the last."""
    lengths = np.random.default_rng(0).permutation(range(5, 129, 3))
    return {
        "8 tokens": [text_of(8, tokenizer)],
        "128 tokens": [text_of(128, tokenizer)],
        "all lengths": [text_of(int(length), tokenizer, start) for start, length in enumerate(lengths)],
    }


def seconds(encode: Encode, text: str) -> float:
    start = time.perf_counter()
    encode([text])
    return time.perf_counter() - start


def measure(folder: Path, rounds: int) -> list[dict[str, Any]]:
    known = libraries()
    encoders = {name: load(folder) for name, (_, load) in known.items()}
    names = list(encoders)
    results = []
    for work, texts in workloads(AutoTokenizer.from_pretrained(folder)).items():
        fresh = {
            name: [seconds(encode, texts[n % len(texts)]) for n in range(STEADY)] for name, encode in encoders.items()
        }
        taken: dict[str, list[float]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                time.sleep(PAUSE)
                for call in range(BLOCK):
                    taken[name].append(seconds(encoders[name], texts[(number * BLOCK + call) % len(texts)]))
        vectors = {name: encode(texts[:1])[0] for name, encode in encoders.items()}
        found = {}
        for name in names:
            found[name] = {
                "precision": known[name][0],
                "p50": statistics.median(taken[name]),
                "p99": float(np.quantile(taken[name], 0.99)),
                "first": [fresh[name][place] for place in (0, 1, STEADY - 1)],
                "first_pass": sum(fresh[name][: len(texts)]) / len(texts),
                "cosine": float(vectors[name] @ vectors["pretrained"]),
            }
        for each in found.values():
            each["ratio"] = each["p50"] / fastest_peer(found, each["precision"])
        results.append({"texts": work, "libraries": found})
    return results


def fastest_peer(found: dict[str, dict[str, Any]], precision: str) -> float:
    peers = {name: each for name, each in found.items() if not name.startswith("pretrained")}
    same = [each["p50"] for each in peers.values() if each["precision"] == precision]
    return float(min(same or [each["p50"] for each in peers.values()]))


def show(report: dict[str, Any]) -> None:
    about = report["machine"]
    print(
        f"{about['cpu']}, {about['cores']} cores, {about['instructions']}, {about['threads']} threads, {about['date']}"
    )
    print(f"{report['model']}; milliseconds a call; the ratio is to the fastest peer of the same precision")
    for result in report["results"]:
        print(f"\n{result['texts']:22} {'p50':>8} {'p99':>8} {'ratio':>6} {'1st':>8} {'2nd':>8} {'100th':>8}  cosine")
        for name, each in result["libraries"].items():
            times = [1000 * value for value in (each["p50"], each["p99"], *each["first"])]
            p50, p99, *fresh = (f"{value:8.2f}" for value in times)
            print(f"{name:22} {p50} {p99} {each['ratio']:6.2f} {' '.join(fresh)}  {each['cosine']:.5f}")
            if result["texts"] == "all lengths":
                print(f"{'':22} {1000 * each['first_pass']:8.2f} the mean of the first pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", action="store_true", help="BERT-base with random weights instead of MiniLM")
    parser.add_argument("--threads", type=int, help="of every library; unless given, torch's own choice")
    parser.add_argument("--rounds", type=int, help=f"of {BLOCK} calls each; 50 unless given")
    parser.add_argument("--quick", action="store_true", help="five rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rounds = options.rounds or (5 if options.quick else 50)
    with tempfile.TemporaryDirectory() as temporary:
        folder = model("bert-base" if options.base else "minilm", temporary)
        results = measure(folder, rounds)
    report = {"machine": machine(), "model": "BERT-base" if options.base else "MiniLM", "results": results}
    print(json.dumps(report, indent=2)) if options.json else show(report)


if __name__ == "__main__":
    main()
