"""How fast does a large file arrive from a server on this machine, verified, beside `hf download`?

    python benchmarks/download.py                # 400 MB, five rounds
    python benchmarks/download.py --size 50      # a first impression

Both commands run as processes of their own, take turns, and fetch into empty caches on the same disk; the time is that
of the whole command. huggingface_hub compares sizes only; this library also computes the SHA-256 of every byte and
waits until the disk has it. hf_xet is switched off, as no mirror speaks it. Before the goal (1.0 times) stands the
ratio, taken within each round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.hub.faulty_server import HubServer

NAME = "owner/name"
COMMANDS = {
    "hf download": [str(Path(sys.executable).with_name("hf")), "download", NAME, "--cache-dir"],
    "pretrained download": [sys.executable, "-m", "benchmarks.download", "--into"],
}


def ours(cache: str) -> None:
    """`pretrained download`, into a cache that is named."""
    os.environ["HF_HUB_CACHE"] = cache
    from pretrained.cli import main

    main(["download", NAME])


def seconds(command: list[str], cache: Path, url: str, size: int) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    root = Path(__file__).resolve().parents[1]
    os.sync()  # what the last command left to be written is not this one's business
    begin = time.perf_counter()
    subprocess.run([*command, str(cache)], env=environment, cwd=root, check=True, stdout=subprocess.DEVNULL)
    spent = time.perf_counter() - begin
    (file,) = cache.glob("models--*/snapshots/*/model.safetensors")
    if file.stat().st_size != size:
        raise SystemExit(f"{command[0]} left {file.stat().st_size} bytes of {size}")
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=400, help="megabytes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.into:
        ours(options.into)
        return
    rounds: list[dict[str, float]] = []
    size = options.size * 10**6
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "model.safetensors"
        with weights.open("wb") as file:
            for _ in range(options.size):
                file.write(os.urandom(10**6))
        with HubServer({NAME: {"model.safetensors": weights, "config.json": b"{}"}}) as server:
            for turn in range(options.rounds + 1):  # the first one warms the file cache up
                order = sorted(COMMANDS, reverse=bool(turn % 2))
                rounds.append({})
                for command in order:
                    with tempfile.TemporaryDirectory(dir=folder) as cache:
                        rounds[-1][command] = seconds(COMMANDS[command], Path(cache), server.url, size)
    rounds = rounds[1:]
    ratio = statistics.median(each["hf download"] / each["pretrained download"] for each in rounds)
    medians = {command: statistics.median(each[command] for each in rounds) for command in COMMANDS}
    if options.json:
        print(json.dumps({"ratio": ratio, "medians": medians, "rounds": rounds}, indent=2))
        return
    print(f"{ratio:.2f} times the speed of hf download (goal: 1.0), median of {options.rounds} rounds")
    for command, median in medians.items():
        print(f"{command:20} {median:6.2f} s  {options.size / median:7.0f} MB/s")


if __name__ == "__main__":
    main()
