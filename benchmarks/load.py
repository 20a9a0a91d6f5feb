"""How long does a model take to load from each format, and how much memory at its peak, beside Transformers?

    python benchmarks/load.py                       # BERT-base with random weights, 438 MB, from every format
    python benchmarks/load.py --quick               # two layers and two rounds
    python benchmarks/load.py --formats h5 flax     # some of them

Every loading is done by a process of its own, after the imports of torch and of the library. Two moments count: when
`from_pretrained` returns, and when every weight has been read once, for what is mapped from a file has not been read
before. Memory is what the process holds (its resident set, mapped pages included) beyond what it held before.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

ROOT = Path(__file__).resolve().parents[1]
MODEL = "BertModel"
PEAK_LIMIT = 1.1  # of the size of the file


class Format(NamedTuple):
    file: str
    write: Callable[[Any, Path], None]
    theirs: bool = False
    """Whether Transformers 5 reads it."""


# -- writing


def saved(format: str) -> Callable[[Any, Path], None]:
    """As `save_pretrained` writes it."""
    return lambda model, folder: model.save_pretrained(folder, format=format)


def legacy(model: Any, folder: Path) -> None:
    """As torch.save wrote it until PyTorch 1.6."""
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def bundle(model: Any, folder: Path) -> None:
    """As Google published BERT."""
    sys.path.insert(0, str(ROOT))
    from tests.tf_bundle import google_names, write_bundle

    model.config.save_pretrained(folder)
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    write_bundle(google_names(arrays), folder / "bert_model.ckpt")


FORMATS = {
    "safetensors": Format("model.safetensors", saved("safetensors"), theirs=True),
    "bin": Format("pytorch_model.bin", saved("pytorch"), theirs=True),
    "bin-legacy": Format("pytorch_model.bin", legacy, theirs=True),
    "h5": Format("tf_model.h5", saved("tf")),
    "flax": Format("flax_model.msgpack", saved("flax")),
    "tf-checkpoint": Format("bert_model.ckpt.data-00000-of-00001", bundle),
}


def write_models(folder: Path, names: list[str], layers: int) -> dict[str, int]:
    """One model in every format; format → bytes of its weights."""
    import pretrained

    torch.manual_seed(0)
    model = pretrained.BertModel(pretrained.BertConfig(num_hidden_layers=layers)).eval()
    for name in names:
        (folder / name).mkdir(parents=True)
        FORMATS[name].write(model, folder / name)
    return {name: (folder / name / FORMATS[name].file).stat().st_size for name in names}


# -- one loading, in a process of its own


def load_once(library: str, folder: Path) -> dict[str, float]:
    """Seconds and bytes of loading, and of reading every weight once after it."""
    kind = getattr(__import__(library), MODEL)
    before = _reset_peak()
    start = time.perf_counter()
    model = kind.from_pretrained(str(folder))
    loaded, loaded_peak = time.perf_counter() - start, _peak() - before
    total = sum(float(tensor.detach().sum()) for tensor in model.parameters())
    used, used_peak = time.perf_counter() - start, _peak() - before
    figures = {"loaded": loaded, "used": used, "loaded_peak": loaded_peak, "used_peak": used_peak}
    return figures | {"sum": total}


def _reset_peak() -> int:
    """The bytes that the process holds now; from here on the peak is counted, where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    import resource

    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


# -- measuring


def prepare_cache(path: Path, *, cold: bool) -> None:
    """Puts the file into the system's page cache, or takes it out of there."""
    with path.open("rb") as file:
        if cold:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        else:
            while file.read(1 << 24):
                pass


