"""Do the commands and examples of docs/offline.md do what the page says, one after another?"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import cli
from tests.cli.tiny import write_bert
from tests.hub.packing import here
from tests.test_readme import ROOT, blocks

__all__ = ["cli", "here"]
PAGE, CHINESE = ROOT / "docs" / "offline.md", ROOT / "docs" / "offline.zh-CN.md"
SECTIONS = {
    "By hand": "手工下载",
    "Bundles": "打包成一个文件",
    "Wheels": "做成 pip 包",
    "Locks": "锁定文件",
}
"""The sections whose examples need no server, by the beginnings of their titles in both languages."""


def section(page: Path, title: str) -> Path:
    """The blocks of one section, as a page of its own."""
    texts = page.read_text(encoding="utf-8").split("\n## ")
    (text,) = [text for text in texts if text.startswith(title)]
    target = Path(f"{title}.md".replace("/", "-"))
    target.write_text(text, encoding="utf-8")
    return target


@pytest.fixture
def machine(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a small BERT in its cache, and another one that was carried to it."""
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    repository = tmp_path / "cache" / "models--google-bert--bert-base-uncased"
    commit = "a1" * 20
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    write_bert(repository / "snapshots" / commit)
    write_bert(here / "carried" / "bert-base-uncased")
    return here


@pytest.mark.parametrize("title", SECTIONS)
def test_the_examples_run(title: str, machine: Path, cli: Callable[..., Any]) -> None:
    ran = 0
    for language, code in blocks(section(PAGE, title)):
        if language == "python":
            exec(compile(code, f"{PAGE.name}: {title}", "exec"), {})
            ran += 1
        for line in code.splitlines() if language == "sh" else ():
            assert line.startswith("pretrained ")
            command, _, target = line.partition(" > ")
            ended = cli(*shlex.split(command)[1:])
            assert ended.code == 0, f"{line}\n{ended.err}"
            if target:
                Path(target).write_text(ended.out, encoding="utf-8")
            ran += 1
    assert ran
    if title == "By hand":
        assert "hub.example/google-bert/bert-base-uncased" in Path("fetch.ps1").read_text(encoding="utf-8")
    if title == "Wheels":
        names = ["bert_base_uncased_model-1.0-py3-none-any.whl", "team_our_bert_model-2.1-py3-none-any.whl"]
        assert sorted(path.name for path in machine.glob("*.whl")) == names


def test_both_languages_show_the_same(machine: Path) -> None:
    for title, chinese in SECTIONS.items():
        assert blocks(section(PAGE, title)) == blocks(section(CHINESE, chinese))
