"""Do the files around the package agree: version, dependencies, constraints, scripts?"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pretrained

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SCRIPTS = [ROOT / "scripts" / name for name in ("demo", "install", "test")] + [ROOT / ".ci" / "run"]


def requirement_names(requirements: list[str]) -> set[str]:
    """Names without versions, extras and comments; the package itself left out."""
    names = (re.match(r"[\w.-]+", line) for line in requirements)
    return {found[0].lower().replace("_", "-") for found in names if found} - {"pretrained"}


def test_one_version() -> None:
    assert pretrained.__version__ == PROJECT["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{PROJECT['version']}]" in changelog


def test_constraints_pin_every_direct_dependency() -> None:
    wanted = [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in pins if "==" not in line] == []
    assert requirement_names(pins) == requirement_names(wanted)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no executable bit")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_executable_and_parse(script: Path) -> None:
    assert os.access(script, os.X_OK)
    shell = "bash" if script.parent.name == ".ci" else "sh"
    subprocess.run([shell, "-n", script], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX script")
def test_a_missing_python_is_named(tmp_path: Path) -> None:
    for name in ("scripts/install", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        ["sh", "scripts/install", "demo"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHON": str(tmp_path / "no python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no Python >= 3.11 was found" in done.stderr
    assert not (tmp_path / ".venv").exists()
