"""How long until a cold process holds its first vector, beyond the time that importing torch takes?

python benchmarks/cold_start.py
"""

import argparse
import json
import statistics
import subprocess
import sys

from encode import machine, minilm

STEPS = """
import time
def now():
    return time.perf_counter(), time.process_time()
def since(begin):
    return [end - start for start, end in zip(begin, now())]
begin = now(); import torch; steps = {{"import torch": since(begin)}}
begin = now(); from pretrained.runner import Encoder; steps["import pretrained.runner"] = since(begin)
begin = now(); encoder = Encoder({folder!r}); steps["make the encoder"] = since(begin)
begin = now(); encoder.encode(["Here is some text to encode"]); steps["first vector"] = since(begin)
begin = now(); encoder.encode(["Here is some more text to encode"]); steps["next vector"] = since(begin)
import json
print(json.dumps(steps))
"""
COUNTED = ("import pretrained.runner", "make the encoder", "first vector")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON, with the seconds of each round")
    options = parser.parse_args()
    code = STEPS.format(folder=str(minilm()))
    rounds = []
    for _ in range(options.rounds + 1):  # the first one warms the file cache up
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        rounds.append(json.loads(done.stdout))
    rounds = rounds[1:]
    medians = {
        step: [statistics.median(each[step][clock] for each in rounds) for clock in (0, 1)] for step in rounds[0]
    }
    beyond = [statistics.median(sum(each[step][clock] for step in COUNTED) for each in rounds) for clock in (0, 1)]
    if options.json:
        report = {"machine": machine(), "medians": medians, "beyond_importing_torch": beyond, "rounds": rounds}
        print(json.dumps(report, indent=2))
        return
    print(f"{'seconds, medians of ' + str(options.rounds):32} {'wall':>7} {'processor':>10}")
    for step, (wall, processor) in medians.items():
        print(f"{step:32} {wall:7.3f} {processor:10.3f}")
    print(f"{'to the first vector, beyond torch':32} {beyond[0]:6.3f} {beyond[1]:10.3f}")


if __name__ == "__main__":
    main()
