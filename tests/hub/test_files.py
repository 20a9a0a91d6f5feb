"""Does ModelFiles find the file that plays a role, and say what it did?"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrained.errors import (
    ConfigurationError,
    CorruptFileError,
    ModelFileNotFoundError,
    ModelNotFoundError,
    UnsafeFileError,
)
from pretrained.hub import FileFacts, resolve
from tests.hub.material import HTML_PAGE, LFS_POINTER, Material, write
from tests.hub.shape import old_sentence_transformers, prefixed

TINY = Material.tiny()
FILES = TINY.files()


def test_every_published_file_is_found_with_a_prefix(tmp_path: Path) -> None:
    names = (
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "special_tokens_map.json",
        "added_tokens.json",
        "tokenizer.json",
    )
    write(tmp_path, {"config.json": TINY.config_bytes()} | {f"gpt2-{name}": b"{}" for name in names})
    files = resolve(tmp_path)
    for name in names:
        assert files.get(name) == tmp_path / f"gpt2-{name}"
        assert f"{name} is gpt2-{name}" in files.notes
    assert files.get("vocab.txt") is None
    assert files.get("tokenizer_config.json") is None


def test_files_that_have_no_role_are_found_by_name(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"README.md": b"# x\n", "onnx/model.onnx": b"x"})
    files = resolve(tmp_path)
    assert files.get("README.md") == tmp_path / "README.md"
    assert files.get("readme.md") == tmp_path / "README.md"
    assert files.get("onnx/model.onnx") == tmp_path / "onnx" / "model.onnx"
    assert files.get("onnx\\model.onnx") == tmp_path / "onnx" / "model.onnx"
    assert files.get("onnx/other.onnx") is None


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "..\\secret", "C:\\secret"])
def test_names_may_not_leave_the_folder(name: str, tmp_path: Path) -> None:
    write(tmp_path / "bert", FILES)
    (tmp_path / "secret").write_text("x")
    with pytest.raises(UnsafeFileError, match="outside"):
        resolve(tmp_path / "bert").get(name)


def test_modules_json_may_not_leave_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "x", FILES)
    write(tmp_path / "bert", {"modules.json": TINY.json([{"idx": 0, "path": "../x", "type": "Transformer"}])})
    with pytest.raises(UnsafeFileError, match=r"modules\.json points to '\.\./x'"):
        resolve(tmp_path / "bert").config()


@pytest.mark.parametrize("modules", [b"{}", b"[]", b"[3]", b'[{"path": 3}]', b'[{"path": "nowhere"}]', b'[{"idx": 0}]'])
def test_an_odd_modules_json_does_not_hide_the_model(modules: bytes, tmp_path: Path) -> None:
    write(tmp_path, FILES | {"modules.json": modules})
    assert resolve(tmp_path).weights().paths == (tmp_path / "model.safetensors",)


def test_files_of_old_sentence_transformers(tmp_path: Path) -> None:
    write(tmp_path, old_sentence_transformers(TINY))
    files = resolve(tmp_path)
    assert files.get("modules.json") == tmp_path / "modules.json"
    assert files.get("1_Pooling/config.json") == tmp_path / "1_Pooling" / "config.json"
    assert files.get("config.json") == tmp_path / "0_Transformer" / "config.json"
    assert files.get("sentence_bert_config.json") == tmp_path / "0_Transformer" / "sentence_bert_config.json"
    assert files.json("modules.json")[0]["path"] == "0_Transformer"
    assert "0_Transformer/vocab.txt" in [file.name for file in files.listing()]


def test_other_json_is_not_taken_for_the_configuration(tmp_path: Path) -> None:
    others = {
        name: TINY.json({"lr": 1})
        for name in (
            "data_config.json",
            "train-config.json",
            "sentence_bert_config.json",
            "notes.json",
            "generation_config.json",
        )
    }
    write(tmp_path, {"vocab.txt": FILES["vocab.txt"]} | others)
    assert resolve(tmp_path).config() is None
    write(tmp_path, {"my-config.json": TINY.config_bytes()})
    files = resolve(tmp_path)
    assert files.config() == TINY.config
    assert "config.json is my-config.json" in files.notes


def test_two_configurations_without_published_names(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": TINY.config_bytes(), "b.json": TINY.config_bytes(), "vocab.txt": FILES["vocab.txt"]})
    with pytest.raises(ModelFileNotFoundError, match=r"a\.json, b\.json"):
        resolve(tmp_path).config()
    assert resolve(tmp_path / "b.json").config() == TINY.config


def test_the_prefix_of_the_weights_decides(tmp_path: Path) -> None:
    write(tmp_path, prefixed("bert-base-cased", TINY) | {"other-vocab.txt": b"[PAD]\n[UNK]\n"})
    assert resolve(tmp_path).get("vocab.txt") == tmp_path / "bert-base-cased-vocab.txt"


def test_other_text_is_not_taken_for_the_vocabulary(tmp_path: Path) -> None:
    texts = {"requirements.txt": b"torch\nnumpy\n", "license.txt": b"Do as you like.\n", "labels.txt": b"O\nB-PER\n"}
    write(tmp_path, {"config.json": TINY.config_bytes()} | texts)
    assert resolve(tmp_path).get("vocab.txt") is None
    write(tmp_path, {"pieces": FILES["vocab.txt"]})
    assert resolve(tmp_path).get("vocab.txt") == tmp_path / "pieces"


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "vocab.txt", "special_tokens_map.json", "config.json", "merges.txt"]
)
@pytest.mark.parametrize("data", [HTML_PAGE, LFS_POINTER, b"Entry not found"])
def test_every_role_is_checked_for_damage(name: str, data: bytes, tmp_path: Path) -> None:
    write(tmp_path, FILES | {name: data})
    with pytest.raises(CorruptFileError, match=f"{name} is damaged"):
        resolve(tmp_path).get(name)


def test_side_files_may_be_empty(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"merges.txt": b"", "added_tokens.json": b""})
    assert resolve(tmp_path).get("merges.txt") == tmp_path / "merges.txt"


def test_require(tmp_path: Path) -> None:
    write(tmp_path, {"vocab.txt": FILES["vocab.txt"], "confg.json": b"{}"})
    files = resolve(tmp_path)
    assert files.require("vocab.txt") == tmp_path / "vocab.txt"
    with pytest.raises(FileNotFoundError) as raised:
        files.require("config.json")
    message = str(raised.value)
    for words in ("has no config.json", "confg.json (2 bytes", "PREFIX-config.json", "Closest: confg.json", "mv "):
        assert words in message
    with pytest.raises(ModelFileNotFoundError, match=r"pretrained download OWNER/NAME --file tokenizer\.json --to"):
        files.require("tokenizer.json")


def test_the_name_of_the_folder_tells_where_to_fetch(tmp_path: Path) -> None:
    write(tmp_path / "bert-base-chinese", {"vocab.txt": FILES["vocab.txt"]})
    with pytest.raises(
        ModelFileNotFoundError,
        match=r"To do: pretrained download google-bert/bert-base-chinese --file model\.safetensors",
    ):
        resolve(tmp_path / "bert-base-chinese").weights()


def test_json(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"modelcard.json": b'{"a": 1,}', "tokenizer_config.json": b"nonsense"})
    files = resolve(tmp_path)
    assert files.json("modelcard.json") == {"a": 1}
    assert files.json("generation_config.json") is None
    with pytest.raises(CorruptFileError, match=r"tokenizer_config\.json is not JSON"):
        files.json("tokenizer_config.json")
    write(tmp_path, {"config.json": b'"bert"'})
    with pytest.raises(ConfigurationError, match="holds a str"):
        resolve(tmp_path).config()


def test_listing(minilm: Path) -> None:
    facts = {file.name: file for file in resolve(minilm).listing()}
    assert facts["model.safetensors"] == FileFacts(
        "model.safetensors", minilm / "model.safetensors", 90_868_376, "safetensors weights"
    )
    assert facts["vocab.txt"].content == "a WordPiece vocabulary"


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_link_out_of_the_folder_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "bert", FILES)
    (tmp_path / "words.txt").write_bytes(FILES["vocab.txt"])
    (tmp_path / "bert" / "vocab.txt").unlink()
    (tmp_path / "bert" / "vocab.txt").symlink_to(tmp_path / "words.txt")
    files = resolve(tmp_path / "bert")
    assert files.get("vocab.txt") is not None
    assert any(note.startswith("vocab.txt is a link to") for note in files.notes)


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ModelNotFoundError, match=r"cannot be read: Permission denied\nTo do: (chmod|icacls)"):
        resolve(tmp_path)


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Closes a folder or a file to this user, who may be root."""
    closed: set[Path] = set()
    access, open_file = os.access, Path.open

    def check(path: Path) -> None:
        if path in closed:
            raise PermissionError(13, "Permission denied")

    def asked(path: Path, mode: int) -> bool:
        return Path(path) not in closed and access(path, mode)

    def opened(path: Path, *args: Any, **options: Any) -> Any:
        check(path)
        return open_file(path, *args, **options)

    monkeypatch.setattr(os, "access", asked)
    monkeypatch.setattr(Path, "open", opened)
    return closed.add


