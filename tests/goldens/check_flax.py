"""Does real Flax read what we write, and compute what our models compute?

It runs in the environment that tests/goldens/environment makes, with this checkout beside it:

    PYTHONPATH=. python tests/goldens/check_flax.py
"""

import tarfile
import tempfile
from pathlib import Path

import flax.serialization
import make_flax
import numpy as np
import torch
import transformers

import pretrained
from pretrained.checkpoints import flax_msgpack_writer, from_state_dict

FLAX = {ours: flax for flax, ours in make_flax.OURS.items()}


def check(name: str, folder: Path, shard_size: str | None) -> float:
    """The largest difference between the outputs of our model, newly initialised, and those of Flax."""
    kind = getattr(pretrained, name.partition("-")[0])
    torch.manual_seed(0)
    model = kind(kind.config_class.from_pretrained(folder)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder, format="flax", shard_size=shard_size)
    peer_class = getattr(transformers, f"Flax{FLAX.get(kind.__name__, kind.__name__)}")
    peer = peer_class.from_pretrained(folder)
    files = [flax.serialization.msgpack_restore(path.read_bytes()) for path in folder.glob("flax_model*.msgpack")]
    assert (len(files) > 1) == (shard_size is not None)
    written = {"/".join(path) for file in files for path in make_flax.flatten_dict(file)}
    wanted = {"/".join(path) for path in make_flax.flatten_dict(peer.params)}
    assert wanted <= written, wanted - written
    assert all("pooler/" in extra for extra in written - wanted), written - wanted
    given = make_flax.inputs(peer.config, "ForMultipleChoice" if "MultipleChoice" in name else "")
    types = {"token_type_ids": np.zeros_like(given["input_ids"])} if hasattr(peer.config, "type_vocab_size") else {}
    theirs = make_flax.outputs(peer(**given, **types))
    with torch.no_grad():
        ours = model(**{part: torch.from_numpy(value.copy()).long() for part, value in given.items()})
    return max(float(np.abs(ours[part].numpy() - value).max()) for part, value in theirs.items())


def check_chunks(folder: Path) -> None:
    flax_msgpack_writer._MAX_CHUNK = 64
    tensors = {"a/b": torch.randn(7, 9), "a/c": torch.randn(3, 50).to(torch.bfloat16), "d": torch.arange(300)}
    flax_msgpack_writer.write_flax(from_state_dict(tensors), folder / "chunks")
    tree = flax.serialization.msgpack_restore((folder / "chunks").read_bytes())
    for name, value in make_flax.flattened(tree).items():
        assert value.dtype.name == str(tensors[name].dtype).removeprefix("torch.")
        assert np.array_equal(value.astype("float32"), tensors[name].float().numpy())


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        with tarfile.open(make_flax.FOLDER / "models.tar.xz") as archive:
            archive.extractall(root, filter="data")
        worst = {
            f"{path.name} {size or ''}": check(path.name, path, size)
            for path in sorted(root.iterdir())
            for size in (None, "3KB")
            if path.is_dir() and "sharded" not in path.name
        }
        check_chunks(root)
    for name, difference in worst.items():
        print(f"{name:40} {difference:.1e}")
    assert max(worst.values()) <= 1e-5
    print(f"{len(worst)} files of ours load in Flax and give the same outputs")


if __name__ == "__main__":
    main()
