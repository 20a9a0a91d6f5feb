"""Do the commands and examples of docs/offline.md do what the page says, one after another?"""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import cli
from tests.cli.tiny import write_bert
from tests.hub.faulty_server import HubServer, Model
from tests.hub.mirroring import ask
from tests.hub.packing import here
from tests.test_readme import ROOT, blocks

__all__ = ["cli", "here"]
PAGE, CHINESE = ROOT / "docs" / "offline.md", ROOT / "docs" / "offline.zh-CN.md"
SECTIONS = {
    "By hand": "手工下载",
    "Bundles": "打包成一个文件",
    "Wheels": "做成 pip 包",
    "Locks": "锁定文件",
    "The cache": "缓存",
    "Doctor": "诊断",
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


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a Unix shell")
def test_the_mirror(machine: Path, loopback: None, tmp_path: Path) -> None:
    """Each mirror of the page, on a free port of this machine, and the commands of its clients, each in a process."""
    (language, mirrors), (_, clients) = blocks(section(PAGE, "A mirror for the LAN"))
    assert language == "sh"
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": scripts, "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("HF_ENDPOINT")
    cached = tmp_path / "cache" / "models--google-bert--bert-base-uncased"
    (snapshot,) = (cached / "snapshots").iterdir()
    served = {path.name: path.read_bytes() for path in snapshot.iterdir()}
    with HubServer({"google-bert/bert-base-uncased": Model(served, commit=snapshot.name)}) as hub:
        for number, line in enumerate(mirrors.splitlines()):
            command = [*shlex.split(line), "--host", "127.0.0.1", "--port", "0"]
            with subprocess.Popen(
                command, env=environment | {"HF_ENDPOINT": hub.url}, stdout=subprocess.PIPE, text=True
            ) as mirror:
                try:
                    assert mirror.stdout is not None
                    url = mirror.stdout.readline().split()[-1]
                    if number:
                        assert ask(url, "/bert-base-uncased/resolve/main/config.json").body == served["config.json"]
                        continue
                    home = tmp_path / "client"
                    own = environment | {"HF_HUB_CACHE": str(home / "hub"), "HOME": str(home)}
                    lines = [one for one in clients.splitlines() if not one.startswith("python ")]  # see test_mirror_*
                    assert len(lines) == 3
                    script = "\n".join(lines).replace("http://mirror:8000", url)
                    ended = subprocess.run(["sh", "-ec", script], env=own, capture_output=True, text=True, timeout=60)
                    assert ended.returncode == 0, ended.stderr
                    found = sorted(path.parents[2].name for path in (home / "hub").glob("models--*/snapshots/*/*.json"))
                    assert set(found) == {"models--bert-base-uncased", cached.name}
                finally:
                    mirror.terminate()
        assert hub.files_asked() == []  # all of it was in the cache


def test_both_languages_show_the_same(machine: Path) -> None:
    for title, chinese in {**SECTIONS, "A mirror for the LAN": "局域网镜像"}.items():
        assert blocks(section(PAGE, title)) == blocks(section(CHINESE, chinese))
