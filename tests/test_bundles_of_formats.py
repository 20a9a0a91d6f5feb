"""Does every format of weights give the same tensors from inside a bundle as from its folder?"""

import shutil
import tarfile
from pathlib import Path

import pytest
import torch

from pretrained import AutoTokenizer
from pretrained.checkpoints import open_checkpoint
from pretrained.checkpoints.mapped import MappedFile
from pretrained.hub import resolve
from pretrained.hub.window import Window
from tests.hub.material import write_cache
from tests.hub.packing import FILES, here, packed

__all__ = ["here"]
GOLDENS = Path(__file__).parent / "goldens"


def folder_of(source: str, here: Path) -> Path:
    """A golden model: a folder of the repository, or of an archive in it."""
    archive, inside, model = source.partition(".tar.xz/")
    if not inside:
        return GOLDENS / source
    with tarfile.open(GOLDENS / f"{archive}.tar.xz") as opened:
        members = [member for member in opened if member.name.startswith(f"{model}/")]
        opened.extractall(here / "golden", members=members, filter="data")
    return here / "golden" / model


@pytest.mark.parametrize(
    ("source", "format"),
    [
        ("safetensors/models.tar.xz/flax-BertForSequenceClassification", "safetensors"),
        ("safetensors/models.tar.xz/tf-GPT2LMHeadModel", "safetensors"),
        ("keras_h5/models.tar.xz/BertModel", "h5"),
        ("keras_h5/models.tar.xz/sharded", "h5"),
        ("flax/models.tar.xz/BertModel", "flax"),
        ("tf_bundle/bert", "tf_checkpoint"),
        ("tf_bundle/openai_gpt", "numpy"),
    ],
)
@pytest.mark.parametrize("split", [None, 1 << 16])
def test_the_same_tensors(source: str, format: str, split: int | None, here: Path) -> None:
    folder = folder_of(source, here)
    packed(folder, here / "a.pretrained", split=split)
    weights = resolve("a.pretrained").weights()
    assert weights.format == format
    assert all(isinstance(path, Window) for path in weights.paths)
    inside, outside = open_checkpoint(weights), open_checkpoint(resolve(folder).weights())
    assert list(inside.keys()) == list(outside.keys())
    assert len(inside.keys()) > 5
    for key in outside.keys():
        assert torch.equal(inside.tensor(key), outside.tensor(key))


def test_what_is_known_of_a_published_name_travels_along(here: Path, tmp_path: Path) -> None:
    files = {name: FILES[name] for name in ("config.json", "vocab.txt", "model.safetensors")}
    write_cache(tmp_path / "cache", "google-bert/bert-base-cased", files)
    packed("bert-base-cased", here / "x.pretrained")
    shutil.rmtree(tmp_path / "cache")
    tokenizer = AutoTokenizer.from_pretrained("x.pretrained")
    assert tokenizer.model_max_length == 512
    assert tokenizer.tokenize("Here is") == ["[UNK]", "is"]  # cased, which no file says


def test_weights_of_a_real_model_are_mapped(minilm: Path, here: Path) -> None:
    packed(minilm, here / "a.pretrained")
    (window,) = resolve("a.pretrained").weights().paths
    (piece,) = window.pieces
    assert piece.start % (1 << 16) == 0
    assert len(MappedFile(window).data) == (minilm / "model.safetensors").stat().st_size
