"""Does memory stay flat while many texts stream through, and what is its peak, beside sentence-transformers?

    python benchmarks/memory.py                     200,000 texts, MiniLM
    python benchmarks/memory.py --texts 10000       a first impression

Each library works in a process of its own. Texts come from a generator, and are encoded a thousand at a time, their
vectors dropped. Most texts have a few words; one in a thousand has ten thousand, of which what the model cannot take
is cut off. The resident set is read after the first thousand texts and at the end; the goal is that it grows by
less than a twentieth.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from encode import TEXT, Encode, machine, minilm, ours, sentence_transformers

PIECE = 1000  # texts at a time
WORDS = 8  # of a text at most
LONG = 10_000  # words of an outlier
OUTLIERS = 0.001  # their share
SHOWN = ("loaded", "first", "end", "peak")

LIBRARIES: dict[str, Callable[[Path], Encode]] = {
    "pretrained": ours,
    "sentence-transformers": sentence_transformers,
}


def texts(count: int) -> Iterator[str]:
    words = TEXT.read_text(encoding="utf-8").split()
    drawn = random.Random(0)
    for number in range(count):
        # the first thousand has its outlier too
        outlier = number == PIECE // 2 or drawn.random() < OUTLIERS
        start = drawn.randrange(len(words))
        length = LONG if outlier else drawn.randrange(1, WORDS + 1)
        yield " ".join(words[(start + place) % len(words)] for place in range(length))


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure(library: str, count: int) -> dict[str, Any]:
    """In this process: bytes before any text, after the first ones, at the end and at most."""
    encode = LIBRARIES[library](minilm())
    stream, found = texts(count), {"loaded": resident()}
    start = time.perf_counter()
    while piece := list(islice(stream, PIECE)):
        encode(piece)
        found.setdefault("first", resident())
    taken = time.perf_counter() - start
    found |= {"end": resident(), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    return {**found, "growth": found["end"] / found["first"] - 1, "texts_per_second": count / taken}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--library", choices=tuple(LIBRARIES), help="only this one, in this process")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.library:
        print(json.dumps(measure(options.library, options.texts)))
        return
    found = {}
    for library in LIBRARIES:
        command = [sys.executable, __file__, "--library", library, "--texts", str(options.texts)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[library] = json.loads(done.stdout)
    if options.json:
        print(json.dumps({"machine": machine(), "texts": options.texts, "libraries": found}, indent=2))
        return
    print(f"{f'{options.texts} texts; MiB':22}", *(f"{key:>8}" for key in (*SHOWN, "growth", "texts/s")))
    for name, each in found.items():
        sizes = (f"{each[key] / 2**20:8.0f}" for key in SHOWN)
        print(f"{name:22}", *sizes, f"{each['growth']:8.1%} {each['texts_per_second']:8.0f}")


if __name__ == "__main__":
    main()
