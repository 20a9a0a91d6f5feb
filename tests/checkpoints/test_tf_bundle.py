"""Are the tensors of TensorFlow's checkpoints those that TensorFlow wrote, whatever types, shards and slices?"""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from pretrained.checkpoints import published
from pretrained.checkpoints.crc32c import crc32c, masked
from pretrained.checkpoints.tf_bundle import TensorFlowBundle
from pretrained.checkpoints.tf_names import of_training
from pretrained.errors import CheckpointError, CorruptFileError, ModelFileNotFoundError

GOLDENS = Path(__file__).parents[1] / "goldens" / "tf_bundle"
VALUES = json.loads((GOLDENS / "types" / "values.json").read_text())


@pytest.fixture(scope="module")
def types() -> TensorFlowBundle:
    return TensorFlowBundle(GOLDENS / "types" / "all.index")


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("copy", [False, True])
def test_every_type_and_slices(types: TensorFlowBundle, name: str, copy: bool) -> None:
    expected = VALUES[name]
    tensor = types.tensor(name, copy=copy)
    assert types.shape(name) == tuple(tensor.shape) == tuple(expected["shape"])
    assert types.dtype(name) == tensor.dtype
    assert str(tensor.dtype) == f"torch.{expected['dtype']}"
    assert raw(tensor).hex() == expected["bytes"]


def test_what_is_no_tensor_is_skipped_by_name(types: TensorFlowBundle) -> None:
    assert types.skipped == {"text": "text", "squares": "in slices along 2 axes"}
    assert set(types.keys()) == set(VALUES)
    with pytest.raises(CheckpointError, match="'text' is text, where a tensor was expected"):
        types.tensor("text")
    with pytest.raises(CheckpointError, match="no tensor called 'other'"):
        types.shape("other")


def test_partitioned_variables_in_two_shards_are_put_together() -> None:
    checkpoint = TensorFlowBundle(GOLDENS / "bert" / "bert_model.ckpt.index")
    assert checkpoint.shape("bert/embeddings/word_embeddings") == (30, 8)
    assert not [key for key in checkpoint.keys() if "part_" in key or "\0" in key]
    assert checkpoint.tensor("bert/pooler/dense/kernel").shape == (8, 8)
    assert checkpoint.tensor("global_step") == 123


def test_a_mapped_tensor_may_be_changed_and_the_file_stays() -> None:
    path = GOLDENS / "gpt2" / "model.ckpt.index"
    before = (path.parent / "model.ckpt.data-00000-of-00001").read_bytes()
    tensor = TensorFlowBundle(path).tensor("model/wte")
    kept = tensor.clone()
    tensor.zero_()
    assert (path.parent / "model.ckpt.data-00000-of-00001").read_bytes() == before
    assert torch.equal(TensorFlowBundle(path).tensor("model/wte"), kept)


@pytest.mark.parametrize("name", ["ckpt-1", "weights"])
def test_variables_of_objects_have_the_names_of_keras(name: str) -> None:
    checkpoint = TensorFlowBundle(GOLDENS / "objects" / f"{name}.index")
    key = "tf_bert_for_sequence_classification/bert/encoder/layer_._0/attention/self/query/kernel"
    assert key in checkpoint.keys()
    names = set(published(checkpoint).keys())
    assert "bert.encoder.layer.0.attention.self.query.weight" in names
    assert {"classifier.weight", "classifier.bias"} < names
    # neither optimizers, new and legacy, nor counters
    assert all(name.startswith(("bert.", "classifier.")) for name in names), names
    assert "_CHECKPOINTABLE_OBJECT_GRAPH" not in {*checkpoint.keys(), *checkpoint.skipped}


@pytest.mark.parametrize(
    ("key", "dropped"),
    [
        ("optimizer/_variables/12", True),
        ("optimizer/iter", True),
        ("model/_optimizer/learning_rate", True),
        ("model/layer/kernel/.OPTIMIZER_SLOT/optimizer/m", True),
        ("save_counter", True),
        ("keras_api/metrics/0/total", True),
        ("model/layer/decay", False),  # a weight of somebody's own layer
        ("model/layer/kernel", False),
        ("iterations", False),
    ],
)
def test_what_is_of_optimizers_in_checkpoints_of_objects(key: str, dropped: bool) -> None:
    assert of_training(f"{key}/.ATTRIBUTES/VARIABLE_VALUE") == dropped


