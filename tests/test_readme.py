"""Do the examples of the README and of docs/ run, and do the two READMEs show the same ones?"""

import re
import shlex
from pathlib import Path

import pytest

from pretrained.cli import main
from tests.cli.tiny import write_gpt2

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
OTHERS = ("offline.", "finetuning.", "pipelines.")  # see test_offline_page.py and its neighbours
RUN_HERE = [page for page in PAGES if not page.name.startswith(OTHERS)]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, code) of each fenced block."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[str]:
    """The lines of shell blocks that call our own command."""
    lines = [line for language, code in blocks(page) if language == "sh" for line in code.splitlines()]
    return [line for line in lines if line.startswith("pretrained ")]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in, with the files that the examples name."""
    (tmp_path / "texts.txt").write_text("a first text\nand a second one\n", encoding="utf-8")
    write_gpt2(tmp_path / "gpt2-folder", positions=256)
    (tmp_path / "reviews").mkdir()
    for split in ("train", "dev"):
        rows = "text,label\na good film,positive\na dull film,negative\n"
        (tmp_path / "reviews" / f"{split}.csv").write_text(rows, encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # what is kept of bundles
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("page", [page for page in RUN_HERE if "python" in dict(blocks(page))], ids=page_name)
def test_python_examples_run(page: Path) -> None:
    namespace: dict[str, object] = {}
    for language, code in blocks(page):
        if language == "python":
            exec(compile(code, page_name(page), "exec"), namespace)


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("page", [page for page in RUN_HERE if commands(page)], ids=page_name)
def test_shell_examples_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in commands(page):
        with pytest.raises(SystemExit) as end:
            main(shlex.split(line, comments=True)[1:])
        shown = capsys.readouterr()
        assert end.value.code == 0, f"{line}\n{shown.err}"


def test_the_readmes_have_examples() -> None:
    for page in READMES:
        assert {"python", "sh", "bat"} <= dict(blocks(page)).keys()
        assert commands(page)


def test_both_readmes_show_the_same_examples() -> None:
    english, chinese = map(blocks, READMES)
    assert english == chinese


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
