#!/usr/bin/env python
"""Writes docs/families.md from the declarations of the families; --check only says whether it is stale."""

import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "families.md"
sys.path.insert(0, str(ROOT))

from pretrained import registry  # noqa: E402
from pretrained.family import Family  # noqa: E402
from pretrained.hub import short_names  # noqa: E402

INTRODUCTION = """\
# Families

<!-- Written by scripts/families_table.py from the declarations in pretrained/models/. Do not edit by hand. -->

An architecture with everything that belongs to it is a family: one folder of `pretrained/models/`. `AutoConfig`,
`AutoTokenizer`, `AutoModel` and `AutoModelFor…` find it by the `model_type` of a model's `config.json`.

- **Many texts**: how `Encoder` runs it. *Packed*: texts of any lengths stand one behind the other, and no padding is
  computed. *By length*: texts of about the same length make a padded batch.
- **Short names**: how many published ones there are, such as `bert-base-uncased`;
  `pretrained models --family FAMILY` lists them.
"""
_PAPER = re.compile(r"(?P<title>.+?) \((?P<source>[^()]+)\)\.?")
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})")


def paper(family: Family) -> str:
    """The paper, as the first line of the family's folder names it."""
    line = (importlib.import_module(family.module).__doc__ or "").partition("\n")[0]
    found = _PAPER.fullmatch(line)
    if found is None:
        raise ValueError(f"the docstring of {family.module} must begin with 'Name: Title (Authors, source).': {line!r}")
    source = _ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", found["source"])
    return f"{found['title']} ({source})"


def class_name(target: str) -> str:
    return target.partition(":")[2]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def overview(families: dict[str, Family]) -> str:
    names = [model.architecture for model in short_names().values()]
    return table(
        ("family", "tokenizer", "many texts", "short names", "builds on", "paper"),
        (
            (
                f"[`{name}`](#{name})",
                ", ".join(f"`{class_name(target)}`" for target in family.tokenizers) or "–",
                "packed" if family.packed else "by length",
                str(names.count(name)),
                f"`{family.parent}`" if family.parent else "",
                paper(family),
            )
            for name, family in families.items()
        ),
    )


def matrix(families: dict[str, Family]) -> str:
    """Which family has a class for which task."""
    tasks = list(dict.fromkeys(task for family in families.values() for task in family.models if task != "Model"))
    rows = (
        [f"`{name}`", *("✓" if task in family.models else "" for task in tasks)] for name, family in families.items()
    )
    return table(("family", *(task.removeprefix("For") for task in tasks)), rows)


def section(name: str, family: Family) -> str:
    rows = [
        (f"`AutoModel{'' if task == 'Model' else task}`", f"`{class_name(target)}`")
        for task, target in family.models.items()
    ]
    given = [f"`{class_name(family.config)}`", *(f"`{class_name(target)}`" for target in family.tokenizers)]
    further = [f"`{class_name(target)}`" for target in family.classes]
    further += [f"`{alias}` (= `{original}`)" for alias, original in family.aliases.items()]
    text = f"### {name}\n\n{', '.join(given)}.\n\n{table(('Auto class', 'class'), rows)}"
    return text + (f"\nFurther public names: {', '.join(further)}.\n" if further else "")


def page() -> str:
    families = registry.built_in()
    parts = [
        INTRODUCTION,
        overview(families),
        "## Tasks\n\nA column stands for `AutoModelFor…`.\n",
        matrix(families),
        "## Classes\n",
        *(section(name, family) for name, family in families.items()),
    ]
    return "\n".join(parts)


def main() -> int:
    fresh = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(fresh, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == fresh:
        return 0
    sys.stderr.write("docs/families.md is stale: run python scripts/families_table.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
