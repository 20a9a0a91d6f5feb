"""Does loading take no more memory than the file is large?"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pretrained.checkpoints import Origin, Renamed, from_state_dict, save_checkpoint
from pretrained.checkpoints.keras_h5_writer import write_h5
from tests.tf_bundle import write_bundle

# VmHWM is the peak of this very process; ru_maxrss would include the one that started it.
SCRIPT = """
import sys
from pathlib import Path
from types import SimpleNamespace
import torch
from pretrained.checkpoints import Rename, open_checkpoint, published
from pretrained.loading import load

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) << 10

path, format, dtype = Path(sys.argv[1]), sys.argv[2], getattr(torch, sys.argv[3], None)
with torch.device("meta"):
    model = torch.nn.Sequential(*(torch.nn.Linear(1024, 1024) for _ in range(24)))
torch.ones(1 << 10).to(torch.bfloat16).sum()
before = peak()
names = [Rename("([0-9]+)/(weight|bias)", "\\\\1.\\\\2")]  # of a TensorFlow checkpoint
weights = SimpleNamespace(format=format, paths=[path], index=None)
report = load(model, published(open_checkpoint(weights), names), dtype=dtype, init=lambda names: None)
assert len(report.loaded) == 48, report
for parameter in model.parameters():
    parameter.detach().sum()  # every page is there
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy", "h5", "tf_checkpoint"])
@pytest.mark.parametrize("dtype", ["as saved", "bfloat16"])
def test_the_peak_of_loading(kind: str, dtype: str, tmp_path: Path) -> None:
    tensors = {}
    for number in range(24):
        tensors[f"{number}.weight"] = torch.full((1024, 1024), 0.5)
        tensors[f"{number}.bias"] = torch.zeros(1024)
    path = tmp_path / "pytorch_model.bin"
    if kind == "safetensors":
        (path,) = save_checkpoint(tensors, tmp_path)
    elif kind == "h5":  # which holds the matrices the other way round
        names = {f"net/model/{name.replace('weight', 'kernel').replace('.', '/')}:0": Origin(name) for name in tensors}
        path = tmp_path / "tf_model.h5"
        write_h5(Renamed(from_state_dict(tensors), names), path)
    elif kind == "tf_checkpoint":  # and so does this
        arrays = {name.replace("weight", "kernel").replace(".", "/"): value.numpy() for name, value in tensors.items()}
        write_bundle(arrays.items(), tmp_path / "model.ckpt")
        path = tmp_path / "model.ckpt.index"
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    format = "pytorch" if kind in ("zip", "legacy") else kind
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), format, dtype], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size > 100e6
    assert int(run.stdout) <= 1.1 * size
    if dtype == "as saved":
        assert int(run.stdout) >= 0.9 * size  # the measure sees mapped pages
