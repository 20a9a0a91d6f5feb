"""How many tokens a second does GPT-2 write, here and with transformers?

    python benchmarks/generate.py                     # GPT-2 small, batches of 1 and 8, 64 + 128 tokens
    python benchmarks/generate.py --batch 4 --beams 4 --rounds 5

Both libraries hold the same random weights and take turns, so what else the machine does hits both. The texts must be
equal. The first line of the result is the goal that the project has set itself: 1.5 times the tokens a second.
"""

import argparse
import statistics
import time

import torch
import transformers

import pretrained


def models() -> tuple[transformers.GPT2LMHeadModel, "pretrained.GPT2LMHeadModel"]:
    """The smallest GPT-2 with random weights, theirs and ours; no token ends a text."""
    torch.manual_seed(0)
    never = {"bos_token_id": None, "eos_token_id": None}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**never)).eval()
    ours = pretrained.GPT2LMHeadModel(pretrained.GPT2Config(**never)).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()

    torch.set_num_threads(asked.threads)
    theirs, ours = models()
    print("goal: 1.5 times the tokens a second of transformers")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {asked.threads} threads")
    for batch in asked.batch:
        ids = torch.randint(0, 50257, (batch, asked.prompt))
        options = {"do_sample": False, "num_beams": asked.beams, "attention_mask": torch.ones_like(ids)}
        theirs.generate(ids, max_new_tokens=2, pad_token_id=0, **options)
        ours.generate(ids, max_new_tokens=2, **options)
        speeds: dict[str, list[float]] = {"transformers": [], "pretrained": []}
        for _ in range(asked.rounds):
            start = time.perf_counter()
            expected = theirs.generate(ids, max_new_tokens=asked.new, pad_token_id=0, **options)
            middle = time.perf_counter()
            found = ours.generate(ids, max_new_tokens=asked.new, **options)
            end = time.perf_counter()
            if not torch.equal(found, expected):
                raise SystemExit("the texts differ, so the speeds cannot be compared")
            speeds["transformers"].append(batch * asked.new / (middle - start))
            speeds["pretrained"].append(batch * asked.new / (end - middle))
        ratios = [own / peer for own, peer in zip(speeds["pretrained"], speeds["transformers"], strict=True)]
        both = ", ".join(f"{name} {statistics.median(values):.1f}" for name, values in speeds.items())
        print(
            f"batch {batch}, {asked.prompt} + {asked.new} tokens: tokens a second: {both}; "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
