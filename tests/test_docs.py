"""Is what the documentation shows true: the generated table, the family that a page builds, the list of pages?"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pretrained import registry
from tests.test_readme import ROOT, blocks

PAGE = ROOT / "docs" / "adding_a_family.md"


def run(*command: object, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A program in a folder, with the packages of another one."""
    environment = os.environ | {"PYTHONPATH": str(path or "")}
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_the_table_of_families_is_fresh() -> None:
    done = run("scripts/families_table.py", "--check", cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_check_sees_a_stale_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import families_table

    monkeypatch.setattr(families_table, "PAGE", tmp_path / "families.md")
    monkeypatch.setattr(sys, "argv", ["families_table.py", "--check"])
    assert families_table.main() == 1
    (tmp_path / "families.md").write_text(families_table.page() + "\n", encoding="utf-8")
    assert families_table.main() == 1
    monkeypatch.setattr(sys, "argv", ["families_table.py"])
    assert families_table.main() == 0
    monkeypatch.setattr(sys, "argv", ["families_table.py", "--check"])
    assert families_table.main() == 0


def test_the_table_names_every_class() -> None:
    text = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")
    for model_type, family in registry.built_in().items():
        assert f"\n### {model_type}\n" in text
        for name in family.public_names():
            assert f"`{name}`" in text


def test_every_page_is_listed() -> None:
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    pages = {path.name for path in ROOT.glob("docs/*.md")} - {"README.md"}
    assert pages <= listed


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("https:", "http:")):
                assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


# -- the family that docs/adding_a_family.md builds


@pytest.fixture(scope="module")
def tinyformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, where Python finds them as an installed package."""
    folder = tmp_path_factory.mktemp("site")
    for language, code in blocks(PAGE):
        if language == "py":
            name = code.partition("\n")[0].removeprefix("# ")
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(code, encoding="utf-8")
        elif language == "toml":
            project = tomllib.loads(code)["project"]
    installed = folder / f"{project['name']}-{project['version']}.dist-info"
    installed.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (installed / "METADATA").write_text(head, encoding="utf-8")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (installed / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_the_example_runs(tinyformer: Path, tmp_path: Path) -> None:
    done = run("-W", "error", tinyformer / "try_it.py", cwd=tmp_path, path=tinyformer)
    assert done.returncode == 0, done.stderr


def test_the_example_passes_the_contract(tinyformer: Path) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-k", "tinyformer")
    done = run("-m", "pytest", "tests/contract", *options, cwd=ROOT, path=tinyformer)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 12
    assert "failed" not in done.stdout


def test_the_example_is_well_typed_and_formatted(tinyformer: Path) -> None:
    pytest.importorskip("ruff")
    for command in (["check"], ["format", "--check"]):
        done = run("-m", "ruff", *command, "--config", ROOT / "pyproject.toml", "tinyformer", cwd=tinyformer)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_on_the_command_line(tinyformer: Path, tmp_path: Path) -> None:
    config = '{"model_type": "tinyformer"}'
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    done = run("-m", "pretrained", "generate", "--model", "./", "a", cwd=tmp_path, path=tinyformer)
    assert done.returncode == 1
    assert "of the family tinyformer, which reads texts and writes none" in done.stderr
