"""How near to the plain model are vectors in lower precision, and how still do they hold?

    python benchmarks/fidelity.py                                  MiniLM, each precision here and the 8-bit peers
    python benchmarks/fidelity.py --stsb FOLDER                    also the rank correlation with people, on STS-B
    python benchmarks/fidelity.py --quick                          few texts

Cosines are those of a text's vector in lower precision and in float32, over all texts. STS-B has pairs of sentences
which people gave 0 to 5 points for likeness; Spearman's rank correlation of these and the cosines of our vectors is
what the model is for, in 8 bits as in 32. FOLDER holds stsb-en-dev.csv and stsb-en-test.csv, whose columns are
sentence, sentence, points.

Short texts are run three times: in order, shuffled, and shuffled in batches of a quarter of the size. In between a
text's vector may differ by rounding, or by nothing, where `deterministic=True`; what that costs is timed side by side.
"""

import argparse
import csv
import itertools
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import encode
import numpy as np
import runtimes
import torch
from scipy.stats import spearmanr

from pretrained import AutoTokenizer, Encoder
from pretrained.runner import fuse, quantize

Pairs = list[tuple[str, str, float]]
PEERS = ("onnxruntime int8", "openvino int8")


def precisions() -> list[str]:
    """Those that this machine computes fast."""
    found = {"fp32": True, "bf16": fuse.has_bfloat16(), "int8": quantize.available()}
    return [name for name, there in found.items() if there]


def libraries(folder: Path) -> dict[str, encode.Encode]:
    """Name → what makes texts vectors; float32 first."""
    own = {f"pretrained {precision}": encode.ours(folder, precision) for precision in precisions()}
    others = runtimes.available()
    return own | {name: others[name](folder) for name in PEERS if name in others}


# -- lower precision


def cosines(vectors: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    found = _cosine(vectors, exact)
    return {"least_cosine": float(found.min()), "mean_cosine": float(found.mean())}


def read_pairs(path: Path, count: int | None) -> Pairs:
    with path.open(encoding="utf-8", newline="") as lines:
        return [(one, other, float(points)) for one, other, points in itertools.islice(csv.reader(lines), count)]


def correlation(embed: encode.Encode, pairs: Pairs) -> float:
    """Spearman's, in points of a hundred, of the cosines and what people said."""
    one, other, points = zip(*pairs, strict=True)
    vectors = embed([*one, *other])
    return 100 * float(spearmanr(_cosine(vectors[: len(one)], vectors[len(one) :]), points).statistic)


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(1) / norms)


# -- whatever stands beside a text


def largest_change(encoder: Encoder, texts: list[str], seed: int = 0) -> float:
    """Of any number of any vector, when the texts come in another order and in batches of another size."""
    expected = encoder.encode(texts)
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    tokens, largest = encoder.batch_tokens, 0.0
    for encoder.batch_tokens in (tokens, max(1, tokens // 4)):
        found = encoder.encode([texts[place] for place in order])
        largest = max(largest, float(np.abs(found - expected[order]).max()))
    encoder.batch_tokens = tokens
    return largest


def cost(plain: Encoder, still: Encoder, texts: list[str], rounds: int, clock: Callable[[], float]) -> float:
    """The time of one as a share of the other's: the median of rounds, in which each goes first by turns."""
    ratios = []
    for number in range(rounds):
        seconds = {}
        for encoder in (plain, still) if number % 2 else (still, plain):
            start = clock()
            encoder.encode(texts)
            seconds[encoder] = clock() - start
        ratios.append(seconds[still] / seconds[plain])
    return statistics.median(ratios)


def stillness(
    folder: Path, precision: str, texts: list[str], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    plain, still = (
        Encoder(folder, precision=precision, deterministic=deterministic, progress=False)
        for deterministic in (False, True)
    )
    return {
        "largest_change": largest_change(plain, texts),
        "largest_change_deterministic": largest_change(still, texts),
        "deterministic_costs": cost(plain, still, texts[:2000], rounds, clock),
    }


# -- all of it


def show(report: dict[str, Any]) -> None:
    about = report["machine"]
    print(f"{about['cpu']}, {about['instructions']}, {about['threads']} threads, {about['date']}")
    print(f"\n{report['texts']} texts; STS-B: Spearman's correlation × 100")
    splits = next(iter(report["fidelity"].values()))["stsb"]
    print(f"  {'':22} least cosine  mean cosine" + "".join(f"  {name:>6}" for name in splits))
    for name, found in report["fidelity"].items():
        points = "".join(f"  {each:6.2f}" for each in found["stsb"].values())
        print(f"  {name:22} {found['least_cosine']:12.5f}  {found['mean_cosine']:11.5f}{points}")
    print(f"\n{report['still_texts']} short texts in other batches")
    print(f"  {'':22} largest change  deterministic  its time")
    for precision, found in report["stillness"].items():
        changes = f"{found['largest_change']:14.1e}  {found['largest_change_deterministic']:13.1e}"
        print(f"  {precision:22} {changes}  {found['deterministic_costs']:7.2f}×")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stsb", type=Path, metavar="FOLDER", help="with stsb-en-dev.csv and stsb-en-test.csv")
    parser.add_argument("--pairs", type=int, help="of each of these files; all unless given")
    parser.add_argument("--texts", type=int, help="of mixed lengths, for the cosines")
    parser.add_argument("--still-texts", type=int, help="short ones, for the other batches")
    parser.add_argument("--rounds", type=int, default=5, help="of the timing")
    parser.add_argument("--threads", type=int, help="of torch; unless given, its own choice")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time, on a machine with other work; wants --threads 1"
    )
    parser.add_argument("--quick", action="store_true", help="few texts and pairs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    pairs = options.pairs or (200 if options.quick else None)
    clock = time.process_time if options.cpu_time else time.perf_counter

    folder = encode.minilm()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = encode.corpus(options.texts or (200 if options.quick else 1000), tokenizer)
    short = encode.corpus(options.still_texts or (1000 if options.quick else 10_000), tokenizer, lengths="short")
    splits: dict[str, Pairs] = {}
    if options.stsb:
        splits = {name: read_pairs(options.stsb / f"stsb-en-{name}.csv", pairs) for name in ("dev", "test")}
    fidelity = {}
    exact: np.ndarray | None = None
    for name, embed in libraries(folder).items():
        vectors = embed(texts)
        exact = vectors if exact is None else exact
        points = {split: correlation(embed, rows) for split, rows in splits.items()}
        fidelity[name] = cosines(vectors, exact) | {"stsb": points}
    report = {
        "machine": encode.machine(),
        "texts": len(texts),
        "fidelity": fidelity,
        "still_texts": len(short),
        "stillness": {each: stillness(folder, each, short, options.rounds, clock) for each in precisions()},
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
