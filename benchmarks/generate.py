"""How many tokens a second does GPT-2 write, here and with transformers?

    python benchmarks/generate.py                     # GPT-2 small, batches of 1 and 8, 64 + 128 tokens
    python benchmarks/generate.py --batch 4 --beams 4 --rounds 5

All hold the same random weights and take turns, so what else the machine does hits each; ratios are taken within a
round. In float32 the texts must be equal. The goals that the project has set itself: 1.5 times the tokens a second of
transformers from the plain model, 2.5 times from `optimize(model)` with a batch of 1.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import transformers

import pretrained
from pretrained.runner import fuse, quantize

PEER = "transformers"


def models() -> dict[str, Callable[..., Any]]:
    """Name → its `generate`, over the smallest GPT-2 with random weights; no token ends a text."""
    torch.manual_seed(0)
    never = {"bos_token_id": None, "eos_token_id": None}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**never)).eval()
    ours = pretrained.GPT2LMHeadModel(pretrained.GPT2Config(**never)).eval()
    ours.load_state_dict(theirs.state_dict())

    def peer(ids: torch.Tensor, **options: Any) -> torch.Tensor:
        return theirs.generate(ids, pad_token_id=0, **options)

    found = {PEER: peer, "plain": ours.generate, "fp32": pretrained.optimize(ours).generate}
    if fuse.has_bfloat16():
        found["bf16"] = pretrained.optimize(ours, precision="bf16").generate
    if quantize.available():
        found["int8"] = pretrained.optimize(ours, precision="int8").generate
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time, on a machine with other work; wants --threads 1"
    )
    asked = parser.parse_args()
    clock = time.process_time if asked.cpu_time else time.perf_counter

    torch.set_num_threads(asked.threads)
    writers = models()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {asked.threads} threads")
    for batch in asked.batch:
        ids = torch.randint(0, 50257, (batch, asked.prompt))
        options = {"do_sample": False, "num_beams": asked.beams, "attention_mask": torch.ones_like(ids)}
        for write in writers.values():
            write(ids, max_new_tokens=2, **options)
        speeds: dict[str, list[float]] = {name: [] for name in writers}
        for _ in range(asked.rounds):
            texts = {}
            for name, write in writers.items():
                start = clock()
                texts[name] = write(ids, max_new_tokens=asked.new, **options)
                speeds[name].append(batch * asked.new / (clock() - start))
            for name in ("plain", "fp32"):
                if not torch.equal(texts[name], texts[PEER]):
                    raise SystemExit(f"the texts of {PEER} and {name} differ, so the speeds cannot be compared")
        print(f"batch {batch}, {asked.prompt} + {asked.new} tokens, {asked.beams} beams")
        for name, values in speeds.items():
            ratios = [own / peer for own, peer in zip(values, speeds[PEER], strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"  {name:12} {statistics.median(values):7.1f} tokens/s, ratio {spread}")


if __name__ == "__main__":
    main()
