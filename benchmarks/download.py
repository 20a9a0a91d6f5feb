"""How fast does a large file arrive from a server on this machine, verified, beside `hf download`?

    python benchmarks/download.py                # 400 MB, five rounds
    python benchmarks/download.py --size 50      # a first impression

Both commands run as processes of their own, take turns, and fetch into empty caches on the same disk; the time is that
of the whole command. huggingface_hub compares sizes only; this library also computes the SHA-256 of every byte and
waits until the disk has it. hf_xet is switched off, as no mirror speaks it. Before the goal (1.0 times) stands the
ratio, taken within each round.

Then `pretrained mirror`, in a process of its own, gives the same file to one client that throws the bytes away: how
many a second, and by how much its memory has grown at its highest. Last, how long a name of a cache is resolved after
the import, and how long `pretrained --help` takes, interpreter and imports included.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import re
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


def serve(cache: str) -> None:
    """`pretrained mirror` on a free port."""
    os.environ["HF_HUB_CACHE"] = cache
    from pretrained.cli import main

    main(["mirror", "--port", "0"])


def mirror(folder: Path, weights: Path, rounds: int) -> dict[str, float]:
    """Bytes a second that a mirror gives to one client, each round, and what it needed for that in memory."""
    repository = folder / "shelf" / f"models--{NAME.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("a" * 40)
    for made in (snapshot, repository / "refs", repository / "blobs"):
        made.mkdir(parents=True)
    (repository / "refs" / "main").write_text(snapshot.name)
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    os.link(weights, repository / "blobs" / digest)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{digest}")
    command = [sys.executable, "-m", "benchmarks.download", "--serve", str(folder / "shelf")]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[-1]
            take(url, 0)
            before = peak(process.pid)
            speeds = [take(url, weights.stat().st_size) for _ in range(rounds + 1)][1:]
            return {"bytes_a_second": statistics.median(speeds), "growth": peak(process.pid) - before}
        finally:
            process.terminate()


def resolving(cache: Path, rounds: int) -> float:
    """Seconds in which the name of a model in the cache becomes its files."""
    from pretrained import resolve

    resolve(NAME, cache_dir=cache)
    begin = time.perf_counter()
    for _ in range(20 * rounds):
        resolve(NAME, cache_dir=cache)
    return (time.perf_counter() - begin) / (20 * rounds)


def asking_for_help() -> float:
    begin = time.perf_counter()
    subprocess.run([str(Path(sys.executable).with_name("pretrained")), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def take(url: str, size: int) -> float:
    """One file from its first byte to its last, thrown away; the headers alone where the size is 0."""
    connection = http.client.HTTPConnection(url.partition("//")[2], timeout=60)
    memory = memoryview(bytearray(1 << 20))
    begin = time.perf_counter()
    connection.request("GET" if size else "HEAD", f"/{NAME}/resolve/main/model.safetensors")
    reply = connection.getresponse()
    taken = 0
    while taken < size and (count := reply.readinto(memory)):
        taken += count
    spent = time.perf_counter() - begin
    connection.close()
    if taken != size:
        raise SystemExit(f"the mirror gave {taken} bytes of {size}")
    return size / spent


def peak(process: int) -> float:
    """The largest resident memory that a process had, in bytes; Linux tells it."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
        return int(found[1]) * 1024.0 if found else float("nan")
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=400, help="megabytes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.into:
        ours(options.into)
        return
    if options.serve:
        serve(options.serve)
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
        others = mirror(folder, weights, options.rounds)
        others["resolve"] = resolving(folder / "shelf", options.rounds)
    others["help"] = statistics.median(asking_for_help() for _ in range(options.rounds + 1))
    rounds = rounds[1:]
    ratio = statistics.median(each["hf download"] / each["pretrained download"] for each in rounds)
    medians = {command: statistics.median(each[command] for each in rounds) for command in COMMANDS}
    if options.json:
        print(json.dumps({"ratio": ratio, "medians": medians, "rounds": rounds, "others": others}, indent=2))
        return
    print(f"{ratio:.2f} times the speed of hf download (goal: 1.0), median of {options.rounds} rounds")
    for command, median in medians.items():
        print(f"{command:20} {median:6.2f} s  {options.size / median:7.0f} MB/s")
    print(
        f"{'pretrained mirror':20} {others['bytes_a_second'] / 1e9:.2f} GB/s to one client (goal: 1.0), "
        f"memory grows by {others['growth'] / 1e6:.1f} MB"
    )
    print(f"{'a name in the cache':20} {others['resolve'] * 1e3:.2f} ms (goal: at most 2)")
    print(f"{'pretrained --help':20} {others['help']:.2f} s (goal: at most 0.4)")


if __name__ == "__main__":
    main()
