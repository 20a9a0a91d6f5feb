"""Does a download that is killed at any moment end with the right bytes when it is started again?

Each run is a process of its own. It is killed without warning, again and again, until one gets to its end. What lies
in the cache is looked at after every death.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.faulty_server import HubServer, Request
from tests.hub.material import Material

NAME = "owner/name"
KILLS = 200
FILES = Material.tiny().files() | {"model.safetensors": random.Random(1).randbytes(2_000_000)}

# The children are forked from one process that has imported everything, so that a kill costs milliseconds.
NURSERY = """
import os, sys
from pretrained.errors import PretrainedError
from pretrained.hub.download import download, job, transfer
from pretrained.hub.download.patience import Patience
import filelock
transfer._RANGE_LEAST, transfer.IN_RANGES_FROM, job.IN_RANGES_FROM = 1 << 16, 1 << 19, 1 << 19
transfer._FAST, transfer._TRIAL = float("inf"), 1 << 16
url = sys.argv[1]
patience = Patience(stall=1.0, tries=10, first_wait=0.001, longest_wait=0.02)
while line := sys.stdin.readline():
    if line.startswith("wait"):
        pid, status = os.waitpid(int(line.split()[1]), 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    if pid := os.fork():
        print(pid, flush=True)
        continue
    try:
        cache = line.split(maxsplit=1)[1].strip()
        os.close(0)
        download("owner/name", cache_dir=cache, servers=[url], patience=patience)
        os._exit(0)
    except PretrainedError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(3)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(4)
"""

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed as POSIX does it"),
    pytest.mark.usefixtures("loopback"),
]


class Nursery:
    """Starts downloads, and says how they ended."""

    def __init__(self, url: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PRETRAINED"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, line: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def start(self, cache: Path) -> int:
        return self.ask(f"start {cache}")

    def end(self, pid: int) -> int:
        return self.ask(f"wait {pid}")

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def faulty() -> Iterator[HubServer]:
    """A server that also fails now and then."""
    drawn = random.Random(2)

    def fault(request: Request) -> str | None:
        return drawn.choice(("cut", "429", "500", "503")) if request.is_file and drawn.random() < 0.1 else None

    with HubServer({NAME: FILES}, fault=fault) as server:
        yield server


def check(cache: Path, *, ended: bool) -> None:
    """Under a final name there are the right bytes; only parts and locks may lie beside them."""
    repository = cache / "models--owner--name"
    etags = {"config.json": "", "vocab.txt": "", "model.safetensors": ""}
    for name, content in FILES.items():
        large = len(content) >= 1024
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        etags[name] = hashlib.sha256(content).hexdigest() if large else blob
    by_etag = {etag: FILES[name] for name, etag in etags.items()}
    for path in (repository / "blobs").glob("*"):
        if path.name in by_etag:
            assert path.read_bytes() == by_etag[path.name], path
        else:
            assert path.name.removesuffix(".incomplete") in by_etag, path
            assert len(path.read_bytes()) <= len(by_etag[path.name.removesuffix(".incomplete")])
    for path in (repository / "snapshots").glob("*/*"):
        assert path.read_bytes() == FILES[path.name], path
    if ended:
        assert not list((repository / "blobs").glob("*.incomplete"))
        assert {path.name for path in (repository / "snapshots").glob("*/*")} == set(FILES)
        assert (repository / "refs" / "main").read_text() in os.listdir(repository / "snapshots")
        (locks,) = (cache / ".locks").iterdir()
        assert {path.name.removesuffix(".lock") for path in locks.iterdir()} <= set(by_etag)
        assert sorted(os.listdir(cache)) == [".locks", "models--owner--name"]


@pytest.mark.slow
@pytest.mark.parametrize("together", [1, 4])
def test_killed_at_any_moment(together: int, faulty: HubServer, tmp_path: Path) -> None:
    drawn = random.Random(together)
    kills = finished = unfinished = 0
    with Nursery(faulty.url) as nursery:
        while kills < KILLS // together:
            cache = tmp_path / f"cache{finished}"
            running = {nursery.start(cache) for _ in range(together)}
            while True:
                time.sleep(drawn.random() * 0.15)
                victim = drawn.choice(sorted(running))
                os.kill(victim, signal.SIGKILL)
                running.remove(victim)
                code = nursery.end(victim)
                assert code in (0, -signal.SIGKILL)
                check(cache, ended=False)
                unfinished += any((cache / "models--owner--name" / "blobs").glob("*.incomplete"))
                if code == 0:
                    break
                kills += 1
                running.add(nursery.start(cache))
            for pid in running:
                assert nursery.end(pid) == 0
            check(cache, ended=True)
            finished += 1
    print(f"{together} at once: {kills} killed, {unfinished} of them within a file; {finished} caches became whole")
    assert finished >= 3
    assert unfinished >= kills // 10


@pytest.mark.parametrize("together", [2, 8])
def test_processes_share_one_download(together: int, tmp_path: Path) -> None:
    with HubServer({NAME: FILES}) as server:
        with Nursery(server.url) as nursery:
            for pid in [nursery.start(tmp_path / "cache") for _ in range(together)]:
                assert nursery.end(pid) == 0
        check(tmp_path / "cache", ended=True)
        asked = server.files_asked()
        assert asked.count("config.json") == asked.count("vocab.txt") == 1
        assert server.sent == sum(map(len, FILES.values()))


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files is what a test can do of a full disk; the system refuses writes in the same way."""
    code = (
        "import resource, signal, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))\n"
        "from pretrained.errors import DownloadError\n"
        "from pretrained.hub.download import download\n"
        "try: download('owner/name', cache_dir=sys.argv[2], servers=[sys.argv[1]])\n"
        "except DownloadError as error: print(error)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    with HubServer({NAME: FILES}) as server:
        run = [sys.executable, "-c", code, server.url, str(tmp_path / "cache")]
        done = subprocess.run(run, capture_output=True, text=True, env=environment, check=True)
        assert "does not fit: the disk of" in done.stdout
        assert str(tmp_path / "cache") in done.stdout
        check(tmp_path / "cache", ended=False)
        with Nursery(server.url) as nursery:
            assert nursery.end(nursery.start(tmp_path / "cache")) == 0
        check(tmp_path / "cache", ended=True)
        assert server.sent < sum(map(len, FILES.values())) * 1.6


@pytest.mark.parametrize("large", [False, True])
def test_interrupted_by_the_user(large: bool, tmp_path: Path) -> None:
    """Ctrl-C ends a download that waits for a server, at once, and what arrived is gone on with."""

    def stall(request: Request) -> str | None:
        return "stall" if request.path.endswith("model.safetensors" if large else "vocab.txt") else None

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PRETRAINED"))}
    files = FILES | {"model.safetensors": random.Random(3).randbytes(40_000_000 if large else 2000)}
    with HubServer({NAME: files}, fault=stall, seed=5) as server:
        run = [sys.executable, "-m", "pretrained", "download", NAME, "--endpoint", server.url]
        process = subprocess.Popen(
            run, stderr=subprocess.PIPE, text=True, env=environment | {"HF_HUB_CACHE": str(tmp_path)}
        )
        deadline = time.monotonic() + 60
        while not any(stall(request) for request in list(server.log)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        _, said = process.communicate(timeout=30)
        assert process.returncode not in (0, None)
        assert time.monotonic() - asked < 10
        assert "Traceback" not in said
