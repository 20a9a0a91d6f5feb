"""Does ModelFiles find the file that plays a role, and say what it did?"""

import os
from pathlib import Path

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
    with pytest.raises(ModelNotFoundError, match="cannot be read: Permission denied"):
        resolve(tmp_path)


def test_published_folders(shared_data: Path) -> None:
    for name in ("bert-xsmall-dummy", "camphr-ner-bert"):
        files = resolve(shared_data / "checkpoints" / name)
        assert files.config()
        assert files.weights().format == "pytorch"
        assert files.get("vocab.txt") is not None
        assert files.notes == ()
