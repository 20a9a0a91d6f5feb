"""Does converting take no more memory than the largest tensor, however large the model is?"""

import subprocess
import sys
from pathlib import Path

import pytest

from pretrained import BertConfig, BertModel

# VmHWM is the peak of this very process; ru_maxrss would include the one that started it.
SCRIPT = """
import sys
from pretrained.conversion import compare, convert, open_model

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) << 10

def all_ways(folder):
    for source, target, options in (
        ("", ".bin", {"format": "pytorch", "shard_size": "50MB"}),
        (".bin", ".h5", {"format": "tf"}),
        (".h5", ".msgpack", {"format": "flax"}),
        (".msgpack", ".safetensors", {"format": "safetensors"}),
        (".safetensors", ".half", {"format": "safetensors", "dtype": "float16"}),
    ):
        convert(folder + source, folder + target, **options)
    assert all(row.status == "equal" for row in compare(open_model(folder), open_model(folder + ".safetensors")))

all_ways(sys.argv[1])  # a small model: all is imported and has run once
before = peak()
all_ways(sys.argv[2])
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_peak_of_converting(tmp_path: Path) -> None:
    sizes = {"small": {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}, "large": {}}
    for folder, size in sizes.items():
        BertModel(BertConfig(vocab_size=3000, num_hidden_layers=5, **size)).save_pretrained(tmp_path / folder)
    arguments = [str(tmp_path / folder) for folder in sizes]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "large" / "model.safetensors").stat().st_size > 150e6
    largest = 3072 * 768 * 4
    assert int(run.stdout) <= largest + (128 << 20)
