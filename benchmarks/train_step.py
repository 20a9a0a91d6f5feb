"""How long does a training step take, with padding and without?

    python benchmarks/train_step.py                  MiniLM, bfloat16 and float32, batches of 32 of mixed length
    python benchmarks/train_step.py --rounds 10 --batch 64

Forward and backward of the same rows with the same weights: transformers with padded rows, `pretrained` with padded
rows, and `pretrained` with rows end to end. They take turns, and ratios are taken within a round. The gradients of
all three are compared once, without dropout.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable

import encode as bench
import torch
import transformers

import pretrained
from pretrained.runner.rows import Collator

Step = Callable[[], torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    folder = bench.minilm()
    tokenizer = pretrained.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.encode_ragged(bench.corpus(options.batch, tokenizer))
    rows = [{"input_ids": row, "labels": number % 2} for number, row in enumerate(ids)]
    torch.manual_seed(0)
    ours = pretrained.BertForSequenceClassification.from_pretrained(folder, num_labels=2).train()
    theirs = transformers.BertForSequenceClassification.from_pretrained(folder, num_labels=2).train()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    batches = {packed: Collator.of(tokenizer, ours, packed=packed)(rows).inputs for packed in (True, False)}
    steps: dict[str, Step] = {
        "transformers": lambda: theirs(**batches[False]).loss,
        "padded": lambda: ours(**batches[False]).loss,
        "packed": lambda: ours(**batches[True]).loss,
    }
    models = {"transformers": theirs, "padded": ours, "packed": ours}
    print(f"{sum(map(len, ids))} tokens in {len(ids)} rows, {len(ids) * max(map(len, ids))} with padding")
    print(f"largest difference of a gradient without dropout: {_difference(steps, models):.1e}")
    for precision in ("bf16", "fp32"):
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for number in range(options.rounds + 1):
            for name, step in steps.items():
                models[name].zero_grad()
                start = time.perf_counter()
                _run(step, precision)
                if number:  # the first one warms up
                    seconds[name].append(time.perf_counter() - start)
        for name, own in seconds.items():
            ratios = [theirs / mine for theirs, mine in zip(seconds["transformers"], own, strict=True)]
            shown = f"{statistics.median(own) * 1000:7.1f} ms, {statistics.median(ratios):.2f} times transformers"
            padded = [other / mine for other, mine in zip(seconds["padded"], own, strict=True)]
            print(f"{precision} {name:13} {shown}, {statistics.median(padded):.2f} times padded")


def _run(step: Step, precision: str) -> None:
    mixed = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
    with mixed:
        loss = step()
    loss.backward()


def _difference(steps: dict[str, Step], models: dict[str, torch.nn.Module]) -> float:
    gradients = {}
    for name, step in steps.items():
        models[name].eval()
        models[name].zero_grad()
        _run(step, "fp32")
        gradients[name] = {key: value.grad.clone() for key, value in models[name].named_parameters()}
        models[name].train()
    packed = gradients["packed"]
    return max(float((packed[key] - found[key]).abs().max()) for found in gradients.values() for key in packed)


if __name__ == "__main__":
    main()
