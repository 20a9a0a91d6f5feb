"""Does converting take no more memory than the largest tensor, however large the model is?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pretrained.checkpoints import save_checkpoint

# VmHWM is the peak of this very process; ru_maxrss would include the one that started it.
SCRIPT = """
import json, sys
from pathlib import Path
from pretrained.conversion import compare, convert, open_model

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) << 10

source, target, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
convert(sys.argv[4], sys.argv[4] + " again", format="pytorch")  # a small model: all is imported and has run once
before = peak()
convert(source, target, **options)
print(peak() - before)
if "dtype" not in options:
    assert all(row.status == "equal" for row in compare(open_model(source), open_model(target)))
    print(peak() - before)
"""
COUNT, SIDE = 20, 1536


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("safetensors", {"format": "pytorch"}),
        ("pytorch", {"format": "safetensors", "shard_size": "50MB"}),
        ("pytorch", {"format": "safetensors", "dtype": "float16"}),
    ],
)
def test_the_peak_of_converting(source: str, options: dict[str, str], tmp_path: Path) -> None:
    tensors = {f"layer.{number}.weight": torch.full((SIDE, SIDE), float(number)) for number in range(COUNT)}
    for folder, held in (("large", tensors), ("small", {"weight": torch.ones(2)})):
        (tmp_path / folder).mkdir()
        save_checkpoint(held, tmp_path / folder, format=source)
    arguments = (tmp_path / "large", tmp_path / "target", json.dumps(options), tmp_path / "small")
    run = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    largest = SIDE * SIDE * 4
    for peak in run.stdout.split():
        print(int(peak) / largest)
        assert int(peak) <= largest + (64 << 20)  # the whole model is 189 MB
