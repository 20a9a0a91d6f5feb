"""Does any damaged file crash a reader, hold it up, swell it, or end in an error that is not ours?

PRETRAINED_FUZZ_ROUNDS files of each format are damaged: 2,000 unless it is set; at night, 200,000 and another
PRETRAINED_FUZZ_SEED. The same seed gives the same files.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.formats import FORMATS

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("PRETRAINED_FUZZ_ROUNDS", "2000"))
SEED = os.environ.get("PRETRAINED_FUZZ_SEED", "0")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are set as Linux knows them"),
]


def python(*arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=settings, capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    done = python("-m", "tests.fuzz.worker", name, str(ROUNDS), SEED, str(tmp_path / "f"), timeout=120 + ROUNDS / 20)
    assert done.returncode == 0, f"the reader crashed on a file in {tmp_path}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout)
    assert found["problems"] == [], f"the files are in {tmp_path}"
    assert found["refused"] + found["read"] == ROUNDS
    assert found["refused"] > ROUNDS * 0.4  # the damage is real
    assert found["read"] > ROUNDS * 0.01  # and some of it harmless


# The worker itself: each of these readers does one thing that it must notice.

READERS = {
    "while True: pass": "takes more than",
    "kept = bytearray(9 << 20)": "bytes for files of",
    "torch.empty(1 << 40, dtype=torch.uint8)": "can't allocate memory",
    "raise KeyError('weight')": "KeyError",
    "raise PretrainedError('no')": "does not name the file",
}
PROGRAM = """
import json, sys, torch
from pathlib import Path
from pretrained.errors import PretrainedError
from tests.fuzz import worker
from tests.fuzz.formats import Example, Format
from tests.fuzz.mutations import damaged
worker.HANG = 0.2
for number, action in enumerate(sys.argv[2:]):
    def read(path):
        if path.read_bytes() != b"good":
            exec(action)
    bad = Format(lambda folder: iter([Example({"file": b"good"}, "file")]), read, {"": (damaged,)})
    print(json.dumps(worker.run(bad, 8, 0, Path(sys.argv[1], str(number)))), flush=True)
"""


def test_what_the_worker_notices(tmp_path: Path) -> None:
    done = python("-c", PROGRAM, str(tmp_path), *READERS, timeout=60)
    lines = done.stdout.splitlines()
    for line, said in zip(lines, READERS.values(), strict=True):
        problems = json.loads(line)["problems"]
        assert len(problems) > 4
        assert all(said in problem for problem in problems)


def test_a_crash_is_counted(tmp_path: Path) -> None:
    done = python("-c", PROGRAM, str(tmp_path), "import ctypes; ctypes.string_at(0)", timeout=60)
    assert done.returncode < 0
    assert done.stdout == ""
    assert (tmp_path / "0" / "0" / "file").read_bytes() != b"good"  # the file that did it is kept