def test_a_public_checkpoint_of_tensor2tensor(shared_data: Path) -> None:
    """Two shards, 250 tensors; the digests are of what TensorFlow read."""
    path = shared_data / "checkpoints" / "t2t-transformer-tf1-ckpt" / "model.ckpt-1.index"
    if not path.exists():
        pytest.skip("the checkpoint is not among the public data")
    checkpoint = TensorFlowBundle(path)
    expected = json.loads((GOLDENS / "t2t.json").read_text())
    found = {
        key: [*checkpoint.shape(key), hashlib.sha256(raw(checkpoint.tensor(key))).hexdigest()[:12]]
        for key in checkpoint.keys()
    }
    assert found == expected


# Checksums


def remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


REMAINDERS = [remainder(byte) for byte in range(256)]


def bytewise(data: bytes) -> int:
    """CRC-32C as it is usually computed, one byte after another."""
    register = 0xFFFFFFFF
    for byte in data:
        register = REMAINDERS[(register ^ byte) & 0xFF] ^ register >> 8
    return register ^ 0xFFFFFFFF


def test_crc32c_of_known_messages() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes([0xFF]) * 32) == 0x62A8AB43
    assert masked(crc32c(b"foo")) != crc32c(b"foo")


# Around the lengths where one way of computing ends and the next begins: rows of the table, folding bytes, words
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 511, 512, 513, 515, 1025, 11370, 11371, 11374, 90960, 90961, 99_999])
def test_crc32c_of_any_length(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == bytewise(data)


def test_crc32c_of_several_pieces_is_independent_of_how_it_is_cut() -> None:
    """CRCs of equal length differ by a linear function of the difference: one changed bit in long messages."""
    size = (1 << 21) * 2 + 45_480 + 5
    message, one = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    one[3_000_000] = 1
    short = np.zeros(size - 3_000_000, np.uint8)
    short[0] = 1
    assert crc32c(message) ^ crc32c(one) == crc32c(bytes(len(short))) ^ crc32c(short) != 0


# Damage


def copied(tmp_path: Path, prefix: str = "bert/bert_model.ckpt") -> Path:
    folder = GOLDENS / Path(prefix).parent
    for path in folder.glob(f"{Path(prefix).name}.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / f"{Path(prefix).name}.index"


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    index = copied(tmp_path)
    (tmp_path / "bert_model.ckpt.data-00001-of-00002").unlink()
    with pytest.raises(ModelFileNotFoundError, match=r"bert_model\.ckpt\.data-00001-of-00002 is not beside it"):
        TensorFlowBundle(index)


def test_a_truncated_shard_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    index = copied(tmp_path)
    shard = tmp_path / "bert_model.ckpt.data-00001-of-00002"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(CorruptFileError, match=r"truncated: the tensor .* should end at byte 5,984"):
        TensorFlowBundle(index)


@pytest.mark.parametrize("copy", [False, True])
def test_one_flipped_bit_is_found_in_its_tensor_and_no_other(tmp_path: Path, copy: bool) -> None:
    index = copied(tmp_path, "gpt2/model.ckpt")
    whole = TensorFlowBundle(GOLDENS / "gpt2" / "model.ckpt.index")
    shard = tmp_path / "model.ckpt.data-00000-of-00001"
    content = bytearray(shard.read_bytes())
    content[4000] ^= 4
    shard.write_bytes(content)
    damaged = TensorFlowBundle(index)
    intact = [key for key in damaged.keys() if same(damaged, whole, key, copy)]
    (refused,) = set(damaged.keys()) - set(intact)
    with pytest.raises(CorruptFileError, match=f"the checksum of the tensor '{refused}' .* is wrong"):
        damaged.tensor(refused)


def same(damaged: TensorFlowBundle, whole: TensorFlowBundle, key: str, copy: bool) -> bool:
    try:
        return torch.equal(damaged.tensor(key, copy=copy), whole.tensor(key))
    except CorruptFileError:
        return False
