"""What does a reader do with so many damaged files? Runs in a process of its own, so that a crash is counted.

    python -m tests.fuzz.worker FORMAT COUNT SEED FOLDER

It prints one JSON object. The file that is being read is always the one in FOLDER, also after a crash.
"""

import json
import random
import resource
import signal
import sys
import time
import traceback
import tracemalloc
from pathlib import Path
from types import FrameType

from pretrained.errors import PretrainedError
from tests.fuzz.formats import FORMATS, Example, Format

HANG = 2.0  # seconds of the processor that one file may take; a reader that waits is ended from outside
GROWTH, CONSTANT = 4, 1 << 17  # memory that Python may take: so many times the size of the files, and a constant
ROOM = 512 << 20  # address space beyond what the process has at its start; native libraries answer to it too
SHOWN = 20


class Hang(BaseException):
    """A file takes too long. No `except Exception` of a reader may catch it."""


def run(chosen: Format, count: int, seed: int, folder: Path) -> dict[str, object]:
    pick = random.Random(seed)
    (folder / "made").mkdir(parents=True)
    examples = list(chosen.examples(folder / "made"))
    places = []
    for number, example in enumerate(examples):
        place = folder / str(number)
        place.mkdir()
        for file, content in example.files.items():
            (place / file).write_bytes(content)
        chosen.read(place / example.opened)  # the good ones are read; and whatever is imported lazily, is imported
        places.append(place)

    signal.signal(signal.SIGPROF, _hang)
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + ROOM, resource.RLIM_INFINITY))
    tracemalloc.start()
    problems: list[str] = []
    refused = most = 0
    slowest = 0.0
    for turn in range(count):
        number = pick.randrange(len(examples))
        example, place = examples[number], places[number]
        file = _which(example, pick)
        others = [other.files[file] for other in examples if other is not example and file in other.files]
        damages = next(damages for end, damages in chosen.damages.items() if file.endswith(end))
        content = pick.choice(damages)(example.files[file], others, pick)
        (place / file).unlink()  # the old one may still be mapped
        (place / file).write_bytes(content)
        size = len(content) + sum(len(other) for name, other in example.files.items() if name != file)
        tracemalloc.reset_peak()
        before, start = tracemalloc.get_traced_memory()[0], time.process_time()
        problem = None
        try:
            signal.setitimer(signal.ITIMER_PROF, HANG)
            try:
                chosen.read(place / example.opened)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except PretrainedError as error:
            refused += 1
            if str(place) not in str(error):
                problem = f"the error does not name the file: {error}"
        except Hang:
            problem = f"takes more than {HANG} s"
        except BaseException:
            problem = traceback.format_exc(limit=-3)
        slowest = max(slowest, time.process_time() - start)
        taken = tracemalloc.get_traced_memory()[1] - before
        most = max(most, taken)
        if taken > GROWTH * size + CONSTANT:
            problem = problem or f"takes {taken:,} bytes for files of {size:,}"
        if problem is not None:
            problems.append(f"round {turn}, {file}: {problem}")
            if len(problems) <= SHOWN:
                (folder / f"problem-{turn}-{file}").write_bytes(content)
        (place / file).unlink()
        (place / file).write_bytes(example.files[file])
    return {
        "refused": refused,
        "read": count - refused - len(problems),
        "problems": problems[:SHOWN],
        "slowest": round(slowest, 3),
        "most": most,
    }


def _hang(signum: int, frame: FrameType | None) -> None:
    raise Hang


def _which(example: Example, pick: random.Random) -> str:
    """The file that the reader is given, or one of those beside it."""
    return example.opened if pick.random() < 0.5 else pick.choice(sorted(example.files))


if __name__ == "__main__":
    print(json.dumps(run(FORMATS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