def test_a_folder_that_may_be_listed_and_not_entered(tmp_path: Path, close: Callable[[Path], None]) -> None:
    write(tmp_path, FILES)
    close(tmp_path)
    with pytest.raises(ModelNotFoundError, match=f"the folder {re.escape(str(tmp_path))} cannot be read"):
        resolve(tmp_path)


def test_a_closed_folder_beside_the_model(tmp_path: Path, close: Callable[[Path], None]) -> None:
    write(tmp_path, {"lost+found/": b""} | {f"bert/{name}": data for name, data in FILES.items()})
    close(tmp_path / "lost+found")
    assert resolve(tmp_path).root == tmp_path / "bert"
    write(tmp_path / "bert", {"secret/": b""})
    (tmp_path / "bert" / "model.safetensors").unlink()
    close(tmp_path / "bert" / "secret")
    with pytest.raises(ModelFileNotFoundError, match=r"secret/ \(may not be read\)|secret. \(may"):
        resolve(tmp_path / "bert").weights()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt", "modules.json"])
def test_a_file_that_may_not_be_read(name: str, tmp_path: Path, close: Callable[[Path], None]) -> None:
    write(tmp_path, FILES | ({name: b"[]"} if name == "modules.json" else {}))
    close(tmp_path / name)
    files = resolve(tmp_path)
    with pytest.raises(CorruptFileError) as raised:
        files.weights() if name == "model.safetensors" else files.config() and files.get(name)
    said = str(raised.value)
    assert f"{name} may not be read." in said
    assert "damaged" not in said
    assert "rm " not in said
    assert "To do: chmod u+r " in said or os.name == "nt"


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_links_that_lead_nowhere_are_no_files(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "merges.txt").symlink_to("merges.txt")
    files = resolve(tmp_path)
    assert files.config() == TINY.config
    assert "loop" not in [fact.name for fact in files.listing()]
    with pytest.raises(CorruptFileError, match=r"merges\.txt is a link to merges\.txt"):
        files.get("merges.txt")


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_link_into_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, FILES)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").symlink_to("/nowhere/config.json")
    stat = os.stat

    def refuse(path: Any, **options: Any) -> os.stat_result:
        if str(path) == str(tmp_path / "config.json"):
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(CorruptFileError) as raised:
        resolve(tmp_path).config()
    assert "config.json is a link to /nowhere/config.json, which may not be read." in str(raised.value)
    assert "To do: ask the owner of /nowhere/config.json" in str(raised.value)


def test_only_files_of_models_are_to_be_removed(tmp_path: Path) -> None:
    write(tmp_path / "proj", {"__init__.py": b"", "notes.json": HTML_PAGE})
    with pytest.raises(ModelNotFoundError) as raised:
        resolve(tmp_path / "proj")
    assert "rm " not in str(raised.value)
    for name in ("__init__.py", "notes.json"):
        with pytest.raises(ModelNotFoundError, match=f"{name} is no file of a model, but") as raised:
            resolve(tmp_path / "proj" / name)
        assert "rm " not in str(raised.value)
    write(tmp_path / "bert", FILES | {"odd.bin": HTML_PAGE})
    with pytest.raises(CorruptFileError, match="is damaged") as corrupt:
        resolve(tmp_path / "bert" / "odd.bin").weights()
    assert "rm " not in str(corrupt.value)
    assert f"or name {tmp_path / 'bert' / 'model.safetensors'}" in str(corrupt.value)


def test_published_folders(shared_data: Path) -> None:
    for name in ("bert-xsmall-dummy", "camphr-ner-bert"):
        files = resolve(shared_data / "checkpoints" / name)
        assert files.config()
        assert files.weights().format == "pytorch"
        assert files.get("vocab.txt") is not None
        assert files.notes == ()
