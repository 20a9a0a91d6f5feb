"""Does pip install our wheels, and are the models then found by name?"""

import base64
import csv
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pretrained.errors import ConfigurationError, ModelFileNotFoundError
from pretrained.hub import resolve
from pretrained.hub.bundle_writer import describe
from pretrained.hub.wheel_writer import write_wheels
from tests.hub.material import safetensors, write, write_cache
from tests.hub.packing import FILES, TINY, here, packed

__all__ = ["here"]
COMMIT = "a1" * 20
LARGE = FILES | {"model.safetensors": safetensors({f"w{n}": 100_000 for n in range(8)})}  # 3.2 MB


@pytest.fixture
def bert(tmp_path: Path, here: Path) -> Path:
    """A model in the cache, which a test may remove."""
    return write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", LARGE, commit=COMMIT)


def wheels_of(model: str | Path, here: Path, **options: object) -> list[Path]:
    (here / "wheels").mkdir(exist_ok=True)
    return write_wheels(describe(resolve(model)), here / "wheels", **options)  # type: ignore[arg-type]


def pip_install(wheels: list[str], here: Path) -> None:
    """Without an index, into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--target", "site", *wheels]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install(wheels: list[Path], here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As pip does with a wheel that holds files only, and quicker; into a folder that Python looks in."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(here / "site")
    monkeypatch.syspath_prepend(str(here / "site"))
    return here / "site"


def forget(repository: Path) -> None:
    """A cache without the model."""
    repository.rename(repository.with_name("elsewhere"))


def test_an_installed_model_is_found_by_its_names(here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (wheel,) = wheels_of("bert-base-uncased", here)
    assert wheel.name == "bert_base_uncased_model-1.0-py3-none-any.whl"
    forget(bert)
    pip_install([str(wheel)], here)
    site = here / "site"
    monkeypatch.syspath_prepend(str(site))
    sys.modules.pop("bert_base_uncased_model", None)
    for name in ("bert-base-uncased", "google-bert/bert-base-uncased", "package:bert-base-uncased-model"):
        files = resolve(name)
        assert (files.kind, files.revision) == ("package", COMMIT)
        assert files.root == site / "bert_base_uncased_model"
        assert files.config() == TINY.config
        assert files.weights().paths[0].read_bytes() == LARGE["model.safetensors"]
    assert "bert_base_uncased_model" not in sys.modules
    assert resolve("bert-base-uncased", revision=COMMIT).kind == "package"


def test_the_record_lists_every_file_with_its_hash(here: Path, bert: Path) -> None:
    wheels = wheels_of("bert-base-uncased", here, max_size=2_000_000)
    assert len(wheels) > 2
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            assert archive.testzip() is None
            (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
            rows = list(csv.reader(archive.read(record).decode().splitlines()))
            assert [name for name, *_ in rows] == archive.namelist()
            for name, digest, size in rows[:-1]:
                content = archive.read(name)
                plain = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, int(size)) == (f"sha256={plain}", len(content))


def test_the_same_model_makes_the_same_wheel(here: Path, bert: Path) -> None:
    before = [path.read_bytes() for path in wheels_of("bert-base-uncased", here)]
    assert [path.read_bytes() for path in wheels_of("bert-base-uncased", here)] == before


def test_what_the_package_says_of_itself(here: Path, bert: Path) -> None:
    first, *others = wheels_of("bert-base-uncased", here, max_size=2_000_000, version="2.1")
    with zipfile.ZipFile(first) as archive:
        metadata = archive.read("bert_base_uncased_model-2.1.dist-info/METADATA").decode()
        entries = archive.read("bert_base_uncased_model-2.1.dist-info/entry_points.txt").decode()
    lines = metadata.splitlines()
    assert "License: apache-2.0" in lines
    needed = [line for line in lines if line.startswith("Requires-Dist: ")]
    assert needed == [f"Requires-Dist: bert-base-uncased-model-part{n} (==2.1)" for n in range(2, len(others) + 2)]
    assert f"google-bert/bert-base-uncased, revision {COMMIT}" in lines
    assert "bert-base-uncased = bert_base_uncased_model" in entries
    assert "google-bert/bert-base-uncased = bert_base_uncased_model" in entries


def test_a_large_model_in_several_wheels(here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = wheels_of("bert-base-uncased", here, max_size=2_000_000)
    forget(bert)
    install(wheels, here, monkeypatch)
    files = resolve("bert-base-uncased")
    assert "came in pieces" in files.notes[0]
    assert files.weights().paths[0].read_bytes() == LARGE["model.safetensors"]
    assert packed("bert-base-uncased", here / "b.pretrained").is_file()


def test_pip_brings_the_parts(here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels_of("bert-base-uncased", here, max_size=2_000_000)
    pip_install(["--find-links", "wheels", "bert-base-uncased-model"], here)
    monkeypatch.syspath_prepend(str(here / "site"))
    assert resolve("package:bert-base-uncased-model").weights().paths[0].read_bytes() == LARGE["model.safetensors"]


def test_a_part_that_is_not_installed(here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = wheels_of("bert-base-uncased", here, max_size=2_000_000)
    forget(bert)
    install(wheels[:-1], here, monkeypatch)
    with pytest.raises(ModelFileNotFoundError, match="pip install --force-reinstall bert-base-uncased-model"):
        resolve("bert-base-uncased")


def test_the_cache_comes_first_and_what_is_not_there_is_taken_from_the_wheel(
    here: Path, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(wheels_of("bert-base-uncased", here), here, monkeypatch)
    assert resolve("bert-base-uncased").kind == "cache"
    (bert / "snapshots" / COMMIT / "model.safetensors").unlink()  # only the tokenizer is left
    assert resolve("bert-base-uncased").kind == "package"


def test_shards_stay_whole(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"config.json": TINY.config_bytes(), "vocab.txt": TINY.vocab_bytes()} | TINY.safetensors_shards
    write(here / "mine", files | {"model.safetensors.index.json": TINY.json(TINY.safetensors_index)})
    install(wheels_of("./mine", here, name="team/mine"), here, monkeypatch)
    weights = resolve("team/mine").weights()
    assert all(isinstance(path, Path) for path in weights.paths)
    assert weights.index == TINY.safetensors_index["weight_map"]


def test_a_package_of_somebody_else_announces_a_model(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here / "site" / "theirs" / "v1", FILES)
    info = {
        "METADATA": b"Metadata-Version: 2.1\nName: theirs\nVersion: 1\n",
        "entry_points.txt": b"[pretrained.models]\nteam/model = theirs.v1\nteam/lost = theirs.v2\n",
    }
    write(here / "site" / "theirs-1.dist-info", info)
    monkeypatch.syspath_prepend(str(here / "site"))
    assert resolve("team/model").root == here / "site" / "theirs" / "v1"
    with pytest.raises(OSError, match="no model 'team/lost'"):
        resolve("team/lost")


def test_versions_and_sizes_that_cannot_be(here: Path, bert: Path) -> None:
    with pytest.raises(ConfigurationError, match="no version"):
        wheels_of("bert-base-uncased", here, version="one")
    with pytest.raises(ValueError, match="too small"):
        wheels_of("bert-base-uncased", here, max_size=1000)