def measure(folder: Path, names: list[str], rounds: int, *, cold: bool) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Format → library → the figures of each round. The libraries take turns, and who begins changes."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in names}
    for number in range(rounds):
        for name in names:
            libraries = ["pretrained", "transformers"] if FORMATS[name].theirs else ["pretrained"]
            for library in libraries[:: -1 if number % 2 else 1]:
                prepare_cache(folder / name / FORMATS[name].file, cold=cold)
                command = [sys.executable, __file__, "--load", library, str(folder / name)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(f"{library} cannot load {name}:\n{done.stderr}")
                found[name].setdefault(library, []).append(json.loads(done.stdout.splitlines()[-1]))
        sums = {round(each["sum"], 2) for libraries in found.values() for runs in libraries.values() for each in runs}
        if len(sums) > 1:
            raise SystemExit(f"the models are not equal: their weights sum up to {sums}")
    return found


def summarise(found: dict[str, dict[str, list[dict[str, float]]]], sizes: dict[str, int]) -> list[dict[str, Any]]:
    """One row per format, with the medians, the ratios and what they are to be."""
    rows = []
    for name, libraries in found.items():
        ours = libraries["pretrained"]
        row: dict[str, Any] = {"format": name, "bytes": sizes[name], "rounds": libraries, "medians": {}, "ratios": {}}
        for library, runs in libraries.items():
            row["medians"][library] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for moment in ("loaded", "used"):
            if theirs := libraries.get("transformers"):
                ratios = [other[moment] / own[moment] for own, other in zip(ours, theirs, strict=True)]
                row["ratios"][moment] = statistics.median(ratios)
        row["peak_of_file"] = row["medians"]["pretrained"]["used_peak"] / sizes[name]
        rows.append(row)
    return rows


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    packages = ("pretrained", "torch", "transformers", "safetensors", "h5py", "msgpack")
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "date": date.today().isoformat(),
    }


def show(report: dict[str, Any]) -> None:
    about = report["machine"]
    print(f"{about['cpu']}, {about['cores']} cores, {about['date']}; page cache {report['page_cache']}")
    print(f"Python {about['python']}, " + ", ".join(f"{name} {each}" for name, each in about["versions"].items()))
    print(f"\n{'':14} {'':13} {'seconds until':>15} {'peak, MB, until':>17} {'ratio of times':>15} {'peak':>9}")
    print(f"{'format':14} {'library':13} {'loaded':>7} {'used':>7} {'loaded':>8} {'used':>8}", end="")
    print(f" {'loaded':>7} {'used':>7} {'/ file':>9}")
    for row in report["results"]:
        for library, of in row["medians"].items():
            print(f"{row['format']:14} {library:13} {of['loaded']:7.3f} {of['used']:7.3f}", end="")
            print(f" {of['loaded_peak'] / 1e6:8.0f} {of['used_peak'] / 1e6:8.0f}", end="")
            ratios = [row["ratios"].get(moment) if library == "transformers" else None for moment in ("loaded", "used")]
            print("".join(f" {ratio:7.2f}" if ratio else f" {'':7}" for ratio in ratios), end="")
            print(f" {of['used_peak'] / row['bytes']:9.2f}")
    print(f"\nratio: their time / ours. The goals: never below 1, and a peak of at most {PEAK_LIMIT} times the file.")
    for row in report["results"]:
        missed = [f"{moment} {ratio:.2f}" for moment, ratio in row["ratios"].items() if ratio < 1]
        missed += [f"peak {row['peak_of_file']:.2f}"] if row["peak_of_file"] > PEAK_LIMIT else []
        print(f"{row['format']:14} {'missed: ' + ', '.join(missed) if missed else 'reached'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="a model of two layers, two rounds")
    parser.add_argument("--cold", action="store_true", help="take the file out of the page cache before each loading")
    parser.add_argument("--json", action="store_true", help="print JSON, with every round")
    parser.add_argument("--load", nargs=2, metavar=("LIBRARY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        library, folder = options.load
        print(json.dumps(load_once(library, Path(folder))))
        return
    rounds = options.rounds or (2 if options.quick else 5)
    with tempfile.TemporaryDirectory() as temporary:
        sizes = write_models(Path(temporary), options.formats, 2 if options.quick else 12)
        found = measure(Path(temporary), options.formats, rounds, cold=options.cold)
    cache = "cold: the file is taken out of it before each loading" if options.cold else "warm: the file is in it"
    report = {"machine": machine(), "page_cache": cache, "results": summarise(found, sizes)}
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
