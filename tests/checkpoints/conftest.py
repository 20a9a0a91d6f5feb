"""What the tests of checkpoints share: opening one file, and writing torch files by hand, honest or hostile."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pretrained.checkpoints import Checkpoint, open_checkpoint

MAGIC = 0x1950A86A20F9469CFC6C


@pytest.fixture
def open_file() -> Callable[[Path], Checkpoint]:
    def opened(path: Path) -> Checkpoint:
        format = "safetensors" if path.suffix == ".safetensors" else "pytorch"
        return open_checkpoint(SimpleNamespace(format=format, paths=(path,), index=None))

    return opened


@pytest.fixture
def write_zip(tmp_path: Path) -> Callable[..., Path]:
    """Writes a zip checkpoint from the bytes of its pickle and of its storages."""

    def write(
        content: bytes,
        storages: Mapping[str, bytes] | None = None,
        *,
        compression: int = zipfile.ZIP_STORED,
        extra: Mapping[str, bytes] | None = None,
    ) -> Path:
        path = tmp_path / "pytorch_model.bin"
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("archive/data.pkl", content)
            for key, raw in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", raw)
            for name, raw in (extra or {}).items():
                archive.writestr(name, raw)
        return path

    return write


@pytest.fixture
def write_legacy(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint in the layout before torch 1.6; storages are (count of elements, bytes)."""

    def write(content: bytes, storages: Mapping[str, tuple[int, bytes]] | None = None) -> Path:
        path = tmp_path / "pytorch_model.bin"
        storages = storages or {}
        head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, 1001, {"little_endian": True}))
        body = content + pickle.dumps(list(storages), 2)
        body += b"".join(struct.pack("<q", count) + raw for count, raw in storages.values())
        path.write_bytes(head + body)
        return path

    return write


@pytest.fixture
def pickled() -> Callable[..., bytes]:
    """Pickles a state dict whose tensors are `Fake`: any numbers one likes, as torch.save would write them."""
    return _pickled


class Fake:
    """A tensor that says of itself whatever it is told to."""

    def __init__(
        self,
        shape: object = (2,),
        stride: object = (1,),
        *,
        offset: object = 0,
        count: object = 2,
        key: object = "0",
        storage: object = torch.FloatStorage,
        id: object = None,
        function: object = None,
    ) -> None:
        self.function = function or torch._utils._rebuild_tensor_v2
        self.args = (_Storage(id or ("storage", storage, key, "cpu", count)), offset, shape, stride, False, {})

    def __reduce__(self) -> tuple[object, ...]:
        return self.function, self.args


class _Storage:
    def __init__(self, id: object) -> None:
        self.id = id


def _pickled(value: object, protocol: int = 2) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, item: object) -> object:
            return item.id if isinstance(item, _Storage) else None

    buffer = io.BytesIO()
    Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


@pytest.fixture
def fake() -> type[Fake]:
    return Fake


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    """One tensor of every type, and shapes that are easy to get wrong."""
    generator = torch.Generator().manual_seed(0)
    floats = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    integers = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    made = {str(dtype): torch.randn(3, 4, generator=generator).to(dtype) for dtype in floats}
    made |= {str(dtype): torch.randint(0, 100, (5,), generator=generator).to(dtype) for dtype in integers}
    made["bool"] = torch.tensor([[True, False, True]])
    made["scalar"] = torch.tensor(3.5)
    made["empty"] = torch.empty(0, 7)
    made["one"] = torch.ones(1, 1, 1)
    return made
