"""How soon is a model ready: from a cold process to its first vector, and from a loaded model to its fast copy?

    python benchmarks/cold_start.py

The first table has the seconds of each step in a fresh process, and what all of them take beyond importing torch.
The second has the seconds that `optimize` takes for BERT-base with random weights, and how much memory: the peak
beyond what the process held before, and what it holds in the end with the original and without it, each as a share
of the original's weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from encode import machine, minilm

from pretrained.runner import fuse, quantize

STEPS = """
import json, time
def now():
    return time.perf_counter(), time.process_time()
def since(begin):
    return [end - start for start, end in zip(begin, now())]
begin = now(); import torch; steps = {{"import torch": since(begin)}}
begin = now(); from pretrained.runner import Encoder; steps["import pretrained.runner"] = since(begin)
begin = now(); encoder = Encoder({folder!r}); steps["make the encoder"] = since(begin)
begin = now(); encoder.encode(["Here is some text to encode"]); steps["first vector"] = since(begin)
begin = now(); encoder.encode(["Here is some more text to encode"]); steps["next vector"] = since(begin)
print(json.dumps(steps))
"""
COUNTED = ("import pretrained.runner", "make the encoder", "first vector")

FAST_COPY = """
import ctypes, gc, json, resource, threading, time
import torch
from pretrained import BertConfig, BertModel, optimize
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
def peak_of(work):
    highest, done = [resident()], threading.Event()
    def watch():
        while not done.wait(0.002):
            highest[0] = max(highest[0], resident())
    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    highest[0] = max(highest[0], resident())
    done.set(); watcher.join()
    return result, seconds, highest[0]
optimize(BertModel(BertConfig(num_hidden_layers=1, vocab_size=100)), precision={precision!r})  # its imports
model = BertModel(BertConfig())
weights = sum(each.nbytes for each in model.parameters())
gc.collect()
before = resident()
fast, seconds, peak = peak_of(lambda: optimize(model, precision={precision!r}))
both = resident()
del model
gc.collect()
ctypes.CDLL(None).malloc_trim(0)  # what is free, but held back for later, does not count
alone = resident()
shares = dict(peak=peak - before, both=both - before, alone=alone - before)
print(json.dumps(dict(seconds=seconds, **{{name: size / weights for name, size in shares.items()}})))
"""


def run(code: str, rounds: int) -> list[dict[str, Any]]:
    """What the code prints, each time in a process of its own; the first warms the file cache up and is left out."""
    found = []
    for _ in range(rounds + 1):
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout))
    return found[1:]


def precisions() -> list[str]:
    also = [("bf16", fuse.has_bfloat16()), ("int8", quantize.available())]
    return ["fp32", *(name for name, there in also if there)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON, with the seconds of each round")
    options = parser.parse_args()
    rounds = run(STEPS.format(folder=str(minilm())), options.rounds)
    medians = {
        step: [statistics.median(each[step][clock] for each in rounds) for clock in (0, 1)] for step in rounds[0]
    }
    beyond = [statistics.median(sum(each[step][clock] for step in COUNTED) for each in rounds) for clock in (0, 1)]
    copies = {name: run(FAST_COPY.format(precision=name), options.rounds) for name in precisions()}
    if options.json:
        report = {"machine": machine(), "medians": medians, "beyond_importing_torch": beyond, "rounds": rounds}
        print(json.dumps({**report, "fast_copies": copies}, indent=2))
        return
    print(f"{'seconds, medians of ' + str(options.rounds):34} {'wall':>7} {'processor':>10}")
    for step, (wall, processor) in medians.items():
        print(f"{step:34} {wall:7.3f} {processor:10.3f}")
    print(f"{'to the first vector, beyond torch':34} {beyond[0]:7.3f} {beyond[1]:10.3f}")
    print(f"\n{'optimize(BERT-base); memory / weights':38} {'seconds':>8} {'peak':>6} {'both':>6} {'alone':>6}")
    for name, each in copies.items():
        seconds, *shares = (statistics.median(one[key] for one in each) for key in ("seconds", "peak", "both", "alone"))
        print(f"{name:38} {seconds:8.3f} {' '.join(f'{share:6.2f}' for share in shares)}")


if __name__ == "__main__":
    main()
