"""Does a damaged file, wherever the damage is, end in one of our errors, soon, and never in a crash?"""

import io
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pretrained.checkpoints import Checkpoint, save_checkpoint
from pretrained.errors import PretrainedError

ROUNDS = 400


def mutated(content: bytes, pick: random.Random) -> bytes:
    """Some bytes flipped, a piece removed, doubled, or filled; or the end cut off."""
    changed = bytearray(content)
    kind = pick.randrange(6)
    at = pick.randrange(len(changed))
    size = pick.choice((1, 2, 4, 8, 40))
    if kind == 0:
        for _ in range(pick.choice((1, 1, 1, 3, 30))):
            changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    elif kind == 1:
        changed[at : at + size] = bytes([pick.choice((0, 0x7F, 0xFF))]) * size
    elif kind == 2:
        del changed[at : at + size]
    elif kind == 3:
        changed[at:at] = changed[at : at + size]
    elif kind == 4:
        del changed[at:]
    else:
        changed[at : at + size] = pick.randbytes(size)
    return bytes(changed)


def repacked(content: bytes, pick: random.Random) -> bytes:
    """A good archive around a damaged pickle, so that no checksum protects the reader."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            raw = old.read(name)
            new.writestr(name, mutated(raw, pick) if name.endswith("data.pkl") else raw)
    return buffer.getvalue()


def files(folder: Path, tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    torch.save({"state_dict": tensors, "epoch": 3}, folder / "zip.bin")
    torch.save(tensors, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    save_checkpoint(tensors, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "damage"),
    [("zip.bin", mutated), ("zip.bin", repacked), ("legacy.bin", mutated), ("model.safetensors", mutated)],
)
def test_damaged_files(
    name: str,
    damage: Callable[[bytes, random.Random], bytes],
    tmp_path: Path,
    open_file: Callable[[Path], Checkpoint],
    tensors: dict[str, torch.Tensor],
) -> None:
    original = files(tmp_path, tensors)[name]
    pick = random.Random(name)
    path = tmp_path / f"damaged-{name}"
    refused = 0
    for _ in range(ROUNDS):
        path.unlink(missing_ok=True)  # the old one may still be mapped
        path.write_bytes(damage(original, pick))
        start, message = time.perf_counter(), None
        try:
            checkpoint = open_file(path)
            for key in checkpoint.keys():
                for copy in (False, True):
                    tensor = checkpoint.tensor(key, copy=copy)
                    assert tuple(tensor.shape) == checkpoint.shape(key)
                    assert tensor.dtype == checkpoint.dtype(key)
                    assert tensor.nbytes <= len(original)
                    tensor.contiguous().view(-1).view(torch.uint8).sum()  # reads every byte
        except PretrainedError as error:
            message = str(error)
            refused += 1
        assert message is None or str(path) in message
        assert time.perf_counter() - start < 2
    assert ROUNDS * 0.3 < refused < ROUNDS  # the damage is real, and some of it harmless
