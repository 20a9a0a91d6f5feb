"""Do the commands on downloads in docs/offline.md do what the page says, in both languages?"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import cli
from tests.cli.tiny import write_bert
from tests.hub.faulty_server import HubServer
from tests.hub.packing import here
from tests.test_offline_page import CHINESE, PAGE, section
from tests.test_readme import blocks

__all__ = ["cli", "here"]


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(("page", "title"), [(PAGE, "Downloads"), (CHINESE, "下载")])
def test_the_examples_run(
    page: Path, title: str, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    write_bert(tmp_path / "published")
    files = {path.name: path.read_bytes() for path in (tmp_path / "published").iterdir()} | {"README.md": b"# BERT\n"}
    published = files | {"onnx/model.onnx": b"onnx", ".gitattributes": b"* text\n"}
    said = {}
    with HubServer({"google-bert/bert-base-uncased": published}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for language, code in blocks(section(page, title)):
            if language == "python":
                exec(compile(code, page.name, "exec"), {})
            for line in code.splitlines() if language == "sh" else ():
                ended = cli(*shlex.split(line)[1:])
                assert ended.code == 0, f"{line}\n{ended.err}"
                said[line] = ended.out
    assert len(said) == 5
    assert (
        "to fetch: 0 bytes" in said["pretrained download bert-base-uncased --dry-run"]
    )  # the example above fetched it
    assert {path.name for path in Path("carry/bert-base-uncased").iterdir()} == set(files)
    assert {path.relative_to("all").as_posix() for path in Path("all").rglob("*") if path.is_file()} == set(published)
    assert json.loads(said["pretrained download bert-base-uncased --to all --all --json"])["endpoint"] == server.url
