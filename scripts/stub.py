"""Writes pretrained/__init__.pyi, from which editors and type checkers learn the lazy public names.

python scripts/stub.py            write it
python scripts/stub.py --check    say whether it is stale, by exit code
"""

import sys
from pathlib import Path

import pretrained
from pretrained import registry
from pretrained.atomic import write_text

STUB = Path(pretrained.__file__).with_suffix(".pyi")


def stub() -> str:
    """The text that the stub should have."""
    lines = ['"""Written by scripts/stub.py; do not edit."""', ""]
    imports = {(module, name) for name, module in pretrained._NAMES.items()}
    aliases = {}
    for family in registry.built_in().values():
        for name, target in family.public_names().items():
            module, attribute = family.locate(target)
            imports.add((module, attribute))
            if name != attribute:
                aliases[name] = attribute
    lines += [f"from {module} import {name} as {name}" for module, name in sorted(imports)]
    lines += ["", "__version__: str", *(f"{name} = {original}" for name, original in sorted(aliases.items()))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if STUB.exists() and STUB.read_text(encoding="utf-8") == stub() else f"{STUB} is stale")
    write_text(STUB, stub())
